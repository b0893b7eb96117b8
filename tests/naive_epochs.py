"""A naive model of epochs: names instead of keys, one dict a thing, sharing no code with the ledger (invariants 23 and 24).

It answers every command with the code that the specification asks for, and says after every block who validates, and until when.
"""

from __future__ import annotations

from dataclasses import dataclass, field

OK, NO_GRANT, BEGUN, BAD, CONDITION = 0, 112, 125, 128, 172
FEWEST, AHEAD = 4, 10


@dataclass
class NaiveEpochs:
    """Names of validators; a view key is a letter, and `sealed` says which participants can open it."""

    length: int
    names: tuple[str, ...]
    height: int
    number: int = 0
    base: int = 0
    end: int = 0
    key: str = "a"
    keys: int = 0
    sealed: dict[str, frozenset[str]] = field(default_factory=dict)
    plan: tuple[int, tuple[str, ...]] | None = None
    next_key: str = ""
    next_length: int = 0
    ready: dict[str, str] = field(default_factory=dict)
    """Newcomer -> the view key that it opened."""
    left: frozenset[str] = frozenset()
    """Who left a set."""

    def propose(self, names: tuple[str, ...], epoch: int) -> int:
        """Code of a validator.set."""
        if epoch <= self.number:
            return BEGUN
        if len(names) < FEWEST or any(name in self.left for name in names):
            return BAD
        for gone in [name for name in self.ready if name not in names]:
            del self.ready[gone]
        self.plan = None if names == self.names else (epoch, names)
        return OK

    def attest(self, name: str, key: str, number: int) -> int:
        """Code of an attest."""
        if self.plan is None or name not in self.plan[1] or name in self.names:
            return NO_GRANT
        coming = (self.next_key or self.key, self.keys + (1 if self.next_key else 0))
        if (key, number) != coming or owner(name) not in self.sealed[key]:
            return CONDITION
        self.ready[name] = key
        return OK

    def give_key(self, key: str, participants: frozenset[str]) -> int:
        """Code of a param.set of the view key."""
        if key in (self.key, self.next_key):
            self.sealed[key] |= participants
        else:
            self.sealed[key], self.next_key = participants, key
        return OK

    def move_end(self, end: int) -> int:
        """Code of a param.set of the epoch's end, in the block after `height`."""
        if not self.height + 1 + AHEAD <= end < self.end:
            return CONDITION
        self.end = end
        return OK

    def set_length(self, length: int) -> int:
        """Code of a param.set of the length."""
        self.next_length = length
        return OK

    def pass_block(self) -> bool:
        """Make the block; tell whether it ended its epoch."""
        self.height += 1
        if self.height != self.end:
            return False
        self.length, self.next_length = self.next_length or self.length, 0
        key = self.next_key or self.key
        if self.plan is not None and self.plan[0] <= self.number + 1 and self._can_begin(self.plan[1], key):
            self.left |= frozenset(self.names) - frozenset(self.plan[1])
            self.names, self.plan, self.ready = self.plan[1], None, {}
            self._take(key)
        elif all(owner(name) in self.sealed[key] for name in self.names):
            self._take(key)
        self.number, self.base, self.end = self.number + 1, self.height, self.height + self.length
        return True

    def _can_begin(self, names: tuple[str, ...], key: str) -> bool:
        newcomers = [name for name in names if name not in self.names]
        return all(owner(name) in self.sealed[key] for name in names) and all(self.ready.get(name) == key for name in newcomers)

    def _take(self, key: str) -> None:
        if key != self.key:
            self.key, self.keys, self.next_key = key, self.keys + 1, ""


def owner(name: str) -> str:
    """Participant of a validator called `participant:index`."""
    return name.partition(":")[0]
