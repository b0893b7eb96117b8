"""The cases of propose and approve; see `cases.py`. What their bodies are refused for: `test_proposals_types.py`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from ledger.canonical import encode
from ledger.codec import NAME_OF
from ledger.grants import Need, Quota, Scope
from ledger.parameters import parameter_records
from ledger.proposals import Proposal, Vote, proposal_key
from ledger.transactions.bodies import Approve, GrantPut, Issue, KeysetPut, Propose
from tests.ledger.breaks import Break, asked, both, edited, no_grant, parameter
from tests.ledger.cast import BANK_A, OPERATOR, Case
from tests.ledger.world import BOARD, DAY_MS, MAIN_A, START_MS, grant, keyset, signers

if TYPE_CHECKING:
    from typing import Literal

    from ledger.transactions.bodies import Body
    from tests.ledger.breaks import Change
    from tests.ledger.world import Signer, World

TREASURY, BOARDS = "treasury/treasury", "operator/board"
GIVEN = GrantPut(grant("new", "register", "treasury"))
ISSUED = Issue("KGS", MAIN_A, 500, "", None)


def proposing(content: Body, *, until: int = START_MS + DAY_MS, not_before: int = 0) -> Propose:
    """Propose a body."""
    return Propose(NAME_OF[type(content)], encode(content), not_before, until)


def opened(world: World, content: Body, *votes: str, until: int = START_MS + DAY_MS, not_before: int = 0) -> bytes:
    """Open a proposal as the treasury, let keysets vote for it, and return its id."""
    body = proposing(content, until=until, not_before=not_before)
    found = world.must(body, by=ballot(TREASURY), sender="treasury").tx_id
    for member in votes:
        assert vote(world, found, member) == 0
    return found


def vote(world: World, found: bytes, member: str, choice: Literal["yes", "no", "withdraw"] = "yes") -> int:
    """Vote with a participant's keyset, sent by its owner; return the code."""
    return world.do(Approve(found, member, choice), by=ballot(member), sender=member.partition("/")[0]).code


def ballot(member: str) -> list[Signer]:
    """Signatures of a vote that a keyset's owner sends: of the keyset and of `ops`."""
    own = BOARD if member == BOARDS else signers(member)
    return list(dict.fromkeys([*signers(f"{member.partition('/')[0]}/ops"), *own]))


def proposal_of(world: World, found: bytes) -> Proposal | None:
    """Return the open proposal, if it is there."""
    record = world.state.get(proposal_key(found))
    assert record is None or isinstance(record, Proposal)
    return record


def is_open(world: World, found: bytes) -> bool:
    """Whether a proposal waits."""
    return proposal_of(world, found) is not None


def stored(**fields: object) -> Change:
    """Change fields of the one open proposal."""

    def change(world: World, body: Body) -> Body:
        key = next(key for key in world.state.records if key.startswith("proposal/"))
        return edited(key, "", **fields)(world, body)

    return change


def one_open(world: World, body: Body) -> Body:
    """Have the one proposal open that bank-a may have."""
    world.must(proposing(GIVEN), by=[*BANK_A, *signers(TREASURY)], sender="bank-a")
    world.state.records.update(parameter_records({"proposals_open_max": 1}))
    return body


def taken(world: World, body: Body) -> Body:
    """Let somebody else have given a grant of this id."""
    world.state.records["grant/new"] = world.state.records["grant/root"]
    return body


def given(**fields: object) -> bytes:
    """Content of another grant."""
    return encode(GrantPut(replace(GIVEN.grant, **fields)))


ROOT_IS_USED = both(edited("grant/root", used=1), edited("grant/root", "grant", quota=Quota(1, "once")))
FULL = tuple(Vote(f"bank-a/x{number:02}", "yes", ()) for number in range(32))

VOTING = (
    Case(
        "propose",
        lambda _world: proposing(GIVEN),
        [*BANK_A, *signers(TREASURY)],
        (
            Break("who may vote", 111, asked(), [*BANK_A]),
            Break("room for proposals", 127, one_open),
            Break("an end that is to come", 184, asked(until=START_MS)),
            Break("an end that is not too far", 184, asked(until=START_MS + 31 * DAY_MS)),
            Break("an end within the parameter", 184, parameter("proposal_ms_max", DAY_MS // 2)),
            Break("grant root", 112, no_grant("root", "root")),
            Break("holder", 120, asked(content=given(to="bank-x"))),
            Break("account of the scope", 122, asked(content=given(scope=Scope("", "", "bank-a/nobody", ())))),
            Break("asset of the scope", 130, asked(content=given(scope=Scope("GOLD", "", "", ())))),
            Break("a free id", 125, asked(content=given(id="root"))),
        ),
        "bank-a",
    ),
    Case(
        "propose, a keyset",
        lambda _world: proposing(KeysetPut("bank-b", keyset("bank-b", "board", 2, 2))),
        [*OPERATOR, *signers("bank-b/board", 2)],
        (Break("active owner", 121, edited("participant/bank-b", status="suspended")),),
    ),
    Case(
        "approve, the first of two",
        lambda world: Approve(opened(world, GIVEN), BOARDS, "yes"),
        [*BANK_A, *BOARD],
        (
            Break("proposal", 183, asked(proposal=bytes(32))),
            Break("a proposal that has not lapsed", 183, stored(until=START_MS)),
            Break("a keyset with a say", 182, asked(keyset="bank-a/ops"), BANK_A),
            Break("a vote to withdraw", 182, asked(vote="withdraw")),
            Break("participant", 120, asked(keyset="bank-x/ops")),
            Break("active participant", 121, edited("participant/operator", status="suspended")),
            Break("room for votes", 127, stored(votes=FULL)),
            Break("grant root", 112, no_grant("root", "root")),
        ),
        "bank-a",
    ),
    Case(
        "approve, the second of two",
        lambda world: Approve(opened(world, GIVEN, TREASURY), BOARDS, "yes"),
        [*BANK_A, *BOARD],
        (
            Break("a grant id that is free", 125, taken),
            Break("quota of root", 113, ROOT_IS_USED),
            Break("keysets of the quorum", 128, stored(content=given(need=Need(1, ("treasury/gone",))))),
        ),
        "bank-a",
    ),
    Case(
        "approve, an issue",
        lambda world: Approve(opened(world, ISSUED, TREASURY), BOARDS, "yes"),
        [*BANK_A, *BOARD],
        (
            Break("asset", 130, stored(content=encode(replace(ISSUED, asset="GOLD")))),
            Break("open account", 123, edited(f"account/{MAIN_A}", status="closing")),
            Break("cap", 160, edited("asset/KGS", "policy", cap=1)),
        ),
        "bank-a",
    ),
)
