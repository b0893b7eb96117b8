"""Every refusal of the ledger: one class each, with its stable code, its name and the ISO 20022 reason that bank systems know.

Two classes (L15): an *unorderable* refusal (100 to 111) uses no reference and leaves no receipt, and a block that contains one is
invalid; an *ordered* one uses the reference, leaves a receipt and changes nothing else. `BY_CODE` also names the refusals of rules that
come later, so that clients can already print them.
"""

from __future__ import annotations

from typing import ClassVar, Self

from msgspec import Struct


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
        return BY_CODE[self.code].name

    @property
    def iso(self) -> str:
        """ISO 20022 status reason."""
        return BY_CODE[self.code].iso


class Unorderable(LedgerError):
    """The transaction cannot stand in a block (100 to 111)."""


class Ordered(LedgerError):
    """The transaction is refused with a receipt, and its reference is used."""


class Malformed(Unorderable):
    """The bytes are no transaction, or a signature is not needed."""

    code = 100
    sentence = "{reason}"


class WrongChain(Unorderable):
    """The envelope names another chain."""

    code = 101
    sentence = "the transaction is for chain {found}, this is {expected}"


class Expired(Unorderable):
    """`valid_until` has passed, or lies too far ahead."""

    code = 102
    sentence = "valid_until {valid_until} is not within {time_ms} and {latest}"


class Duplicate(Unorderable):
    """The same transaction has been ordered already: ask for its receipt."""

    code = 104
    sentence = "{sender} has already sent this transaction under reference {ref}"


class RefConflict(Unorderable):
    """The reference belongs to another transaction."""

    code = 105
    sentence = "{sender} has used reference {ref} for another transaction"


class TooManyRefs(Unorderable):
    """The participant has too many live references."""

    code = 106
    sentence = "{participant} has {live} live references, at most {most} are allowed"


class BadSignature(Unorderable):
    """A signature does not verify."""

    code = 110
    sentence = "a signature of the transaction does not verify"


class QuorumNotMet(Unorderable):
    """A signature that the transaction needs is missing, or its key or keyset is unknown or signs nothing."""

    code = 111
    sentence = "{needed} has not signed with enough of its keys"


class NoGrant(Ordered):
    """No active grant covers this."""

    code = 112
    sentence = "no active grant {permission} covers {subject}"


class QuotaExceeded(Ordered):
    """The quota of the grant does not allow this much."""

    code = 113
    sentence = "grant {grant} has {left} left in its quota, needs {needed}"


class GrantExpired(Ordered):
    """The grant would end before it begins."""

    code = 114
    sentence = "grant {grant} would have ended at {until}, the block's time is {time_ms}"


class ConflictOfDuty(Ordered):
    """Who issues an asset must not attest its reserve (L10)."""

    code = 115
    sentence = "{participant} would both issue and attest for {asset}"


class NoParticipant(Ordered):
    """There is no such participant."""

    code = 120
    sentence = "participant {participant} does not exist"


class Suspended(Ordered):
    """The participant is suspended or closed."""

    code = 121
    sentence = "participant {participant} is {status}"


class NoAccount(Ordered):
    """There is no such account."""

    code = 122
    sentence = "account {account} does not exist"


class Closed(Ordered):
    """The account is closed, or closing and takes nothing more."""

    code = 123
    sentence = "{account} is {status}"


class WrongKind(Ordered):
    """The kind of the account or participant does not allow this."""

    code = 124
    sentence = "{subject} is of kind {kind}, which does not allow {action}"


class Exists(Ordered):
    """The id is taken."""

    code = 125
    sentence = "{subject} exists already"


class NotEmpty(Ordered):
    """The account still has value or holds."""

    code = 126
    sentence = "{account} still has {what}"


class TooMany(Ordered):
    """A count limit is reached."""

    code = 127
    sentence = "{subject} has {count} {what}, at most {most} are allowed"


class BadKeyset(Ordered):
    """A key or keyset cannot be used."""

    code = 128
    sentence = "keyset {owner}/{keyset}: {reason}"


class NoAsset(Ordered):
    """There is no such asset."""

    code = 130
    sentence = "asset {asset} does not exist"


class FixedField(Ordered):
    """The field never changes."""

    code = 133
    sentence = "{field} of {subject} never changes"


class AmountTooLarge(Ordered):
    """A total would go beyond 18 digits (L1)."""

    code = 140
    sentence = "{subject} would have {total}, beyond 18 digits"


class TooManyLegs(Ordered):
    """More legs than this network allows now."""

    code = 142
    sentence = "{legs} legs, at most {most} are allowed"


class FeeMismatch(Ordered):
    """The quoted fee is not the fee of the rule."""

    code = 143
    sentence = "the fee is {expected}, {quoted} was quoted"


class FundsTooLow(Ordered):
    """The net debit exceeds what the account has available."""

    code = 150
    sentence = "{account} has {available} {asset} available, needs {needed}"


class CapExceeded(Ordered):
    """The supply would exceed the cap."""

    code = 160
    sentence = "the supply of {asset} would be {supply}, its cap is {cap}"


class NoHold(Ordered):
    """There is no such open hold."""

    code = 170
    sentence = "there is no open hold {hold}"


class HoldExpired(Ordered):
    """The block's time has reached `hold.until`, or `until` lies too far ahead."""

    code = 171
    sentence = "until {until} is not within {time_ms} and {latest}"


class ConditionNotMet(Ordered):
    """What it depends on is not so."""

    code = 172
    sentence = "{subject} needs: {condition}"


class HoldAmount(Ordered):
    """More than is left of the hold was asked for."""

    code = 173
    sentence = "the hold has {left} left, {asked} was asked for"


class NotAuthority(Ordered):
    """The keyset has no say in this."""

    code = 182
    sentence = "{keyset} has no {what} on {subject}"


class NoProposal(Ordered):
    """There is no such open proposal."""

    code = 183
    sentence = "there is no open proposal {proposal}"


class ProposalTime(Ordered):
    """The proposal would end before it can be voted on, or lies open too long."""

    code = 184
    sentence = "until {until} is not within {time_ms} and {latest}"


class InvariantBroken(Ordered):
    """Our own fault: the state after the transaction would break an invariant. The node must alarm."""

    code = 900
    sentence = "invariant {invariant}: {detail}"


class BrokenState(AssertionError):
    """Records contradict each other: our own fault, or a store that is not what was written. The node must stop."""


class Refusal(Struct, frozen=True):
    """What a code means."""

    name: str
    iso: str
    """ISO 20022 ExternalStatusReason1Code."""
    error: type[LedgerError] | None = None
    """None: the rule that refuses so comes later, or form refuses first (141)."""


OK = 0
BY_CODE: dict[int, Refusal] = {
    100: Refusal("MALFORMED", "FF01", Malformed),
    101: Refusal("WRONG_CHAIN", "AGNT", WrongChain),
    102: Refusal("EXPIRED", "DT01", Expired),
    104: Refusal("DUPLICATE", "AM05", Duplicate),
    105: Refusal("REF_CONFLICT", "RF01", RefConflict),
    106: Refusal("TOO_MANY_REFS", "AM18", TooManyRefs),
    110: Refusal("BAD_SIGNATURE", "DS0E", BadSignature),
    111: Refusal("QUORUM", "DS0A", QuorumNotMet),
    112: Refusal("NO_GRANT", "AG08", NoGrant),
    113: Refusal("QUOTA", "AM14", QuotaExceeded),
    114: Refusal("GRANT_EXPIRED", "DT01", GrantExpired),
    115: Refusal("CONFLICT_OF_DUTY", "AG01", ConflictOfDuty),
    120: Refusal("NO_PARTICIPANT", "RC01", NoParticipant),
    121: Refusal("SUSPENDED", "AG10", Suspended),
    122: Refusal("NO_ACCOUNT", "AC01", NoAccount),
    123: Refusal("CLOSED", "AC04", Closed),
    124: Refusal("WRONG_KIND", "AC12", WrongKind),
    125: Refusal("EXISTS", "AM05", Exists),
    126: Refusal("NOT_EMPTY", "AG01", NotEmpty),
    127: Refusal("TOO_MANY", "AM21", TooMany),
    128: Refusal("BAD_KEYSET", "DS0D", BadKeyset),
    130: Refusal("NO_ASSET", "AM03", NoAsset),
    131: Refusal("PAUSED", "AG01"),
    132: Refusal("NOT_ELIGIBLE", "AG01"),
    133: Refusal("FIXED_FIELD", "AG03", FixedField),
    140: Refusal("AMOUNT", "AM12", AmountTooLarge),
    141: Refusal("SAME_ACCOUNT", "AC01"),
    142: Refusal("TOO_MANY_LEGS", "AM18", TooManyLegs),
    143: Refusal("FEE_MISMATCH", "AM09", FeeMismatch),
    150: Refusal("FUNDS", "AM04", FundsTooLow),
    151: Refusal("ARRESTED", "AM07"),
    152: Refusal("BLOCKED_DEBIT", "AC06"),
    153: Refusal("BLOCKED_CREDIT", "AC06"),
    154: Refusal("LIMIT_BALANCE", "AM21"),
    155: Refusal("LIMIT_TRANSACTION", "AM02"),
    156: Refusal("LIMIT_WINDOW", "AM14"),
    157: Refusal("TRAVEL_REQUIRED", "RR04"),
    158: Refusal("TRAVEL_INVALID", "RR04"),
    159: Refusal("NOT_ACCEPTED", "AC06"),
    160: Refusal("CAP", "AM13", CapExceeded),
    161: Refusal("BACKING", "AM13"),
    162: Refusal("STALE_RESERVE", "AG01"),
    163: Refusal("STALE_PRICE", "AG01"),
    164: Refusal("VAULT", "AG01"),
    170: Refusal("NO_HOLD", "AB26", NoHold),
    171: Refusal("HOLD_EXPIRED", "DT01", HoldExpired),
    172: Refusal("CONDITION", "AG01", ConditionNotMet),
    173: Refusal("HOLD_AMOUNT", "AM09", HoldAmount),
    180: Refusal("NO_ORDER", "RR04"),
    181: Refusal("ORDER_AMOUNT", "RR04"),
    182: Refusal("NOT_AUTHORITY", "RR04", NotAuthority),
    183: Refusal("NO_PROPOSAL", "AG01", NoProposal),
    184: Refusal("PROPOSAL_TIME", "DT01", ProposalTime),
    190: Refusal("BRIDGE_SEEN", "AM05"),
    191: Refusal("BRIDGE_PROOF", "AG01"),
    192: Refusal("BRIDGE_CAP", "AM14"),
    900: Refusal("INVARIANT", "MS03", InvariantBroken),
}
"""Code -> name and ISO reason, for every code of the specification."""
