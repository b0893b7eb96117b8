"""The parameters of a network, and what a block tells its transactions.

Stored under `param/KEY`, only what differs from the default. A parameter has a range: a value outside would make a rule useless (a lifetime
of a second) or break a limit that memory relies on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import Struct

from ledger.blocks import BLOCK_BYTES_MAX, BLOCK_LEGS_MAX, BLOCK_SIGNATURES_MAX, LEGS_MAX, SIGNATURES_MAX, SWEEP_MAX, TX_BYTES_MAX
from ledger.canonical import decode, encode
from ledger.dates import read_date
from ledger.orders import ORDERS_MAX
from ledger.participants import DELAY_MS_MAX
from ledger.proposals import OPEN_MAX
from ledger.state import Governed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ledger.state import Record, StateReader

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS


class Parameters(Struct, frozen=True):
    """Limits that a network may set lower or higher within `RANGES`; the defaults are those of the specification."""

    lifetime_ms_max: int = HOUR_MS
    """How far `valid_until` may lie ahead of the block's time."""
    legs_max: int = LEGS_MAX
    refs_per_participant_max: int = 1_000_000
    """Live references of a participant and its accounts (L14)."""
    sweep_max: int = SWEEP_MAX
    """Leaf writes that one block spends on what has lapsed (L19)."""
    holds_per_account_max: int = 256
    hold_ms_max: int = 400 * DAY_MS
    return_days: int = 30
    """How long a payment with a UETR can be returned (L18)."""
    proposals_open_max: int = OPEN_MAX
    """Of one participant and its accounts (L26)."""
    proposal_ms_max: int = 30 * DAY_MS
    """How far the `until` of a proposal may lie ahead of the block's time."""
    orders_per_subject_max: int = ORDERS_MAX
    """Active orders on one account, holder, participant or asset, or on the ledger (L31)."""
    guardian_pause_ms_max: int = DAY_MS
    """How long a pause by one guardian lasts at most (L22)."""
    guardian_cooldown: int = 7 * DAY_MS
    """Milliseconds after its end in which one guardian cannot pause the same again (L22)."""
    recovery_delay_ms_min: int = 3 * DAY_MS
    """Shortest delay of a keyset that names who may recover it (L24)."""
    participants_max: int = 1_024
    assets_max: int = 256
    block_bytes_max: int = BLOCK_BYTES_MAX
    block_signatures_max: int = BLOCK_SIGNATURES_MAX
    block_legs_max: int = BLOCK_LEGS_MAX
    observe_max_age_ms: int = HOUR_MS
    """From which age on a supply seen abroad counts no more (L20)."""
    lock_ttl: int = 7 * DAY_MS
    """Milliseconds from which on a lock of a route that says nothing else can no longer be minted (B5)."""
    attestor_rotation_ms_min: int = HOUR_MS
    """Between two rotations of a route's attestors (B9)."""
    heartbeat_ms: int = 5_000
    """An idle chain makes a block this often."""
    epoch_length: int = 10_000
    """Heights from one boundary to the next (K22)."""
    business_cutoff: int = 1_440
    """Minutes after midnight in Bishkek at which a business date ends (L2)."""
    closed_weekdays: int = 0
    """Weekdays that are no business date, as the sum of 1 (Monday), 2, 4, 8, 16, 32, 64 (Sunday)."""


DEFAULTS = Parameters()

RANGES: dict[str, tuple[int, int]] = {
    "lifetime_ms_max": (MINUTE_MS, DAY_MS),
    "legs_max": (1, LEGS_MAX),
    "refs_per_participant_max": (1, 100_000_000),
    "sweep_max": (3, 100_000),
    "holds_per_account_max": (1, 256),
    "hold_ms_max": (MINUTE_MS, 4_000 * DAY_MS),
    "return_days": (1, 400),
    "proposals_open_max": (1, OPEN_MAX),
    "proposal_ms_max": (MINUTE_MS, 30 * DAY_MS),
    "orders_per_subject_max": (1, ORDERS_MAX),
    "guardian_pause_ms_max": (MINUTE_MS, DAY_MS),
    "guardian_cooldown": (HOUR_MS, 400 * DAY_MS),
    "recovery_delay_ms_min": (MINUTE_MS, DELAY_MS_MAX),
    "participants_max": (1, 1_024),
    "assets_max": (1, 1_024),
    "block_bytes_max": (TX_BYTES_MAX + 16, BLOCK_BYTES_MAX),
    "block_signatures_max": (SIGNATURES_MAX, BLOCK_SIGNATURES_MAX),
    "block_legs_max": (LEGS_MAX, BLOCK_LEGS_MAX),
    "observe_max_age_ms": (MINUTE_MS, 30 * DAY_MS),
    "lock_ttl": (HOUR_MS, 90 * DAY_MS),
    "attestor_rotation_ms_min": (MINUTE_MS, 30 * DAY_MS),
    "heartbeat_ms": (100, HOUR_MS),
    "epoch_length": (10, 1_000_000),
    "business_cutoff": (1, 1_440),
    "closed_weekdays": (0, 126),
}
"""Lowest and highest value of each. A block must hold any one transaction; a sweep any one hold (3 leaves); a week an open day."""

HOLIDAY: Final = "holiday:"
"""`holiday:DATE` = 1: the date is no business date. Each is a parameter of its own, 0 where nobody has set it."""
HOLIDAYS_AHEAD: Final = 800
"""Days that a holiday lies ahead of the business date at most; past ones are dropped. So there are never more."""


EPOCH_END, VIEW_KEY = "epoch_end", "view_key"
"""What param.set sets beside the parameters: the end of the current epoch, and the view key."""
AT_BOUNDARY = ("heartbeat_ms", "epoch_length")
"""Parameters of consensus: they change with the epoch only (K22)."""


class BlockContext(Struct, frozen=True):
    """What the block says to each of its transactions; nothing here depends on a local clock."""

    chain: bytes
    """32 bytes: hash of the genesis document."""
    epoch: int
    height: int
    view: int
    time_ms: int
    parameters: Parameters


def parameter_key(name: str) -> str:
    """Storage key of a parameter."""
    return f"param/{name}"


def holiday_name(date: str) -> str:
    """Name of the parameter that says whether a date is a holiday."""
    return HOLIDAY + date


def is_parameter(name: str) -> bool:
    """Whether a parameter has this name."""
    if name.startswith(HOLIDAY):
        try:
            read_date(name.removeprefix(HOLIDAY))
        except ValueError:
            return False
        return True
    return name in RANGES


def check_parameter(name: str, value: int) -> None:
    """Refuse a value that the parameter cannot take.

    Raises
    ------
    KeyError
        No parameter has this name.
    ValueError
        The value is outside its range.
    """
    low, high = (0, 1) if name.startswith(HOLIDAY) else RANGES[name]
    if not low <= value <= high:
        raise ValueError(f"{name} must be within {low} and {high}")


def parameter_record(name: str, value: int) -> Governed | None:
    """Record of a parameter's value: none where it is the default."""
    return None if value == getattr(DEFAULTS, name, 0) else Governed(encode(value))


def parameter_records(values: Mapping[str, int]) -> dict[str, Record]:
    """Return the records of parameters that differ from the default.

    Raises
    ------
    KeyError
        No parameter has this name.
    ValueError
        The value is outside its range.
    """
    records: dict[str, Record] = {}
    for name, value in values.items():
        check_parameter(name, value)
        record = parameter_record(name, value)
        if record is not None:
            records[parameter_key(name)] = record
    return records


def parameter_of(state: StateReader, name: str) -> int:
    """Value of one parameter as this state has it."""
    record = state.get(parameter_key(name))
    return decode(record.value, int) if isinstance(record, Governed) else int(getattr(DEFAULTS, name, 0))


def load_parameters(state: StateReader) -> Parameters:
    """Parameters as this state has them."""
    values: dict[str, int] = {}
    for name in RANGES:
        record = state.get(parameter_key(name))
        if isinstance(record, Governed):
            values[name] = decode(record.value, int)
    return Parameters(**values)
