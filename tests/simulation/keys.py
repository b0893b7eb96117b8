"""Signatures: a table of who signed which bytes instead of Ed25519, or the real thing; both watch that no honest key contradicts itself."""

from __future__ import annotations

from hashlib import blake2b, sha256
from typing import TYPE_CHECKING

from consensus.evidence import conflicting
from consensus.signing import parse_signing_bytes, signing_bytes
from consensus.types import Kind, SignedVote
from ledger.keys import verify as verify_ed25519
from node.signer import SeedKey
from tests.simulation.blocks import CHAIN
from tests.simulation.epochs import Calendar

if TYPE_CHECKING:
    from consensus.types import Vote
    from node.signer import SigningKey


class Contradiction(Exception):
    """An honest validator signed two votes that an honest one never signs both: a fault of the core, the signer or the journal."""


class TableKey:
    """A key of the table: its signature is valid because the table says so, and only its holder can have it written there."""

    def __init__(self, index: int, table: dict[tuple[bytes, bytes], bytes]) -> None:
        self.public_key = sha256(b"key %d" % index).digest()
        self._table = table

    def sign(self, message: bytes) -> bytes:
        """Enter the message; the 64 bytes differ by key and message."""
        signature = blake2b(message, key=self.public_key, digest_size=64).digest()
        self._table[(self.public_key, message)] = signature
        return signature


class HonestKey:
    """A key that remembers what it signed, beyond every crash, and refuses to be a liar's."""

    def __init__(self, key: SigningKey) -> None:
        self._key = key
        self.public_key = key.public_key
        self._signed: dict[tuple[int, int], list[Vote]] = {}

    def sign(self, message: bytes) -> bytes:
        """Sign, if no earlier signature contradicts it.

        Raises
        ------
        Contradiction
            One does.
        """
        _, vote = parse_signing_bytes(message)
        before = self._signed.setdefault((vote.epoch, vote.view), [])
        if vote not in before:
            if any(conflicting(vote, held) for held in before):
                raise Contradiction(f"{vote.kind.name} of view {vote.view} after {[held.kind.name for held in before]}")
            before.append(vote)
        return self._key.sign(message)


class Keys:
    """The keys of all nodes, who of them votes in which epoch, and the check of their signatures."""

    def __init__(
        self,
        nodes: int,
        honest: int,
        mode: str,
        sets: tuple[tuple[int, ...], ...] = (),
        lengths: tuple[int, ...] = (),
    ) -> None:
        """Take `honest` keys from node 0 up as watched ones; `mode` is "table" or "ed25519"; without sets all vote, for ever."""
        self.table: dict[tuple[bytes, bytes], bytes] = {}
        raw: list[SigningKey] = [
            TableKey(index, self.table) if mode == "table" else SeedKey(sha256(b"seed %d" % index).digest()) for index in range(nodes)
        ]
        self.keys: list[SigningKey] = [HonestKey(key) if index < honest else key for index, key in enumerate(raw)]
        self.calendar = Calendar(sets or (tuple(range(nodes)),), lengths, [key.public_key for key in self.keys])
        self.set = self.calendar.committee(0).set
        self._real = mode == "ed25519"
        self._checked: dict[int, tuple[SignedVote, bool]] = {}

    def verify(self, public_key: bytes, message: bytes, signature: bytes) -> bool:
        """Tell whether the holder of the key signed these bytes."""
        if self._real:
            return verify_ed25519(public_key, message, signature)
        return self.table.get((public_key, message)) == signature

    def sign(self, signer: int, vote: Vote) -> SignedVote:
        """Sign a vote with a liar's key, in whatever epoch it says."""
        place = self.calendar.committee(vote.epoch if self.calendar.has(vote.epoch) else 0).places[signer]
        return SignedVote(vote, place, self.keys[signer].sign(signing_bytes(CHAIN, vote)))

    def check(self, signed: SignedVote) -> bool:
        """Verify one vote, by the set of its epoch; the same object only once, since it goes to every receiver."""
        found = self._checked.get(id(signed))
        if found is None:
            found = self._checked[id(signed)] = (signed, self._check(signed))
        return found[1]

    def _check(self, signed: SignedVote) -> bool:
        vote = signed.vote
        if not self.calendar.has(vote.epoch) or vote.kind not in Kind:
            return False
        keys = self.calendar.committee(vote.epoch).set.keys
        return 0 <= signed.signer < len(keys) and self.verify(keys[signed.signer], signing_bytes(CHAIN, vote), signed.signature)
