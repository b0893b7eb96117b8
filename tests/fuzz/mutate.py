"""Mutations of MessagePack and other binary messages: of the bytes blindly, and of the decoded value, packed again.

Blind ones break the form; those of the value keep it and break the type, the number of fields or a limit, and so reach further.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgpack

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from random import Random

    Mutation = Callable[[Random, bytes, Sequence[bytes]], bytes]

STRANGE: Final[tuple[object, ...]] = (
    *(0, 1, -1, 127, 128, 2**31, 2**32 - 1, 2**32, 2**53, 2**63 - 1, 2**63, 2**64 - 1, -(2**31), -(2**63), 10**18, 10**18 - 1),
    *(1.5, float("inf"), float("nan"), None, True, False),
    *("", "\x00", "\u0430", "x" * 300, "bank-a", "bank-a/w1", "KGS"),
    *(b"", bytes(31), bytes(32), bytes(33), bytes(64), b"\xff" * 300),
    *([], [[]], [None] * 40, {}, {"a": 1}, {1: {2: 3}}, msgpack.ExtType(5, b"abc"), msgpack.Timestamp(1, 1)),
)
"""Values that decoders have stumbled over."""


def mutate(random: Random, sample: bytes, others: Sequence[bytes]) -> bytes:
    """Return a message that differs from the sample in one to three ways."""
    data = sample
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        data = random.choice(MUTATIONS)(random, data, others)
    return data


def flip_bits(random: Random, data: bytes, _others: Sequence[bytes]) -> bytes:
    """Flip one to four bits."""
    mutable = bytearray(data)
    for _ in range(random.randint(1, 4) if mutable else 0):
        mutable[random.randrange(len(mutable))] ^= 1 << random.randrange(8)
    return bytes(mutable)


def cut(random: Random, data: bytes, _others: Sequence[bytes]) -> bytes:
    """Cut the end off."""
    return data[: random.randrange(len(data) + 1)]


def cut_out(random: Random, data: bytes, _others: Sequence[bytes]) -> bytes:
    """Leave a piece out."""
    at = random.randrange(len(data) + 1)
    return data[:at] + data[at + random.randint(1, 40) :]


def append(random: Random, data: bytes, _others: Sequence[bytes]) -> bytes:
    """Add bytes at the end."""
    return data + random.randbytes(random.randint(1, 20))


def insert(random: Random, data: bytes, _others: Sequence[bytes]) -> bytes:
    """Put random bytes into the middle."""
    at = random.randrange(len(data) + 1)
    return data[:at] + random.randbytes(random.randint(1, 20)) + data[at:]


def repeat(random: Random, data: bytes, _others: Sequence[bytes]) -> bytes:
    """Repeat a piece: repeated fields, repeated signatures."""
    start = random.randrange(len(data) + 1)
    end = start + random.randint(1, 120)
    return data[:end] + data[start:end] * random.randint(1, 3) + data[end:]


def widen(random: Random, data: bytes, _others: Sequence[bytes]) -> bytes:
    """Write a small number, or the head of a text, bytes or array, in a longer form than it needs."""
    at = random.randrange(len(data) + 1)
    head = data[at : at + 1]
    if not head:
        return data
    number = head[0]
    wider: list[bytes] = [b"\xcc" + head, b"\xcd\x00" + head, b"\xce\x00\x00\x00" + head, b"\xcf" + bytes(7) + head, b"\xd0" + head]
    if 0x90 <= number <= 0x9F:
        wider = [b"\xdc\x00" + bytes((number & 15,)), b"\xdd\x00\x00\x00" + bytes((number & 15,))]
    elif 0xA0 <= number <= 0xBF:
        wider = [b"\xd9" + bytes((number & 31,)), b"\xda\x00" + bytes((number & 31,)), b"\xc4" + bytes((number & 31,))]
    elif number == 0xC4:
        wider = [b"\xc5\x00", b"\xc6\x00\x00\x00", b"\xd9"]
    return data[:at] + random.choice(wider) + data[at + 1 :]


def swap_lengths(random: Random, data: bytes, _others: Sequence[bytes]) -> bytes:
    """Write another length: one more, one less, huge, or that of another place."""
    heads = [at for at, byte in enumerate(data) if 0x90 <= byte <= 0xBF or 0xC4 <= byte <= 0xC6 or 0xD9 <= byte <= 0xDF]
    if not heads:
        return data
    at = random.choice(heads)
    new = random.choice(
        (
            bytes(((data[at] + 1) & 255,)),
            bytes(((data[at] - 1) & 255,)),
            bytes((data[random.choice(heads)],)),
            b"\xdd\xff\xff\xff\xff",
            b"\xc6\xff\xff\xff\xff",
            b"\xdb\x7f\xff\xff\xff",
            b"\xdf\xff\xff\xff\xff",
        )
    )
    return data[:at] + new + data[at + 1 :]


def nest(random: Random, data: bytes, _others: Sequence[bytes]) -> bytes:
    """Nest deeply: thousands of arrays or maps around or within."""
    at = random.choice((0, random.randrange(len(data) + 1)))
    depth = random.choice((16, 200, 1_100, 5_000))
    return data[:at] + random.choice((b"\x91", b"\x92", b"\x81\x01", b"\xdc\x00\x01", b"\xc7\x00\x05")) * depth + data[at:]


def splice(random: Random, data: bytes, others: Sequence[bytes]) -> bytes:
    """Go on with another message."""
    other = random.choice(others)
    return data[: random.randrange(len(data) + 1)] + other[random.randrange(len(other) + 1) :]


def change_value(random: Random, data: bytes, _others: Sequence[bytes]) -> bytes:
    """Change one value within: of another type or size, left out, or twice."""
    try:
        value = msgpack.unpackb(data, strict_map_key=False)
    except (ValueError, TypeError, RecursionError, msgpack.UnpackException):
        return data
    if not isinstance(value, list) or not value:
        return data
    _change(random, value)
    try:
        return bytes(msgpack.packb(value))
    except (ValueError, TypeError, OverflowError, RecursionError):
        return data


def _change(random: Random, value: list[object]) -> None:
    at = random.randrange(len(value))
    inner = value[at]
    if isinstance(inner, list) and inner and random.random() < 0.8:
        _change(random, inner)
        return
    match random.randrange(6):
        case 0:
            del value[at]
        case 1:
            value.insert(at, inner)
        case 2:
            value[at] = [inner]
        case 3 if isinstance(inner, str | bytes):
            value[at] = inner[: random.randrange(len(inner) + 1)]
        case _:
            value[at] = random.choice(STRANGE)


MUTATIONS: Final[tuple[Mutation, ...]] = (
    flip_bits, cut, cut_out, append, insert, repeat, widen, swap_lengths, nest, splice, change_value, change_value, change_value,
)  # fmt: skip
