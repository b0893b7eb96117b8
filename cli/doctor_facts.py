"""What `som doctor` knows before it says anything: facts about nodes as they answer, and about the machine of one of them. No judgement."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from node.api.diagnosis_structs import ConsensusBody, EvidencePage
    from node.api.structs import Health, StatusBody, Validators
    from node.lastwords import LastWords


@dataclass(frozen=True, slots=True)
class Answering:
    """A node that answers, and what it says. None: it does not know the question."""

    url: str
    asked_ms: int
    """This machine's clock just before the node was asked for its own."""
    answered_ms: int
    """The same just after it had answered."""
    status: StatusBody
    validators: Validators
    health: Health
    consensus: ConsensusBody
    evidence: EvidencePage
    series: Mapping[str, float]
    """Of `/metrics`: name with labels -> value."""

    @property
    def name(self) -> str:
        """As its configuration calls it."""
        return self.status.node


@dataclass(frozen=True, slots=True)
class Silent:
    """A node that does not answer, or not as a node of this version does."""

    url: str
    why: str


Asked = Answering | Silent
KeyUse = Literal["node_key", "box_key", "consensus_key"]
KeyFault = Literal["", "missing", "readable by others", "unreadable", "not a key"]


@dataclass(frozen=True, slots=True)
class KeyFacts:
    """One key file of a node."""

    use: KeyUse
    """Its name in the configuration."""
    path: str
    fault: KeyFault = ""
    public: str = ""
    """Public key, hex; empty where there is a fault."""


@dataclass(frozen=True, slots=True)
class Held:
    """Whether a process holds the lock of the data folder."""

    known: bool = True
    """False: this system does not show it."""
    pid: int = 0
    """The process; 0: none does."""


@dataclass(frozen=True, slots=True)
class MachineFacts:
    """A node's configuration, keys, disk and data folder, seen from its own machine. Nothing was changed to find out."""

    config: str
    """Path of the configuration."""
    name: str = ""
    role: Literal["validator", "peer", ""] = ""
    data: str = ""
    url: str = ""
    """Of its client API."""
    config_fault: str = ""
    """Why the configuration cannot be used; nothing else is known then."""
    genesis_fault: str = ""
    chain: str = ""
    """Chain of the genesis document, hex; empty where that has a fault."""
    view_key_fault: str = ""
    keys: tuple[KeyFacts, ...] = ()
    folder_mode: int | None = None
    """Permission bits of the data folder; None: it is not there."""
    disk_bytes: int = 0
    """Size of the file system that holds the data folder; 0: not known."""
    free_bytes: int = 0
    """Bytes that this user may still write there."""
    store_bytes: int = 0
    """Size of the store's file."""
    store_bytes_max: int = 0
    """Size that the configuration lets it have."""
    held: Held = field(default_factory=Held)
    memory_fault: str = ""
    """Why a validator with this journal and mark would not start (K15); looked at only while it does not run."""
    memory_code: int = 0
    """Exit code that it would end with; 0: none."""
    last_words: LastWords | None = None
    denied: tuple[str, ...] = ()
    """Node keys that the operator denies, hex."""
    denied_fault: str = ""
    halts: tuple[str, ...] = ()
    """Files that prove more than f liars."""
    names: Mapping[str, str] = field(default_factory=dict)
    """Node key, hex -> name, of the nodes in the configuration."""
