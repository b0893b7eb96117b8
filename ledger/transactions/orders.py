"""order.put, order.lift and seize (types 18 to 20): who may restrict, who may relax, and where arrested value goes (L11, L22, L27, L31)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from ledger.assets import vault_of
from ledger.authority import OPS, active_participant
from ledger.blocks import Entry
from ledger.errors import Exists, NoAccount, NoParticipant, NotAuthority, QuorumNotMet, TooMany
from ledger.expiry import lapse
from ledger.grant_rules import Wanted, charge_quota, fitting_grants, use_first, use_grant
from ledger.indexes import put_indexed
from ledger.lapsing import has_lapsed
from ledger.maturity import resume_ended
from ledger.money import movement
from ledger.names import servicer_of
from ledger.order_errors import NoOrder, OrderAmount
from ledger.orders import ORDERS_MAX, PERMISSION_OF, OrderRecord, guarded_keys, order_key, ordered_keys, remaining
from ledger.purpose import payout
from ledger.restraints import Restraints, holder_of
from ledger.transactions.bridge_routes import existing_route
from ledger.transactions.redeeming import count_redeemed
from ledger.transactions.work import check_spendable, check_takes, existing_account, existing_asset
from ledger.vaults import has_ended

if TYPE_CHECKING:
    from ledger.accounts import Account
    from ledger.grants import Grant, GrantRecord
    from ledger.orders import Order
    from ledger.state import Overlay
    from ledger.transactions.bodies import OrderLift, OrderPut, Seize
    from ledger.transactions.work import Work

ACTION = "orders"


class Ordering:
    """One order.put transaction."""

    __slots__ = ("grant", "order", "work")

    grant: GrantRecord

    def __init__(self, work: Work, body: OrderPut) -> None:
        self.work = work
        self.order = body.order

    def authorise(self) -> None:
        """Everybody and everything that the order names exists, its maker can act, and the quorum of a grant given to it agrees."""
        work, order = self.work, self.order
        self._check_existence()
        active_participant(work.overlay, order.by)
        if order.scope == "account":
            account = existing_account(work.overlay, order.subject)
            check_spendable(account, ACTION)
        if order.seize_to:
            target = existing_account(work.overlay, order.seize_to)
            check_takes(target)
            check_spendable(target, "seizures")
        self.grant = self._use_grant()

    def perform(self) -> None:
        """Check quota, count, time and powers, and what one guardian may; restrict."""
        work, order, overlay = self.work, self.order, self.work.overlay
        parameters = work.context.parameters
        charge_quota(overlay, self.grant, 1, work.time_ms)
        count, most = _count_active(overlay, order, work.time_ms), parameters.orders_per_subject_max
        if count >= most:
            raise TooMany(subject=order.subject or "the ledger", count=count, what="active orders", most=most)
        if has_lapsed(order.until, work.time_ms):
            raise NoOrder(order=f"{order.id}: it would have ended at {order.until}")
        self._check_powers()
        guardian = order.mode == "pause" and is_guardian(self.grant.grant)
        if guardian:
            self._check_guardian()
        grant = self.grant.grant
        record = OrderRecord(
            order=order,
            rank=grant.rank,
            height=work.context.height,
            index=len(overlay.used),
            time_ms=work.time_ms,
            need=grant.need,
            lifted_by=grant.lifted_by,
            cooled_ms=order.until + parameters.guardian_cooldown if guardian else 0,
            seized=0,
            status="active",
            ended_by="",
            ended_basis=None,
        )
        put_indexed(overlay, order_key(order.id), record)
        work.told = told_of(overlay, order)

    def _check_existence(self) -> None:
        overlay, order = self.work.overlay, self.order
        for participant in (order.by, order.subject if order.scope == "participant" else ""):
            if participant and overlay.get("participant/" + participant) is None:
                raise NoParticipant(participant=participant)
        if order.scope == "holder" and overlay.get("holder/" + order.subject) is None:
            raise NoAccount(account=f"of holder {order.subject}")
        for account in (order.subject if order.scope == "account" else "", order.seize_to):
            if account:
                existing_account(overlay, account)
        if overlay.get(order_key(order.id)) is not None:
            raise Exists(subject=f"order {order.id}")
        for asset in (order.asset, order.subject if order.scope == "asset" else ""):
            if asset:
                existing_asset(overlay, asset)
        if order.scope == "bridge":
            existing_route(overlay, order.subject)

    def _use_grant(self) -> GrantRecord:
        """Use a grant as every type does; for a pause those by quorum go first, so a quorum is never taken for one guardian (L22)."""
        work, order = self.work, self.order
        wanted = wanted_for(order)
        if order.scope == "bridge":
            wanted = replace(wanted, asset=existing_route(work.overlay, order.subject).terms.asset)
        fitting = fitting_grants(work.overlay, wanted, work.time_ms)
        if order.mode == "pause":
            fitting = sorted(fitting, key=lambda record: is_guardian(record.grant))
        return use_first(fitting, work.signers, wanted)

    def _check_powers(self) -> None:
        """Refuse what the policy of the asset gives no power for; an order on all assets reaches those that do."""
        work, order = self.work, self.order
        code, power = (order.subject, "pause") if order.scope == "asset" else (order.asset, "freeze")
        if order.mode == "pause" and order.scope != "asset":
            return
        if code and power not in existing_asset(work.overlay, code).policy.powers:
            raise NotAuthority(keyset=order.by, what=f"power to {power}", subject=code)

    def _check_guardian(self) -> None:
        work, order = self.work, self.order
        longest = work.context.parameters.guardian_pause_ms_max
        if order.until == 0 or order.until > work.time_ms + longest:
            raise NotAuthority(keyset=order.by, what=f"say, as one guardian, beyond {longest} ms", subject=order.subject or "the ledger")
        if "redeem" not in order.allow:
            raise NotAuthority(keyset=order.by, what="say, as one guardian, on redemption", subject=order.subject or "the ledger")
        if work.overlay.scan(*guarded_keys(order.scope, order.subject, work.time_ms), 1):
            raise NotAuthority(keyset=order.by, what="second pause, as one guardian, so soon", subject=order.subject or "the ledger")


class Lifting:
    """One order.lift transaction."""

    __slots__ = ("body", "record", "work")

    record: OrderRecord

    def __init__(self, work: Work, body: OrderLift) -> None:
        self.work = work
        self.body = body

    def authorise(self) -> None:
        """Find the active order. Its maker lifts it, by the quorum that made it; or a participant that its grant names, by `ops` (L27)."""
        work, sender = self.work, self.work.tx.sender
        self.record = record = active_order(work, self.body.id)
        maker = record.order.by
        if sender != maker and sender not in record.lifted_by:
            raise NotAuthority(keyset=sender, what="say", subject=f"order {record.order.id}")
        active_participant(work.overlay, sender)
        if sender != maker or record.need is None:
            work.signers.need(f"{sender}/{OPS}")
            return
        if sum(1 for member in record.need.of if work.signers.agrees(member)) < record.need.m:
            raise QuorumNotMet(needed=f"the quorum that made order {record.order.id}")
        work.signers.allow(record.need.of)

    def perform(self) -> None:
        """End the order; it stays on record, with who lifted it and why."""
        overlay, record = self.work.overlay, self.record
        ended = replace(record, status="lifted", ended_by=self.work.tx.sender, ended_basis=self.body.basis_hash)
        put_indexed(overlay, order_key(record.order.id), ended)
        resume_ended(overlay, record.order)
        self.work.told = (*told_of(overlay, record.order), record.order.by)


class Seizure:
    """One seize transaction: arrested value goes to the beneficiary that the order names, never out of the world (L11)."""

    __slots__ = ("body", "grant", "record", "restraints", "work")

    grant: GrantRecord
    record: OrderRecord

    def __init__(self, work: Work, body: Seize) -> None:
        self.work = work
        self.body = body
        self.restraints = Restraints(work.overlay, work.time_ms)

    def authorise(self) -> None:
        """Find the arrest, the account and its beneficiary; the quorum of a grant `order.seize` to the arrest's maker agrees."""
        work, body = self.work, self.body
        account = existing_account(work.overlay, body.account)
        existing_asset(work.overlay, body.asset)
        self.record = record = active_order(work, body.order)
        order = record.order
        check_spendable(account, "seizures")
        reached = reaches(work.overlay, order, account) and body.account != order.seize_to
        if not order.seize_to or not reached or order.asset not in ("", body.asset):
            raise NotAuthority(keyset=order.by, what=f"seizure, by order {order.id},", subject=body.account)
        check_takes(existing_account(work.overlay, order.seize_to))
        wanted = Wanted("order.seize", asset=body.asset, participant=servicer_of(body.account), account=body.account, to=order.by)
        self.grant = use_grant(work.overlay, work.signers, wanted, work.time_ms)

    def perform(self) -> None:
        """Check blocks that go before the arrest, what it reaches, quota and powers; move, and count what the order has taken."""
        work, body, record = self.work, self.body, self.record
        overlay, order = work.overlay, record.order
        work.sweep(body.account)
        self.restraints.check_seizure(record, body.account, body.asset)
        self.restraints.check_credit(order.seize_to, self._paid_in(), ())
        left = remaining(record)
        free = self.restraints.free_before(record, body.account, body.asset)
        most = free if left is None else min(left, free)
        charge_quota(overlay, self.grant, body.amount, work.time_ms)
        if body.amount > most:
            raise OrderAmount(order=order.id, account=body.account, asset=body.asset, most=most, asked=body.amount)
        if "seize" not in existing_asset(overlay, body.asset).policy.powers:
            raise NotAuthority(keyset=order.by, what="power to seize", subject=body.asset)
        self._move(order.seize_to)
        status = "served" if left == body.amount else "active"
        put_indexed(overlay, order_key(order.id), replace(record, seized=record.seized + body.amount, status=status))
        work.told = (order.by,)

    def _paid_in(self) -> str:
        """Asset that the beneficiary is paid in: of purpose money that has ended, what is locked behind it."""
        policy = existing_asset(self.work.overlay, self.body.asset).policy
        vault = vault_of(policy) if has_ended(policy, self.work.time_ms) else None
        return self.body.asset if vault is None else vault[1]

    def _move(self, beneficiary: str) -> None:
        """Move what is seized; of purpose money that has ended, what the sweep would have given back to the budget line."""
        work, body = self.work, self.body
        if self._paid_in() == body.asset:
            work.post(movement(body.account, beneficiary, body.asset, body.amount, 0))
            return
        policy = existing_asset(work.overlay, body.asset).policy
        work.post([Entry(body.account, body.asset, -body.amount, 0, 0), *payout(policy, beneficiary, body.amount, 0)])
        count_redeemed(work, body.asset, body.amount)
        resume_ended(work.overlay, self.record.order)


def active_order(work: Work, order_id: str) -> OrderRecord:
    """Order that is in force at the block's time; raises NoOrder."""
    record = work.overlay.get(order_key(order_id))
    if not isinstance(record, OrderRecord) or record.status != "active" or has_lapsed(record.order.until, work.time_ms):
        raise NoOrder(order=order_id)
    return record


def is_guardian(grant: Grant) -> bool:
    """Whether one keyset alone uses a grant."""
    return grant.need is None or grant.need.m == 1


def wanted_for(order: Order) -> Wanted:
    """Say what an order needs a grant for: one to its maker, whose scope covers the subject."""
    subject = order.subject
    account = subject if order.scope == "account" else ""
    participant = servicer_of(subject) if order.scope in ("account", "participant") else ""
    asset = subject if order.scope == "asset" else order.asset
    return Wanted(PERMISSION_OF[order.mode], asset=asset, participant=participant, account=account, to=order.by)


def reaches(overlay: Overlay, order: Order, account: Account) -> bool:
    """Whether an account is the subject of an order, or of its participant or holder."""
    match order.scope:
        case "account":
            return order.subject == account.id
        case "participant":
            return order.subject == servicer_of(account.id)
        case "holder":
            return order.subject == holder_of(overlay, account)
        case _:
            return False


def told_of(overlay: Overlay, order: Order) -> tuple[str, ...]:
    """Participants that see an order, beside who signs: the servicer of its subject, or the issuer of its asset (L23)."""
    if order.scope in ("account", "participant"):
        return (servicer_of(order.subject),)
    if order.scope == "asset":
        return (existing_asset(overlay, order.subject).policy.issuer,)
    if order.scope == "bridge":
        return (existing_route(overlay, order.subject).issuer,)
    return ()


def _count_active(overlay: Overlay, order: Order, time_ms: int) -> int:
    """Count the active orders on a subject; those that have lapsed and wait for their sweep are swept (L19)."""
    count, (start, end) = 0, ordered_keys(order.scope, order.subject)
    for index in overlay.scan(start, end, ORDERS_MAX):
        record = overlay.get(order_key(index.removeprefix(start)))
        if isinstance(record, OrderRecord) and has_lapsed(record.order.until, time_ms):
            lapse(overlay, record)
        else:
            count += 1
    return count
