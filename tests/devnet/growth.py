"""What grows while a network runs, measured again and again: a first half, a second half, and whether the second is larger."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from devnet.bench.cost import Resident, allowed_bytes, resident

if TYPE_CHECKING:
    from devnet.network import Network

MIB = 2**20
JOURNAL_GROWTH_MAX = 1.25
"""A journal is measured at any moment between two rotations."""


@dataclass
class Growth:
    """Measurements in order of time. A property of two halves needs two measurements."""

    memory: list[Resident] = field(default_factory=list)
    """Of the validator that held most."""
    receipts: list[int] = field(default_factory=list)
    """Payments seen final so far."""
    journals: list[int] = field(default_factory=list)
    """Largest journal folder, bytes."""
    segments: list[int] = field(default_factory=list)
    """Most segments in one journal folder."""

    def measure(self, network: Network, receipts: int) -> None:
        """Look at every validator that runs, and at the folders of all."""
        folders = [node.config.parent / "data" / "journal" for node in network.validators]
        files = [[path.stat().st_size for path in folder.glob("*.log")] for folder in folders]
        self.memory.append(max(resident(node.pid) for node in network.validators if node.running))
        self.receipts.append(receipts)
        self.journals.append(max(map(sum, files)))
        self.segments.append(max(map(len, files)))

    @property
    def half(self) -> int:
        """How many measurements make the first half."""
        return len(self.memory) // 2

    @property
    def own(self) -> tuple[int, int]:
        """The most that a validator held in each half, bytes."""
        return max(self.memory[: self.half]).own, max(self.memory[self.half :]).own

    @property
    def own_allowed(self) -> float:
        """What a validator may hold in the second half, bytes (performance.md)."""
        return allowed_bytes(self.own[0], self.receipts[-1] - self.receipts[self.half - 1])

    @property
    def journal(self) -> tuple[int, int]:
        """The largest journal in each half, bytes."""
        return max(self.journals[: self.half]), max(self.journals[self.half :])

    @property
    def flat(self) -> bool:
        """Whether neither memory nor journals grew from the first half to the second."""
        return self.own[1] <= self.own_allowed and self.journal[1] <= JOURNAL_GROWTH_MAX * self.journal[0]

    def newest(self) -> str:
        """Tell the last measurement."""
        memory = self.memory[-1]
        return (
            f"memory {memory.own / MIB:.0f} MiB and {memory.mapped / MIB:.0f} of mapped files, "
            f"journal {self.journals[-1] / MIB:.1f} MiB in {self.segments[-1]} segments"
        )

    def told(self) -> str:
        """Tell both halves."""
        first, second = (size / MIB for size in self.own)
        mapped = max(each.mapped for each in self.memory) / MIB
        before, after = (size / MIB for size in self.journal)
        return (
            f"memory at most {first:.0f} MiB in the first half, {second:.0f} in the second ({self.own_allowed / MIB:.0f} allowed), "
            f"beside at most {mapped:.0f} of mapped files; journals at most {before:.1f} and {after:.1f} MiB, "
            f"{max(self.segments)} segments: {'flat' if self.flat else 'NOT flat'}"
        )
