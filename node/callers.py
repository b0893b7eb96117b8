"""Who asks: a request to the client API that a participant has signed with a key of one of its keysets, for the routes that want it.

The header `Authorization: Som PARTICIPANT/KEYSET,PUBLIC_KEY,TIME_MS,NONCE,SIGNATURE` (hex but for the first and the time) signs method,
target and body, so nothing of it can be used for another request; time and nonce keep it from being used twice. One key of the keyset is
enough: this is reading, no value moves. Pure but for the memory of nonces; the clock is the caller's.
"""

from __future__ import annotations

from collections import OrderedDict
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from ledger.authority import has_key
from ledger.canonical import encode
from ledger.grants import GrantRecord
from ledger.keys import sign, tagged, verify
from ledger.names import OPERATOR
from ledger.participants import KeysetRecord, Participant
from ledger.recovery import in_force

if TYPE_CHECKING:
    from ledger.state import StateReader

SCHEME: Final = "Som"
WINDOW_MS: Final = 60_000
"""How far the time of a request may be from this node's clock, either way."""
NONCES_MAX: Final = 10_000
"""Requests of two minutes that are remembered; beyond, no further one is taken until the oldest is over."""
NONCE_BYTES: Final = 16
HEADER_MAX: Final = 512
GRANTS_MAX: Final = 4_096
OPS: Final = "ops"
COMPLIANCE: Final = "compliance"


class Stranger(Exception):
    """The request is not signed as it must be: the sentence says what is missing."""


class Busy(Exception):
    """More requests than can be remembered: ask again later."""


class Claim(Struct, frozen=True):
    """What the header says."""

    participant: str
    keyset: str
    public_key: bytes
    time_ms: int
    nonce: bytes
    signature: bytes


class Caller(Struct, frozen=True):
    """Who has shown that it signs for a keyset."""

    participant: str
    keyset: str
    public_key: bytes

    @property
    def member(self) -> str:
        """`PARTICIPANT/KEYSET`."""
        return f"{self.participant}/{self.keyset}"


def request_bytes(claim: Claim, *, chain: bytes, method: str, target: str, body: bytes) -> bytes:
    """Return what is signed: the tag and a hash over all that the request is. `target` is path and query as they are sent."""
    whole = (
        chain,
        method,
        target,
        claim.participant,
        claim.keyset,
        claim.public_key,
        claim.time_ms,
        claim.nonce,
        sha256(body).digest(),
    )
    return b"som/request/1" + tagged(b"som/request/1", encode(whole))


def make_header(claim: Claim, seed: bytes, *, chain: bytes, method: str, target: str, body: bytes) -> str:
    """Value of the header of a request that a key signs; the claim comes without signature."""
    signature = sign(seed, request_bytes(claim, chain=chain, method=method, target=target, body=body))
    who = f"{claim.participant}/{claim.keyset}"
    return f"{SCHEME} {who},{claim.public_key.hex()},{claim.time_ms},{claim.nonce.hex()},{signature.hex()}"


def read_header(text: str) -> Claim:
    """Claim of a header.

    Raises
    ------
    Stranger
        There is none, or it has another form.
    """
    scheme, _, rest = text.partition(" ")
    parts = rest.split(",")
    if scheme != SCHEME or len(text) > HEADER_MAX or len(parts) != len(Claim.__struct_fields__) - 1:
        raise Stranger(f"sign the request: Authorization: {SCHEME} PARTICIPANT/KEYSET,PUBLIC_KEY,TIME_MS,NONCE,SIGNATURE (node/README.md)")
    participant, slash, keyset = parts[0].partition("/")
    try:
        public_key, nonce, signature = (bytes.fromhex(parts[index]) for index in (1, 3, 4))
    except ValueError:
        raise Stranger("key, nonce and signature of the request must be hex") from None
    sizes = (len(public_key), len(nonce), len(signature))
    if not slash or not keyset or sizes != (32, NONCE_BYTES, 64) or not (parts[2].isascii() and parts[2].isdigit()) or len(parts[2]) > 15:
        raise Stranger("the signed request names no PARTICIPANT/KEYSET, or key, time, nonce or signature have the wrong length")
    return Claim(participant, keyset, public_key, int(parts[2]), nonce, signature)


class Callers:
    """Checks signed requests, each once."""

    def __init__(self, chain: bytes) -> None:
        self._chain = chain
        self._seen: OrderedDict[bytes, int] = OrderedDict()
        """Key and nonce -> when it may be forgotten, oldest first as far as clocks allow."""

    def check(self, header: str, *, method: str, target: str, body: bytes, state: StateReader, block_ms: int, now_ms: int) -> Caller:
        """Return who has signed a request.

        Raises
        ------
        Stranger
            It is not signed, by no key that counts now, for another request, too early or late, or a second time.
        Busy
            Too many requests are remembered.
        """
        claim = read_header(header)
        if abs(claim.time_ms - now_ms) > WINDOW_MS:
            raise Stranger(f"the request is of {claim.time_ms}, this node's clock says {now_ms}: more than {WINDOW_MS // 1_000} s apart")
        if not may_sign(state, claim, block_ms):
            raise Stranger(f"{claim.public_key.hex()} is no key that counts in {claim.participant}/{claim.keyset} now")
        message = request_bytes(claim, chain=self._chain, method=method, target=target, body=body)
        if not verify(claim.public_key, message, claim.signature):
            raise Stranger("the signature is not of this request")
        self._remember(claim, now_ms)
        return Caller(claim.participant, claim.keyset, claim.public_key)

    def _remember(self, claim: Claim, now_ms: int) -> None:
        while self._seen and next(iter(self._seen.values())) < now_ms:
            self._seen.popitem(last=False)
        key = claim.public_key + claim.nonce
        if key in self._seen:
            raise Stranger("this request was made before; sign a new one with another nonce")
        if len(self._seen) >= NONCES_MAX:
            raise Busy
        self._seen[key] = max(claim.time_ms, now_ms) + 2 * WINDOW_MS


def may_sign(state: StateReader, claim: Claim, block_ms: int) -> bool:
    """Whether a key counts in a keyset of a participant that can act (L24, L29)."""
    participant = state.get(f"participant/{claim.participant}")
    record = state.get(f"keyset/{claim.participant}/{claim.keyset}")
    if not isinstance(participant, Participant) or participant.status != "active" or not isinstance(record, KeysetRecord):
        return False
    keyset = in_force(record, block_ms)
    return keyset is not None and has_key(keyset, claim.public_key, block_ms)


def may_audit(state: StateReader, caller: Caller, block_ms: int) -> bool:
    """Whether a caller may look people up: the operator's `ops` and `compliance`, and who has a grant `audit.read` without scope.

    A grant's own quorum names keysets; one of them is enough to read.
    """
    if caller.participant == OPERATOR and caller.keyset in (OPS, COMPLIANCE):
        return True
    start = "~grants/audit.read/"
    for index in state.scan(start, start + "~", GRANTS_MAX):
        record = state.get("grant/" + index.removeprefix(start))
        if isinstance(record, GrantRecord) and _covers(record, caller, block_ms):
            return True
    return False


def _covers(record: GrantRecord, caller: Caller, block_ms: int) -> bool:
    grant = record.grant
    if not grant.not_before <= block_ms or 0 < grant.until <= block_ms:
        return False
    members = grant.need.of if grant.need else (f"{grant.to}/{OPS}",)
    return caller.member in members and not (grant.scope.asset or grant.scope.participant or grant.scope.account)
