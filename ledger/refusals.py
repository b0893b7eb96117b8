"""What a refusal is, and the name and ISO 20022 reason of every code of the specification.

Two classes (L15): an *unorderable* refusal (100 to 111) uses no reference and leaves no receipt, and a block that contains one is
invalid; an *ordered* one uses the reference, leaves a receipt and changes nothing else. `MEANINGS` also names the refusals of rules that
come later, so that clients can already print them. The classes themselves: `ledger.errors`, and one file per group of rules.
"""

from __future__ import annotations

from typing import ClassVar, Self


class LedgerError(Exception):
    """A refusal: facts in, one sentence out, a stable code for machines."""

    code: ClassVar[int]
    sentence: ClassVar[str]
    """What is wrong, with the facts in braces."""

    def __init__(self, **facts: str | int) -> None:
        super().__init__()
        self.facts = facts
        self.leg: int | None = None
        """Index of the leg that failed; None where the type has no legs."""

    def at(self, leg: int) -> Self:
        """Name the leg that failed."""
        self.leg = leg
        return self

    def __str__(self) -> str:
        return self.sentence.format(**self.facts)

    @property
    def name(self) -> str:
        """Name of the code, as in `FUNDS`."""
        return MEANINGS[self.code][0]

    @property
    def iso(self) -> str:
        """ISO 20022 status reason."""
        return MEANINGS[self.code][1]


class Unorderable(LedgerError):
    """The transaction cannot stand in a block (100 to 111)."""


class Ordered(LedgerError):
    """The transaction is refused with a receipt, and its reference is used."""


class BrokenState(AssertionError):
    """Records contradict each other: our own fault, or a store that is not what was written. The node must stop."""


OK = 0
MEANINGS: dict[int, tuple[str, str]] = {
    100: ("MALFORMED", "FF01"),
    101: ("WRONG_CHAIN", "AGNT"),
    102: ("EXPIRED", "DT01"),
    104: ("DUPLICATE", "AM05"),
    105: ("REF_CONFLICT", "RF01"),
    106: ("TOO_MANY_REFS", "AM18"),
    110: ("BAD_SIGNATURE", "DS0E"),
    111: ("QUORUM", "DS0A"),
    112: ("NO_GRANT", "AG08"),
    113: ("QUOTA", "AM14"),
    114: ("GRANT_EXPIRED", "DT01"),
    115: ("CONFLICT_OF_DUTY", "AG01"),
    120: ("NO_PARTICIPANT", "RC01"),
    121: ("SUSPENDED", "AG10"),
    122: ("NO_ACCOUNT", "AC01"),
    123: ("CLOSED", "AC04"),
    124: ("WRONG_KIND", "AC12"),
    125: ("EXISTS", "AM05"),
    126: ("NOT_EMPTY", "AG01"),
    127: ("TOO_MANY", "AM21"),
    128: ("BAD_KEYSET", "DS0D"),
    130: ("NO_ASSET", "AM03"),
    131: ("PAUSED", "AG01"),
    132: ("NOT_ELIGIBLE", "AG01"),
    133: ("FIXED_FIELD", "AG03"),
    140: ("AMOUNT", "AM12"),
    141: ("SAME_ACCOUNT", "AC01"),
    142: ("TOO_MANY_LEGS", "AM18"),
    143: ("FEE_MISMATCH", "AM09"),
    150: ("FUNDS", "AM04"),
    151: ("ARRESTED", "AM07"),
    152: ("BLOCKED_DEBIT", "AC06"),
    153: ("BLOCKED_CREDIT", "AC06"),
    154: ("LIMIT_BALANCE", "AM21"),
    155: ("LIMIT_TRANSACTION", "AM02"),
    156: ("LIMIT_WINDOW", "AM14"),
    157: ("TRAVEL_REQUIRED", "RR04"),
    158: ("TRAVEL_INVALID", "RR04"),
    159: ("NOT_ACCEPTED", "AC06"),
    160: ("CAP", "AM13"),
    161: ("BACKING", "AM13"),
    162: ("STALE_RESERVE", "AG01"),
    163: ("STALE_PRICE", "AG01"),
    164: ("VAULT", "AG01"),
    170: ("NO_HOLD", "AB26"),
    171: ("HOLD_EXPIRED", "DT01"),
    172: ("CONDITION", "AG01"),
    173: ("HOLD_AMOUNT", "AM09"),
    180: ("NO_ORDER", "RR04"),
    181: ("ORDER_AMOUNT", "RR04"),
    182: ("NOT_AUTHORITY", "RR04"),
    183: ("NO_PROPOSAL", "AG01"),
    184: ("PROPOSAL_TIME", "DT01"),
    190: ("BRIDGE_SEEN", "AM05"),
    191: ("BRIDGE_PROOF", "AG01"),
    192: ("BRIDGE_CAP", "AM14"),
    900: ("INVARIANT", "MS03"),
}
"""Code -> name, and ISO 20022 ExternalStatusReason1Code, for every code of the specification."""
