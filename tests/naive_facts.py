"""What stands behind an asset in the whole model: facts, what they are worth in fractions, and whether that covers a supply."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from tests.naive_books import KIND, MOST, NO_ASSET, Books, Plain, Refused, changed, over

if TYPE_CHECKING:
    from collections.abc import Iterable

EXISTS, TOO_MANY, SHORT, STALE, UNPRICED, CONDITION, NO_SAY = 125, 127, 161, 162, 163, 172, 182
ITEMS = 64
PERMISSIONS = {"reserve": "attest.reserve", "price": "attest.price", "foreign": "attest.foreign"}


def attested(policy: Plain) -> Plain | None:
    """Reserve that others attest: items, or what is locked abroad."""
    if isinstance(policy.reserve, str) or policy.reserve.kind == "vault":
        return None
    return Plain(**vars(policy.reserve))


def attestors(books: Books, permission: str, code: str) -> list[str]:
    """Who may say something of an asset now."""
    found = [each.grant for each in books.grants(permission)]
    return [grant.to for grant in found if books.in_force(grant) and grant.scope.asset in ("", code)]


def fresh(books: Books, fact: Plain, age_ms: int) -> bool:
    """Whether a fact counts."""
    return bool(fact.as_of <= books.now < fact.as_of + age_ms) and not over(fact.valid_until, books.now)


def worth(books: Books, policy: Plain, reserve: Plain) -> Plain:
    """Eligible, market, foreign; and what is stale, without price, not seen."""
    code = policy.code
    if reserve.kind == "foreign":
        found = [locked(books, code, locker) for locker in reserve.lockers]
        whole = min(MOST, sum(amount for amount, _ in found))
        late = not all(known for _, known in found)
        return Plain(eligible=whole, market=whole, foreign=0, stale=late, unpriced=False, unseen=False)
    terms = {each.type: each for each in reserve.terms}
    prices = {feed.name: (feed, price_of(books, code, feed)) for feed in reserve.feeds}
    vouching = attestors(books, "attest.reserve", code)
    sums: dict[str, list[int]] = {}
    stale = unpriced = False
    for item in sorted(books.tables["item"].values(), key=lambda each: str(each.id)):
        if item.asset != code or not item.quantity:
            continue
        term = terms.get(item.type)
        if term is None or item.attestor not in vouching or not fresh(books, item, term.max_age_ms):
            stale = True
            continue
        value = Fraction(item.quantity)
        if term.feed:
            feed, price = prices[term.feed]
            if price == 0:
                unpriced = True
                continue
            value = value * price * 10**policy.decimals / (feed.unit * 10**feed.decimals)
        pair = sums.setdefault(item.type, [0, 0])
        pair[0] += int(value * (10_000 - term.haircut_bps) / 10_000)
        pair[1] += int(value)
    foreign, unseen = abroad(books, code, reserve)
    eligible, market = (shared(sums, terms, which) for which in (0, 1))
    return Plain(eligible=eligible, market=market, foreign=foreign, stale=stale or not (sums or unpriced), unpriced=unpriced, unseen=unseen)


def shared(sums: dict[str, list[int]], terms: dict[str, Plain], which: int) -> int:
    """Sum of which no type has more than its share."""
    whole = sum(pair[which] for pair in sums.values())
    counted = sum(min(pair[which], whole * int(terms[type_].share_max_bps) // 10_000) for type_, pair in sums.items())
    return min(MOST, counted)


def price_of(books: Books, code: str, feed: Plain) -> int:
    """Middle of what the sources say; silence is 0."""
    reporting = attestors(books, "attest.price", code)
    said = []
    for source in feed.sources:
        report = books.get(f"feed/{code}:{feed.name}/{source}")
        said.append(report.price if report is not None and source in reporting and fresh(books, report, feed.max_age_ms) else 0)
    return int(sorted(said)[len(said) // 2])


def locked(books: Books, code: str, locker: Plain) -> tuple[int, bool]:
    """Middle of what is seen locked there, silence being 0; and whether more than half have spoken lately."""
    observing = attestors(books, "attest.foreign", code)
    words: list[int | None] = []
    for source in locker.sources:
        seen = books.get(f"locked/{code}:{locker.name}/{source}")
        words.append(seen.amount if seen is not None and source in observing and fresh(books, seen, locker.max_age_ms) else None)
    spoken = [word for word in words if word is not None]
    return sorted(word or 0 for word in words)[len(words) // 2], len(spoken) > len(words) // 2


def abroad(books: Books, code: str, reserve: Plain) -> tuple[int, bool]:
    """Supply on observed routes, and whether one is not known now; silence is without bound."""
    observing = attestors(books, "attest.foreign", code)
    foreign, unseen = 0, False
    for route in reserve.routes:
        seen = [(source, books.get(f"observed/{code}:{route.id}/{source}")) for source in route.sources]
        known = sorted(each.supply for _, each in seen if each is not None)
        age = books.param("observe_max_age_ms")
        now = sorted(each.supply for source, each in seen if each is not None and source in observing and fresh(books, each, age))
        middle = len(route.sources) // 2
        if middle < len(now):
            foreign += now[middle]
        else:
            foreign += known[len(known) // 2] if known else 0
            unseen = True
    return foreign, unseen


def weighed(books: Books, asset: Plain, value: Plain, said_before: int = 0) -> Plain:
    """Asset with what backs it; short from the second round on."""
    asset = changed(asset, eligible=value.eligible, market=value.market)
    if asset.supply + value.foreign <= value.market:
        return changed(asset, short_since=0, state="open")
    again = asset.short_since and said_before >= asset.short_since
    state = "underbacked" if again or asset.state == "underbacked" else "open"
    return changed(asset, short_since=asset.short_since or books.now, state=state)


def reweighed(books: Books, asset: Plain, said_before: int = 0) -> Plain:
    """Weigh an asset, where it is attested."""
    reserve = attested(asset.policy)
    return asset if reserve is None else weighed(books, asset, worth(books, asset.policy, reserve), said_before)


def backed(books: Books, asset: Plain) -> Plain:
    """Asset after an issue, or why it is not covered."""
    reserve = attested(asset.policy)
    if reserve is None:
        return asset
    value = worth(books, asset.policy, reserve)
    if value.unseen:
        raise Refused(STALE)
    if (asset.supply + value.foreign) * reserve.ratio_bps > value.eligible * 10_000:
        raise Refused(STALE if value.stale else UNPRICED if value.unpriced else SHORT)
    return weighed(books, asset, value)


def key_of(books: Books, said: Plain) -> str:
    """Where a fact is kept."""
    asset = books.get("asset/" + said.subject.partition(":")[0])
    abroad_of = "locked" if asset is not None and kind_of(asset.policy) == "foreign" else "observed"
    return {"reserve": f"item/{said.id}", "price": f"feed/{said.subject}/{said.by}", "foreign": f"{abroad_of}/{said.subject}/{said.by}"}[
        said.kind
    ]


def kind_of(policy: Plain) -> str:
    """Kind of a reserve."""
    return policy.reserve if isinstance(policy.reserve, str) else str(policy.reserve.kind)


def authorise_attest(books: Books, act: Plain) -> None:
    """Let who says it be active, the asset attested, the grant met, and what is meant be named in the policy."""
    said = act.body.attestation
    code, _, name = said.subject.partition(":")
    books.active(said.by)
    before = books.get(key_of(books, said))
    if said.kind == "reserve" and before is not None and before.asset != code:
        raise Refused(EXISTS)
    asset = books.must(f"asset/{code}", NO_ASSET)
    reserve = attested(asset.policy)
    if reserve is None or (reserve.kind == "foreign" and said.kind != "foreign"):
        raise Refused(KIND)
    act.grant = books.use(act.voices, PERMISSIONS[said.kind], asset=code, to=said.by)
    if said.by not in sources(reserve, said, name):
        raise Refused(NO_SAY)


def sources(reserve: Plain, said: Plain, name: str) -> Iterable[str]:
    """Who may say this by the policy."""
    if said.kind == "reserve":
        return [said.by] if name in [each.type for each in reserve.terms] else []
    if said.kind == "price":
        return next((feed.sources for feed in reserve.feeds if feed.name == name), [])
    if reserve.kind == "foreign":
        return next((locker.sources for locker in reserve.lockers if locker.name == name), [])
    return next((route.sources for route in reserve.routes if route.id == name), [])


def perform_attest(books: Books, act: Plain) -> None:
    """Check dates and number; keep it and weigh the reserve anew."""
    said, key = act.body.attestation, key_of(books, act.body.attestation)
    code, _, name = said.subject.partition(":")
    before, now = books.get(key), books.now
    if said.as_of > now or over(said.valid_until, now) or (before is not None and said.as_of <= before.as_of):
        raise Refused(CONDITION)
    fact = Plain(as_of=said.as_of, valid_until=said.valid_until, at=now)
    if said.kind == "reserve":
        fact.id, fact.asset, fact.type, fact.quantity, fact.attestor = said.id, code, name, said.value, said.by
        fact.doc_hash, fact.standard = said.doc_hash, said.standard
        others = [each for each in books.tables["item"].values() if each.asset == code and each.quantity]
        if said.value and not (before is not None and before.quantity) and len(others) >= ITEMS:
            raise Refused(TOO_MANY)
    elif said.kind == "price":
        fact.price = said.value
    elif key.startswith("locked/"):
        fact.amount = said.value
    else:
        fact.supply = said.value
    books.charge(act.grant, 1)
    books.put(key, fact)
    books.put(f"asset/{code}", reweighed(books, books.asset(code), 0 if before is None else before.at))


def redeemed(books: Books, code: str, amount: int) -> None:
    """Take an amount off the supply."""
    asset = books.asset(code)
    asset = changed(asset, supply=asset.supply - amount, redeemed=asset.redeemed + amount)
    books.put(f"asset/{code}", reweighed(books, asset))
