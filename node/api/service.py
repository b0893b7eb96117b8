"""What every handler has at hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from ledger.errors import BY_CODE
from node.api.encoded import EventCache
from node.api.errors import NotFound
from node.api.finals import Finals
from node.callers import Callers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ledger.state import Record
    from node.api.backend import Backend

R = TypeVar("R", bound="Record")


class Service:
    """The backend, and who waits for final blocks. One per application."""

    def __init__(self, backend: Backend) -> None:
        self.reads = backend.reads
        self.pool = backend.pool
        self.node = backend.node
        self.diagnosis = backend.diagnosis
        self.registry = backend.registry
        self.callers = Callers(backend.reads.chain_id)
        self.metrics = backend.metrics
        self.fail = backend.fail
        self.finals = Finals(backend.reads)
        self.events = EventCache(backend.reads)
        self.streams = 0
        """Open event streams."""
        self.openapi = b""
        """The document of `/openapi.json`, made once."""

    @property
    def height(self) -> int:
        """Height of the newest final block: the `as_of` of every answer made without waiting."""
        return self.reads.tip.facts.height

    def record(self, key: str, kind: type[R]) -> R | None:
        """Record of a kind at a storage key of the final state."""
        record = self.reads.state.get(key)
        if record is None:
            return None
        if isinstance(record, kind):
            return record
        raise AssertionError(f"{key} holds {type(record).__name__}, expected {kind.__name__}")

    def prove(self, tree: str, keys: Sequence[str]) -> bytes:
        """Proof file of leaves of one tree, present or absent.

        Raises
        ------
        NotFound
            No block is final yet: the genesis state has no certificate.
        """
        self._check_final()
        return self.reads.prove(tree, keys)

    def route_changes(self, route: str, after: int, limit: int) -> Sequence[tuple[int, bytes]]:
        """Heights at which a bridge's route changed, with proofs; raises `NotFound` where no certificate shows one of them yet."""
        try:
            return self.reads.route_changes(route, after, limit)
        except LookupError as missing_one:
            raise NotFound(str(missing_one)) from None

    def prove_account(self, account: str) -> bytes:
        """Proof file of an account, or of its absence; its participant must exist.

        Raises
        ------
        NotFound
            No block is final yet: the genesis state has no certificate.
        """
        self._check_final()
        return self.reads.prove_account(account)

    def _check_final(self) -> None:
        if self.height == 0:
            raise NotFound("no block is final yet, so there is no certificate to prove anything with; ask again after the first block")

    def gauges(self) -> dict[str, float]:
        """Read what `/metrics` shows as of now."""
        node = self.node
        return {
            "height": self.height,
            "committed_height": self.reads.committed_height,
            "view": node.view,
            "final_view": node.final_view,
            "epoch": node.epoch,
            "peers_connected": node.peers_connected,
            "peers_known": node.peers_known,
            "peers_denied": node.peers_denied,
            "syncing": float(node.syncing),
            "pool_transactions": self.pool.count,
            "pool_bytes": self.pool.bytes,
            "progress_stalled_seconds": self.diagnosis.stalled_ms / 1_000,
            "silenced": float(bool(self.diagnosis.silenced)),
            "double_votes": self.diagnosis.evidence_count,
        }


def missing(code: int, message: str) -> NotFound:
    """404 under the ledger's own code for what does not exist."""
    meaning = BY_CODE[code]
    return NotFound(message, code=code, name=meaning.name, iso=meaning.iso)
