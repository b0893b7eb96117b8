"""Invariants of section 7 as properties: any reachable ledger, any transaction (acceptance 6)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from ledger.accounts import Balance
from ledger.assets import Asset, FeeRule
from ledger.authority import signer_of
from ledger.errors import OK, Unorderable
from ledger.fees import fee_of
from ledger.grants import Quota
from ledger.holds import Hold
from ledger.state import Overlay
from ledger.transactions import apply_transaction, begin_block, check_admission
from ledger.transactions.bodies import Issue, Settle, Void
from tests.ledger.world import (
    ALICE,
    BOB,
    HOUR_MS,
    MAIN_A,
    MAIN_B,
    TILL,
    World,
    first_grants,
    grant,
    hold,
    make_genesis,
    pay,
    signers,
    verified,
)
from tests.strategies import (
    CAP,
    CAST,
    Ask,
    Burn,
    Change,
    Command,
    Drop,
    Mint,
    Move,
    Reserve,
    Say,
    Stage,
    Take,
    Wait,
    commands,
    histories,
    ledgers,
)

if TYPE_CHECKING:
    from ledger.outcomes import Outcome
    from ledger.state import Record
    from ledger.transactions.bodies import Transaction
    from tests.naive import Naive

OF_REFERENCES = ("refs/", "~refs/", "~live/")
EVERYBODY = [each for member in ("bank-a/ops", "bank-b/ops", "treasury/ops", f"{ALICE}/user") for each in signers(member)]


def asset_of(world: World) -> Asset:
    """Return the one asset."""
    record = world.state.get("asset/KGS")
    assert isinstance(record, Asset)
    return record


def balances(records: dict[str, Record]) -> dict[str, Balance]:
    """Every balance of a state."""
    return {key: record for key, record in records.items() if isinstance(record, Balance)}


@given(history=histories)
def test_invariant_01_money_sums_to_zero_and_supply_is_the_contra_account(history: list[Command]) -> None:
    """Goal: 1. Method: after every block of any history, sum by hand."""
    stage = Stage()
    for command in history:
        stage.play(command)
        found = balances(stage.world.state.records)
        assert sum(each.posted for each in found.values()) == 0
        assert 0 <= asset_of(stage.world).supply == -found["balance/operator/contra:KGS/KGS"].posted <= CAP


@given(stage=ledgers(), command=commands)
def test_invariant_02_only_issue_and_redeem_change_the_supply(stage: Stage, command: Command) -> None:
    """Goal: 2. Method: any command on any ledger; the supply changes by what the body says, or not at all."""
    before = asset_of(stage.world).supply
    _, outcome = stage.play(command)
    change = asset_of(stage.world).supply - before
    succeeded = outcome is not None and outcome.code == OK
    match command:
        case Mint() if succeeded:
            assert change == command.amount
        case Burn() if succeeded:
            assert change == -command.amount
        case Say() if succeeded and outcome is not None and outcome.entries:
            assert change == sum(entry.posted for entry in outcome.entries if entry.posted > 0) > 0
        case _:
            assert change == 0


@given(history=histories)
def test_invariant_03_held_is_within_posted_and_the_sum_of_open_holds(history: list[Command]) -> None:
    """Goal: 3. Method: after every block, add the holds up by hand."""
    stage = Stage()
    for command in history:
        stage.play(command)
        held = dict.fromkeys(CAST, 0)
        for record in stage.world.state.records.values():
            if isinstance(record, Hold):
                held[record.source] = held.get(record.source, 0) + record.left + record.fee_left
        for key, balance in balances(stage.world.state.records).items():
            account = key[len("balance/") : -len("/KGS")]
            if not account.startswith("operator/contra"):
                assert 0 <= balance.held <= balance.posted
                assert balance.held == held.get(account, 0)


@given(amounts=st.lists(st.integers(1, 60), min_size=1, max_size=6), ends=st.integers(0, 2), fee_bps=st.integers(0, 10_000))
def test_invariant_04_settled_voided_and_expired_make_the_hold(amounts: list[int], ends: int, fee_bps: int) -> None:
    """Goal: 4. Method: settle in random parts, then void, lapse or leave; what moved and what came free is the hold, never more."""
    world = World(money=2_000)
    rule = FeeRule("hold", "", "", 0, fee_bps, 0, 10**6)
    asset = asset_of(world)
    world.state.records["asset/KGS"] = replace(asset, policy=replace(asset.policy, fees=(rule,)))
    until = world.time_ms + HOUR_MS
    body = hold(MAIN_A, MAIN_B, 200, until=until, fee=fee_of(rule, 200))
    found = world.must(body, by=signers("bank-a/ops"), sender="bank-a").tx_id
    settled = 0
    for amount in amounts:
        code = world.do(Settle(found, amount, b""), by=signers("bank-b/ops"), sender="bank-b").code
        settled += amount if code == OK else 0
        assert code == (OK if settled <= 200 and (code == OK) else (173 if settled < 200 else 170))
    if ends == 0:
        world.do(Void(found), by=signers("bank-b/ops"), sender="bank-b")
    elif ends == 1:
        world.time_ms = until
        assert world.do(Settle(found, 1, b""), by=signers("bank-b/ops"), sender="bank-b").code == 170, "nothing settles past expiry"
    if ends < 2 or settled == 200:
        assert world.balance(MAIN_A) == (2_000 - settled - fee_of(rule, settled), 0)
        assert world.state.get(f"hold/{found.hex()}") is None
    assert world.balance(MAIN_B) == (2_000 + settled, 0)
    assert world.balance("operator/fee:KGS") == (fee_of(rule, settled), 0)


@given(
    offsets=st.lists(st.integers(0, 20), min_size=1, max_size=12),
    room=st.integers(3, 12),
    payers=st.lists(st.sampled_from(CAST), max_size=6),
)
def test_invariant_04_no_hold_outlives_its_sweep(offsets: list[int], room: int, payers: list[str]) -> None:
    """Goal: 4, none outlives ceil(due / sweep_max) further blocks, counted in leaf writes. Method: many due at once, traffic meanwhile."""
    world = World(make_genesis(params={"sweep_max": room}), money=2_000)
    until = world.time_ms + HOUR_MS
    for index, offset in enumerate(offsets):
        source = CAST[index % len(CAST)]
        world.must(
            hold(source, "bank-a/main" if source != MAIN_A else MAIN_B, 5, until=until + offset),
            by=[*signers("operator/ops"), *_signer(source)],
        )
    world.time_ms = until + 100
    due = len(offsets) * 3
    blocks = -(-due // (room - room % 3))
    for index in range(blocks):
        payer = payers[index % len(payers)] if payers else TILL
        target = MAIN_B if payer != MAIN_B else MAIN_A
        assert world.do(pay((payer, target, 2_000)), by=[*signers("operator/ops"), *_signer(payer)]).code in (OK, 150)
    assert [key for key in world.state.records if key.startswith(("hold/", "~due/", "~held/"))] == []


@given(stage=ledgers(), command=commands)
def test_invariant_05_a_failed_transaction_changes_nothing_but_its_ref(stage: Stage, command: Command) -> None:
    """Goal: 5. Method: any reachable ledger, any transaction that fails."""
    tx = stage.transaction(command)
    if tx is None:
        return
    overlay, context = Overlay(stage.world.state), stage.world.context()
    begin_block(overlay, context)
    before = dict(overlay.changes)
    outcome = apply_transaction(overlay, tx, context, verified)
    if outcome.code != OK:
        keys = [key for key in overlay.changes if not key.startswith(OF_REFERENCES)]
        assert all(overlay.changes[key] == before.get(key, stage.world.state.get(key)) for key in keys)
        assert outcome.entries == ()
    assert overlay.used_ref(tx.ref_id) is not None


@given(stage=ledgers(), legs=st.lists(st.tuples(st.permutations(CAST), st.integers(1, 800)), min_size=2, max_size=6), data=st.data())
def test_invariant_06_the_order_of_legs_has_no_meaning(stage: Stage, legs: list[tuple[list[str], int]], data: st.DataObject) -> None:
    """Goal: 6. Method: an atomic pay and a permutation of its legs on the same ledger: same code, same state."""
    made = tuple((debit, credit, amount) for (debit, credit, *_), amount in legs)
    shuffled = tuple(data.draw(st.permutations(made)))
    ends = []
    for each in (made, shuffled):
        tx = stage.transaction(Move(each, "atomic", None))
        assert tx is not None
        overlay, context = Overlay(stage.world.state), stage.world.context()
        begin_block(overlay, context)
        code = apply_transaction(overlay, tx, context, verified).code
        ends.append((code, {key: record for key, record in overlay.changes.items() if not key.startswith(OF_REFERENCES)}))
    assert ends[0] == ends[1]


@given(amount=st.integers(2, 600), cut=st.integers(1, 599), debit=st.sampled_from((MAIN_A, MAIN_B, TILL)))
def test_invariant_06_splitting_a_leg_changes_no_balance_without_fees(amount: int, cut: int, debit: str) -> None:
    """Goal: 6. Method: one leg, and the same as two legs in either mode."""
    parts = [part for part in (cut % amount, amount - cut % amount) if part]
    ends = []
    for legs, mode in (([amount], "atomic"), (parts, "atomic"), (parts, "each")):
        world = World(money=600)
        world.must(pay(*((debit, ALICE, part) for part in legs), mode=mode), by=[*signers("operator/ops"), *_signer(debit)])
        ends.append(balances(world.state.records))
    assert ends[0] == ends[1] == ends[2]


@given(stage=ledgers(), amounts=st.lists(st.integers(1, 199), min_size=1, max_size=5))
def test_invariant_07_rounding_never_creates_value(stage: Stage, amounts: list[int]) -> None:
    """Goal: 7. Method: payments out of a wallet whose fees round; what leaves is what arrives, and no fee exceeds its rate."""
    world = stage.world
    sums = {name: world.balance(name)[0] for name in (*CAST, "operator/fee:KGS")}
    for amount in amounts:
        _, outcome = stage.play(Move(((BOB, MAIN_A, amount),), "atomic", None))
        assert outcome is not None
        moved = sum(entry.posted for entry in outcome.entries if entry.posted > 0)
        assert moved == -sum(entry.posted for entry in outcome.entries if entry.posted < 0)
        assert (moved - amount) * 10_000 <= amount * 100
    after = {name: world.balance(name)[0] for name in sums}
    assert sum(after.values()) == sum(sums.values())


@given(
    amounts=st.lists(st.integers(1, 60), min_size=1, max_size=15), gaps=st.lists(st.integers(0, 2 * 86_400_000), min_size=15, max_size=15)
)
def test_invariant_15_quotas_hold_in_every_window(amounts: list[int], gaps: list[int]) -> None:
    """Goal: 15. Method: issue at random times under a day quota; add up by business day by hand."""
    world = World(make_genesis(grants=[*first_grants(), grant("a", "issue", "operator", asset="KGS", quota=Quota(100, "day"))]))
    days: dict[int, int] = {}
    for amount, gap in zip(amounts, gaps, strict=False):
        world.time_ms += gap
        day = (world.time_ms + 6 * HOUR_MS) // (24 * HOUR_MS)
        room = 100 - days.get(day, 0)
        code = world.do(Issue("KGS", MAIN_A, amount, "", None), by=signers("operator/ops")).code
        assert code == (OK if amount <= room else 113)
        days[day] = days.get(day, 0) + (amount if code == OK else 0)


@given(history=histories)
def test_invariant_16_every_debit_is_authorised(history: list[Command]) -> None:
    """Goal: 16. Method: for each entry that takes value, find the debtor's signature, the issuer's grant, or the hold that it signed."""
    stage = Stage()
    for command in history:
        tx, outcome = stage.play(command)
        if tx is not None and outcome is not None:
            _check_authorised(stage, tx, outcome, {each.tx_id: stage.source_of(each) for each in stage.placed})


def _check_authorised(stage: Stage, tx: Transaction, outcome: Outcome, signed_for: dict[bytes, str]) -> None:
    members = {f"{each.participant}/{each.keyset}" for each in tx.signatures}
    for entry in outcome.entries:
        if entry.posted >= 0 and entry.held <= 0:
            continue
        account = stage.world.state.records[f"account/{entry.account}"]
        if isinstance(tx.body, Issue):
            assert {"operator/ops", "operator/board"} <= members
            assert entry.account == "operator/contra:KGS"
        elif isinstance(tx.body, Settle):
            assert signed_for[tx.body.hold] == entry.account
            assert "treasury/ops" in members
        else:
            assert signer_of(account) in members  # type: ignore[arg-type]


@given(stage=ledgers(), command=commands, drop=st.data())
def test_invariant_16_without_the_debtor_nothing_moves(stage: Stage, command: Command, drop: st.DataObject) -> None:
    """Goal: 16, by removal. Method: take any one signature away; then the transaction is unorderable, or was refused anyway."""
    tx = stage.transaction(command)
    if tx is None:
        return
    gone = drop.draw(st.integers(0, len(tx.signatures) - 1))
    stripped = replace(tx, signatures=tx.signatures[:gone] + tx.signatures[gone + 1 :])
    overlay, context = Overlay(stage.world.state), stage.world.context()
    begin_block(overlay, context)
    before = dict(overlay.changes)
    try:
        outcome = apply_transaction(overlay, stripped, context, verified)
    except Unorderable:
        assert overlay.changes == before
    else:
        _check_authorised(stage, stripped, outcome, {each.tx_id: stage.source_of(each) for each in stage.placed})


@given(copies=st.lists(st.integers(0, 4), min_size=1, max_size=10), amount=st.integers(1, 150))
def test_invariant_18_many_submissions_have_one_effect(copies: list[int], amount: int) -> None:
    """Goal: 18 for the ledger. Method: whole, stripped, forged and padded copies of one transaction in any order, over blocks."""
    world = World(money=100)
    whole = world.sign(pay((MAIN_A, MAIN_B, amount)), by=signers("bank-a/ops"), sender="bank-a", ref="once")
    (signature,) = whole.signatures
    forms = (
        whole,
        replace(whole, signatures=()),
        replace(whole, signatures=(replace(signature, signature=bytes(64)),)),
        replace(whole, signatures=(signature, replace(signature, participant="bank-b"))),
        replace(whole, signatures=(replace(signature, public_key=bytes(32)),)),
    )
    effects: list[int] = []
    for which in copies:
        try:
            check_admission(world.state, forms[which], world.context(), verified)
            effects.append(world.block(forms[which])[0].code)
        except Unorderable:
            world.block()
    assert effects == ([OK if amount <= 100 else 150] if 0 in copies else [])
    assert world.balance(MAIN_B)[0] == 100 + (amount if effects == [OK] else 0)


@given(history=histories)
def test_invariant_24_the_naive_model_agrees(history: list[Command]) -> None:
    """Goal: 24. Method: the same history on the ledger and on dicts: same codes, same balances, after every command."""
    stage = Stage()
    model = stage.model()
    for command in history:
        if isinstance(command, Wait):
            stage.play(command)
            model.wait(stage.world.time_ms - 1_000)
            continue
        model.wait(stage.world.time_ms)
        name = stage.hold_of(command.which) if isinstance(command, Take | Drop) else b""
        name = stage.proposal_of(command.which) if isinstance(command, Say) else name
        tx, outcome = stage.play(command)
        assert tx is not None
        assert outcome is not None
        assert outcome.code == _ask(model, command, name or tx.tx_id, outcome), (command, outcome)
        for account, purse in model.purses.items():
            assert stage.world.balance(account) == (purse.posted, purse.held), (command, account)


def _ask(model: Naive, command: Command, name: bytes, outcome: Outcome) -> int:
    """Ask the naive model for its code of a command."""
    if isinstance(command, Move):
        return _ask_pay(model, command, outcome)
    if isinstance(command, Ask | Say):
        return _ask_vote(model, command, name)
    match command:
        case Mint(to, amount):
            code = model.issue(to, amount)
        case Burn(source, amount):
            code = model.redeem(source, amount)
        case Reserve(source, target, amount, ahead):
            code = model.hold(name, source, target, amount, model.now + ahead)
        case Take(_, amount):
            code = model.settle(name, amount)
        case Drop():
            code = model.void(name)
        case Change(account, status):
            code = model.set_status(account, status)
        case Wait():
            code = OK
    return code


def _ask_vote(model: Naive, command: Ask | Say, name: bytes) -> int:
    """Ask for the code of a proposal or a vote."""
    if isinstance(command, Ask):
        return model.propose(name, command.to, command.amount, model.now + command.ahead_ms)
    return model.vote(name, command.member, command.choice)


def _ask_pay(model: Naive, command: Move, outcome: Outcome) -> int:
    """Ask for the code of a pay, and compare the codes of its legs."""
    quoted = [
        (debit, credit, amount, model.fee("pay", debit, amount) + (index == command.wrong_fee))
        for index, (debit, credit, amount) in enumerate(command.legs)
    ]
    if command.mode == "each":
        code, codes = model.pay_each(quoted)
        assert outcome.codes == tuple(codes)
        return code
    code, leg = model.pay(quoted)
    assert outcome.failed_leg == leg
    return code


def _signer(account: str) -> list[tuple[str, str, bytes]]:
    return signers(f"{ALICE}/user") if account == ALICE else signers(f"{account.partition('/')[0]}/ops")
