"""grant.put and grant.end (types 6 and 7): authority is given by root or by the owner of its scope, and not passed on (L25)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ledger.assets import Asset
from ledger.authority import OPS, check_member_active
from ledger.debits import DEBITS_PER_ACCOUNT_MAX, debits_of
from ledger.errors import BadKeyset, Exists, GrantExpired, NoAccount, NoGrant, NoParticipant, QuorumNotMet, TooMany
from ledger.grant_rules import (
    ATTESTING,
    GRANTS_PER_PERMISSION_MAX,
    OBSERVING,
    Wanted,
    charge_quota,
    check_root,
    conflict_of,
    grant_key,
    grants_of,
    use_grant,
)
from ledger.grants import APPROVE, DEBIT, GrantRecord
from ledger.indexes import put_indexed
from ledger.lapsing import has_lapsed
from ledger.names import servicer_of
from ledger.participants import Participant
from ledger.succession import signer_now
from ledger.transactions.work import check_pays, check_spendable, existing_account, existing_asset

if TYPE_CHECKING:
    from ledger.grants import Grant
    from ledger.transactions.bodies import GrantEnd, GrantPut
    from ledger.transactions.work import Work

ROOT = "root"
"""Giver of what the root quorum gave; no participant can be called so (`ledger.transactions.forms`)."""


class Giving:
    """One grant.put transaction."""

    __slots__ = ("giver", "grant", "root", "work")

    giver: str
    root: GrantRecord | None

    def __init__(self, work: Work, body: GrantPut) -> None:
        self.work = work
        self.grant = body.grant

    def authorise(self) -> None:
        """Everybody and everything that the grant names exists; root agrees, or the owner of the scope where it may give this."""
        self._check_existence()
        work, grant = self.work, self.grant
        self.giver, self.root = ROOT, None
        if grant.permission == DEBIT:
            self._need_debtor()
            return
        owner = owner_of_scope(work, grant)
        try:
            self.root = use_grant(work.overlay, work.signers, wanted_root(grant), work.time_ms)
        except (QuorumNotMet, NoGrant):
            if not owner:
                raise
            work.signers.need(f"{owner}/{OPS}")
            self.giver = owner

    def perform(self) -> None:
        """Check time, duties, members and count; give."""
        work, grant = self.work, self.grant
        overlay = work.overlay
        if has_lapsed(grant.until, work.time_ms):
            raise GrantExpired(grant=grant.id, until=grant.until, time_ms=work.time_ms)
        conflict = conflict_of(overlay, grant)
        if conflict is not None:
            raise conflict
        self._check_count()
        for member in grant.need.of if grant.need else ():
            if overlay.get("keyset/" + member) is None:
                owner, _, keyset = member.partition("/")
                raise BadKeyset(owner=owner, keyset=keyset, reason="it does not exist")
        if self.root is not None:
            charge_quota(overlay, self.root, 1, work.time_ms)
        put_indexed(overlay, grant_key(grant.id), GrantRecord(grant, self.giver, "", 0))

    def _need_debtor(self) -> None:
        """Need whoever signs the debits of the account, and nobody else: root takes nothing without an order (L27)."""
        work, overlay = self.work, self.work.overlay
        account = existing_account(overlay, self.grant.scope.account)
        member = signer_now(overlay, account)
        check_member_active(overlay, member)
        check_pays(account)
        check_spendable(account, "a grant to debit it")
        work.signers.need(member)
        self.giver = servicer_of(account.id)

    def _check_count(self) -> None:
        overlay, grant = self.work.overlay, self.grant
        if grant.permission == DEBIT:
            subject, count, most = grant.scope.account, sum(1 for _ in debits_of(overlay, grant.scope.account)), DEBITS_PER_ACCOUNT_MAX
        else:
            subject, count, most = "the ledger", sum(1 for _ in grants_of(overlay, grant.permission)), GRANTS_PER_PERMISSION_MAX
        if count >= most:
            raise TooMany(subject=subject, count=count, what=f"grants {grant.permission}", most=most)

    def _check_existence(self) -> None:
        overlay, grant = self.work.overlay, self.grant
        for participant in (grant.to, grant.scope.participant):
            if participant and not isinstance(overlay.get("participant/" + participant), Participant):
                raise NoParticipant(participant=participant)
        if grant.scope.account and overlay.get("account/" + grant.scope.account) is None:
            raise NoAccount(account=grant.scope.account)
        if overlay.get(grant_key(grant.id)) is not None:
            raise Exists(subject=f"grant {grant.id}")
        if grant.scope.asset:
            existing_asset(overlay, grant.scope.asset)


class Ending:
    """One grant.end transaction: the giver, the holder or root revokes."""

    __slots__ = ("id", "record", "root", "work")

    record: GrantRecord
    root: GrantRecord | None

    def __init__(self, work: Work, body: GrantEnd) -> None:
        self.work = work
        self.id = body.id

    def authorise(self) -> None:
        """Root agrees, else the holder or the giver with its `ops`."""
        work, signers = self.work, self.work.signers
        record = work.overlay.get(grant_key(self.id))
        if not isinstance(record, GrantRecord) or has_lapsed(record.grant.until, work.time_ms):
            raise NoGrant(permission=self.id, subject="anything")
        self.record, self.root = record, None
        try:
            self.root = use_grant(work.overlay, signers, wanted_root(record.grant), work.time_ms)
        except (QuorumNotMet, NoGrant):
            members = [f"{participant}/{OPS}" for participant in (record.grant.to, record.giver) if participant != ROOT]
            if record.grant.permission == DEBIT:
                members.append(signer_now(work.overlay, existing_account(work.overlay, record.grant.scope.account)))
            agreeing = next((member for member in members if signers.agrees(member)), None)
            if agreeing is None:
                raise
            signers.need(agreeing)

    def perform(self) -> None:
        """Remove the grant. A root that can act must remain."""
        if self.root is not None:
            charge_quota(self.work.overlay, self.root, 1, self.work.time_ms)
        put_indexed(self.work.overlay, grant_key(self.record.grant.id), None)
        if self.record.grant.permission == "root":
            check_root(self.work.overlay, self.work.time_ms)


def wanted_root(grant: Grant) -> Wanted:
    """Root over the scope of a grant."""
    return Wanted("root", asset=grant.scope.asset, participant=grant.scope.participant, account=grant.scope.account)


def owner_of_scope(work: Work, grant: Grant) -> str:
    """Participant that may give this grant beside root; empty: nobody.

    The issuer may name who attests for its asset, and who settles its redemptions. It may not give `issue` of a sovereign asset: one keyset
    of the central bank would then get around the quorum that root has set. `root`, `register` and `wallet` license participants, which no
    participant does for itself.
    """
    asset = work.overlay.get("asset/" + grant.scope.asset)
    return asset.policy.issuer if grant.permission in (*ATTESTING, *OBSERVING, APPROVE) and isinstance(asset, Asset) else ""
