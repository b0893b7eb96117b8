"""The parts that every running node has, validator or peer, joined once. They outlive epochs; `node.roles` has what does not."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from ssl import CERT_REQUIRED, PEM_cert_to_DER_cert, Purpose, SSLContext, SSLError, create_default_context
from typing import TYPE_CHECKING

from node.builder import BlockLimits, Builder
from node.config import ConfigError, PeerEntry, usable_url
from node.driver import now_ms
from node.evidence import EvidenceBook
from node.files import DiskFiles
from node.gossip import Gossip
from node.greeting import Identity
from node.handshake import PLAIN
from node.later import Later
from node.mempool import Mempool
from node.peers import Peers
from node.roster import LedgerRoster
from node.tasks import Tasks
from node.teller import Teller
from node.verify import EpochVerifiers, TransactionVerifier

if TYPE_CHECKING:
    from collections.abc import Callable

    from aiohttp import ClientSession

    from ledger.transactions.bodies import Transaction
    from node.chain import Chain
    from node.config import Config, PeerConfig
    from node.metrics import Metrics
    from node.prepare import Prepared


@dataclass(frozen=True, slots=True)
class Parts:
    """Shared by both roles."""

    config: Config
    chain: Chain
    metrics: Metrics
    tasks: Tasks
    """What runs as long as the node does; a role has tasks of its own."""
    fail: Callable[[BaseException], None]
    peers: Peers
    pool: Mempool
    gossip: Gossip
    votes: EpochVerifiers
    transactions: TransactionVerifier
    later: Later
    evidence: EvidenceBook
    teller: Teller
    session: ClientSession
    urls: dict[bytes, str]
    """Node key -> address of the peer listener: as configured, else as the ledger says."""

    def addresses(self) -> list[PeerEntry]:
        """Whom to call in the current epoch: every configured node, and every validator whose address only the ledger knows.

        An address in the ledger is a hint: whoever answers there must hold the node key (the handshake checks it).
        """
        entries = {bytes.fromhex(entry.node_key): entry for entry in self.config.peers}
        secured = bool(self.config.peer.tls_certificate)
        for index, each in enumerate(self.chain.council.members):
            if each.node_key not in entries and usable_url(each.endpoint, secured=secured):
                entries[each.node_key] = PeerEntry(f"{each.participant}/{index}", each.endpoint, each.node_key.hex())
        self.urls.clear()
        self.urls.update((key, entry.url) for key, entry in entries.items())
        return list(entries.values())


@dataclass(frozen=True, slots=True)
class Secured:
    """TLS of the peer network; all None and zeros on a plain devnet."""

    server: SSLContext | None
    client: SSLContext | None
    certificate_hash: bytes


def join(prepared: Prepared, session: ClientSession, secured: Secured, fail: Callable[[BaseException], None]) -> Parts:
    """Make the shared parts of a node."""
    config, chain, metrics = prepared.config, prepared.chain, prepared.metrics
    tasks = Tasks(fail)
    peers = Peers(Identity(chain.chain_id, prepared.node_seed, secured.certificate_hash), LedgerRoster(chain), tasks)
    transactions = TransactionVerifier(chain.cache, metrics)
    limits = config.limits
    pool = Mempool(chain, now_ms, transactions_max=limits.pool_transactions_max, bytes_max=limits.pool_bytes_max)
    pool.on_drop(lambda _, refusal: metrics.transactions_expired.inc() if refusal is None else metrics.refused(refusal.name))
    return Parts(
        config=config,
        chain=chain,
        metrics=metrics,
        tasks=tasks,
        fail=fail,
        peers=peers,
        pool=pool,
        gossip=Gossip(pool=pool, cache=chain.cache, verifier=transactions, peers=peers, metrics=metrics),
        votes=EpochVerifiers(chain, metrics),
        transactions=transactions,
        later=Later(),
        evidence=EvidenceBook(DiskFiles(), config.data_folder / "evidence", fail),
        teller=Teller(metrics),
        session=session,
        urls={},
    )


def builder_of(parts: Parts) -> Builder:
    """Make the builder of a validator."""
    limits = BlockLimits(transactions_max=parts.config.limits.block_transactions_max, pace_ms=parts.config.limits.block_pace_ms)

    def poisoned(tx: Transaction, fault: str) -> None:
        del tx, fault  # the builder has logged both
        parts.metrics.alarm("poison")

    return Builder(parts.chain, parts.pool, now_ms, limits, poisoned)


def secure(config: PeerConfig) -> Secured:
    """Load certificates of the peer network.

    Raises
    ------
    ConfigError
        A file cannot be read or used.
    """
    if not config.tls_certificate:
        return Secured(None, None, PLAIN)
    try:
        server = create_default_context(Purpose.CLIENT_AUTH)
        server.load_cert_chain(config.tls_certificate, config.tls_key)
        client = create_default_context(Purpose.SERVER_AUTH, cafile=config.tls_authority)
        client.verify_mode = CERT_REQUIRED
        # The node key is the identity, signed together with the certificate in the handshake: names in certificates may change at will.
        client.check_hostname = False
        der = PEM_cert_to_DER_cert(Path(config.tls_certificate).read_text("ascii"))
    except (OSError, SSLError, ValueError) as problem:
        raise ConfigError(f"the TLS files of the peer listener cannot be used: {problem}") from problem
    return Secured(server, client, sha256(der).digest())
