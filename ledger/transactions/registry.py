"""participant.put and keyset.put (types 1 and 2): who exists, and whose keys speak for whom."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ledger.accounts import Account
from ledger.authority import OPS, active_participant, check_member_active
from ledger.errors import BadKeyset, Closed, FixedField, NoParticipant, Suspended, TooMany, WrongKind
from ledger.grant_rules import Wanted, charge_quota, check_root, use_grant
from ledger.keysets import BOX_ROLE, NODE_ROLE, check_lasting, move_keys, put_keyset
from ledger.names import servicer_of
from ledger.participants import Keyset, Participant
from ledger.transactions.work import existing_account

if TYPE_CHECKING:
    from ledger.grants import GrantRecord
    from ledger.state import Overlay
    from ledger.transactions.bodies import KeysetPut, ParticipantPut
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
        """Refuse a second operator and the return of a closed participant; the quorum of a grant `register` agrees."""
        work, new = self.work, self.participant
        record = work.overlay.get("participant/" + new.id)
        self.old = record if isinstance(record, Participant) else None
        if self.old is not None and self.old.status == "closed":
            raise Suspended(participant=new.id, status=self.old.status)
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


class KeysetChange:
    """One keyset.put transaction: bring a keyset or rotate it (L24)."""

    __slots__ = ("account", "current", "grant", "keyset", "owner", "work")

    account: Account | None
    current: Keyset | None
    grant: GrantRecord | None

    def __init__(self, work: Work, body: KeysetPut) -> None:
        self.work = work
        self.owner = body.owner
        self.keyset = body.keyset

    def authorise(self) -> None:
        """Let the current keyset agree, for the first one the registrar or the servicer, and each new key."""
        work, owner = self.work, self.owner
        self.account, self.grant = None, None
        if "/" in owner:
            self.account = existing_account(work.overlay, owner)
        elif work.overlay.get("participant/" + owner) is None:
            raise NoParticipant(participant=owner)
        self._check_owner()
        self.current = keyset_of(work.overlay, owner, self.account.keyset if self.account else self.keyset.name)
        if self.current is None and self.account is not None:
            work.signers.need(f"{servicer_of(owner)}/{OPS}")
        elif self.current is None:
            self.grant = use_grant(work.overlay, work.signers, Wanted("register", participant=owner), work.time_ms)
        work.signers.need_change(owner, self.current, self.keyset)

    def perform(self) -> None:
        """Check the keys; replace the keyset. An account has one keyset: another name is refused here, account.set can change it."""
        work, new, account = self.work, self.keyset, self.account
        check_lasting(self.owner, new, work.time_ms)
        if account is not None and account.keyset not in ("", new.name):
            raise BadKeyset(owner=self.owner, keyset=new.name, reason=f"the account has keyset {account.keyset}")
        put_keyset(work.overlay, self.owner, self.current, new)
        if account is not None:
            name_keyset(work.overlay, self.owner, new.name)
        if self.grant is not None:
            charge_quota(work.overlay, self.grant, 1, work.time_ms)

    def _check_owner(self) -> None:
        if self.account is None:
            active_participant(self.work.overlay, self.owner)
            return
        check_keyset_owner(self.account)
        if not self.account.keyset:
            check_member_active(self.work.overlay, f"{servicer_of(self.owner)}/{OPS}")


def check_keyset_owner(account: Account) -> None:
    """Refuse a keyset on a closed account, or on one that belongs to an asset (L21)."""
    if account.status == "closed":
        raise Closed(account=account.id, status=account.status)
    if account.kind in ("contra", "vault", "fee"):
        raise WrongKind(subject=account.id, kind=account.kind, action="a keyset of its own")


def keyset_of(overlay: Overlay, owner: str, name: str) -> Keyset | None:
    """Keyset of an owner by name; None where there is none."""
    record = overlay.get(f"keyset/{owner}/{name}")
    return record if isinstance(record, Keyset) else None


def name_keyset(overlay: Overlay, account_id: str, name: str) -> None:
    """Write into an account which keyset signs for it; keeps the record where nothing changes."""
    account = existing_account(overlay, account_id)
    if account.keyset != name:
        changed = Account(account.id, account.kind, account.pseudonym, name, account.status, account.classes, account.holds)
        overlay.put("account/" + account_id, changed)
