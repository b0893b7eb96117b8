"""Who agreed: the signatures of one envelope counted by keyset (L13, L25), and the parties whose agreement a transaction needs.

A keyset agrees when at least m of its keys that count have signed. Each signature must come from a keyset that the transaction needs, and
from a key that counts: nothing rides along unread. Not here: whether signatures verify (the node, once per signature), grants
(`ledger.grant_rules`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from ledger.accounts import Account
from ledger.errors import Malformed, NoParticipant, QuorumNotMet, Suspended
from ledger.names import servicer_of
from ledger.participants import KeysetRecord, Participant
from ledger.recovery import in_force, keys_of
from ledger.succession import servicer_now, signer_now

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ledger.participants import Key, Keyset
    from ledger.state import Overlay
    from ledger.transactions.bodies import Signature

OPS = "ops"
"""Keyset of a participant where none is named (L13)."""


class Voice(Struct, frozen=True):
    """A key that speaks for a keyset without a signature on this envelope: it signed a vote (L26)."""

    participant: str
    """Owner of the keyset, as in `Signature`."""
    keyset: str
    public_key: bytes


class Signers:
    """The keysets that signed one transaction (or voted for it), and those that it turned out to need."""

    __slots__ = ("_agreed", "_brought", "_keys", "_overlay", "_time_ms")

    def __init__(self, overlay: Overlay, signatures: Iterable[Signature | Voice], time_ms: int) -> None:
        self._overlay = overlay
        self._time_ms = time_ms
        self._keys: dict[str, list[bytes]] = {}
        """`OWNER/KEYSET` -> public keys that signed for it."""
        self._agreed: dict[str, bool] = {}
        """Keysets that the transaction needs, and whether they agreed."""
        self._brought: tuple[str, tuple[bytes, ...]] = ("", ())
        """Keyset that the transaction brings, and its keys: they sign to show that they exist, which gives no authority (L24)."""
        for signature in signatures:
            member = f"{signature.participant}/{signature.keyset}"
            if member in self._keys:
                self._keys[member].append(signature.public_key)
            else:
                self._keys[member] = [signature.public_key]

    def bring(self, owner: str, keyset: Keyset) -> None:
        """Tell that the transaction brings a keyset: its keys sign beside those of the current keyset of the same name."""
        self._brought = (f"{owner}/{keyset.name}", tuple(key.public_key for key in keyset.keys))

    def agrees(self, member: str) -> bool:
        """Whether a keyset (`OWNER/NAME`) agrees, without needing it."""
        known = self._agreed.get(member)
        if known is not None:
            return known
        signed = self._keys.get(member)
        return signed is not None and self._reaches(member, signed)

    def need(self, member: str) -> None:
        """Need a keyset's agreement.

        Raises
        ------
        QuorumNotMet
            Fewer than m of its keys that count have signed, one of the signing keys does not count, or its owner cannot act.
        """
        if self._agreed.get(member):
            return
        if not self.agrees(member):
            raise QuorumNotMet(needed=member)
        self._agreed[member] = True

    def allow(self, members: Iterable[str]) -> None:
        """Take signatures of these keysets as needed, whether or not they agree: a quorum names more than it takes."""
        for member in members:
            self._agreed[member] = self.agrees(member)

    def keys_of(self, member: str) -> tuple[bytes, ...]:
        """Public keys that signed for a keyset (`OWNER/NAME`), sorted."""
        return tuple(self._keys.get(member, ()))

    def need_change(self, owner: str, current: Keyset | None, new: Keyset) -> None:
        """Need what a keyset's change needs: the current keyset of that name, if any, and each key that is new (L24).

        Raises
        ------
        QuorumNotMet
            The current keyset does not agree, or a new key has not signed.
        """
        self.need_new_keys(owner, current, new)
        if current is not None:
            self.need(f"{owner}/{current.name}")

    def need_new_keys(self, owner: str, current: Keyset | None, new: Keyset) -> None:
        """Need the signature of each key that is new, without the agreement of the current keyset (L24).

        Raises
        ------
        QuorumNotMet
            A new key has not signed, or one signed for the new keyset that is not in it.
        """
        known = [key.public_key for key in current.keys] if current else []
        member = f"{owner}/{new.name}"
        signed = self._keys.get(member, [])
        if any(key.public_key not in signed for key in new.keys if key.public_key not in known):
            raise QuorumNotMet(needed=f"a new key of {member}")
        if current is None or current.name != new.name:
            if any(key not in self._brought[1] for key in signed):
                raise QuorumNotMet(needed=member)
            self._agreed[member] = True

    def need_brought(self, owner: str, record: KeysetRecord, new: Keyset) -> None:
        """Need the signature of each key that the ledger does not have for this keyset, where not the keyset itself agrees (L24).

        Nobody else may sign for it, and it has not agreed to anything by this.

        Raises
        ------
        QuorumNotMet
            A new key has not signed, or another has.
        """
        member, known = f"{owner}/{new.name}", keys_of(record)
        brought = {key.public_key for key in new.keys if key.public_key not in known}
        if brought.symmetric_difference(self._keys.get(member, [])):
            raise QuorumNotMet(needed=f"the new keys of {member}, and they alone")
        self._agreed[member] = False

    def refuse_superfluous(self) -> None:
        """Refuse signatures of keysets that the transaction does not need (L13).

        Raises
        ------
        Malformed
            There is one: whoever adds a signature makes other bytes of the same transaction.
        """
        for member in self._keys:
            if member not in self._agreed:
                raise Malformed(reason=f"the signature of {member} is not needed")

    def _reaches(self, member: str, signed: list[bytes]) -> bool:
        record = self._overlay.get("keyset/" + member)
        if not isinstance(record, KeysetRecord):
            return False
        keyset = record if record.waiting is None else in_force(record, self._time_ms)
        if keyset is None or len(signed) < keyset.m:
            return False
        if not self._may_sign(member.rpartition("/")[0], keyset.name):
            return False
        agreeing = 0
        for public_key in signed:
            if has_key(keyset, public_key, self._time_ms):
                agreeing += 1
            elif member != self._brought[0] or public_key not in self._brought[1]:
                return False
        return agreeing >= keyset.m

    def _may_sign(self, owner: str, keyset: str) -> bool:
        """Whether the owner can act: an active participant, or an account that is not closed and has this keyset (L29)."""
        if "/" not in owner:
            participant = self._overlay.get("participant/" + owner)
            return isinstance(participant, Participant) and participant.status == "active"
        account = self._overlay.get("account/" + owner)
        return isinstance(account, Account) and account.status != "closed" and account.keyset == keyset


def counts(key: Key, time_ms: int) -> bool:
    """Whether a key counts at a block time (L24)."""
    return key.not_after == 0 or time_ms < key.not_after


def has_key(keyset: Keyset, public_key: bytes, time_ms: int) -> bool:
    """Whether a public key is one of a keyset's that count at a block time."""
    for key in keyset.keys:
        if key.public_key == public_key:
            return counts(key, time_ms)
    return False


def signer_of(account: Account) -> str:
    """Keyset (`OWNER/NAME`) that signs an account's debits as long as nobody succeeds who opened it; see `succession.signer_now`."""
    if account.keyset:
        return f"{account.id}/{account.keyset}"
    return f"{servicer_of(account.id)}/{OPS}"


def keyset_of_party(overlay: Overlay, party: str) -> str:
    """Keyset (`OWNER/NAME`) that acts for a participant or an account, or for whom it succeeds (L29).

    Raises
    ------
    QuorumNotMet
        The account does not exist: nobody can act for it.
    """
    if "/" not in party:
        return f"{servicer_now(overlay, party)}/{OPS}"
    account = overlay.get("account/" + party)
    if not isinstance(account, Account):
        raise QuorumNotMet(needed=party)
    return signer_now(overlay, account)


def sender_keyset(overlay: Overlay, sender: str) -> str:
    """Keyset whose quorum `from` needs: `ops` of a participant, or the own keyset of an account (L13).

    Raises
    ------
    QuorumNotMet
        The account is unknown or has no keyset of its own: it cannot send.
    """
    if "/" not in sender:
        return f"{sender}/{OPS}"
    account = overlay.get("account/" + sender)
    if not isinstance(account, Account) or not account.keyset:
        raise QuorumNotMet(needed=sender)
    return f"{sender}/{account.keyset}"


def active_participant(overlay: Overlay, participant: str) -> Participant:
    """Participant that can act.

    Raises
    ------
    NoParticipant
        There is none of this id.
    Suspended
        It is suspended or closed; its keysets sign nothing (L29).
    """
    record = overlay.get("participant/" + participant)
    if not isinstance(record, Participant):
        raise NoParticipant(participant=participant)
    if record.status != "active":
        raise Suspended(participant=participant, status=record.status)
    return record


def check_member_active(overlay: Overlay, member: str) -> None:
    """Refuse with 121 where the owner of a keyset is a participant that cannot act; accounts act for themselves.

    Raises
    ------
    NoParticipant, Suspended
        As `active_participant`.
    """
    owner = member.rpartition("/")[0]
    if "/" not in owner:
        active_participant(overlay, owner)
