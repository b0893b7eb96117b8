"""Decoders of the bridge: events, refusals and answers of contracts as a hostile node would send them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from eth_abi.abi import encode

from bridge.contracts import artifact
from bridge.errors import UnknownInterface
from tests.fuzz.target import Target

if TYPE_CHECKING:
    from collections.abc import Callable

_BRIDGE = artifact("SomBridge").interface
_TOKEN = artifact("SomToken").interface
_WORD = 32
_ERRORS = (UnknownInterface,)
_NUMBER, _ADDRESS = (7).to_bytes(_WORD, "big"), b"\x11" * 20
_PADDED = _ADDRESS.rjust(_WORD, b"\x00")


def _event(topics: int) -> Callable[[bytes], object]:
    return lambda data: _BRIDGE.event([data[at * _WORD : at * _WORD + _WORD] for at in range(topics)], data[topics * _WORD :])


_MINTED = _BRIDGE.event_topic("Minted") + _NUMBER + b"\x22" * _WORD + _PADDED + _NUMBER * 5
_BURNED = _BRIDGE.event_topic("Burned") + _NUMBER + _PADDED + b"\x33" * _WORD + _NUMBER * 2
_ROTATED = (
    _BRIDGE.event_topic("AttestorsRotated") + _NUMBER + encode(["address[]", "uint256", "uint64", "uint64"], [[_ADDRESS] * 4, 3, 9, 0])
)
_PENDING = encode(["uint256", "address[]", "uint256", "uint256"], [1, [_ADDRESS] * 3, 2, 3])

TARGETS = [
    Target("bridge event with three fields indexed", _event(4), (_MINTED, _BURNED), _ERRORS),
    Target("bridge event with a list", _event(2), (_ROTATED,), _ERRORS),
    Target("bridge refusal", _BRIDGE.refusal, (bytes.fromhex("08c379a0") + encode(["string"], ["no"]),), _ERRORS),
    Target("bridge limits", lambda data: _BRIDGE.record("limits", data), (_NUMBER * 4,), _ERRORS),
    Target("bridge answer with a list", lambda data: _BRIDGE.answer("reservePending", data), (_PENDING,), _ERRORS),
    Target("token name", lambda data: _TOKEN.answer("name", data), (encode(["string"], ["Som"]),), _ERRORS),
]
