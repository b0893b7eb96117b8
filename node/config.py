"""The configuration of one node: a TOML file, every key known, every refusal one sentence that says what to do.

It is not the network's rules: those are in the genesis document. It says who this node is, where its files lie and whom it calls.
"""

from __future__ import annotations

import tomllib
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta, Struct, field

from consensus.types import Timing
from node.fatal import Fatal

Port = Annotated[int, Meta(ge=0, le=65_535)]
"""TCP port; 0 lets the system choose, for tests."""
HexKey = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
PEERS_MAX = 256
"""Configured peers: far above any validator set, far below what would cost memory."""


class ConfigError(Fatal):
    """The configuration cannot be used; the sentence names the file and what to change."""

    exit_code = 60


class ApiConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """The listener for clients."""

    host: str = "127.0.0.1"
    port: Port = 8_800
    public: bool = False
    """Who may read what is not settled before bank peers exist: any address but loopback is refused unless this says otherwise."""


class PeerConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """The listener for other nodes."""

    host: str = "127.0.0.1"
    port: Port = 8_900
    tls_certificate: str = ""
    """PEM file of this node's certificate; empty: plain, for a devnet."""
    tls_key: str = ""
    tls_authority: str = ""
    """PEM file of the network's own certificate authority, by which certificates of the nodes called are checked."""


class PeerEntry(Struct, frozen=True, forbid_unknown_fields=True):
    """A node that this one calls. Its key is its identity, the address only a hint."""

    name: Annotated[str, Meta(min_length=1, max_length=64)]
    url: str
    """`http://host:port` or `https://host:port` of its peer listener."""
    node_key: HexKey


class Limits(Struct, frozen=True, forbid_unknown_fields=True):
    """Sizes an operator may change; the defaults are those of interfaces.md (M3)."""

    pool_bytes_max: Annotated[int, Meta(ge=1_048_576, le=2**34)] = 64 * 1_048_576
    pool_transactions_max: Annotated[int, Meta(ge=1, le=1_000_000)] = 6_000
    map_bytes: Annotated[int, Meta(ge=16 * 1_048_576, le=2**44)] = 2**36
    """Address space reserved for LMDB; the file grows only as far as it is used."""
    flush_transactions: Annotated[int, Meta(ge=1, le=100_000)] = 6_000
    """LMDB is flushed once so many transactions are final and unflushed."""
    block_transactions_max: Annotated[int, Meta(ge=1, le=100_000)] = 1_000
    """Cap of a block: with larger ones the validators wait for each other's execution, with smaller ones each block costs more."""
    block_pace_ms: Annotated[int, Meta(ge=0, le=10_000)] = 25
    """A block that is not full waits so long after the last one: many tiny blocks cost a fifth of a node's CPU."""


class TimingConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """Timers of consensus.md section 5; all validators should use the same."""

    delta_ms: Annotated[int, Meta(ge=1, le=60_000)] = 250
    timeout_ms_max: Annotated[int, Meta(ge=1, le=600_000)] = 8_000
    retry_ms: Annotated[int, Meta(ge=1, le=60_000)] = 1_000
    interval_ms_min: Annotated[int, Meta(ge=10, le=60_000)] = 10
    status_ms: Annotated[int, Meta(ge=100, le=60_000)] = 2_000

    def timing(self, heartbeat_ms: int) -> Timing:
        """Return the core's struct; the heartbeat is a parameter of the ledger, which changes with the epoch (K22)."""
        return Timing(
            delta_ms=self.delta_ms,
            timeout_ms_max=self.timeout_ms_max,
            retry_ms=self.retry_ms,
            heartbeat_ms=heartbeat_ms,
            interval_ms_min=self.interval_ms_min,
            status_ms=self.status_ms,
        )


class SyncConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """Catching up over state snapshots (K20)."""

    snapshot: Literal["auto", "never"] = "auto"
    """Whether an empty store may begin at a snapshot; never: with block 1, however long that takes."""
    snapshot_blocks: Annotated[int, Meta(ge=0, le=2**32)] = 5_000
    """An empty store that is further behind begins at a snapshot."""
    snapshot_every: Annotated[int, Meta(ge=0, le=2**32)] = 5_000
    """Blocks from one snapshot for others to the next; 0: at the end of each epoch only."""


class Config(Struct, frozen=True, forbid_unknown_fields=True):
    """One node. Relative paths are taken from the folder of the file."""

    role: Literal["validator", "peer"]
    name: Annotated[str, Meta(pattern="^[a-z][a-z0-9-]{0,31}$")]
    data: str
    genesis: str
    node_key: str
    """File with the seed that signs peer handshakes."""
    box_key: str
    """File with the secret that opens the view key."""
    consensus_key: str = ""
    """File with the seed that signs votes; validators only."""
    api: ApiConfig = field(default_factory=ApiConfig)
    peer: PeerConfig = field(default_factory=PeerConfig)
    peers: Annotated[tuple[PeerEntry, ...], Meta(max_length=PEERS_MAX)] = ()
    limits: Limits = field(default_factory=Limits)
    timing: TimingConfig = field(default_factory=TimingConfig)
    sync: SyncConfig = field(default_factory=SyncConfig)
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    @property
    def data_folder(self) -> Path:
        """Where journal, mark, store and lock lie."""
        return Path(self.data)


def load_config(path: Path) -> Config:
    """Read, convert and check a configuration file.

    Raises
    ------
    ConfigError
        Not readable, not TOML, an unknown key, a value out of range, or settings that do not fit together.
    """
    try:
        text = path.read_text("utf-8")
    except OSError as problem:
        raise ConfigError(f"cannot read the configuration {path}: {problem.strerror}; give the file with --config") from problem
    except UnicodeDecodeError as problem:
        raise ConfigError(f"{path} is not UTF-8 text (byte {problem.start})") from problem
    return parse_config(text, path)


def parse_config(text: str, path: Path) -> Config:
    """Convert and check the text of the configuration file at `path`; raises as `load_config`."""
    try:
        config = msgspec.convert(tomllib.loads(text), Config)
    except tomllib.TOMLDecodeError as problem:
        raise ConfigError(f"{path} is not TOML: {problem}") from problem
    except msgspec.ValidationError as problem:
        raise ConfigError(f"{path}: {problem}; correct or remove that key") from problem
    _check_role(config, path)
    _check_tls(config, path)
    _check_addresses(config, path)
    return _absolute(config, path.absolute().parent)


def is_loopback(host: str) -> bool:
    """Whether a listener on `host` can be reached from this machine only."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _check_role(config: Config, path: Path) -> None:
    if config.role == "validator" and not config.consensus_key:
        raise ConfigError(f'{path}: a validator needs consensus_key, the file of the seed that signs votes; or set role = "peer"')
    if config.role == "peer" and config.consensus_key:
        raise ConfigError(f"{path}: a peer does not vote; remove consensus_key, so that the key cannot run in two processes")


def _check_tls(config: Config, path: Path) -> None:
    files = (config.peer.tls_certificate, config.peer.tls_key, config.peer.tls_authority)
    if any(files) and not all(files):
        raise ConfigError(f"{path}: peer.tls_certificate, tls_key and tls_authority belong together; give all three or none")
    scheme = "https" if any(files) else "http"
    for entry in config.peers:
        if not entry.url.startswith(f"{scheme}://"):
            raise ConfigError(f"{path}: url of peer {entry.name} does not begin with {scheme}://; all nodes of a network use TLS, or none")


def _check_addresses(config: Config, path: Path) -> None:
    if not config.api.public and not is_loopback(config.api.host):
        raise ConfigError(
            f"{path}: api.host {config.api.host} is not loopback; set api.public = true if clients elsewhere may read everything"
        )
    if config.api.port and (config.api.host, config.api.port) == (config.peer.host, config.peer.port):
        raise ConfigError(f"{path}: api and peer listener have the same address; give them different ports")
    keys = set[str]()
    for entry in config.peers:
        if entry.node_key in keys:
            raise ConfigError(f"{path}: peer {entry.name} has the node_key of another entry; each node is listed once")
        keys.add(entry.node_key)
        _check_url(entry, path)


def usable_url(url: str, *, secured: bool) -> bool:
    """Whether an address that others gave can be called at all: `http://host:port`, or `https://host:port` where the network uses TLS."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return False
    scheme = "https" if secured else "http"
    return parts.scheme == scheme and bool(parts.hostname) and port is not None and parts.path in {"", "/"} and not parts.query


def _check_url(entry: PeerEntry, path: Path) -> None:
    try:
        parts = urlsplit(entry.url)
        port = parts.port
    except ValueError as problem:
        raise ConfigError(f"{path}: url of peer {entry.name} cannot be read ({problem}); write http://host:port") from problem
    if parts.scheme not in {"http", "https"} or not parts.hostname or port is None or parts.path not in {"", "/"}:
        raise ConfigError(f"{path}: url of peer {entry.name} is {entry.url!r}; write http://host:port or https://host:port")


def _absolute(config: Config, folder: Path) -> Config:
    def place(name: str) -> str:
        return str(folder / Path(name).expanduser()) if name else ""

    return msgspec.structs.replace(
        config,
        data=place(config.data),
        genesis=place(config.genesis),
        node_key=place(config.node_key),
        box_key=place(config.box_key),
        consensus_key=place(config.consensus_key),
        peer=msgspec.structs.replace(
            config.peer,
            tls_certificate=place(config.peer.tls_certificate),
            tls_key=place(config.peer.tls_key),
            tls_authority=place(config.peer.tls_authority),
        ),
    )
