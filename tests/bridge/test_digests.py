"""The digests of bridge/digests.py against eth-account's and the contract's own, and that every field counts (B3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest
from eth_account.messages import encode_typed_data
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.digests import (
    CHECKPOINT_TYPE,
    MINT_AUTH_TYPE,
    RESERVE_TYPE,
    ROTATE_TYPE,
    Checkpoint,
    Domain,
    Message,
    MintAuth,
    ReserveStatement,
    RotateAttestors,
    digest,
)
from bridge.errors import FieldOutOfRange
from bridge.identifiers import is_ledger_recipient, ledger_recipient, route_id
from bridge.keccak import keccak256
from tests.bridge.contracts.world import World

if TYPE_CHECKING:
    from bridge.abi import Value

TYPES = {Checkpoint: CHECKPOINT_TYPE, MintAuth: MINT_AUTH_TYPE, RotateAttestors: ROTATE_TYPE, ReserveStatement: RESERVE_TYPE}
READERS = {Checkpoint: "checkpointDigest", MintAuth: "mintDigest", RotateAttestors: "rotateDigest", ReserveStatement: "reserveDigest"}
U64, U256 = st.integers(0, 2**64 - 1), st.integers(0, 2**256 - 1)
HASH, ADDRESS = st.binary(min_size=32, max_size=32), st.binary(min_size=20, max_size=20)

MESSAGES: st.SearchStrategy[Message] = st.one_of(
    st.builds(Checkpoint, HASH, U64, U64, HASH, U64, U256, U256, U64),
    st.builds(MintAuth, HASH, U64, U64, HASH, ADDRESS, U256, U64, U64, HASH, U256, U256),
    st.builds(RotateAttestors, HASH, U64, st.lists(ADDRESS, max_size=7).map(tuple), U256, U64, st.booleans()),
    st.builds(ReserveStatement, HASH, U64, HASH, U256, U256, U256, U256, U64),
)


def by_eth_account(domain: Domain, message: Message) -> bytes:
    """Return the digest as eth-account makes it, with the types read from the same text that the contract hashes."""
    name, _, rest = TYPES[type(message)].partition("(")
    fields = [dict(zip(("type", "name"), one.split(" "), strict=True)) for one in rest.removesuffix(")").split(",")]
    given = (list(one) if isinstance(one, tuple) else one for one in msgspec.structs.astuple(message))
    values: dict[str, Value] = dict(zip((one["name"] for one in fields), given, strict=True))
    signable = encode_typed_data(
        domain_data={"name": "DigitalSomBridge", "version": "1", "chainId": domain.chain_id, "verifyingContract": domain.contract},
        message_types={name: fields},
        message_data=values,
    )
    return keccak256(b"\x19" + signable.version + signable.header + signable.body)


@given(message=MESSAGES, chain_id=st.integers(1, 2**64), contract=ADDRESS)
def test_digests_are_those_of_eth_account(message: Message, chain_id: int, contract: bytes) -> None:
    """Goal: section 3. Method: any message, compared with an independent encoder."""
    domain = Domain(chain_id, contract)
    assert digest(domain, message) == by_eth_account(domain, message)


def test_digests_are_those_of_the_contract() -> None:
    """Goal: section 3. Method: forty messages of every kind, the contract's own digest beside ours."""
    world = World()

    @settings(max_examples=40)
    @given(message=MESSAGES)
    def compare(message: Message) -> None:
        (found,) = world.bridge.read(READERS[type(message)], msgspec.structs.astuple(message))
        assert found == digest(world.domain, message)

    compare()


EXAMPLES: tuple[Message, ...] = (
    Checkpoint(b"\x01" * 32, 1, 2, b"\x02" * 32, 3, 4, 5, 6),
    MintAuth(b"\x01" * 32, 1, 2, b"\x02" * 32, b"\x03" * 20, 4, 5, 6, b"\x04" * 32, 7, 8),
    RotateAttestors(b"\x01" * 32, 1, (b"\x03" * 20,), 4, 5, immediate=False),
    ReserveStatement(b"\x01" * 32, 1, b"\x02" * 32, 3, 4, 5, 6, 7),
)


def altered(value: int | bytes | tuple[bytes, ...]) -> int | bytes | tuple[bytes, ...]:
    """Return another value of the same kind and width."""
    match value:
        case bool():
            return not value
        case int():
            return value + 1
        case bytes():
            return bytes(len(value))
        case tuple():
            return (*value, b"\x09" * 20)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda one: type(one).__name__)
def test_b3_every_field_counts(example: Message) -> None:
    """Goal: B3. Method: change each field in turn, and chain and contract; no two digests agree."""
    domain = Domain(56, b"\x01" * 20)
    found = {digest(domain, example), digest(Domain(1, b"\x01" * 20), example), digest(Domain(56, b"\x02" * 20), example)}
    for name in example.__struct_fields__:
        found.add(digest(domain, msgspec.structs.replace(example, **{name: altered(getattr(example, name))})))
    assert len(found) == 3 + len(example.__struct_fields__)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"set_epoch": 2**64}, "set_epoch"),
        ({"nonce": -1}, "nonce"),
        ({"amount": 2**256}, "amount"),
        ({"recipient": b"\x01" * 21}, "recipient"),
        ({"lock_id": b""}, "lock_id"),
    ],
)
def test_a_field_that_does_not_fit_is_refused(changes: dict[str, int | bytes], field: str) -> None:
    """Goal: nobody signs what the contract reads otherwise. Method: one field too wide, too short or negative."""
    base = MintAuth(b"\x01" * 32, 1, 2, b"\x02" * 32, b"\x03" * 20, 4, 5, 6, b"\x04" * 32, 7, 8)
    with pytest.raises(FieldOutOfRange) as caught:
        digest(Domain(56, b"\x01" * 20), msgspec.structs.replace(base, **changes))
    assert caught.value.field == field


@given(account=st.text(min_size=1, max_size=40), at=st.integers(0, 31), bit=st.integers(0, 7))
def test_b13_a_typing_error_is_noticed(account: str, at: int, bit: int) -> None:
    """Goal: B13. Method: any account, any one bit of its 32 bytes turned over."""
    made = bytearray(ledger_recipient(account))
    assert is_ledger_recipient(bytes(made))
    made[at] ^= 1 << bit
    assert not is_ledger_recipient(bytes(made))


def test_route_ids_differ_in_every_part() -> None:
    """Goal: a redeployed contract has another route. Method: change each part."""
    parts = [(b"\x01" * 32, 56, "KGST", 0), (b"\x02" * 32, 56, "KGST", 0), (b"\x01" * 32, 1, "KGST", 0)]
    parts += [(b"\x01" * 32, 56, "USDKG", 0), (b"\x01" * 32, 56, "KGST", 1)]
    assert len({route_id(*one) for one in parts}) == len(parts)
    for wrong in ((b"", 56, "KGST", 0), (b"\x01" * 32, 0, "KGST", 0), (b"\x01" * 32, 56, "", 0), (b"\x01" * 32, 56, "KGST", -1)):
        with pytest.raises(FieldOutOfRange):
            route_id(*wrong)
