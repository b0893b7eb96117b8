"""The whole ledger as dicts: what is written, who agreed, and which grant is used; no code of the ledger (invariant 24).

Records are plain copies (`Plain`) of what the wire and the state carry, under the storage keys of the specification. Sums are not kept
but added up anew: what is held from the holds, what a person has from the wallets, totals from the balances.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import TYPE_CHECKING

from tests.naive_parameters import DEFAULTS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

Plain = SimpleNamespace
"""A record, a body, a leg, ...: whatever has the fields that the specification names."""
Entry = tuple[str, str, int, int, int]  # account, asset, posted, held, leg
MOST = 10**18 - 1
MALFORMED, QUORUM, LAST_UNORDERABLE = 100, 111, 111
NO_GRANT, QUOTA, CONFLICT = 112, 113, 115
NO_PARTICIPANT, SUSPENDED, NO_ACCOUNT, CLOSED, KIND, NO_ASSET = 120, 121, 122, 123, 124, 130
AMOUNT, FUNDS, ARRESTED = 140, 150, 151
SPENDABLE = ("settlement", "wallet", "clearing", "fee")


class Refused(Exception):
    """A code, and the leg that it is about."""

    def __init__(self, code: int, leg: int | None = None) -> None:
        super().__init__(code)
        self.code, self.leg = code, leg


def changed(record: Plain, **fields: object) -> Plain:
    """Copy a record with other fields."""
    return Plain(**{**vars(record), **fields})


def bank_of(account: str) -> str:
    """Participant before the slash."""
    return account.split("/", maxsplit=1)[0]


def owner_of(member: str) -> str:
    """Owner of `OWNER/KEYSET`."""
    return member.rpartition("/")[0]


def date_of(now: int) -> str:
    """Return the business date: UTC+6."""
    return datetime.fromtimestamp(now // 1_000 + 6 * 3_600, UTC).strftime("%Y-%m-%d")


def over(until: int, now: int) -> bool:
    """Whether something with this end is over."""
    return until != 0 and until <= now


class Voices:
    """Who signed, or who voted: keys by keyset; and which keysets turned out to be needed."""

    def __init__(self, books: Books, signed: Iterable[tuple[str, str, bytes]]) -> None:
        self.books = books
        self.signed: dict[str, list[bytes]] = defaultdict(list)
        for owner, name, key in signed:
            self.signed[f"{owner}/{name}"].append(key)
        self.needed: set[str] = set()
        self.brought: tuple[str, list[bytes]] = ("", [])

    def bring(self, owner: str, keyset: Plain) -> None:
        """Say that a keyset comes with the transaction."""
        self.brought = (f"{owner}/{keyset.name}", [key.public_key for key in keyset.keys])

    def agrees(self, member: str) -> bool:
        """Whether m keys that count have signed, none that does not, and the owner can act."""
        signed, keyset = self.signed.get(member, []), self.books.signing(member)
        if keyset is None or not self.books.can_act(owner_of(member), keyset.name):
            return False
        counting = [key.public_key for key in keyset.keys if not over(key.not_after, self.books.now)]
        new = self.brought[1] if member == self.brought[0] else []
        if any(key not in counting and key not in new for key in signed):
            return False
        return len([key for key in signed if key in counting]) >= int(keyset.m)

    def need(self, member: str) -> None:
        """Need a keyset's agreement."""
        if not self.agrees(member):
            raise Refused(QUORUM)
        self.needed.add(member)

    def allow(self, members: Iterable[str]) -> None:
        """Take what these say as needed."""
        self.needed.update(members)

    def need_change(self, owner: str, current: Plain | None, new: Plain) -> None:
        """Need what another keyset needs: each new key, and the current keyset."""
        self.need_new_keys(owner, current, new)
        if current is not None:
            self.need(f"{owner}/{current.name}")

    def need_new_keys(self, owner: str, current: Plain | None, new: Plain) -> None:
        """Need each new key."""
        known = [key.public_key for key in current.keys] if current else []
        member = f"{owner}/{new.name}"
        signed = self.signed.get(member, [])
        if any(key.public_key not in signed + known for key in new.keys):
            raise Refused(QUORUM)
        if current is None or current.name != new.name:
            if any(key not in self.brought[1] for key in signed):
                raise Refused(QUORUM)
            self.needed.add(member)

    def need_brought(self, owner: str, record: Plain, new: Plain) -> None:
        """Need the keys that the ledger does not have for this keyset, and they alone: nobody else speaks for it."""
        waiting = record.waiting.keyset.keys if record.waiting is not None else ()
        known = [key.public_key for key in (*record.keys, *waiting)]
        member = f"{owner}/{new.name}"
        if {key.public_key for key in new.keys if key.public_key not in known} != set(self.signed.get(member, [])):
            raise Refused(QUORUM)
        self.needed.add(member)

    def refuse_superfluous(self) -> None:
        """Refuse signatures that nobody asked for."""
        if any(member not in self.needed for member, keys in self.signed.items() if keys):
            raise Refused(MALFORMED)


class Books:
    """All records, and the moment."""

    def __init__(self, records: Mapping[str, Plain], now: int) -> None:
        self.tables: dict[str, dict[str, Plain]] = defaultdict(dict)
        self.journal: list[tuple[str, Plain | None]] = []
        for key, record in records.items():
            self.put(key, record)
        self.journal.clear()
        self.now, self.height, self.epoch = now, 0, 0
        self.params = self.params_now()
        self.late = False
        """Whether something that has lapsed is still there."""
        self.in_block = 0
        """Transactions of the block so far."""
        self.refs: dict[tuple[str, str], tuple[bytes, int]] = {}
        """(from, ref) -> id and minute."""
        self.inner: dict[bytes, Plain] = {}
        """Proposal -> body."""
        self.gone: set[bytes] = set()
        """Consensus keys that left a set."""

    def get(self, key: str) -> Plain | None:
        """Record at a key."""
        return self.tables[key.split("/", maxsplit=1)[0]].get(key)

    def must(self, key: str, code: int) -> Plain:
        """Record at a key, or a refusal."""
        record = self.get(key)
        if record is None:
            raise Refused(code)
        return record

    def put(self, key: str, record: Plain | None) -> None:
        """Write or remove a record."""
        table = self.tables[key.split("/", maxsplit=1)[0]]
        self.journal.append((key, table.get(key)))
        if record is None:
            table.pop(key, None)
        else:
            table[key] = record

    def undo(self, mark: int) -> None:
        """Go back to when the journal was this long."""
        while len(self.journal) > mark:
            key, record = self.journal.pop()
            table = self.tables[key.split("/", maxsplit=1)[0]]
            if record is None:
                table.pop(key, None)
            else:
                table[key] = record

    def param(self, name: str) -> int:
        """Return what a parameter is in this block: what a transaction sets counts from the next one on."""
        return self.params[name]

    def params_now(self) -> dict[str, int]:
        """Return all parameters as they are written now."""
        return {name: int(record.value) if (record := self.get(f"param/{name}")) else value for name, value in DEFAULTS.items()}

    def can_act(self, owner: str, keyset: str) -> bool:
        """Whether an owner of keysets can act."""
        if "/" not in owner:
            participant = self.get(f"participant/{owner}")
            return participant is not None and participant.status == "active"
        account = self.get(f"account/{owner}")
        return account is not None and account.status != "closed" and account.keyset == keyset

    def signing(self, member: str) -> Plain | None:
        """Keyset that signs now: what was recovered once that is due, none once it was objected to."""
        record = self.get(f"keyset/{member}")
        if record is None or record.waiting is None:
            return record
        if record.waiting.objected:
            return None
        return record if self.now < record.waiting.due else Plain(**vars(record.waiting.keyset))

    def active(self, participant: str) -> Plain:
        """Participant that can act."""
        record = self.must(f"participant/{participant}", NO_PARTICIPANT)
        if record.status != "active":
            raise Refused(SUSPENDED)
        return record

    def member_active(self, member: str) -> None:
        """Refuse a member whose participant cannot act."""
        if "/" not in owner_of(member):
            self.active(owner_of(member))

    def signer(self, account: Plain) -> str:
        """Who signs for an account."""
        return f"{account.id}/{account.keyset}" if account.keyset else f"{self.servicer(account.id)}/ops"

    def servicer(self, owner: str) -> str:
        """Who services an account, or acts for a participant: the end of the chain of successors."""
        name = bank_of(owner)
        while (record := self.get(f"participant/{name}")) is not None and record.status != "active" and record.successor:
            name = str(record.successor)
        return name

    def party(self, name: str) -> str:
        """Who signs for a participant or an account."""
        if "/" not in name:
            return f"{self.servicer(name)}/ops"
        return self.signer(self.must(f"account/{name}", QUORUM))

    def account(self, name: str) -> Plain:
        """Account that exists."""
        return self.must(f"account/{name}", NO_ACCOUNT)

    def asset(self, code: str) -> Plain:
        """Asset that exists."""
        return self.must(f"asset/{code}", NO_ASSET)

    def till(self, participant: str) -> str:
        """First open settlement account."""
        for key in sorted(self.tables["account"]):
            record = self.tables["account"][key]
            if bank_of(record.id) == participant and record.kind == "settlement" and record.status == "open":
                return str(record.id)
        raise Refused(NO_ACCOUNT)

    def posted(self, account: str, asset: str) -> int:
        """Return what is posted."""
        record = self.get(f"balance/{account}/{asset}")
        return 0 if record is None else int(record.posted)

    def held(self, account: str, asset: str) -> int:
        """Add the holds up."""
        holds = self.tables["hold"].values()
        return sum(hold.left + hold.fee_left for hold in holds if hold.source == account and hold.asset == asset)

    def free(self, account: str, asset: str) -> int:
        """Return what is posted and not held."""
        return self.posted(account, asset) - self.held(account, asset)

    def post(self, entries: Sequence[Entry], gross: Mapping[tuple[str, str], int]) -> None:
        """Move value, or say why not. `gross`: places that must not lean on what comes in, and what is arrested there."""
        net = net_of(entries)
        short = {place for place, (posted, held) in net.items() if self.free(*place) + posted - held < 0 and "/contra:" not in place[0]}
        beyond = {place for place, (posted, _) in net.items() if self.posted(*place) + posted > MOST}
        caught = set()
        for place, arrested in gross.items():
            asked = sum(max(0, entry[3] - entry[2]) for entry in entries if entry[:2] == place)
            if asked > self.free(*place):
                short.add(place)
            elif asked > max(0, self.free(*place) - arrested):
                caught.add(place)
        for code, places in ((FUNDS, short), (ARRESTED, caught)):
            if places:
                raise Refused(code, min(entry[4] for entry in entries if entry[:2] == min(places) and entry[2] < entry[3]))
        if beyond:
            raise Refused(AMOUNT, min(entry[4] for entry in entries if entry[:2] == min(beyond) and entry[2] > 0))
        for place, (posted, _) in net.items():
            self.put(f"balance/{place[0]}/{place[1]}", Plain(posted=self.posted(*place) + posted))

    def grants(self, permission: str) -> list[Plain]:
        """Return all grants of a permission, by id."""
        found = [each for each in self.tables["grant"].values() if each.grant.permission == permission]
        return sorted(found, key=lambda each: str(each.grant.id))

    def fitting(self, permission: str, **wanted: str | Sequence[str]) -> list[Plain]:
        """Active grants that cover what is wanted: asset, participant, account, to, classes."""
        return [each for each in self.grants(permission) if self.in_force(each.grant) and covers(each.grant, wanted)]

    def in_force(self, grant: Plain) -> bool:
        """Whether a grant authorises now."""
        return grant.not_before <= self.now and not over(grant.until, self.now)

    def use(self, voices: Voices, permission: str, **wanted: str | Sequence[str]) -> Plain:
        """First grant whose need is met."""
        return use_first(voices, self.fitting(permission, **wanted))

    def mandate(self, voices: Voices, account: str, asset: str, payee: str) -> Plain:
        """Grant under which an account is debited without its owner."""
        fitting = [each for each in self.fitting("debit", asset=asset, participant=payee, account=account) if each.grant.scope.account]
        try:
            return use_first(voices, fitting)
        except Refused as refused:
            raise Refused(QUORUM) from refused

    def charge(self, record: Plain, amount: int) -> None:
        """Count a use."""
        quota, today = record.grant.quota, date_of(self.now)
        record = self.must(f"grant/{record.grant.id}", NO_GRANT)
        if quota is None:
            return
        window = {"once": "", "day": today, "month": today[:7]}[quota.per]
        used = (record.used if record.window == window else 0) + amount
        if used > quota.amount:
            raise Refused(QUOTA)
        self.put(f"grant/{record.grant.id}", changed(record, window=window, used=used))

    def can_agree(self, member: str) -> bool:
        """Whether a keyset exists, nobody has objected to its recovery, and its participant can act."""
        record = self.get(f"keyset/{member}")
        able = record is not None and not (record.waiting is not None and record.waiting.objected)
        return able and self.can_act(owner_of(member), "")

    def check_root(self) -> None:
        """Refuse to lose the last root that can act."""
        for record in self.grants("root"):
            grant = record.grant
            whole = grant.until == 0 and self.in_force(grant) and covers(grant, {})
            able = [each for each in members(grant) if self.can_agree(each)]
            if whole and len(able) >= needed(grant):
                return
        raise Refused(NO_GRANT)


def net_of(entries: Iterable[Entry]) -> dict[tuple[str, str], tuple[int, int]]:
    """Add entries up by account and asset."""
    net: dict[tuple[str, str], tuple[int, int]] = {}
    for account, asset, posted, held, _ in entries:
        before = net.get((account, asset), (0, 0))
        net[account, asset] = (before[0] + posted, before[1] + held)
    return net


def members(grant: Plain) -> list[str]:
    """Keysets that may agree."""
    return list(grant.need.of) if grant.need else [f"{grant.to}/ops"]


def needed(grant: Plain) -> int:
    """How many of them must."""
    return int(grant.need.m) if grant.need else 1


def use_first(voices: Voices, fitting: Iterable[Plain]) -> Plain:
    """Use the first grant of these whose need is met."""
    code = NO_GRANT
    for record in fitting:
        code = QUORUM
        if sum(voices.agrees(member) for member in members(record.grant)) >= needed(record.grant):
            voices.allow(members(record.grant))
            return record
    raise Refused(code)


def matches(pattern: str, name: str) -> bool:
    """Whether a pattern covers a class."""
    bare = name.split("@", maxsplit=1)[0]
    return bare.startswith(pattern[:-1]) if pattern.endswith("*") else bare == pattern


def covers(grant: Plain, wanted: Mapping[str, str | Sequence[str]]) -> bool:
    """Whether a grant covers what is wanted."""
    for field in ("asset", "participant", "account"):
        if getattr(grant.scope, field) not in ("", wanted.get(field, "")):
            return False
    if wanted.get("to", "") not in ("", grant.to):
        return False
    classes = wanted.get("classes", ())
    if grant.scope.classes and not all(any(matches(pattern, name) for pattern in grant.scope.classes) for name in classes):
        return False
    return "anonymous" not in classes or grant.quota is not None


def vault_of(policy: Plain) -> tuple[str, str] | None:
    """Vault, and what is locked in it."""
    if isinstance(policy.reserve, str) or policy.reserve.kind != "vault":
        return None
    return f"{policy.issuer}/vault:{policy.code}", policy.reserve.vault


def contra_of(policy: Plain) -> str:
    """Contra account."""
    return f"{policy.issuer}/contra:{policy.code}"
