"""attest, param.set and validator.set (types 11, 23 and 24): what the next epochs are like, and who is ready for them (K22, L28).

What these write takes effect by `ledger.boundary`; parameters that consensus does not depend on may change at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from ledger.attestations import READY_WITHIN, ready_value
from ledger.authority import OPS, active_participant
from ledger.boundary import StandingOf
from ledger.dates import read_date
from ledger.days import business_date
from ledger.epochs import (
    COPIES_MAX,
    PLAN_KEY,
    PLANNED_VIEW_KEY,
    EpochPlan,
    Readiness,
    ViewKey,
    epoch_key,
    epoch_of,
    fewest_validators,
    newcomers,
    plan_of,
    planned_view_key_of,
    quorum_of,
    validator_key,
    view_key_key,
    view_key_of,
)
from ledger.errors import BadKeyset, ConditionNotMet, Exists, NoGrant, TooMany
from ledger.grant_rules import Wanted, charge_quota, use_grant
from ledger.keysets import BOX_ROLE, CONSENSUS_ROLE, move_keys
from ledger.parameters import AT_BOUNDARY, EPOCH_END, HOLIDAY, HOLIDAYS_AHEAD, VIEW_KEY, parameter_key, parameter_record
from ledger.participants import KeyOwner
from ledger.state import PLANNED_PARAMETERS_KEY, PlannedParameter, PlannedParameters

if TYPE_CHECKING:
    from ledger.epochs import Epoch, Validator
    from ledger.grants import GrantRecord
    from ledger.participants import Participant
    from ledger.state import Overlay
    from ledger.transactions.bodies import Attest, ParamSet, ValidatorsSet
    from ledger.transactions.work import Work

END_AHEAD = 10
"""Heights that a moved end lies ahead of the block that moves it, at least (K22)."""


class Readying:
    """One attest transaction of kind ready: a validator of the planned set can vote."""

    __slots__ = ("attestation", "participant", "validator", "work")

    participant: Participant
    validator: Validator

    def __init__(self, work: Work, body: Attest) -> None:
        self.work = work
        self.attestation = body.attestation

    def authorise(self) -> None:
        """See that the planned set names this newcomer of this participant, which agrees with `ops`: no grant is needed."""
        work, said = self.work, self.attestation
        self.participant = active_participant(work.overlay, said.by)
        self.validator = self._named()
        work.signers.need(f"{said.by}/{OPS}")

    def perform(self) -> None:
        """Check that it is recent, opened the view key of its first epoch and heard a quorum; keep its word."""
        work, said = self.work, self.attestation
        overlay, height, key = work.overlay, work.context.height, self.validator.consensus_key
        now = epoch_of(overlay, work.context.epoch)
        number, view_key = coming_view_key(overlay, now)
        value = ready_value(said)
        if said.as_of > work.time_ms or 0 < said.valid_until <= work.time_ms:
            raise ConditionNotMet(subject=said.subject, condition="its word is dated outside the block's time")
        if not height - READY_WITHIN <= value.height < height:
            raise ConditionNotMet(subject=said.subject, condition=f"synced to one of the {READY_WITHIN} heights below {height}")
        if (value.view_key, said.doc_hash) != (number, view_key.hash):
            raise ConditionNotMet(subject=said.subject, condition=f"view key {number} of hash {view_key.hash.hex()} opened")
        if not StandingOf(overlay, work.time_ms).has_copy(self.validator, view_key):
            raise ConditionNotMet(subject=said.subject, condition=f"a copy of view key {number} sealed to a box key of {said.by}")
        if value.heard < (quorum := quorum_of(len(now.validators))):
            raise ConditionNotMet(subject=said.subject, condition=f"{quorum} validators heard")
        word = Readiness(said.by, key, self.validator.node_key, value.height, height, view_key.hash, said.valid_until)
        overlay.put(validator_key(key), word)

    def _named(self) -> Validator:
        overlay, said = self.work.overlay, self.attestation
        plan = plan_of(overlay)
        for each in newcomers(plan, epoch_of(overlay, self.work.context.epoch)) if plan else ():
            if (each.consensus_key.hex(), each.participant) == (said.subject, said.by):
                return each
        raise NoGrant(permission="attest.ready", subject=said.subject)


class Planning:
    """One validator.set transaction: the set of an epoch to come. The current set takes the plan back."""

    __slots__ = ("body", "grant", "participants", "work")

    grant: GrantRecord
    participants: dict[str, Participant]

    def __init__(self, work: Work, body: ValidatorsSet) -> None:
        self.work = work
        self.body = body

    def authorise(self) -> None:
        """See that every participant can act and the epoch has not begun; need the quorum of root."""
        work, body = self.work, self.body
        self.participants = {
            name: active_participant(work.overlay, name) for name in sorted({each.participant for each in body.validators})
        }
        if body.epoch <= work.context.epoch:
            raise Exists(subject=f"epoch {body.epoch}")
        self.grant = use_grant(work.overlay, work.signers, Wanted("root"), work.time_ms)

    def perform(self) -> None:
        """Check size and keys; plan. Newcomers' keys enter the registry now, so nobody else can take them meanwhile."""
        work, body = self.work, self.body
        overlay = work.overlay
        now, old = epoch_of(overlay, work.context.epoch), plan_of(overlay)
        plan = EpochPlan(body.epoch, body.validators, work.context.height)
        if len(plan.validators) < (fewest := fewest_validators(overlay)):
            raise self._bad(f"{len(plan.validators)} validators, at least {fewest} are needed")
        self._check_keys(now)
        self._move_keys(newcomers(old, now) if old else (), newcomers(plan, now))
        charge_quota(overlay, self.grant, 1, work.time_ms)
        overlay.put(PLAN_KEY, None if plan.validators == now.validators else plan)

    def _check_keys(self, now: Epoch) -> None:
        current = {each.consensus_key: each.participant for each in now.validators}
        for each in self.body.validators:
            if each.node_key not in self.participants[each.participant].node_keys:
                raise self._bad(f"{each.participant} has not registered node key {each.node_key.hex()}")
            if current.get(each.consensus_key, each.participant) != each.participant:
                raise self._bad(f"consensus key {each.consensus_key.hex()} is not of {each.participant}")

    def _move_keys(self, old: tuple[Validator, ...], new: tuple[Validator, ...]) -> None:
        """Release the keys that the plan before named and this one does not: they never voted. Keys that voted are never released (K15)."""
        overlay, kept = self.work.overlay, {(each.participant, each.consensus_key) for each in new}
        known = {(each.participant, each.consensus_key) for each in old}
        for participant, key in sorted(known - kept):
            move_keys(overlay, participant, CONSENSUS_ROLE, (key,), ())
            overlay.put(validator_key(key), None)
        for participant, key in sorted(kept - known):
            move_keys(overlay, participant, CONSENSUS_ROLE, (), (key,))

    def _bad(self, reason: str) -> BadKeyset:
        return BadKeyset(owner="validators", keyset=str(self.body.epoch), reason=reason)


class ParameterChange:
    """One param.set transaction: a parameter, the end of the epoch, or the view key."""

    __slots__ = ("body", "grant", "work")

    grant: GrantRecord

    def __init__(self, work: Work, body: ParamSet) -> None:
        self.work = work
        self.body = body

    def authorise(self) -> None:
        """Need the quorum of root."""
        work = self.work
        self.grant = use_grant(work.overlay, work.signers, Wanted("root"), work.time_ms)

    def perform(self) -> None:
        """Set now or plan, as the key allows."""
        work, body = self.work, self.body
        if isinstance(body.value, ViewKey):
            self._set_view_key(body.value)
        elif body.key == EPOCH_END:
            self._move_end(body.value)
        else:
            self._set_parameter(body.key, body.value)
        charge_quota(work.overlay, self.grant, 1, work.time_ms)

    def _set_parameter(self, key: str, value: int) -> None:
        """Set a value from `at_height` on, or from the boundary: of all that was said of a parameter the newest counts."""
        overlay, height = self.work.overlay, self.body.at_height
        if key.startswith(HOLIDAY):
            self._check_holiday(key.removeprefix(HOLIDAY))
        planned = overlay.get(PLANNED_PARAMETERS_KEY)
        entries = [each for each in planned.entries if each.key != key] if isinstance(planned, PlannedParameters) else []
        if key in AT_BOUNDARY or height > self.work.context.height + 1:
            entries.append(PlannedParameter(key, value, height))
            entries.sort(key=lambda each: each.key)
        else:
            overlay.put(parameter_key(key), parameter_record(key, value))
        overlay.put(PLANNED_PARAMETERS_KEY, PlannedParameters(tuple(entries)) if entries else None)

    def _check_holiday(self, date: str) -> None:
        """Refuse a date that has begun, for it stays a business date, and one so far ahead that the calendar would grow without bound."""
        now = business_date(self.work.overlay, self.work.time_ms)
        if not 0 < read_date(date) - read_date(now) <= HOLIDAYS_AHEAD:
            raise ConditionNotMet(subject=f"holiday {date}", condition=f"a date within {HOLIDAYS_AHEAD} days after {now}")

    def _move_end(self, end: int) -> None:
        overlay, context = self.work.overlay, self.work.context
        now = epoch_of(overlay, context.epoch)
        first = context.height + END_AHEAD
        if not first <= end < now.end:
            raise ConditionNotMet(subject=EPOCH_END, condition=f"a height from {first} to {now.end - 1}")
        overlay.put(epoch_key(now.number), replace(now, end=end))

    def _set_view_key(self, given: ViewKey) -> None:
        """More copies of a view key that governance knows, at once; another one waits for the boundary (L28)."""
        overlay = self.work.overlay
        for box_key, _ in given.copies:
            owner = overlay.get(f"key/{box_key.hex()}")
            if not isinstance(owner, KeyOwner) or owner.keyset != BOX_ROLE:
                raise BadKeyset(owner=VIEW_KEY, keyset=BOX_ROLE, reason=f"no participant has registered box key {box_key.hex()}")
        now = epoch_of(overlay, self.work.context.epoch)
        in_force, planned = view_key_of(overlay, now.view_key), planned_view_key_of(overlay)
        if given.hash == in_force.hash:
            overlay.put(view_key_key(now.view_key), _with_copies(in_force, given))
        elif planned is not None and given.hash == planned.hash:
            overlay.put(PLANNED_VIEW_KEY, _with_copies(planned, given))
        else:
            overlay.put(PLANNED_VIEW_KEY, given)


def coming_view_key(overlay: Overlay, now: Epoch) -> tuple[int, ViewKey]:
    """Return number and record of the view key that will be in force after the next boundary, as things stand."""
    planned = planned_view_key_of(overlay)
    return (now.view_key, view_key_of(overlay, now.view_key)) if planned is None else (now.view_key + 1, planned)


def _with_copies(known: ViewKey, more: ViewKey) -> ViewKey:
    """Return a view key with more copies; one for the same box key replaces the old one, which may have been sealed wrongly."""
    copies = dict(known.copies) | dict(more.copies)
    if len(copies) > COPIES_MAX:
        raise TooMany(subject=f"view key {known.hash.hex()}", count=len(copies), what="copies", most=COPIES_MAX)
    return ViewKey(known.hash, tuple(sorted(copies.items())))
