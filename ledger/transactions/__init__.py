"""All transaction types: their form, their effect, and what a block does before and after them.

The order of checks is part of the specification (section 5): every node gives the same code. Form is judged when a transaction is
decoded; here follow chain, time, signatures, the quorum of `from` and the reference, then what the type asks (`authorise`, `perform`), then
invariants.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ledger.accounts import Balance, Total
from ledger.authority import sender_keyset
from ledger.boundary import end_epoch
from ledger.days import open_day
from ledger.disclosure import refused_by
from ledger.errors import OK, BadSignature, Expired, Ordered, WrongChain
from ledger.expiry import sweep
from ledger.indexes import put_indexed
from ledger.invariants import check_transaction
from ledger.lapsing import TooMuchLapsedError
from ledger.money import NOTHING
from ledger.names import servicer_of
from ledger.outcomes import Outcome
from ledger.placement import tree_of
from ledger.references import check_ref, drop_past_refs, use_ref, write_refs
from ledger.state import Overlay
from ledger.transactions.accounts import Opening, Setting
from ledger.transactions.assets import Definition
from ledger.transactions.bodies import (
    AccountOpen,
    AccountSet,
    Approve,
    AssetPut,
    Attest,
    GrantEnd,
    GrantPut,
    HoldBody,
    HolderPut,
    Issue,
    KeysetPut,
    OrderLift,
    OrderPut,
    ParamSet,
    ParticipantPut,
    Pay,
    Propose,
    Redeem,
    Seize,
    Settle,
    ValidatorsSet,
    Void,
)
from ledger.transactions.bridge_actions import attest_action, bridge_action
from ledger.transactions.bridge_bodies import BridgeClaim, BridgeIn, BridgeOut, BridgeSet
from ledger.transactions.forms import check_money_form, check_registry_form
from ledger.transactions.governance import ParameterChange, Planning
from ledger.transactions.grants import Ending, Giving
from ledger.transactions.holders import Tiering
from ledger.transactions.keyset_puts import KeysetChange
from ledger.transactions.orders import Lifting, Ordering, Seizure
from ledger.transactions.payments import Payment
from ledger.transactions.proposals import Proposing, Voting
from ledger.transactions.registry import Registration
from ledger.transactions.reservations import Placement, Release, Settlement
from ledger.transactions.supply import Issuance, Redemption
from ledger.transactions.work import Work

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from ledger.blocks import Entry
    from ledger.parameters import BlockContext
    from ledger.state import StateReader
    from ledger.transactions.bodies import Body, Transaction
    from ledger.transactions.bridge_bodies import BridgeBody
    from ledger.transactions.work import Action

    Governance = Propose | Approve | Attest | ParamSet | ValidatorsSet
    Authority = GrantPut | GrantEnd | HolderPut | AssetPut | Governance
    Registry = ParticipantPut | KeysetPut | AccountOpen | AccountSet | Authority

__all__ = ["apply_transaction", "begin_block", "check_admission", "check_form", "end_block", "servicer_of", "tree_of", "who_sees_all"]


def check_form(type_: str, body: Body) -> None:  # noqa: ARG001  # the type is part of the decoder's contract; a body's class tells it, too
    """Refuse a body that breaks a rule of form which its struct cannot say.

    Raises
    ------
    Malformed
        See `ledger.transactions.forms`.
    """
    if not check_money_form(body):
        check_registry_form(body)


def begin_block(overlay: Overlay, context: BlockContext) -> tuple[Entry, ...]:
    """Close a business date that is over, drop the references of past minutes and sweep what has lapsed (L2, L14, L19).

    Returns the entries of released holds.
    """
    open_day(overlay, context)
    drop_past_refs(overlay, context.time_ms)
    return sweep(overlay, context)


def apply_transaction(overlay: Overlay, tx: Transaction, context: BlockContext, verifier: Callable[[Transaction], bool]) -> Outcome:
    """Execute one transaction; an ordered refusal is an outcome, an unorderable one is raised and leaves no trace (L15).

    Raises
    ------
    Unorderable
        No block may contain the transaction as it stands.
    TooMuchLapsedError
        This block may not (L19).

    Source: ledger/README.md, section 5.
    """
    work = Work(overlay, tx, context)
    action = _prepare(work, verifier)
    mark, passing = overlay.mark(), overlay.passing
    try:
        action.authorise()
        work.signers.refuse_superfluous()
        action.perform()
        people = work.people_seen if isinstance(tx.body, Pay) else work.people
        check_transaction(overlay, mark, work.entries, work.tx.type, people, context.time_ms)
        outcome = Outcome(OK, None, work.codes, tuple(work.entries), "", work.ballot, work.told)
    except Ordered as refusal:
        overlay.rollback(mark)
        outcome = Outcome(refusal.code, refusal.leg, work.codes, (), str(refusal), work.ballot, (), refused_by(overlay, refusal))
    except TooMuchLapsedError:
        overlay.rollback(mark)
        overlay.passing = passing
        raise
    use_ref(overlay, tx)
    return outcome


def end_block(overlay: Overlay, context: BlockContext) -> bytes:
    """Write what stands once per block: references, totals, parameters that are due, and at a boundary the next epoch.

    Returns
    -------
    bytes
        `header.next` (32 bytes): hash of the next epoch's set, zeros where the epoch goes on (K22).
    """
    write_refs(overlay, context.height)
    _write_totals(overlay)
    return end_epoch(overlay, context)


def _write_totals(overlay: Overlay) -> None:
    """Write the totals per participant and asset (`total/ASSET` in each tree)."""
    sums: dict[str, tuple[int, int]] = {}
    base = overlay.base
    for key, record in overlay.changes.items():
        if key.startswith("balance/"):
            new = record if isinstance(record, Balance) else NOTHING
            before = base.get(key)
            old = before if isinstance(before, Balance) else NOTHING
            _, participant, _, asset = key.split("/")
            place = f"total/{participant}/{asset}"
            posted, held = sums.get(place, (0, 0))
            sums[place] = (posted + new.posted - old.posted, held + new.held - old.held)
    for place, (posted, held) in sums.items():
        if posted or held:
            total = overlay.get(place)
            if isinstance(total, Total):
                overlay.put(place, Total(total.posted + posted, total.held + held))
            else:
                put_indexed(overlay, place, Total(posted, held))


def check_admission(state: StateReader, tx: Transaction, context: BlockContext, verifier: Callable[[Transaction], bool]) -> None:
    """Raise the unorderable refusal that the transaction would meet on this state: what a pool checks before it takes one.

    Ordered refusals are left to the block: a transaction before it in the block may mend them. Nothing is written, so whoever checks many
    on one state gives one overlay for all, which then reads each record once.

    Raises
    ------
    Unorderable
        As `apply_transaction`.
    """
    overlay = state if isinstance(state, Overlay) else Overlay(state)
    work = Work(overlay, tx, context)
    action = _prepare(work, verifier)
    try:
        action.authorise()
        work.signers.refuse_superfluous()
    except Ordered:
        return


def who_sees_all(tx: Transaction, outcome: Outcome, of: Mapping[str, Sequence[Entry]]) -> Collection[str]:
    """Participants that see the whole of a transaction: who signed, whose accounts it debits (refused or not), and who votes on it.

    `of`: the outcome's entries by participant (`entries_by_participant`); who has entries there and is not among them is only paid.
    """
    body = tx.body
    names = [signature.participant for signature in tx.signatures]
    names += _debtors(body, outcome)
    names += outcome.told
    told = dict.fromkeys([name.partition("/")[0] for name in names])
    for participant, entries in of.items():
        if participant in told:
            continue
        released = outcome.ballot is not None or isinstance(body, Void)
        for entry in entries:
            # A negative held delta elsewhere is a lapsed hold swept in passing (L19): it must not show all legs to who is only paid.
            if entry.posted < 0 or entry.held > 0 or (released and entry.held < 0):
                told[participant] = None
                break
    return told


def _prepare(work: Work, verifier: Callable[[Transaction], bool]) -> Action:
    """Check all that does not depend on the type, in order, and choose the action of the type.

    Raises
    ------
    WrongChain, Expired, BadSignature, QuorumNotMet, Duplicate, RefConflict, TooManyRefs
        In this order.
    """
    tx, context = work.tx, work.context
    if tx.chain != context.chain:
        raise WrongChain(found=tx.chain.hex(), expected=context.chain.hex())
    latest = context.time_ms + context.parameters.lifetime_ms_max
    if not context.time_ms <= tx.valid_until <= latest:
        raise Expired(valid_until=tx.valid_until, time_ms=context.time_ms, latest=latest)
    if not verifier(tx):
        raise BadSignature
    action = _money_action(work, tx.body)
    work.signers.need(sender_keyset(work.overlay, tx.sender))
    check_ref(work.overlay, tx, context)
    return action


def _money_action(work: Work, body: Body) -> Action:
    match body:
        case Pay():
            return Payment(work, body)
        case HoldBody():
            return Placement(work, body)
        case Settle():
            return Settlement(work, body)
        case Void():
            return Release(work, body)
        case Issue():
            return Issuance(work, body)
        case Redeem():
            return Redemption(work, body)
        case OrderPut() | OrderLift() | Seize() | BridgeOut() | BridgeIn() | BridgeSet() | BridgeClaim():
            return _order_action(work, body)
        case _:
            return _registry_action(work, body)


def _order_action(work: Work, body: OrderPut | OrderLift | Seize | BridgeBody) -> Action:
    match body:
        case OrderPut():
            return Ordering(work, body)
        case OrderLift():
            return Lifting(work, body)
        case Seize():
            return Seizure(work, body)
        case _:
            return bridge_action(work, body)


def _registry_action(work: Work, body: Registry) -> Action:
    match body:
        case ParticipantPut():
            return Registration(work, body)
        case KeysetPut():
            work.signers.bring(body.owner, body.keyset)
            return KeysetChange(work, body)
        case AccountOpen():
            if body.keyset is not None:
                work.signers.bring(body.id, body.keyset)
            return Opening(work, body)
        case AccountSet():
            if body.keyset is not None:
                work.signers.bring(body.id, body.keyset)
            return Setting(work, body)
        case _:
            return _authority_action(work, body)


def _authority_action(work: Work, body: Authority) -> Action:
    match body:
        case GrantPut():
            return Giving(work, body)
        case GrantEnd():
            return Ending(work, body)
        case HolderPut():
            return Tiering(work, body)
        case AssetPut():
            return Definition(work, body)
        case _:
            return _governance_action(work, body)


def _governance_action(work: Work, body: Governance) -> Action:
    match body:
        case Propose():
            return Proposing(work, body, _money_action)
        case Approve():
            return Voting(work, body, _money_action)
        case Attest():
            return attest_action(work, body)
        case ParamSet():
            return ParameterChange(work, body)
        case ValidatorsSet():
            return Planning(work, body)


def _debtors(body: Body, outcome: Outcome) -> Iterable[str]:
    """Accounts that a transaction means to debit or hold on (a hold's source is known from its entries only), or who votes on it."""
    match body:
        case Pay():
            return [leg.debit for leg in body.legs]
        case HoldBody() | Redeem() | BridgeOut():
            return [body.source]
        case Issue() | BridgeSet() if body.source is not None:
            return [body.source]
        case _:
            return outcome.ballot.told if outcome.ballot is not None else ()
