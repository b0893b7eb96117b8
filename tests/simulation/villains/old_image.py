"""Restarted from an old disk image: journal, signer's mark and database of some time ago, all of one moment."""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING, NamedTuple

from node.signer import MarkBehind
from tests.simulation.disk import MemoryFiles
from tests.simulation.validator import Validator
from tests.simulation.villains.villain import Due, Villain

if TYPE_CHECKING:
    from pathlib import Path

    from consensus.types import View
    from tests.simulation import messages as ms
    from tests.simulation.splitmix import SplitMix64
    from tests.simulation.store import Store
    from tests.simulation.villains.stage import Stage

BACK_VIEWS = (1, 2, 5, 15)
RESTART_EVERY_VIEWS = 20


class Image(NamedTuple):
    """A copy of a disk."""

    files: tuple[tuple[Path, bytes], ...]
    store: Store


class Restored(Validator):
    """An honest validator that an operator sets back."""

    refused = False
    """Its journal tells of a vote that peers had to show it, the mark that was set back does not: it does not start again (K15)."""

    def image(self) -> Image:
        """Copy the disk."""
        store = copy(self.store)
        store.chain, store.certificates = list(store.chain), dict(store.certificates)
        return Image(tuple((path, self.files.read(path)) for path in self.files.paths()), store)

    def restart_from(self, image: Image) -> None:
        """Stop, put the copy back, start."""
        self.up = False
        self.life += 1
        self.files = MemoryFiles()
        for path, data in image.files:
            file = self.files.create(path)
            file.write_at(0, data)
            file.sync()
            self.files.sync_folder(path.parent)
        self.files.step = self.step
        self.store = copy(image.store)
        self.store.chain, self.store.certificates = list(image.store.chain), dict(image.store.certificates)
        try:
            self.start()
        except MarkBehind:
            self.up, self.refused = False, True


class OldImage(Villain):
    """Honest code throughout, without memory of what it signed since. Peers show it its newest vote: it must fall silent (K15).

    It may contradict itself before the first status reaches it: that is what makes it one of the f, and evidence is then due to it.
    """

    evidence = Due.ALLOWED

    def __init__(self, stage: Stage, liars: tuple[int, ...], random: SplitMix64) -> None:
        self._silenced: set[int] = set()
        super().__init__(stage, liars, random)

    def make_puppet(self, index: int) -> Restored:
        """Make a validator that can be set back."""
        return Restored(self.stage, index)

    def hear(self, to: int, sender: int, message: ms.Message) -> ms.Message | None:
        """Hear everything, its own newest vote most of all."""
        del to, sender
        return message

    def seen(self, view: View) -> None:
        """Take an image now and then; restart from it some views later."""
        self._look()
        for place, puppet in enumerate(self.puppets.values()):
            number = view + place
            if isinstance(puppet, Restored) and puppet.up and number % RESTART_EVERY_VIEWS == 0:
                back = BACK_VIEWS[number // RESTART_EVERY_VIEWS % len(BACK_VIEWS)]
                self.stage.at(self.stage.now + back * 40, puppet.restart_from, puppet.image())

    def _look(self) -> None:
        for index, puppet in self.puppets.items():
            if isinstance(puppet, Restored) and (puppet.refused or (puppet.up and puppet.replica.silenced)):
                self._silenced.add(index)

    def checked(self) -> str:
        """See that peers silenced everyone who was set back, at least once of the several times."""
        self._look()
        loud = [index for index in self.indices if index not in self._silenced]
        return f"set back, and never silenced: {loud}" if loud else ""
