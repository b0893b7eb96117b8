"""A process of the bridge: its configuration, its loop, its log and `/metrics`. Steps are in `bridge.attestor` and `bridge.relayer`.

A problem of one step is logged once and tried again; SIGTERM ends the loop after the step that runs. Nothing waits for a node for ever.
"""

from __future__ import annotations

import re
import signal
import sys
import threading
import tomllib
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Annotated, Final

import msgspec
import structlog
from msgspec import Meta, Struct
from prometheus_client import CollectorRegistry, Gauge, start_http_server

from bridge.errors import BridgeError, ConfigUnusable
from bridge.evm import EvmChain
from bridge.evm_fees import GWEI, Limits
from bridge.evm_node import EvmNode
from bridge.evm_sender import EvmSender
from bridge.headers import HeaderConfig, calls_of, check_headers
from bridge.headers import placed as headers_placed
from bridge.key_config import KEY_NEEDS, KeyConfig, placed, well_formed
from bridge.tron_chain import TronChain, TronSender
from bridge.tron_node import TronNode

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

    from bridge.chains import Carrier, PublicChain
    from bridge.inspector import Inspection
    from bridge.keys import SigningKey

CONFIG_BYTES_MAX: Final = 65_536
AGAIN_SECONDS: Final = 60
"""After which a problem that lasts is logged again."""
_NUMBERS: Final = re.compile(r"[0-9]+")
Text = Annotated[str, Meta(min_length=1, max_length=4_096)]
log = structlog.get_logger("bridge")


class ChainConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """Nodes of the public chain."""

    urls: Annotated[tuple[Text, ...], Meta(min_length=1, max_length=9)]
    """Of different providers: they are compared."""
    first_block: Annotated[int, Meta(ge=0, le=2**62)] = 0
    """Block that deployed the contract: an attestor looks from there on."""
    headers: Annotated[tuple[HeaderConfig, ...], Meta(max_length=9)] = ()
    """What providers want beside their URLs: a key each, in a file."""
    max_fee_gwei: Annotated[int, Meta(ge=1, le=1_000_000)] | None = None
    """Of a relayer on an EVM chain: the most that it offers for one unit of gas; None: `evm_fees.FEE_MAX`."""


class ProcessConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """One attestor, or one relayer, of one route. Relative paths are of the folder of the file."""

    route: Text
    folder: Text
    """Where it keeps its cursor, and an attestor its marks."""
    chain: ChainConfig
    key: KeyConfig
    participant: str = ""
    """Who attests; of a relayer nothing."""
    poll_seconds: Annotated[float, Meta(ge=0.05, le=3_600)] = 2.0
    stalled_seconds: Annotated[int, Meta(ge=1, le=86_400)] = 3_600
    """Without a newer final block for so long, finality is said to be stalled."""
    metrics_port: Annotated[int, Meta(ge=0, le=65_535)] = 0
    """On loopback; 0: none."""


def load(path: Path) -> ProcessConfig:
    """Read a configuration; its paths are absolute afterwards.

    Raises
    ------
    ConfigUnusable
        It cannot be read, has an unknown field or a value out of range, or names what is not built.
    """
    try:
        with path.open("rb") as file:
            data = file.read(CONFIG_BYTES_MAX + 1)
        if len(data) > CONFIG_BYTES_MAX:
            raise ConfigUnusable(path=str(path), reason=f"it is longer than {CONFIG_BYTES_MAX} bytes")
        found = msgspec.convert(tomllib.loads(data.decode()), ProcessConfig)
    except OSError as error:
        raise ConfigUnusable(path=str(path), reason=error.strerror or "it cannot be read") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as error:
        raise ConfigUnusable(path=str(path), reason=str(error)) from None
    if not well_formed(found.key):
        raise ConfigUnusable(path=str(path), reason=KEY_NEEDS)
    if wrong := check_headers(found.chain.headers, found.chain.urls):
        raise ConfigUnusable(path=str(path), reason=wrong)

    def place(name: str) -> str:
        return str(path.absolute().parent / Path(name).expanduser())

    chain = msgspec.structs.replace(found.chain, headers=headers_placed(found.chain.headers, place))
    return msgspec.structs.replace(found, folder=place(found.folder), chain=chain, key=placed(found.key, place))


def open_chain(config: ChainConfig, kind: str, chain_id: int, providers: int) -> PublicChain:
    """Open the public chain of a route, through as many of its nodes as the configuration names."""
    if kind == "TVM":
        return TronChain(_tron_nodes(config), chain_id, providers)
    return EvmChain(_evm_nodes(config), chain_id, providers)


def open_carrier(config: ChainConfig, kind: str, chain_id: int, key: SigningKey) -> Carrier:
    """Open the account that pays for what a relayer carries; raises `ConfigUnusable` where it limits what the chain does not have."""
    if kind == "TVM":
        if config.max_fee_gwei is not None:
            raise ConfigUnusable(path="[chain]", reason="max_fee_gwei is of EVM chains; on Tron each call has its own limit in TRX")
        return TronSender(_tron_nodes(config), key)
    limits = Limits() if config.max_fee_gwei is None else Limits(fee=config.max_fee_gwei * GWEI)
    return EvmSender(_evm_nodes(config), chain_id, key, limits=limits)


def _evm_nodes(config: ChainConfig) -> list[EvmNode]:
    return [EvmNode(url, calls_of(url, config.headers)) for url in config.urls]


def _tron_nodes(config: ChainConfig) -> list[TronNode]:
    return [TronNode(url, calls_of(url, config.headers)) for url in config.urls]


class Figures:
    """What `/metrics` shows of a process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._amounts = Gauge("som_bridge_minor_units", "Totals of both sides of a route", ["route", "total"], registry=self.registry)
        self._lag = Gauge("som_bridge_finality_lag_seconds", "Age of the chain's newest final block", ["route"], registry=self.registry)
        self._oldest = Gauge(
            "som_bridge_oldest_in_flight_seconds", "For how long a lock could be minted", ["route"], registry=self.registry
        )
        self._problem = Gauge("som_bridge_problem", "1 while the last step had a problem", ["route"], registry=self.registry)
        self._stalled = Gauge("som_bridge_finality_stalled", "1 while the chain does not finalise", ["route"], registry=self.registry)
        self._contradicted = Gauge(
            "som_bridge_contradictions", "Words of attestors that contradict themselves or the others", ["route"], registry=self.registry
        )
        self._alarmed: frozenset[str] = frozenset()
        """Contradictions that were logged and still stand."""

    def inspected(self, route: str, found: Inspection) -> None:
        """Show what an inspection found."""
        for name, value in found.totals.items():
            self._amounts.labels(route, name).set(value)
        self._lag.labels(route).set(found.lag)
        self._oldest.labels(route).set(found.oldest)
        self._stalled.labels(route).set(float(bool(found.stalled)))
        self._contradicted.labels(route).set(len(found.contradictions))
        for sentence in found.contradictions:
            if sentence not in self._alarmed:
                log.error("an attestor contradicts", who=sentence)
        self._alarmed = frozenset(found.contradictions)

    def problem(self, route: str, *, found: bool) -> None:
        """Show whether the last step had a problem."""
        self._problem.labels(route).set(float(found))


class News:
    """What of a problem is worth a line in the log: a new one, an old one each minute, its end."""

    def __init__(self) -> None:
        self._kind, self._said = "", 0.0

    def is_new(self, problem: str, now: float) -> bool:
        """Whether to log a problem (empty: there is none); `now` in seconds. Sentences that differ in their numbers are the same one."""
        kind = _NUMBERS.sub("", problem)
        if kind == self._kind and (not problem or now - self._said < AGAIN_SECONDS):
            return False
        self._kind, self._said = kind, now
        return True


def run(config: ProcessConfig, step: Callable[[], None], figures: Figures) -> int:
    """Repeat a step until SIGTERM or SIGINT; return 0.

    Whatever `BridgeError` a step ends with is logged when more than its numbers changed, else once a minute; the step is tried again.
    """
    _start_logs(config)
    ending = threading.Event()

    def end(_signal: int, _frame: FrameType | None) -> None:
        ending.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    if config.metrics_port:
        start_http_server(config.metrics_port, "127.0.0.1", figures.registry)
    log.info("started", route=config.route)
    news = News()
    while not ending.is_set():
        problem = ""
        try:
            step()
        except BridgeError as error:
            problem = str(error)
        figures.problem(config.route, found=bool(problem))
        if news.is_new(problem, monotonic()):
            log.warning("cannot go on", why=problem) if problem else log.info("goes on")
        ending.wait(config.poll_seconds)
    log.info("ended", route=config.route)
    return 0


def _start_logs(config: ProcessConfig) -> None:
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(route=config.route, participant=config.participant or "relayer")
