"""Every refusal of the ledger: one class each, with its stable code, its name and the ISO 20022 reason that bank systems know.

What a refusal is stands in `ledger.refusals`; groups of rules have files of their own and are listed here, so whoever catches or names a
refusal finds all of them in this module. `BY_CODE` also names the refusals of rules that come later.
"""

from __future__ import annotations

from msgspec import Struct

from ledger import bridge_errors, order_errors
from ledger.backing_errors import BackingTooLow, StalePrice, StaleReserve, VaultRule
from ledger.holder_errors import LimitBalance, LimitTransaction, LimitWindow, NotEligible, TravelInvalid, TravelRequired
from ledger.refusals import MEANINGS, OK, BrokenState, LedgerError, Ordered, Unorderable

__all__ = [
    "BY_CODE",
    "OK",
    "BrokenState",
    "LedgerError",
    "LimitBalance",
    "LimitTransaction",
    "LimitWindow",
    "NotEligible",
    "Ordered",
    "Refusal",
    "TravelInvalid",
    "TravelRequired",
    "Unorderable",
]


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


class Refusal(Struct, frozen=True):
    """What a code means."""

    name: str
    iso: str
    """ISO 20022 ExternalStatusReason1Code."""
    error: type[LedgerError] | None = None
    """None: the rule that refuses so comes later, or form refuses first (141)."""


_CLASSES: tuple[type[LedgerError], ...] = (
    Malformed,
    WrongChain,
    Expired,
    Duplicate,
    RefConflict,
    TooManyRefs,
    BadSignature,
    QuorumNotMet,
    NoGrant,
    QuotaExceeded,
    GrantExpired,
    ConflictOfDuty,
    NoParticipant,
    Suspended,
    NoAccount,
    Closed,
    WrongKind,
    Exists,
    NotEmpty,
    TooMany,
    BadKeyset,
    NoAsset,
    FixedField,
    NotEligible,
    AmountTooLarge,
    TooManyLegs,
    FeeMismatch,
    FundsTooLow,
    LimitBalance,
    LimitTransaction,
    LimitWindow,
    TravelRequired,
    TravelInvalid,
    CapExceeded,
    BackingTooLow,
    StaleReserve,
    StalePrice,
    VaultRule,
    NoHold,
    HoldExpired,
    ConditionNotMet,
    HoldAmount,
    NotAuthority,
    *order_errors.CLASSES,
    NoProposal,
    ProposalTime,
    *bridge_errors.CLASSES,
    InvariantBroken,
)
_BY_CODE = {each.code: each for each in _CLASSES}
BY_CODE: dict[int, Refusal] = {code: Refusal(name, iso, _BY_CODE.get(code)) for code, (name, iso) in MEANINGS.items()}
"""Code -> name and ISO reason, for every code of the specification."""
