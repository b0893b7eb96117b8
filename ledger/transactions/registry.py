"""participant.put (type 1): who exists; and what a keyset needs of the account that it is for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from ledger.accounts import Account
from ledger.authority import active_participant
from ledger.errors import Closed, FixedField, NoParticipant, Suspended, TooMany, WrongKind
from ledger.grant_rules import Wanted, charge_quota, check_root, use_grant
from ledger.keysets import BOX_ROLE, NODE_ROLE, move_keys
from ledger.participants import Participant
from ledger.transactions.work import existing_account

if TYPE_CHECKING:
    from ledger.grants import GrantRecord
    from ledger.state import Overlay
    from ledger.transactions.bodies import ParticipantPut
    from ledger.transactions.work import Work


class Registration:
    """One participant.put transaction: create, update, suspend or close a participant."""

    __slots__ = ("grant", "old", "participant", "work")

    grant: GrantRecord
    old: Participant | None

    def __init__(self, work: Work, body: ParticipantPut) -> None:
        self.work = work
        self.participant = body.participant

    def authorise(self) -> None:
        """Refuse a second operator, the return of a closed participant and a successor that cannot act; a grant `register` agrees.

        Of a closed participant the successor alone may change (L29).
        """
        work, new = self.work, self.participant
        record = work.overlay.get("participant/" + new.id)
        self.old = record if isinstance(record, Participant) else None
        if new.successor and not isinstance(work.overlay.get("participant/" + new.successor), Participant):
            raise NoParticipant(participant=new.successor)
        if self.old is not None and self.old.status == "closed" and replace(self.old, successor=new.successor) != new:
            raise Suspended(participant=new.id, status=self.old.status)
        if new.successor:
            active_participant(work.overlay, new.successor)
        if self.old is None and new.kind == "operator":
            raise WrongKind(subject=new.id, kind=new.kind, action="a second operator")
        self.grant = use_grant(work.overlay, work.signers, Wanted("register", participant=new.id), work.time_ms)

    def perform(self) -> None:
        """Check counts and keys; register. A root that can act must remain."""
        work, new, old = self.work, self.participant, self.old
        overlay = work.overlay
        if old is not None and old.kind != new.kind:
            raise FixedField(field="kind", subject=new.id)
        most = work.context.parameters.participants_max
        if old is None and (count := sum(1 for _ in overlay.participants())) >= most:
            raise TooMany(subject="the ledger", count=count, what="participants", most=most)
        move_keys(overlay, new.id, NODE_ROLE, old.node_keys if old else (), new.node_keys)
        move_keys(overlay, new.id, BOX_ROLE, old.box_keys if old else (), new.box_keys)
        charge_quota(overlay, self.grant, 1, work.time_ms)
        overlay.put("participant/" + new.id, new)
        if new.status != "active":
            check_root(overlay, work.time_ms)


def check_keyset_owner(account: Account) -> None:
    """Refuse a keyset on a closed account, or on one that belongs to an asset (L21)."""
    if account.status == "closed":
        raise Closed(account=account.id, status=account.status)
    if account.kind in ("contra", "vault", "fee"):
        raise WrongKind(subject=account.id, kind=account.kind, action="a keyset of its own")


def name_keyset(overlay: Overlay, account_id: str, name: str) -> None:
    """Write into an account which keyset signs for it; keeps the record where nothing changes."""
    account = existing_account(overlay, account_id)
    if account.keyset != name:
        changed = Account(account.id, account.kind, account.pseudonym, name, account.status, account.classes, account.holds)
        overlay.put("account/" + account_id, changed)
