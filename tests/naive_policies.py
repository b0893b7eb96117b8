"""Grants and assets of the whole model: who may do what, and by which rules value exists."""

from __future__ import annotations

from tests.naive_books import (
    CLOSED,
    CONFLICT,
    KIND,
    NO_ACCOUNT,
    NO_ASSET,
    NO_GRANT,
    NO_PARTICIPANT,
    SPENDABLE,
    Books,
    Plain,
    Refused,
    bank_of,
    changed,
    contra_of,
    members,
    over,
    vault_of,
)
from tests.naive_facts import kind_of, reweighed

GRANT_OVER, EXISTS, TOO_MANY, BAD_KEYS, FIXED, CAP, VAULT, CONDITION = 114, 125, 127, 128, 133, 160, 164, 172
GRANTS, DEBITS, DEPTH = 4_096, 64, 8


def use_root(books: Books, act: Plain, grant: Plain) -> Plain:
    """Root over the scope of a grant."""
    scope = grant.scope
    return books.use(act.voices, "root", asset=scope.asset, participant=scope.participant, account=scope.account)


def authorise_grant(books: Books, act: Plain) -> None:
    """Let everything exist; root agrees, or the issuer for those who attest."""
    grant = act.body.grant
    books.must(f"participant/{grant.to}", NO_PARTICIPANT)
    if grant.scope.participant:
        books.must(f"participant/{grant.scope.participant}", NO_PARTICIPANT)
    if grant.scope.account:
        books.must(f"account/{grant.scope.account}", NO_ACCOUNT)
    if books.get(f"grant/{grant.id}"):
        raise Refused(EXISTS)
    asset = books.asset(grant.scope.asset) if grant.scope.asset else None
    act.giver, act.root = "root", None
    if grant.permission == "debit":
        account = books.account(grant.scope.account)
        books.member_active(books.signer(account))
        if account.status == "closed":
            raise Refused(CLOSED)
        if account.kind not in SPENDABLE:
            raise Refused(KIND)
        act.voices.need(books.signer(account))
        act.giver = bank_of(account.id)
        return
    try:
        act.root = use_root(books, act, grant)
    except Refused:
        if asset is None or not (grant.permission.startswith("attest.") or grant.permission == "redeem.approve"):
            raise
        act.giver = asset.policy.issuer
        act.voices.need(f"{act.giver}/ops")


def perform_grant(books: Books, act: Plain) -> None:
    """Check its end, duties, members; give."""
    grant = act.body.grant
    if over(grant.until, books.now):
        raise Refused(GRANT_OVER)
    _check_duties(books, grant)
    alike = books.grants(grant.permission)
    if grant.permission == "debit":
        alike = [each for each in alike if each.grant.scope.account == grant.scope.account]
    if len(alike) >= (DEBITS if grant.permission == "debit" else GRANTS):
        raise Refused(TOO_MANY)
    for member in grant.need.of if grant.need else ():
        books.must(f"keyset/{member}", BAD_KEYS)
    if act.root is not None:
        books.charge(act.root, 1)
    books.put(f"grant/{grant.id}", Plain(grant=grant, giver=act.giver, window="", used=0))


def _check_duties(books: Books, grant: Plain) -> None:
    attesting = ("attest.reserve", "attest.price", "attest.foreign")
    opposite = attesting if grant.permission == "issue" else ("issue",) if grant.permission in attesting else ()
    mine = {grant.to, *map(bank_of, members(grant))}
    for permission in opposite:
        for record in books.grants(permission):
            other = record.grant
            apart = "" not in (grant.scope.asset, other.scope.asset) and grant.scope.asset != other.scope.asset
            about = grant.scope.asset or other.scope.asset
            counts = "attest.foreign" not in (permission, grant.permission) or any(
                kind_of(each.policy) == "foreign" for each in books.tables["asset"].values() if about in ("", each.policy.code)
            )
            if counts and not apart and mine & {other.to, *map(bank_of, members(other))}:
                raise Refused(CONFLICT)


def authorise_end(books: Books, act: Plain) -> None:
    """Let root, the holder or the giver agree."""
    record = books.must(f"grant/{act.body.id}", NO_GRANT)
    if over(record.grant.until, books.now):
        raise Refused(NO_GRANT)
    act.root = None
    try:
        act.root = use_root(books, act, record.grant)
    except Refused:
        asked = [f"{name}/ops" for name in (record.grant.to, record.giver) if name != "root"]
        if record.grant.permission == "debit":
            asked.append(books.signer(books.account(record.grant.scope.account)))
        agreeing = [member for member in asked if act.voices.agrees(member)]
        if not agreeing:
            raise
        act.voices.need(agreeing[0])


def perform_end(books: Books, act: Plain) -> None:
    """End it; a root remains."""
    record = books.must(f"grant/{act.body.id}", NO_GRANT)
    if act.root is not None:
        books.charge(act.root, 1)
    books.put(f"grant/{act.body.id}", None)
    if record.grant.permission == "root":
        books.check_root()


# --- assets --------------------------------------------------------------------------------------------------------------


def authorise_asset(books: Books, act: Plain) -> None:
    """Check what backs it and where it ends; issuer and root agree."""
    policy = act.body.policy
    act.old = books.get(f"asset/{policy.code}")
    _check_lockers(books, policy)
    behind, vault = 0, vault_of(policy)
    while vault is not None:
        other = books.must(f"asset/{vault[1]}", NO_ASSET).policy
        behind += 1
        if other.code == policy.code or behind > DEPTH or other.decimals != policy.decimals or other.expires is not None:
            raise Refused(VAULT)
        vault = vault_of(other)
    if policy.expires is not None and (act.old is None or act.old.policy.expires != policy.expires):
        line = books.account(policy.expires.budget_line)
        if line.status != "open":
            raise Refused(CLOSED)
        if line.kind not in ("settlement", "clearing"):
            raise Refused(KIND)
        if policy.expires.at <= books.now:
            raise Refused(CONDITION)
    books.active(policy.issuer)
    act.voices.need(f"{policy.issuer}/ops")
    act.grant = books.use(act.voices, "root", asset=policy.code)


def perform_asset(books: Books, act: Plain) -> None:
    """Check what is fixed, cap, number and what it backs; define."""
    policy, old = act.body.policy, act.old
    if old is None and len(books.tables["asset"]) >= books.param("assets_max"):
        raise Refused(TOO_MANY)
    if old is not None:
        _check_fixed(old, policy)
    books.charge(act.grant, 1)
    if policy.cap is not None and policy.cap < (old.supply if old else 0):
        raise Refused(CAP)
    if old is not None:
        _check_backs(books, policy)
        _check_feeds(books, old.policy, policy)
        _check_places(books, old.policy, policy)
        if own_accounts(old.policy) != own_accounts(policy):
            _put_accounts(books, old.policy, "closed")
    _put_accounts(books, policy, "open")
    fresh = Plain(policy=policy, supply=0, issued=0, redeemed=0, eligible=0, market=0, short_since=0, swept="", state="open")
    asset = fresh if old is None or not old.issued else changed(old, policy=policy)
    books.put(f"asset/{policy.code}", reweighed(books, asset))
    if kind_of(policy) == "foreign":
        for record in books.grants("issue"):
            if record.grant.scope.asset in ("", policy.code):
                _check_duties(books, record.grant)


def _check_fixed(old: Plain, new: Plain) -> None:
    fields = ("decimals", "issuer", "expires", "fixed", *old.policy.fixed) if old.issued else ()
    if any(getattr(old.policy, field) != getattr(new, field) for field in fields):
        raise Refused(FIXED)
    if old.issued and (vault_of(old.policy), kind_of(old.policy)) != (vault_of(new), kind_of(new)):
        raise Refused(FIXED)
    if any(power not in new.powers for power in old.policy.powers):
        raise Refused(FIXED)


def _check_backs(books: Books, policy: Plain) -> None:
    for each in books.tables["asset"].values():
        vault = vault_of(each.policy)
        if vault is not None and vault[1] == policy.code and (policy.expires is not None or policy.decimals != each.policy.decimals):
            raise Refused(VAULT)


def _check_feeds(books: Books, old: Plain, new: Plain) -> None:
    feeds = {} if isinstance(new.reserve, str) else {feed.name: feed for feed in new.reserve.feeds}
    for feed in () if isinstance(old.reserve, str) else old.reserve.feeds:
        now = feeds.get(feed.name)
        if now is not None and (now.base, now.quote, now.unit, now.decimals) != (feed.base, feed.quote, feed.unit, feed.decimals):
            raise Refused(FIXED)
        for source in feed.sources:
            if now is None or source not in now.sources:
                books.put(f"feed/{old.code}:{feed.name}/{source}", None)


def lockers(policy: Plain) -> dict[str, Plain]:
    """Lockers of an asset, by name."""
    return {} if isinstance(policy.reserve, str) else {each.name: each for each in policy.reserve.lockers}


def _check_lockers(books: Books, policy: Plain) -> None:
    mine = [(each.chain, each.contract) for each in lockers(policy).values()]
    for asset in books.tables["asset"].values():
        theirs = [(each.chain, each.contract) for each in lockers(asset.policy).values()]
        if asset.policy.code != policy.code and any(each in theirs for each in mine):
            raise Refused(EXISTS)


def _check_places(books: Books, old: Plain, new: Plain) -> None:
    for name, locker in lockers(old).items():
        now = lockers(new).get(name)
        if now is not None and (now.chain, now.contract) != (locker.chain, locker.contract):
            raise Refused(FIXED)
        for source in locker.sources:
            if now is None or source not in now.sources:
                books.put(f"locked/{old.code}:{name}/{source}", None)


def own_accounts(policy: Plain) -> dict[str, str]:
    """Accounts of an asset, and their kinds."""
    vault = vault_of(policy)
    kinds = {contra_of(policy): "contra", f"{policy.issuer}/fee:{policy.code}": "fee"}
    return kinds | ({vault[0]: "vault"} if vault else {})


def _put_accounts(books: Books, policy: Plain, status: str) -> None:
    for name, kind in own_accounts(policy).items():
        known = books.get(f"account/{name}")
        if known is None or known.status != status:
            books.put(f"account/{name}", Plain(id=name, kind=kind, pseudonym=b"", keyset="", status=status, classes=()))
