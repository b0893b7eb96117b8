"""Keysets that are recovered, objected to and decided on, and participants that are succeeded: cases as in `cases.py` (L24, L29)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from ledger.grants import Quota
from ledger.participants import Participant, Waiting
from ledger.transactions.bodies import KeysetPut, ParticipantPut
from tests.ledger.breaks import Break, asked, both, edited, no_grant, parameter
from tests.ledger.cast import ALICE_SIGNS, BANK_A, BANK_B, OPERATOR, ROOT_OF_THREE, Case
from tests.ledger.world import ALICE, BOARD, DAY_MS, START_MS, keyset, signers

if TYPE_CHECKING:
    from ledger.participants import Keyset
    from tests.ledger.world import Signer, World

DELAY = 3 * DAY_MS
COMPLIANCE = signers("bank-b/compliance")
OPS_5, OPS_7 = signers("bank-b/ops", 6)[5], signers("bank-b/ops", 8)[7]


def recoverable(owner: str, name: str, recovery: str, start: int = 0, delay_ms: int = DELAY) -> Keyset:
    """Keyset of one key that names who may recover it."""
    return replace(keyset(owner, name, start=start), recovery=recovery, delay_ms=delay_ms)


def guarded(world: World) -> Keyset:
    """Let `ops` of bank-b be recovered by its `compliance`; return it."""
    ops = recoverable("bank-b", "ops", "compliance")
    world.must(KeysetPut("bank-b", ops), by=BANK_B, sender="bank-b")
    return ops


def begun(world: World) -> Keyset:
    """Begin the recovery of `ops` of bank-b; return the keyset that waits."""
    guarded(world)
    new = recoverable("bank-b", "ops", "compliance", 5)
    world.must(KeysetPut("bank-b", new, "recovery"), by=[*OPERATOR, *COMPLIANCE, OPS_5])
    return new


def refused(world: World) -> Keyset:
    """Let `ops` of bank-b object to its recovery; return it as it stands."""
    begun(world)
    ops = recoverable("bank-b", "ops", "compliance")
    world.must(KeysetPut("bank-b", ops), by=BANK_B, sender="bank-b")
    return ops


def own(start: int = 0) -> Keyset:
    """Keyset of alice that the bank's `ops` may recover."""
    return recoverable(ALICE, "user", "ops", start)


def guarded_wallet(world: World) -> None:
    """Let alice's keyset be recovered by `ops` of its bank."""
    world.must(KeysetPut(ALICE, own()), by=ALICE_SIGNS, sender=ALICE)


def refused_wallet(world: World) -> KeysetPut:
    """Let alice object to a recovery by her bank; return the bank's decision for her."""
    guarded_wallet(world)
    world.must(KeysetPut(ALICE, own(5), "recovery"), by=[*BANK_A, signers(f"{ALICE}/user", 6)[5]], sender="bank-a")
    world.must(KeysetPut(ALICE, own()), by=ALICE_SIGNS, sender=ALICE)
    return KeysetPut(ALICE, own())


def recovered_wallet(world: World) -> KeysetPut:
    """Return the recovery of alice's keyset by her bank."""
    guarded_wallet(world)
    return KeysetPut(ALICE, own(5), "recovery")


def operator_begun(world: World) -> KeysetPut:
    """Begin the recovery of the operator's `board` by its `ops`; return the objection."""
    board = replace(keyset("operator", "board", 2, 3), recovery="ops", delay_ms=DELAY)
    world.must(KeysetPut("operator", board), by=[*OPERATOR, *BOARD])
    fresh = replace(keyset("operator", "board", 1, 1, start=8), recovery="ops", delay_ms=DELAY)
    world.must(KeysetPut("operator", fresh, "recovery"), by=[*OPERATOR, signers("operator/board", 9)[8]])
    return KeysetPut("operator", board)


def operator_refused(world: World) -> KeysetPut:
    """Let `board` of the operator object to its recovery by `ops`; return the decision for it, the same keyset."""
    body = operator_begun(world)
    world.must(body, by=[*OPERATOR, *BOARD])
    return body


def closed_bank(world: World) -> Participant:
    """Close bank-b, without a successor."""
    closed = replace(BANK_B_GONE, status="closed", successor="")
    world.must(ParticipantPut(closed), by=OPERATOR)
    return closed


BANK_B_GONE = Participant("bank-b", "bank", "Bank B", "", "", "KG", "suspended", "bank-a", (), (), ())
ROOT_BUT_BOARD: list[Signer] = [*OPERATOR, *signers("treasury/treasury")]

KEYS = (
    Case(
        "keyset.put, recovery of a participant's keyset",
        lambda world: KeysetPut("bank-b", replace(guarded(world), keys=keyset("bank-b", "ops", start=7).keys), "recovery"),
        [*OPERATOR, *COMPLIANCE, OPS_7],
        (
            Break("active participant", 121, edited("participant/bank-b", status="suspended")),
            Break("a keyset that names who recovers it", 128, edited("keyset/bank-b/ops", recovery="", delay_ms=0)),
            Break(
                "no objection before",
                128,
                edited("keyset/bank-b/ops", waiting=Waiting(keyset("bank-b", "ops"), START_MS, "recovery", START_MS)),
            ),
            Break("a delay as long as the network's", 128, asked("keyset", delay_ms=DELAY - 1)),
            Break(
                "a shortest delay that allows it",
                128,
                both(parameter("recovery_delay_ms_min", DELAY + 1), asked("keyset", delay_ms=DELAY - 2)),
            ),
            Break("a keyset that recovers", 128, asked("keyset", recovery="board")),
            Break("something to withdraw", 128, asked("keyset", keys=keyset("bank-b", "ops").keys), [*OPERATOR, *COMPLIANCE]),
            Break(
                "keys that last 30 days from the day on that they count",
                128,
                asked("keyset", keys=(replace(keyset("bank-b", "ops", start=7).keys[0], not_after=START_MS + 31 * DAY_MS),)),
            ),
        ),
    ),
    Case(
        "keyset.put, recovery of an account's keyset",
        recovered_wallet,
        [*OPERATOR, *BANK_A, signers(f"{ALICE}/user", 6)[5]],
        (
            Break("open account", 123, edited(f"account/{ALICE}", status="closed")),
            Break("a servicer that can act", 121, edited("participant/bank-a", status="suspended")),
            Break(
                "the name of its keyset",
                128,
                asked("keyset", name="other"),
                [*OPERATOR, *BANK_A, (ALICE, "other", signers(f"{ALICE}/user", 6)[5][2])],
            ),
        ),
    ),
    Case(
        "keyset.put, objection",
        lambda world: KeysetPut("bank-b", replace(begun(world), keys=keyset("bank-b", "ops").keys)),
        BANK_B,
        (
            Break("active participant", 120, asked(owner="bank-x")),
            Break("the keyset as it stands", 128, asked("keyset", m=1, delay_ms=DELAY + 1)),
            Break("no rotation meanwhile", 128, asked("keyset", keys=keyset("bank-b", "ops", start=7).keys), [*BANK_B, OPS_7]),
        ),
        "bank-b",
    ),
    Case(
        "keyset.put, objection that leaves a root",
        operator_begun,
        [*OPERATOR, *BOARD],
        (Break("a root that can act", 112, edited("grant/root", "grant", need=ROOT_OF_THREE)),),
    ),
    Case(
        "keyset.put, decision of the registrar",
        lambda world: KeysetPut("bank-b", refused(world)),
        OPERATOR,
        (
            Break("grant register", 112, no_grant("register", "register")),
            Break("its quota", 113, both(edited("grant/register", used=1), edited("grant/register", "grant", quota=Quota(1, "once")))),
            Break("active participant", 121, edited("participant/bank-b", status="suspended")),
            Break("a keyset that recovers", 128, asked("keyset", recovery="board")),
        ),
    ),
    Case(
        "keyset.put, decision of the servicer",
        refused_wallet,
        [*OPERATOR, *BANK_A],
        (Break("active servicer", 121, edited("participant/bank-a", status="suspended")),),
    ),
    Case(
        "keyset.put, decision of root",
        operator_refused,
        ROOT_BUT_BOARD,
        (Break("grant root", 112, no_grant("root", "root")),),
    ),
    Case(
        "participant.put, succession",
        lambda _world: ParticipantPut(BANK_B_GONE),
        OPERATOR,
        (
            Break("the successor", 120, asked("participant", successor="bank-x")),
            Break(
                "the successor, before it is asked who is closed",
                120,
                both(asked("participant", successor="bank-x"), edited("participant/bank-b", status="closed")),
            ),
            Break("an active successor", 121, edited("participant/bank-a", status="suspended")),
            Break("grant register", 112, no_grant("register", "register")),
        ),
    ),
    Case(
        "participant.put, successor of a closed participant",
        lambda world: ParticipantPut(replace(closed_bank(world), successor="bank-a")),
        OPERATOR,
        (
            Break("nothing else changes", 121, asked("participant", name="Bank C")),
            Break("closed for ever", 121, asked("participant", status="active", successor="")),
            Break("an active successor", 121, edited("participant/bank-a", status="closed")),
        ),
    ),
)
