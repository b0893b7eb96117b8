"""A key in a hardware security module, by PKCS#11 (B9): the secret is in the token, what comes out are signatures.

A token is believed nothing. Its public key must be a point of secp256k1; every signature is brought to the form that contracts take (low s,
27 or 28) and must recover to that key before it leaves. A PIN that was refused is tried again by nobody but a person, since tokens lock
after a few: not in this process, and not in the next one before its file has changed.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

import pkcs11
from coincurve import PublicKey
from pkcs11 import Attribute, KeyType, Mechanism, MechanismFlag, ObjectClass, PKCS11Error, TokenFlag
from pkcs11.types import SignMixin

from bridge.errors import (
    KeyFileExists,
    KeyNotFound,
    KeyUnusable,
    ModuleUnusable,
    PinRefused,
    SignatureWrong,
    TokenFault,
    TokenMissing,
    WrongCurve,
)
from bridge.keccak import keccak256
from bridge.keys import DIGEST_BYTES, ORDER, address_of, recovered

if TYPE_CHECKING:
    from pkcs11.types import Object, Session, Token

    from bridge.keys import HsmPlace


PIN_BYTES_MAX: Final = 256
SECP256K1: Final = bytes.fromhex("06052b8104000a")
"""The curve's object identifier, as CKA_EC_PARAMS has it."""
POINT_BYTES: Final = 65
"""0x04, x, y: a point in full."""
CHECK: Final = keccak256(b"som/bridge/key-check")
"""Signed when a key is opened, to see that it can: no message of a bridge or a chain, for nobody knows one with this digest."""
MADE_KEPT: Final = 1_024
"""Newest signatures that are given again."""
_WRONG_PIN: Final = (
    pkcs11.PinIncorrect,
    pkcs11.PinInvalid,
    pkcs11.PinLenRange,
    pkcs11.PinLocked,
    pkcs11.PinExpired,
    pkcs11.UserPinNotInitialized,
)


class HsmKey:
    """A `bridge.keys.SigningKey` in a token. It has one session, which is opened again, once for each signature, where it was lost."""

    def __init__(self, place: HsmPlace) -> None:
        """Find the key and have it sign something.

        Raises
        ------
        KeyUnusable
            One of its kinds for each reason why it cannot: module, token, PIN, key, curve, token's fault, wrong signature.
        """
        self._place = place
        self._refused = ""
        self._private: SignMixin | None = None
        self._made: dict[bytes, bytes] = {}
        self.address: bytes = self._find()
        self.sign(CHECK)

    @property
    def weakness(self) -> str:
        """What is wrong with how the key is kept; empty: nothing."""
        guarded = self._has(Attribute.SENSITIVE) and not self._has(Attribute.EXTRACTABLE)
        return "" if guarded else "the token would hand the key out; have the route take one of `som bridge new-key --pkcs11`"

    def sign(self, digest: bytes) -> bytes:
        """Return r, s, v of the token's signature; raises as the constructor does.

        A token draws another nonce each time. What was signed lately is given again, so that a repetition is the same word at home, too.
        """
        if len(digest) != DIGEST_BYTES:
            raise AssertionError(f"a digest of {len(digest)} bytes")
        if (known := self._made.get(digest)) is not None:
            return known
        try:
            raw = self._raw(digest)
        except TokenFault:  # most often a session that was lost
            self._find_again()
            raw = self._raw(digest)
        made = self._made[digest] = canonical(self._place, raw, digest, self.address)
        if len(self._made) > MADE_KEPT:
            del self._made[next(iter(self._made))]
        return made

    @classmethod
    def create(cls, place: HsmPlace) -> HsmKey:
        """Make a key in a token: nobody can read it, or wrap it to take it elsewhere.

        Raises
        ------
        KeyFileExists
            A key of that label is there: none is made over or beside it.
        KeyUnusable
            As the constructor.
        """
        session = _session(place, "write")
        try:
            if any(_objects(session, place, kind) for kind in (ObjectClass.PRIVATE_KEY, ObjectClass.PUBLIC_KEY)):
                raise KeyFileExists(path=f"a key {place.shown}")
            curve = session.create_domain_parameters(KeyType.EC, {Attribute.EC_PARAMS: SECP256K1}, local=True)
            curve.generate_keypair(
                label=place.label,
                store=True,
                capabilities=MechanismFlag.SIGN | MechanismFlag.VERIFY,
                private_template={Attribute.SENSITIVE: True, Attribute.EXTRACTABLE: False},
            )
            session.close()
        except PKCS11Error as problem:
            raise TokenFault(place=place.shown, reason=type(problem).__name__) from None
        return cls(place)

    def _has(self, attribute: Attribute) -> bool:
        """Return whether the private key says that it has a property; what it does not say it has not."""
        try:
            return isinstance(self._private, SignMixin) and bool(self._private[attribute])
        except PKCS11Error:
            return False

    def _raw(self, digest: bytes) -> bytes:
        if self._private is None:
            raise TokenFault(place=self._place.shown, reason="no more")
        try:
            return bytes(self._private.sign(digest, mechanism=Mechanism.ECDSA))
        except PKCS11Error as problem:
            raise TokenFault(place=self._place.shown, reason=type(problem).__name__) from None

    def _find_again(self) -> None:
        """Open the session anew after it was lost; a PIN that is refused then is refused for good."""
        if self._refused:
            raise PinRefused(place=self._place.shown, reason=self._refused)
        self._private = None
        try:
            pkcs11.lib(self._place.module).reinitialize()
        except PKCS11Error as problem:
            raise ModuleUnusable(module=self._place.module, reason=type(problem).__name__) from None
        try:
            found = self._find()
        except PinRefused as refused:
            self._refused = refused.reason
            raise
        if found != self.address:
            self._private = None
            raise KeyUnusable(path=self._place.shown, reason="the token has another key of that label than before")

    def _find(self) -> bytes:
        """Log in, take the private key, and return the address of the public one."""
        place = self._place
        session = _session(place, "read")
        try:
            private = _objects(session, place, ObjectClass.PRIVATE_KEY)
            public = _objects(session, place, ObjectClass.PUBLIC_KEY)
            if (len(private), len(public)) != (1, 1):
                raise KeyNotFound(place=place.shown, private=len(private), public=len(public))
            address = address_of(_point(place, public[0]))
        except PKCS11Error as problem:
            raise TokenFault(place=place.shown, reason=type(problem).__name__) from None
        if not isinstance(private[0], SignMixin):
            raise KeyUnusable(path=place.shown, reason="the token does not let it sign (CKA_SIGN)")
        self._private = private[0]
        return address


def canonical(place: HsmPlace, raw: bytes, digest: bytes, address: bytes) -> bytes:
    """Return a token's r and s as contracts take them: low s, and the v that recovers to the key.

    Raises
    ------
    SignatureWrong
        No v does: it is not this key's signature of this digest.
    """
    r, s = raw[:32], int.from_bytes(raw[32:], "big")
    if len(raw) == 64:
        low = min(s, ORDER - s) if s < ORDER else s
        for v in (27, 28):
            signature = r + low.to_bytes(32, "big") + bytes([v])
            if recovered(digest, signature) == address:
                return signature
    raise SignatureWrong(place=place.shown)


def _session(place: HsmPlace, mode: Literal["read", "write"]) -> Session:
    """Open a session and log in, unless the PIN was refused before or the token is about to lock."""
    token = _token(place)
    given = _given(place)
    if _remembered(place) == given:
        reason = f"the token refused its PIN before, and {place.pin_file} has not changed since; once it is right, touch that file"
        raise PinRefused(place=place.shown, reason=reason)
    if closed_to_machines(token.flags):
        reason = "the token's PIN is locked, or one try from it; log in with it by hand once, its maker's tool resets the count"
        raise PinRefused(place=place.shown, reason=reason)
    try:
        session = token.open(rw=mode == "write", user_pin=_pin(place))
    except pkcs11.UserAlreadyLoggedIn:  # with another key of this process
        session = token.open(rw=mode == "write")
    except _WRONG_PIN as problem:
        _remember(place, given)
        reason = f"the token refuses the PIN of {place.pin_file} ({type(problem).__name__}); put the right one there, then start again"
        raise PinRefused(place=place.shown, reason=reason) from None
    except PKCS11Error as problem:
        raise TokenFault(place=place.shown, reason=type(problem).__name__) from None
    return session


def closed_to_machines(flags: TokenFlag) -> bool:
    """Return whether a token's PIN is locked, or would be by one more wrong one: that try is left to a person."""
    return bool(flags & (TokenFlag.USER_PIN_LOCKED | TokenFlag.USER_PIN_FINAL_TRY))


def _token(place: HsmPlace) -> Token:
    try:
        tokens = list(pkcs11.lib(place.module).get_tokens())
    except PKCS11Error as problem:
        raise ModuleUnusable(module=place.module, reason=str(problem) or type(problem).__name__) from None
    found = [each for each in tokens if each.label == place.token]
    if len(found) != 1:
        there = ", ".join(sorted(each.label for each in tokens if each.label))
        raise TokenMissing(place=place.shown, found=len(found), there=there)
    return found[0]


def _objects(session: Session, place: HsmPlace, kind: ObjectClass) -> list[Object]:
    return list(session.get_objects({Attribute.CLASS: kind, Attribute.LABEL: place.label}))


def _point(place: HsmPlace, public: Object) -> PublicKey:
    """Return a public key; its point stands in an octet string of DER, and with some tokens without one."""
    try:
        parameters, point = bytes(public[Attribute.EC_PARAMS]), bytes(public[Attribute.EC_POINT])
    except pkcs11.AttributeTypeInvalid:
        raise WrongCurve(place=place.shown, given="no key of a curve") from None
    if parameters != SECP256K1:
        raise WrongCurve(place=place.shown, given=f"of the curve {parameters.hex()}")
    if len(point) == POINT_BYTES + 2 and point.startswith(bytes([0x04, POINT_BYTES])):
        point = point[2:]
    if len(point) != POINT_BYTES or point[0] != 4:
        raise WrongCurve(place=place.shown, given=f"a point of {len(point)} bytes")
    try:
        return PublicKey(point)
    except ValueError:
        raise WrongCurve(place=place.shown, given="a point beside the curve") from None


def _pin(place: HsmPlace) -> str:
    try:
        with Path(place.pin_file).open("rb") as file:
            pin = file.read(PIN_BYTES_MAX + 1).rstrip(b"\r\n").decode()
    except (OSError, UnicodeDecodeError):
        raise KeyUnusable(path=place.shown, reason=f"its PIN cannot be read from {place.pin_file}") from None
    if not pin or len(pin.encode()) > PIN_BYTES_MAX:
        raise KeyUnusable(path=place.shown, reason=f"{place.pin_file} holds no PIN of 1 to {PIN_BYTES_MAX} bytes")
    return pin


def _given(place: HsmPlace) -> str:
    """Return what tells this PIN file, as it is now, and this token from others; nothing of the PIN."""
    try:
        changed = Path(place.pin_file).stat().st_mtime_ns
    except OSError:
        raise KeyUnusable(path=place.shown, reason=f"its PIN cannot be read from {place.pin_file}") from None
    return f"{place.pin_file} {changed} {place.module} {place.token}"


def _remembered(place: HsmPlace) -> str:
    """Return what was given when a token refused its PIN last; empty: none did."""
    try:
        return Path(place.refused_file).read_text()
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError):
        reason = f"{place.refused_file} cannot be read, which says whether the token refused its PIN before"
        raise PinRefused(place=place.shown, reason=reason) from None


def _remember(place: HsmPlace, given: str) -> None:
    """Keep for later processes what a token refused."""
    refused = Path(place.refused_file)
    try:
        refused.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        refused.write_text(given)
    except OSError as problem:
        reason = (
            f"the token refuses its PIN, and {refused} cannot remember it ({problem.strerror}): do not start this again before it is right"
        )
        raise PinRefused(place=place.shown, reason=reason) from None
