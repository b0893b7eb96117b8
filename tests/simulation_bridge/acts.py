"""What may happen in a history, one drawn thing at a time: people, processes, blocks, time, faults, and whoever means ill."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

from msgspec.structs import astuple, replace

from bridge.attest import checkpoint_of, domain_of, mint_auth_of
from bridge.digests import MintAuth, digest
from bridge.identifiers import ledger_recipient
from ledger.bridges import Burn, Expiry, Mint, Word
from ledger.transactions.bodies import Attest
from ledger.transactions.bridge_bodies import BridgeClaim, BridgeIn, BridgeOut
from tests.bridge.contracts.world import ADMIN, ALICE, BOB, CAROL, GUARDIAN
from tests.bridge.forking import Sent
from tests.bridge.keys import in_order, keys
from tests.ledger.bridge_world import ROUTE, defined, signature, signers_of, witness
from tests.ledger.cast import BY_ROOT, OPERATOR
from tests.ledger.world import HOUR_MS, MAIN_B, signers
from tests.simulation_bridge.home import EVERYBODY, PURSES
from tests.simulation_bridge.raw import demand
from tests.simulation_bridge.stage import Carter, Witness, key_of, members_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from bridge.digests import Checkpoint
    from tests.simulation_bridge.history import History

HOLDERS = (ALICE, BOB)
MALLORY = CAROL
"""Carries what others said, and what nobody did."""
OUTSIDERS = keys(3, first=900)
UNKNOWN = "bank-x/nobody"
SMALL, BIG = (10, 900), (2_900, 5_100)
FALSE = {"burn": "a burn", "expiry": "an expiry", "mint": "a mint"}
GAP_SECONDS = HOUR_MS // 1_000
"""Between two rotations."""


def lock(history: History) -> None:
    """Lock something, mostly a little; limits, statuses and pauses refuse some of it."""
    draw = history.draw
    source = draw.choice(PURSES)
    amount = draw.randrange(*draw.choices((SMALL, BIG, (1, 10)), (12, 4, 1))[0])
    recipient = bytes.fromhex(draw.choice(HOLDERS)[2:])
    code = history.road.do(BridgeOut("KGS", source, amount, ROUTE, recipient), [*OPERATOR, *signers_of(source)])
    history.counts["locked" if code == 0 else f"lock refused: {code}"] += 1
    history.counts["locked, and waits"] += code == 0 and amount >= history.route.terms.limits.big_amount


def burn(history: History) -> None:
    """Burn something, for somebody here or for nobody."""
    holder = history.draw.choice(HOLDERS)
    held = history.contracts.balance(holder)
    if held:
        most = history.draw.choice((held, held, min(held, 400), held + 1))
        account = history.draw.choice((*PURSES, UNKNOWN))
        _call(history, holder, "burn", history.draw.randrange(1, most + 1), ledger_recipient(account))


def transfer(history: History) -> None:
    """Move something from one to another there."""
    one, other = history.draw.sample(HOLDERS, 2)
    held = history.contracts.balance(one)
    if held:
        data = history.contracts.token.interface.call("transfer", (other, history.draw.randrange(1, held + 1)))
        _send(history, one, history.contracts.token.address, data)
        history.counts["moved there"] += 1


def attest(history: History) -> None:
    """Let an attestor do a step."""
    history.attest(history.draw.choice(history.witnesses))


def relay(history: History) -> None:
    """Let a relayer do a step."""
    history.relay(history.draw.choice(history.carters))


def bustle(history: History) -> None:
    """Let most do a step, in any order, with blocks in between."""
    draw = history.draw
    for process in draw.sample(history.processes, len(history.processes)):
        if draw.random() < 0.75:
            if isinstance(process, Witness):
                history.attest(process)
            elif isinstance(process, Carter):
                history.relay(process)
        if draw.random() < 0.25:
            mine(history)
    mine(history)


def mine(history: History) -> None:
    """Make a block there, and let some of the chain be final."""
    history.mine()
    history.finalise()


def wait(history: History) -> None:
    """Let time pass; sometimes nothing becomes final meanwhile."""
    seconds = history.draw.choice((60, 600, 3_600, 7_200, 40_000, 90_000))
    if history.draw.random() < 0.15:
        history.ledger.time_ms += seconds * 1_000
        history.chain.wait(seconds)
        history.counts["finality stood still"] += 1
    else:
        history.later(seconds)


def brink(history: History) -> None:
    """Let the deadline of an open lock come and go, its mint perhaps on the way, in blocks just before and just after it."""
    draw = history.draw
    open_ = [each for each in map(history.lock, range(1, history.route.locks + 1)) if each.state == "locked"]
    if not open_:
        return
    deadline = draw.choice(open_).deadline
    if draw.random() < 0.7:
        relay(history)
    for seconds in (draw.randrange(-30, 3), draw.randrange(3, 60)):
        passing = max(0, deadline + seconds - history.chain.now)
        history.ledger.time_ms += passing * 1_000
        history.chain.wait(passing)
        for _ in range(draw.randrange(1, 3)):
            history.mine()
    history.finalise()
    history.counts["a deadline came and went"] += 1


def disturb(history: History) -> None:
    """Let a node fall silent, lag or forget, or the ledger's node be silent; or all be well again."""
    draw = history.draw
    if draw.random() < 0.4:
        for node in (node for process in history.processes for node in process.nodes):
            node.behind, node.silent, node.loses = 0, False, False
        history.road.silent = False
        return
    for process in draw.sample(history.processes, 3):
        behind, silent = draw.choice(((0, True), (draw.randrange(1, 9), False), (draw.randrange(1, 9), False)))
        for node in process.nodes[draw.randrange(len(process.nodes)) :]:
            node.behind, node.silent = behind, silent
    for carter in history.carters:
        carter.nodes[0].loses = draw.random() < 0.5
    history.road.silent = draw.random() < 0.2
    history.counts["nodes disturbed"] += 1


def reorganise(history: History) -> None:
    """Take blocks away that are not final, and bring some of what was in them again, in another order."""
    chain, draw = history.chain, history.draw
    depth = chain.newest.number - chain.final_number
    if depth <= 0:
        return
    before = history.there.read()
    gone = chain.drop(draw.randrange(1, depth + 1))
    after = history.there.read()
    history.counts["reorganised"] += 1
    history.counts["reorganised: a burn was taken away"] += len(before.burns) > len(after.burns)
    history.counts["reorganised: a mint was taken away"] += len(before.mints) > len(after.mints)
    chain.pool += [each.sent for each in gone if draw.random() < 0.75]
    for _ in range(draw.randrange(3)):
        history.mine(time=chain.newest.time + draw.randrange(1, 24))


def repeat_there(history: History) -> None:
    """Let a stranger send again what a relayer sent once, whether or not it arrived."""
    if history.said_there:
        data = history.draw.choice(list(history.said_there))
        done = history.chain.tried(MALLORY, history.contracts.bridge.address, data)[1]
        history.counts[f"repeated there: {'refused' if done is not None else 'taken'}"] += 1
        _send(history, MALLORY, history.contracts.bridge.address, data)


def repeat_here(history: History) -> None:
    """Give the ledger a transaction again that it was given once: none is executed twice."""
    if history.road.past:
        sent = history.draw.choice(history.road.past)
        known = any(each.raw == sent.raw for each in history.ledger.ordered)
        code = history.road.deliver(sent)
        if known:
            demand(code in (102, 104), f"a {sent.type} that was ordered is ordered again: {code}")
            history.counts["repeated here: refused"] += 1


def deliver(history: History) -> None:
    """Let something late arrive."""
    late = history.road.late
    if late:
        sent = late.pop(history.draw.randrange(len(late)))
        code = history.road.deliver(sent)
        history.counts["late here: too late" if code == 102 else "late here: in time"] += 1


def set_status(history: History) -> None:
    """Let the quorum stop the route, a direction of it, or open it again."""
    status = "active" if history.route.status != "active" else history.draw.choice(("paused_out", "paused_in", "halted"))
    code = history.road.do(defined(terms=None, attestors=None, status=status), BY_ROOT)
    demand(code == 0, f"the quorum sets {status}: {code}")
    history.counts[f"set {status}"] += 1


def switch_there(history: History) -> None:
    """Let guardian and admin there stop minting or burning, or open it again."""
    state = history.contracts.state()
    what = history.draw.choice(("Mint", "Burn"))
    open_ = bool(state[f"{what.lower()}Paused"])
    _call(history, ADMIN if open_ else GUARDIAN, f"{'unpause' if open_ else 'pause'}{what}")
    history.counts["switched there"] += 1


def rotate(history: History) -> None:
    """Give the route another set: somebody comes or goes, or has another key. Who had an old key runs on with it beside the new one."""
    draw, route = history.draw, history.route
    generations = {each.participant: _generation(each.participant, each.address) for each in route.attestors}
    others = [name for name in EVERYBODY if name not in generations]
    if others and draw.random() < 0.6:
        generations[others[0]] = 0
    elif len(generations) > 4:
        del generations[draw.choice([name for name in generations if name != history.liar])]
    for name in list(generations):
        if draw.random() < 0.3:
            generations[name] += 1
    attestors = members_of(generations)
    if attestors == route.attestors:
        return
    history.later(GAP_SECONDS + 60)
    immediate = draw.random() < 0.4
    code = history.road.do(defined(terms=None, status="", attestors=attestors, immediate=immediate), BY_ROOT)
    demand(code == 0, f"the quorum rotates: {code}")
    history.counts["rotated at once" if immediate else "rotated"] += 1
    running = {(each.name, each.generation) for each in history.witnesses}
    for name, generation in generations.items():
        if (name, generation) not in running:
            history.witnesses.append(Witness(name, generation, history.road, history.chain, history.folder))


def claim(history: History) -> None:
    """Claim something that waits, or lies in suspense."""
    route, draw = history.route, history.draw
    nonces = [nonce for nonce in range(1, route.burns + 1) if _state(history, nonce) in ("waiting", "suspense")]
    if not nonces:
        return
    nonce = draw.choice(nonces)
    release = history.release(nonce)
    if release is not None and release.state == "suspense":
        code = history.road.do(BridgeClaim(ROUTE, "suspense", nonce, MAIN_B), [*OPERATOR, *signers("bank-b/ops")])
        history.counts["claimed out of suspense"] += code == 0
    else:
        code = history.road.do(BridgeClaim(ROUTE, "release", nonce, None), OPERATOR)
        history.counts["claimed what waited" if code == 0 else f"claim refused: {code}"] += 1


def lie(history: History) -> None:
    """Let the one that lies vote for what is not so, sign another leave to mint, or carry one that it signed alone."""
    if history.liar:
        history.draw.choice((_vote_falsely, _sign_falsely, _mint_falsely))(history)


ACTS: tuple[tuple[Callable[[History], None], int], ...] = (
    (lock, 6),
    (burn, 5),
    (transfer, 1),
    (bustle, 12),
    (attest, 8),
    (relay, 4),
    (mine, 5),
    (wait, 3),
    (brink, 2),
    (disturb, 3),
    (reorganise, 4),
    (repeat_there, 2),
    (repeat_here, 1),
    (deliver, 2),
    (set_status, 2),
    (switch_there, 1),
    (rotate, 1),
    (claim, 2),
    (lie, 4),
)
"""With their weights."""


def _vote_falsely(history: History) -> None:
    draw, route = history.draw, history.route
    false: Burn | Expiry | Mint
    what = draw.choice(list(FALSE))
    if what == "burn" or not route.locks:
        amount = draw.randrange(1, 1_000)
        nonce = route.burns + draw.randrange(1, 3)
        place = (9_000, sha256(b"no block").digest(), sha256(b"no transaction").digest(), 0)
        recipient = ledger_recipient(draw.choice(PURSES))
        contract = route.terms.bridge
        false = Burn(_route_id(history), 56, contract, nonce, *place, contract, recipient, amount, route.burned + amount)
    else:
        locks = [history.lock(each) for each in range(1, route.locks + 1)]
        said = draw.choice([each for each in locks if each.state == "locked"] or locks)
        block_hash = sha256(b"no block").digest()
        if what == "expiry":
            false = Expiry(said.nonce, said.lock_id, said.deadline, 9_000, block_hash, said.deadline + 1)
        else:
            false = Mint(said.nonce, said.lock_id, said.recipient, said.amount, 9_000, block_hash, block_hash, 0)
    code = history.road.do(BridgeIn(ROUTE, history.liar, false), witness(history.liar))
    history.counts[f"lied of {FALSE[what]}"] += code == 0


def _false_message(history: History) -> tuple[int, MintAuth | Checkpoint, int]:
    """Return a lock's nonce, and a leave to mint more of it than was locked; or what a checkpoint would be of another height."""
    draw, route = history.draw, history.route
    newest = history.road.changes()[-1]
    if route.locks and draw.random() < 0.8:
        true = mint_auth_of(route, history.lock(draw.randrange(1, route.locks + 1)), newest.at)
        more = draw.randrange(1, 10**6)
        return true.nonce, replace(true, amount=true.amount + more, cumulative_locked=true.cumulative_locked + more), route.epoch
    return newest.at.height, replace(checkpoint_of(route, newest.at), cumulative_locked=route.locked + 10**6), route.epoch


def _sign_falsely(history: History) -> None:
    number, message, epoch = _false_message(history)
    made = digest(domain_of(history.route.terms), message)
    generation = max(each.generation for each in history.witnesses if each.name == history.liar)
    rubbish = history.draw.random() < 0.3
    signed = b"\x11" * 65 if rubbish else key_of(history.liar, generation).sign(made)
    word = Word("mint" if isinstance(message, MintAuth) else "checkpoint", epoch, number, made, signed)
    body = signature(history.liar, history.ledger.time_ms - 1_000)
    said = replace(body.attestation, value=word)
    code = history.road.do(Attest(said), witness(history.liar))
    history.counts["signed what is false"] += code == 0


def _mint_falsely(history: History) -> None:
    """Send a leave that the liar has signed and two strangers with it; and a good one with another amount in it."""
    _, message, _ = _false_message(history)
    if not isinstance(message, MintAuth):
        return
    made = digest(domain_of(history.route.terms), message)
    by = in_order([key_of(history.liar, 0), *OUTSIDERS[:2]])
    data = history.contracts.bridge.interface.call("mint", (astuple(message), b"".join(each.sign(made) for each in by)))
    mints = [each for each, what in history.said_there.items() if what == "mint"]
    if mints and history.draw.random() < 0.5:
        good = bytearray(history.draw.choice(mints))
        at = 4 + 32 * history.draw.choice((1, 2, 4, 5, 6, 7, 9, 10)) + 31
        good[at] ^= 1 + history.draw.randrange(255)
        data = bytes(good)
    refused = history.chain.tried(MALLORY, history.contracts.bridge.address, data)[1]
    demand(refused is not None, "a leave to mint that no quorum signed is taken")
    history.counts["forged there: refused"] += 1
    _send(history, MALLORY, history.contracts.bridge.address, data)


def _route_id(history: History) -> bytes:
    return history.route.terms.route_id


def _generation(participant: str, address: bytes) -> int:
    return next(number for number in range(9) if key_of(participant, number).address == address)


def _state(history: History, nonce: int) -> str:
    release = history.release(nonce)
    return "" if release is None else release.state


def _call(history: History, sender: str, name: str, *values: int | bytes) -> None:
    _send(history, sender, history.contracts.bridge.address, history.contracts.bridge.interface.call(name, values))


def _send(history: History, sender: str, to: str, data: bytes) -> None:
    """Put a transaction into the pool there."""
    name = sha256(b"sent %d" % len(history.trace) + sender.encode() + data).digest()
    history.chain.pool.append(Sent(sender, to, data, name))
