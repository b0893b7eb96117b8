"""The parts that every running node has, validator or peer, joined once."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from ssl import CERT_REQUIRED, PEM_cert_to_DER_cert, Purpose, SSLContext, SSLError, create_default_context
from typing import TYPE_CHECKING

from consensus.types import ChainId
from node.builder import BlockLimits, Builder
from node.config import ConfigError
from node.driver import now_ms
from node.greeting import Identity
from node.handshake import PLAIN
from node.mempool import Mempool
from node.peers import Peers
from node.roster import LedgerRoster
from node.tasks import Tasks
from node.verify import TransactionVerifier, VoteVerifier

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
    peers: Peers
    pool: Mempool
    votes: VoteVerifier
    transactions: TransactionVerifier
    session: ClientSession
    urls: dict[bytes, str]
    """Node key -> address of the peer listener."""


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
    roster = LedgerRoster(chain.state, [(each.participant, bytes.fromhex(each.node_key)) for each in prepared.genesis.validators])
    limits = config.limits
    pool = Mempool(chain, now_ms, transactions_max=limits.pool_transactions_max, bytes_max=limits.pool_bytes_max)
    pool.on_drop(lambda _, refusal: metrics.transactions_expired.inc() if refusal is None else metrics.refused(refusal.name))
    return Parts(
        config=config,
        chain=chain,
        metrics=metrics,
        tasks=tasks,
        peers=Peers(Identity(chain.chain_id, prepared.node_seed, secured.certificate_hash), roster, tasks),
        pool=pool,
        votes=VoteVerifier(ChainId(chain.chain_id), prepared.validators, metrics),
        transactions=TransactionVerifier(chain.cache, metrics),
        session=session,
        urls={bytes.fromhex(entry.node_key): entry.url for entry in config.peers},
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
