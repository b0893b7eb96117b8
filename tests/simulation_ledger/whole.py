"""The scene of everything: all types on one network, in whole blocks, with times that jump, against the whole naive model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from ledger.canonical import decode
from ledger.errors import Malformed
from ledger.grants import GrantRecord
from ledger.transactions.bodies import TYPES, Approve, GrantPut, HoldBody, Propose
from tests.ledger import people, purpose_world
from tests.ledger.backing_world import USD, gold_policy
from tests.ledger.cast import BY_ROOT
from tests.ledger.epoch_world import register
from tests.ledger.world import ALICE, BOB, MAIN_A, MAIN_B, TILL, grant, make_genesis
from tests.simulation_ledger.draws import DAY_MS, HOUR_MS
from tests.simulation_ledger.draws_registry import RegistryDraws
from tests.simulation_ledger.ledger import ComparedWorld, plain

if TYPE_CHECKING:
    import random
    from collections.abc import Callable
    from types import SimpleNamespace

    from ledger.transactions.bodies import Body, Transaction
    from tests.ledger.world import Signer
    from tests.simulation_ledger.draws import Drawn

PARAMETERS = {"sweep_max": 6, "epoch_length": 25, "orders_per_subject_max": 3, "holds_per_account_max": 4, "proposals_open_max": 6}
GAPS = (1, 1, 30_000, HOUR_MS, HOUR_MS, 7 * HOUR_MS, DAY_MS, 9 * DAY_MS)
BLOCK_MOST = 30


class Everything:
    """One network, set up with people, orders, reserves and purpose money, and then whatever comes."""

    def __init__(self, kind: type[ComparedWorld] = ComparedWorld) -> None:
        self.world = kind(make_genesis(params=PARAMETERS))
        self._set_up()
        self.sent: list[Transaction] = []
        self.draws: RegistryDraws | None = None

    def _set_up(self) -> None:
        world = self.world
        for account in (MAIN_A, MAIN_B, TILL, ALICE, BOB):
            world.issue(account, 20_000)
        people.settle_in(world)
        people.alter(world, limits=people.LIMITS, travel_min=1_000)
        world.establish(gold_policy())
        world.ready()
        for name in ("bank-a", "bank-b"):
            register(world, name)
        world.accepted(world.do(GrantPut(grant("vouching", "wallet", "treasury", participant="treasury")), by=BY_ROOT))
        if world.mint(1_000 * USD) or world.wrap(1_000):
            raise AssertionError("the network could not be set up")
        purpose_world.serve(world, 500)

    def carry_out(self, choose: random.Random) -> None:
        """Make a block of up to thirty transactions, on both."""
        if self.draws is None:
            self.draws = self._begin(choose)
        world, draws = self.world, self.draws
        if draws.chance(7):
            world.time_ms += choose.choice(GAPS)
        world.model.now = world.time_ms
        chosen = [tx for _ in range(choose.randint(1, BLOCK_MOST)) if (tx := self._transaction(draws)) is not None]
        self.sent = (self.sent + chosen)[-40:]
        draws.past = (draws.past + [tx.tx_id for tx in chosen if isinstance(tx.body, HoldBody)])[-12:]
        world.block(*chosen)

    def _begin(self, choose: random.Random) -> RegistryDraws:
        draws = RegistryDraws(self.world, choose)
        records = self.world.state.records.values()
        draws.essential = [record.grant for record in records if isinstance(record, GrantRecord)]
        draws.drawing = ((draws.issue, 4), *programme(draws)[1:])
        return draws

    def _transaction(self, draws: RegistryDraws) -> Transaction | None:
        """Draw a transaction, or an old one again; None where what was drawn has no form."""
        if self.sent and draws.chance(1):
            return draws.choose.choice(self.sent)
        drawn_by, weights = zip(*programme(draws), (draws.propose, 3), (draws.vote, 8), strict=True)
        drawn: Drawn = draws.choose.choices(drawn_by, weights)[0]()
        try:
            return self._signed(draws, drawn)
        except Malformed:
            return None

    def _signed(self, draws: RegistryDraws, drawn: Drawn) -> Transaction:
        """Sign as everybody who is asked, or nearly; with a reference that is free, or nearly."""
        body, sender = drawn.body, drawn.sender
        by = self.world.sign_for(f"{sender}/ops", *drawn.by) if drawn.by else self._signers(draws, body, sender)
        if by and draws.chance(2):
            by.remove(draws.choose.choice(by))
        if draws.chance(1):
            by += self.world.sign_for("bank-b/ops", "treasury/ops")
        ref = draws.choose.choice(self.sent).ref if self.sent and draws.chance(1) else ""
        valid = self.world.time_ms + draws.choose.choice((-1, 2 * HOUR_MS)) if draws.chance(1) else None
        chain = bytes(32) if draws.chance(0.3) else None
        tx = self.world.sign(body, by=list(dict.fromkeys(by)), sender=sender, ref=ref, valid_until=valid, chain=chain)
        if tx.signatures and draws.chance(0.5):
            first = replace(tx.signatures[0], signature=bytes(64))
            return replace(tx, signatures=(first, *tx.signatures[1:]))
        return tx

    def _signers(self, draws: RegistryDraws, body: Body, sender: str) -> list[Signer]:
        world, model = self.world, self.world.model
        account = model.get(f"account/{sender}")
        by = world.sign_for(f"{sender}/{account.keyset}" if account else f"{sender}/ops")
        if isinstance(body, Approve):
            return by + world.sign_for(body.keyset)
        content: Body = body
        copied = plain_body(body)
        if isinstance(body, Propose):
            content = decode(body.content, TYPES[body.type])
            copied = plain_body(content)
        type_ = next(name for name, kind in TYPES.items() if isinstance(content, kind))
        asked, bringing = world.asked(type_, copied, sender)
        if len(asked) > 1 and draws.chance(20):
            asked.remove(draws.choose.choice(asked))
        by += world.sign_for(*asked[:1] if isinstance(body, Propose) else asked)
        by += bringing
        return by


def plain_body(body: Body) -> SimpleNamespace:
    """Copy a body for the model."""
    copied = plain(body)
    if copied is None or isinstance(copied, str | int | bytes | tuple):
        raise TypeError(type(body))
    return copied  # type: ignore[return-value]


def programme(draws: RegistryDraws) -> tuple[tuple[Callable[[], Drawn], int], ...]:
    """Say what is drawn, and how often."""
    return (
        (draws.pay, 30),
        (draws.hold, 8),
        (draws.settle, 8),
        (draws.void, 4),
        (draws.issue, 7),
        (draws.redeem, 6),
        (draws.order, 4),
        (draws.lift, 3),
        (draws.seize, 4),
        (draws.register, 2),
        (draws.rotate, 4),
        (draws.hold_person, 2),
        (draws.open, 2),
        (draws.change, 3),
        (draws.give, 3),
        (draws.end, 2),
        (draws.define, 4),
        (draws.attest, 5),
        (draws.parameter, 1),
        (draws.plan, 1),
    )
