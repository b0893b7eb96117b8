"""What must hold after every transaction (L12), in one place: from deltas on what it touched; and whole sums, for the start and tests.

None of this repeats a check of a transaction type: it looks at the state before and after, and at the entries that the receipt will show.
A broken invariant is our own fault: the transaction is refused with 900 and the node alarms.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from ledger.accounts import Account, Balance, Total
from ledger.assets import Asset, vault_of
from ledger.attestations import Accusation
from ledger.backing_checks import MAY_REDEEM, check_asset_change, check_fact, check_vault, check_vault_account
from ledger.bridge_checks import WholeBridges, check_bridge_change
from ledger.closings import Closing, WholeClosings
from ledger.epoch_checks import WholeEpochs, check_epoch_change
from ledger.epochs import PLAN_KEY
from ledger.errors import InvariantBroken
from ledger.grant_rules import conflict_of
from ledger.grants import GrantRecord
from ledger.hold_checks import check_terms
from ledger.holds import Hold
from ledger.lockers import duties_conflict
from ledger.money import NOTHING
from ledger.names import CONTRA, VAULT, contra_of, servicer_of
from ledger.order_checks import WholeOrders, check_order_change, check_restrained
from ledger.orders import ACTIVE, OrderRecord
from ledger.people_checks import WholePeople, check_people
from ledger.proposals import OPEN_MAX, Proposal
from ledger.reserves import Item, Locked, Observation, Report
from ledger.restraints import concerned
from ledger.types import AMOUNT_MAX

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ledger.assets import Policy
    from ledger.blocks import Entry
    from ledger.limits import People
    from ledger.state import Overlay, Record

ZERO = (0, 0)
HOLDS_MAX = 256
Pair = tuple[int, int]
"""Posted and held, in minor units."""
Write = tuple["Record | None", "Record | None"]
"""Record before and after."""
UNTOUCHED: Write = (None, None)


def check_transaction(
    overlay: Overlay, mark: int, entries: Sequence[Entry], type_: str, people: People | None = None, time_ms: int = 0
) -> None:
    """Check what one transaction has written since a mark; `people` where any may be behind the accounts that it touched.

    Raises
    ------
    InvariantBroken
        1 (sums, supply), 2 (only issue and redeem change supply), 3 (0 <= held <= posted; held is the sum of open holds), 12, 13, 17
        (orders), 14 (limits) or 15 (duties) would not hold, or the entries are not what the balances did.

    Source: ledger/README.md, L12 and section 7.
    """
    shown: dict[tuple[str, str], Pair] = {}
    for entry in entries:
        place = (entry.account, entry.asset)
        posted, held = shown.get(place, ZERO)
        shown[place] = (posted + entry.posted, held + entry.held)
    writes = overlay.writes_since(mark)
    sums: dict[str, int] = {}
    reserved: dict[str, int] = {}
    for (account, asset), (posted, held) in shown.items():
        key = f"balance/{account}/{asset}"
        before, after = writes.pop(key, UNTOUCHED)
        old = before if isinstance(before, Balance) else NOTHING
        new = after if isinstance(after, Balance) else NOTHING
        if new.posted - old.posted != posted or new.held - old.held != held:
            raise InvariantBroken(invariant=1, detail=f"entries say {posted} posted and {held} held, {key} changed otherwise")
        if ":" in key or not 0 <= new.held <= new.posted <= AMOUNT_MAX:
            _check_of_asset(overlay, (account, asset), new, type_)
        sums[asset] = sums.get(asset, 0) + posted
        if held:
            reserved[key] = held
    if any(sums.values()):
        raise InvariantBroken(invariant=1, detail="the sum of posted is not zero")
    if people is not None:
        check_people(overlay, shown.items(), writes, people)
    if writes or reserved:
        _check_rest(overlay, writes, reserved, type_)
    if entries and overlay.get(ACTIVE) is not None and concerned(overlay, [account for account, _ in shown]):
        check_restrained(overlay, entries, writes, type_, time_ms)


def _check_of_asset(overlay: Overlay, place: tuple[str, str], new: Balance, type_: str) -> None:
    """Check a balance of an account that belongs to an asset (contra, vault, fee), or one that only a contra account may have."""
    account, asset = place
    if "/vault:" in account:
        check_vault_account(overlay, account, asset)
    if "/contra:" in account or not 0 <= new.held <= new.posted <= AMOUNT_MAX:
        _check_contra(f"balance/{account}/{asset}", new)
        _check_supply_change(overlay, asset, type_)


def _check_contra(key: str, new: Balance) -> None:
    local = key.split("/", 3)[2]
    if not local.startswith(CONTRA) or new.held or not -AMOUNT_MAX <= new.posted <= 0:
        raise InvariantBroken(invariant=3, detail=f"{key} would have {new.posted} posted and {new.held} held")


def _check_supply_change(overlay: Overlay, code: str, type_: str) -> None:
    if type_ not in MAY_REDEEM:
        raise InvariantBroken(invariant=2, detail=f"{type_} would change the supply of {code}")
    asset = overlay.get("asset/" + code)
    if not isinstance(asset, Asset):
        raise InvariantBroken(invariant=1, detail=f"there is no asset {code}")
    check_asset(overlay, asset)


def _check_rest(overlay: Overlay, writes: Mapping[str, Write], reserved: dict[str, int], type_: str) -> None:
    open_holds: dict[str, int] = {}
    counted: dict[str, int] = {}
    for key, (before, after) in writes.items():
        kind = key.partition("/")[0]
        if kind == "hold":
            _check_hold(before, after, reserved, open_holds)
        elif kind == "account":
            _check_account(key, before, after, counted)
        elif kind == "balance":
            _check_unposted(key, before, after)
        elif kind == "asset":
            _check_asset_change(overlay, before, after, type_)
        elif kind == "order":
            check_order_change(before, after, type_)
        else:
            _check_authority(overlay, key, before, after)
            check_bridge_change(overlay, before, after, type_)
    if any(reserved.values()):
        raise InvariantBroken(invariant=3, detail="held is not the sum of the open holds")
    if {key: count for key, count in open_holds.items() if count} != {key: count for key, count in counted.items() if count}:
        raise InvariantBroken(invariant=3, detail="an account's number of holds is not that of its open holds")


def _check_authority(overlay: Overlay, key: str, before: Record | None, after: Record | None) -> None:
    if key.startswith("epoch/") and key != PLAN_KEY:
        check_epoch_change(before, after)
    elif isinstance(after, GrantRecord):
        _check_grant(overlay, after)
    elif isinstance(before, Proposal):
        _check_vote(before, after)
    elif isinstance(before, Accusation) and after is not None:
        raise InvariantBroken(invariant=17, detail=f"{key} would change: what was shown stays what it was")
    elif isinstance(before, Item | Report | Observation | Locked):
        check_fact(key, before, after)


def _check_unposted(key: str, before: Record | None, after: Record | None) -> None:
    """Allow a balance without an entry to lose its zero record only (a closed account)."""
    if (before or NOTHING) != (after or NOTHING):
        raise InvariantBroken(invariant=1, detail=f"{key} changed without an entry")


def _check_asset_change(overlay: Overlay, before: Record | None, after: Record | None, type_: str) -> None:
    if not isinstance(after, Asset):
        raise InvariantBroken(invariant=2, detail="an asset would be gone")
    check_asset_change(overlay, before if isinstance(before, Asset) else None, after, type_)
    if not isinstance(before, Asset) or before.policy is not after.policy:
        _check_duties(overlay, after.policy)
    check_asset(overlay, after)


def _check_hold(before: Record | None, after: Record | None, reserved: dict[str, int], open_holds: dict[str, int]) -> None:
    """Take a hold's change off what its source's held balance changed by."""
    for hold, sign in ((before, -1), (after, 1)):
        if isinstance(hold, Hold):
            key = f"balance/{hold.source}/{hold.asset}"
            reserved[key] = reserved.get(key, 0) - sign * (hold.left + hold.fee_left)
            open_holds[hold.source] = open_holds.get(hold.source, 0) + sign
    if isinstance(after, Hold) and not (0 < after.left <= after.amount and after.fee_left >= 0):
        raise InvariantBroken(invariant=4, detail=f"hold {after.id.hex()} would have {after.left} of {after.amount} left")
    if isinstance(before, Hold) and isinstance(after, Hold) and after.left > before.left:
        raise InvariantBroken(invariant=4, detail=f"hold {after.id.hex()} would grow")
    if isinstance(before, Hold) and isinstance(after, Hold):
        check_terms(before, after)


def _check_account(key: str, before: Record | None, after: Record | None, counted: dict[str, int]) -> None:
    if not isinstance(after, Account):
        raise InvariantBroken(invariant=3, detail=f"{key} would be gone")
    if not 0 <= after.holds <= HOLDS_MAX:
        raise InvariantBroken(invariant=3, detail=f"{after.id} would have {after.holds} open holds")
    old = before.holds if isinstance(before, Account) else 0
    counted[after.id] = after.holds - old


def _check_duties(overlay: Overlay, policy: Policy) -> None:
    """L10 of an asset that comes to be locked abroad: whose grants are there already."""
    found = duties_conflict(overlay, policy)
    if found is not None:
        raise InvariantBroken(invariant=15, detail=str(found))


def check_asset(overlay: Overlay, asset: Asset) -> None:
    """Compare an asset's totals with each other, with its cap and with its contra account (invariant 1).

    Raises
    ------
    InvariantBroken
        They do not fit.
    """
    policy = asset.policy
    check_vault(overlay, asset)
    record = overlay.get(f"balance/{contra_of(policy.issuer, policy.code)}/{policy.code}")
    contra = record.posted if isinstance(record, Balance) else 0
    highest = AMOUNT_MAX if policy.cap is None else policy.cap
    if asset.supply != -contra or asset.supply != asset.issued - asset.redeemed:
        raise InvariantBroken(invariant=1, detail=f"supply of {policy.code} is {asset.supply}, its contra account says {-contra}")
    if not 0 <= asset.supply <= highest or not 0 <= asset.redeemed <= asset.issued <= AMOUNT_MAX:
        raise InvariantBroken(invariant=1, detail=f"supply of {policy.code} would be {asset.supply}, at most {highest} is allowed")


def _check_grant(overlay: Overlay, record: GrantRecord) -> None:
    conflict = conflict_of(overlay, record.grant)
    if conflict is not None:
        raise InvariantBroken(invariant=15, detail=str(conflict))
    if record.grant.quota is not None and not 0 <= record.used <= record.grant.quota.amount:
        raise InvariantBroken(invariant=15, detail=f"grant {record.grant.id} would have used {record.used}")


def _check_vote(before: Proposal, after: Record | None) -> None:
    """Allow a proposal to end, or to change in its votes: what people have agreed to stays what it was."""
    if after is not None and (not isinstance(after, Proposal) or replace(after, votes=before.votes) != before):
        raise InvariantBroken(invariant=15, detail=f"proposal {before.id.hex()} would change beyond its votes")


class WholeSums:
    """Sums over a whole state, one record at a time: for a start, whose state need not fit into memory, and for tests after every step."""

    def __init__(self) -> None:
        self._posted: dict[str, int] = {}
        self._held: dict[str, int] = {}
        """Key of a balance -> held, less what its open holds reserve."""
        self._holds: dict[str, int] = {}
        """Account -> its open holds, less what its record says."""
        self._totals: dict[str, Pair] = {}
        """Key of a total -> sums of the balances, less what its record says."""
        self._supply: dict[str, int] = {}
        """Key of a contra balance -> supply of the asset, plus its posted."""
        self._vaults: dict[str, int] = {}
        """Key of a vault's balance -> what is free in it, less the supply that it backs."""
        self._epochs = WholeEpochs()
        self._people = WholePeople()
        self._orders = WholeOrders()
        self._closings = WholeClosings()
        self._bridges = WholeBridges()
        self._proposals: dict[str, int] = {}
        """Participant -> its proposals."""

    def add(self, key: str, record: Record) -> None:
        """Take one record; accounts come before balances, as in the order of keys.

        Raises
        ------
        InvariantBroken
            3: the balance itself cannot be.
        """
        self._people.add(key, record)
        match record:
            case Balance(posted=posted, held=held):
                self._add_balance(key, posted, held)
            case Hold():
                place = f"balance/{record.source}/{record.asset}"
                _add(self._held, place, -record.left - record.fee_left)
                _add(self._holds, record.source, 1)
            case Account(id=name, holds=holds):
                _add(self._holds, name, -holds)
            case Total(posted=posted, held=held):
                self._add_total(key, -posted, -held)
            case Asset(policy=policy, supply=supply):
                _add(self._supply, f"balance/{contra_of(policy.issuer, policy.code)}/{policy.code}", supply)
                if (vault := vault_of(policy)) is not None:
                    _add(self._vaults, "balance/" + "/".join(vault), -supply)
            case Proposal(proposer=proposer):
                _add(self._proposals, servicer_of(proposer), 1)
            case OrderRecord():
                self._orders.add(record)
            case Closing():
                self._closings.add(key, record)
            case _:
                self._epochs.add(key, record)
                self._bridges.add(record)

    def check(self) -> None:
        """Check the sums, once everything was added.

        Raises
        ------
        InvariantBroken
            1, 3, 14, 23 or the totals per participant do not hold.
        """
        self._epochs.check()
        self._people.check()
        self._orders.check()
        self._closings.check()
        self._bridges.check()
        if any(self._posted.values()):
            raise InvariantBroken(invariant=1, detail="the sum of posted is not zero")
        if any(left < 0 for left in self._vaults.values()):
            raise InvariantBroken(invariant=8, detail="a vault has less than the supply that it backs")
        if any(self._supply.values()):
            raise InvariantBroken(invariant=1, detail="the supply of an asset is not its contra account's")
        if any(pair != ZERO for pair in self._totals.values()):
            raise InvariantBroken(invariant=1, detail="totals per participant are not the sums of its accounts")
        if any(self._held.values()):
            raise InvariantBroken(invariant=3, detail="held is not the sum of the open holds")
        if any(self._holds.values()):
            raise InvariantBroken(invariant=3, detail="an account's number of holds is not that of its open holds")
        if any(count > OPEN_MAX for count in self._proposals.values()):
            raise InvariantBroken(invariant=15, detail=f"a participant has more than {OPEN_MAX} proposals")

    def _add_balance(self, key: str, posted: int, held: int) -> None:
        _, participant, local, asset = key.split("/")
        if not 0 <= held <= posted <= AMOUNT_MAX:
            _check_contra(key, Balance(posted, held))
        if local.startswith(CONTRA):
            _add(self._supply, key, posted)
        if local.startswith(VAULT):
            _add(self._vaults, key, posted - held)
        self._bridges.add_balance(key, posted)
        _add(self._posted, asset, posted)
        if held:
            _add(self._held, key, held)
        self._add_total(f"total/{participant}/{asset}", posted, held)

    def _add_total(self, key: str, posted: int, held: int) -> None:
        before = self._totals.get(key, ZERO)
        self._totals[key] = (before[0] + posted, before[1] + held)


def check_whole(records: Mapping[str, Record]) -> None:
    """Check the sums over a whole state.

    Raises
    ------
    InvariantBroken
        1, 3 or the totals per participant do not hold.
    """
    sums = WholeSums()
    for key in sorted(records):
        sums.add(key, records[key])
    sums.check()


def _add(sums: dict[str, int], key: str, more: int) -> None:
    """Add to a sum; one that is zero needs no memory."""
    now = sums.get(key, 0) + more
    if now:
        sums[key] = now
    else:
        sums.pop(key, None)
