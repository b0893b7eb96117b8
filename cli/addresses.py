"""Addresses of other chains as people write them: a typing error is found here, before anything is locked for nobody."""

from __future__ import annotations

import re

from cli.faults import Misuse

_EVM = re.compile(r"0x[0-9a-fA-F]{40}")
TVM_PREFIX = b"\x41"


def parse_address(text: str, kind: str) -> bytes:
    """Bytes of an address as the ledger has them: EVM 20, TVM 21 that begin with 0x41.

    Raises
    ------
    Misuse
        It is none of this kind, or its checksum does not fit.
    """
    return _parse_tvm(text) if kind == "TVM" else _parse_evm(text)


def address_text(address: bytes, kind: str) -> str:
    """Write an address as people of its chain do; empty: there is none."""
    if not address:
        return ""
    if kind == "TVM":
        from bridge.tron import address_text as tron_text  # noqa: PLC0415 - see below

        return tron_text(address[len(TVM_PREFIX) :])
    return _checksummed(address.hex())


def _parse_evm(text: str) -> bytes:
    if _EVM.fullmatch(text) is None:
        raise Misuse(f"{text!r} is no address: 0x and 40 hex digits")
    digits = text[2:]
    if digits not in (digits.lower(), digits.upper()) and text != _checksummed(digits.lower()):
        raise Misuse(f"{text} has a typing error: its capital letters are its checksum (EIP-55), and do not fit")
    return bytes.fromhex(digits)


def _checksummed(digits: str) -> str:
    """EIP-55: a letter is capital where the same digit of the hash is 8 or more."""
    from bridge.keccak import keccak256  # noqa: PLC0415 - the libraries of public chains would slow the start of every other command

    marks = keccak256(digits.encode()).hex()
    return "0x" + "".join(digit.upper() if int(mark, 16) >= 8 else digit for digit, mark in zip(digits, marks, strict=False))


def _parse_tvm(text: str) -> bytes:
    from bridge.errors import FieldOutOfRange  # noqa: PLC0415 - see above
    from bridge.tron import parse_address as parse_tron  # noqa: PLC0415

    try:
        return TVM_PREFIX + parse_tron(text)
    except FieldOutOfRange as error:
        raise Misuse(str(error)) from None
