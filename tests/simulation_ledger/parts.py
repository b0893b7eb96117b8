"""Scenes of models that know one topic: drawn by `random` here, by Hypothesis in the tests of the topic."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.ledger import test_backing_invariants as backing
from tests.ledger import test_epoch_histories as epochs
from tests.ledger.backing_world import PRICE, USD, VAULT, WRAPPED
from tests.ledger.world import DAY_MS, HOUR_MS, MAIN_A, TILL

if TYPE_CHECKING:
    import random

    from tests.ledger.world import World

WHAT = ("vouch gold", "vouch cash", "price", "price", "observe", "issue", "issue", "redeem", "wrap", "unwrap", "wait")


class BackingScene:
    """Gold, cash, prices and an observed route behind an asset; and one that is locked soms."""

    def __init__(self) -> None:
        self.world, self.gold, self.locked = backing.begin()

    def carry_out(self, choose: random.Random) -> None:
        """Let one thing happen on both."""
        do = self._drawn(choose)
        found, expected = backing.play(self.world, self.gold, self.locked, do)
        assert found == expected, do
        worth = backing.worth(self.world)
        assert self.world.asset().supply == self.gold.supply == self.world.balance(TILL, "USDKG")[0]
        assert (worth.eligible, worth.market) == self.gold.worth(self.world.time_ms)
        assert (self.world.balance(MAIN_A)[0], self.world.balance(MAIN_A, WRAPPED)[0]) == (self.locked.soms, self.locked.purse)
        assert self.world.balance(VAULT)[0] == self.locked.vault

    @staticmethod
    def _drawn(choose: random.Random) -> backing.Do:
        match choose.choice(WHAT):
            case "vouch gold":
                return backing.Do("vouch gold", choose.randint(0, 2), choose.randint(0, 5 * backing.OUNCE))
            case "vouch cash":
                return backing.Do("vouch cash", choose.randint(3, 5), choose.randint(0, 10_000 * USD))
            case "price":
                return backing.Do("price", choose.randint(0, 2), choose.randint(1, 2 * PRICE))
            case "observe":
                return backing.Do("observe", 0, choose.choice((0, 0, 100 * USD, 5_000 * USD)))
            case "issue":
                return backing.Do("issue", 0, choose.choice((choose.randint(1, 4_000 * USD), choose.randint(1, 100))))
            case "redeem":
                return backing.Do("redeem", 0, choose.randint(1, 3_000 * USD))
            case "wait":
                return backing.Do("wait", 0, choose.choice((1, 1, 1, 1, 50 * 60_000, HOUR_MS, DAY_MS, 31 * DAY_MS)))
            case other:
                return backing.Do("wrap" if other == "wrap" else "unwrap", 0, choose.randint(1, 600))


class EpochScene:
    """Plans of validators, their words, view keys, ends and lengths of epochs."""

    def __init__(self) -> None:
        self.stage = epochs.Stage()

    @property
    def world(self) -> World:
        """The ledger."""
        return self.stage.world

    def carry_out(self, choose: random.Random) -> None:
        """Play one command on both."""
        self.stage.play(self._drawn(choose))

    @staticmethod
    def _drawn(choose: random.Random) -> epochs.Command:
        names = tuple(choose.sample(epochs.NAMES, choose.randint(3, 6)))
        owners = frozenset(choose.sample(epochs.OWNERS, choose.randint(1, 3)))
        drawn: tuple[epochs.Command, ...] = (
            epochs.Plan(names, choose.choice((0, 1, 1, 1, 2))),
            epochs.Plan(epochs.FIRST, 1),
            epochs.Word(choose.choice(epochs.NAMES), choose.random() < 0.8),
            epochs.Word(choose.choice(epochs.NAMES[4:]), right=True),
            epochs.Seal(choose.choice(tuple(epochs.KEYS)), owners),
            epochs.Seal(choose.choice(tuple(epochs.KEYS)), frozenset(epochs.OWNERS)),
            epochs.End(choose.choice((9, 10, 11, 30))),
            epochs.Length(choose.choice((10, 12, 15))),
            epochs.Wait(choose.choice((1, 5, 12))),
            epochs.Join(names, choose.choice((0, 0, 1))),
        )
        return choose.choice(drawn)
