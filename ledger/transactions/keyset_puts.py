"""keyset.put (type 2): bring a keyset, rotate it, recover it, object to its recovery, or decide on the objection (L24).

One body does all of it, and what is under way says which. An objection is the keyset as it stands, put by itself while a recovery waits; a
decision is whatever the registrar puts once it was objected to.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from ledger.authority import OPS, check_member_active
from ledger.errors import BadKeyset, NoParticipant
from ledger.grant_rules import Wanted, charge_quota, check_root, use_grant
from ledger.keysets import check_lasting
from ledger.names import OPERATOR
from ledger.recovery import (
    body_of,
    check_terms,
    is_suspended,
    keyset_record,
    objected,
    pending_recovery,
    record_of,
    recovered,
    rotated,
    settled,
    take_effect,
    write_keyset,
)
from ledger.succession import servicer_now
from ledger.transactions.registry import check_keyset_owner, name_keyset
from ledger.transactions.work import existing_account

if TYPE_CHECKING:
    from ledger.accounts import Account
    from ledger.grants import GrantRecord
    from ledger.participants import KeysetRecord
    from ledger.transactions.bodies import KeysetPut
    from ledger.transactions.work import Work

Way = Literal["first", "current", "recovery", "decision"]


class KeysetChange:
    """One keyset.put transaction."""

    __slots__ = ("account", "by", "grant", "keyset", "owner", "record", "servicer", "way", "work")

    account: Account | None
    grant: GrantRecord | None
    record: KeysetRecord | None
    """The keyset of now, with what waits; None: it is the first of its name."""
    servicer: str
    """Participant whose keysets recover this one: the owner, or who services the account."""
    way: Way

    def __init__(self, work: Work, body: KeysetPut) -> None:
        self.work = work
        self.owner = body.owner
        self.keyset = body.keyset
        self.by = body.by

    def authorise(self) -> None:
        """Let who may put this keyset now agree, and each key that is new."""
        work, owner = self.work, self.owner
        self.account, self.grant = None, None
        if "/" in owner:
            self.account = existing_account(work.overlay, owner)
        elif work.overlay.get("participant/" + owner) is None:
            raise NoParticipant(participant=owner)
        self.servicer = servicer_now(work.overlay, owner) if self.account is not None else owner
        record = keyset_record(work.overlay, owner, self.account.keyset if self.account else self.keyset.name)
        self.record = record = None if record is None else settled(record, work.time_ms)
        self._check_owner()
        if self.by == "recovery":
            self._check_recoverable()
        if record is None:
            self.way = "first"
            self._need_registrar()
            work.signers.need_change(owner, None, self.keyset)
        elif is_suspended(record):
            self.way = "decision"
            self._need_registrar()
            work.signers.need_brought(owner, record, self.keyset)
        elif self.by == "recovery":
            self.way = "recovery"
            work.signers.need(f"{self.servicer}/{record.recovery}")
            work.signers.need_brought(owner, record, self.keyset)
        else:
            self.way = "current"
            work.signers.need_change(owner, record, self.keyset)

    def perform(self) -> None:
        """Check the keys and terms; write. An account has one keyset: another name is refused here, account.set can change it."""
        work, new, account = self.work, self.keyset, self.account
        stored = keyset_record(work.overlay, self.owner, self.record.name) if self.record is not None else None
        if stored is not None:
            take_effect(work.overlay, self.owner, stored, work.time_ms)
        changed = self._changed()
        if not self._leaves_it():
            check_lasting(self.owner, new, work.time_ms if changed.waiting is None else changed.waiting.due)
        if account is not None and account.keyset not in ("", new.name):
            raise BadKeyset(owner=self.owner, keyset=new.name, reason=f"the account has keyset {account.keyset}")
        check_terms(work.overlay, self.owner, self.record, new, servicer=self.servicer, parameters=work.context.parameters)
        write_keyset(work.overlay, self.owner, self.record, changed)
        if account is not None:
            name_keyset(work.overlay, self.owner, new.name)
        if self.grant is not None:
            charge_quota(work.overlay, self.grant, 1, work.time_ms)
        if is_suspended(changed):
            check_root(work.overlay, work.time_ms)

    def _changed(self) -> KeysetRecord:
        """Record after the put."""
        work, record, new = self.work, self.record, self.keyset
        if record is None or self.way == "decision":
            return record_of(new)
        waiting = pending_recovery(record)
        if self.way == "recovery":
            if waiting is None and new == body_of(record):
                raise BadKeyset(owner=self.owner, keyset=new.name, reason="no recovery waits that could be withdrawn")
            return recovered(record, new, work.time_ms)
        if waiting is None:
            return rotated(record, new, work.time_ms)
        if new != body_of(record):
            raise BadKeyset(owner=self.owner, keyset=new.name, reason="a recovery waits: it may be objected to, by the keyset as it stands")
        return objected(record, waiting, work.time_ms)

    def _check_recoverable(self) -> None:
        """Refuse a recovery of what nobody may recover, was objected to, or whose recovery keyset cannot act."""
        record = self.record
        if record is None or not record.recovery:
            raise BadKeyset(owner=self.owner, keyset=self.keyset.name, reason="it names no keyset that may recover it")
        if is_suspended(record):
            raise BadKeyset(owner=self.owner, keyset=self.keyset.name, reason="its recovery was objected to: the registrar decides")
        check_member_active(self.work.overlay, f"{self.servicer}/{OPS}")

    def _leaves_it(self) -> bool:
        """Whether the keyset stays what it is, as an objection and the withdrawal of a recovery leave it: its keys need not last."""
        record = self.record
        if record is None or self.keyset != body_of(record):
            return False
        return self.way == "recovery" or (self.way == "current" and pending_recovery(record) is not None)

    def _need_registrar(self) -> None:
        """Need who registers keysets: the servicer of an account, a grant `register`; of a keyset of the operator that objected, root."""
        work, owner = self.work, self.owner
        if self.account is not None:
            work.signers.need(f"{self.servicer}/{OPS}")
        elif self.way == "decision" and owner == OPERATOR:
            self.grant = use_grant(work.overlay, work.signers, Wanted("root"), work.time_ms)
        else:
            self.grant = use_grant(work.overlay, work.signers, Wanted("register", participant=owner), work.time_ms)

    def _check_owner(self) -> None:
        """Refuse for a participant that cannot act, an account that takes no keyset, and one whose servicer would sign but cannot act."""
        if self.account is None:
            check_member_active(self.work.overlay, f"{self.owner}/{OPS}")
            return
        check_keyset_owner(self.account)
        if not self.account.keyset or (self.record is not None and is_suspended(self.record)):
            check_member_active(self.work.overlay, f"{self.servicer}/{OPS}")
