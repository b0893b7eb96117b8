"""Looking at a node's own machine for `som doctor`: files, permissions, space, lock. Nothing is changed, locked or started.

Not even for an instant is the lock of the data folder taken: a node that starts just then would refuse (23), and its supervisor would not
start it again. Who holds it is read from /proc/locks.
"""

from __future__ import annotations

import os
import shutil
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import TYPE_CHECKING

from cli.doctor_facts import Held, KeyFacts, MachineFacts
from cli.faults import CommandFault
from cli.session import read_genesis
from ledger.genesis import GenesisError, chain_id
from ledger.keys import public_key_of
from node.config import ConfigError, load_config
from node.denied import DENIED_FILE, parse_denied, read_denied
from node.fatal import Fatal
from node.keyfiles import box_public_of, read_seed
from node.lastwords import read_last_words
from node.memory import recall
from node.prepare import STORE_FOLDER
from node.signer import SeedKey
from node.still import StillFiles
from node.viewkeys import open_ring

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cli.doctor_facts import KeyFault, KeyUse
    from ledger.genesis_document import Genesis
    from node.config import Config

LOCKS = Path("/proc/locks")
LOCK_FILE = "lock"
STORE_FILE = "data.mdb"
OTHERS = 0o077


def look(path: Path) -> MachineFacts:
    """Everything that can be seen of the node with this configuration."""
    try:
        config = load_config(path)
    except ConfigError as fault:
        return MachineFacts(config=str(path), config_fault=str(fault))
    data = config.data_folder
    held = _held(data / LOCK_FILE)
    genesis, genesis_fault = _genesis(config)
    disk_bytes, free_bytes = _space(data)
    denied, denied_fault = _denied(data)
    memory_fault, memory_code = _memory(config) if not held.pid else ("", 0)
    return MachineFacts(
        config=str(path),
        name=config.name,
        role=config.role,
        data=str(data),
        url=own_url(config),
        genesis_fault=genesis_fault,
        chain="" if genesis is None else chain_id(genesis).hex(),
        view_key_fault="" if genesis is None else _view_key(genesis, config),
        keys=tuple(_keys(config)),
        folder_mode=_mode(data),
        disk_bytes=disk_bytes,
        free_bytes=free_bytes,
        store_bytes=_size(data / STORE_FOLDER / STORE_FILE),
        store_bytes_max=config.limits.map_bytes,
        held=held,
        memory_fault=memory_fault,
        memory_code=memory_code,
        last_words=read_last_words(data),
        denied=denied,
        denied_fault=denied_fault,
        halts=tuple(name for name in StillFiles().names(data / "evidence") if name.endswith(".halt")) if _mode(data) is not None else (),
        names={entry.node_key: entry.name for entry in config.peers},
    )


def own_url(config: Config) -> str:
    """Address at which this machine reaches the node's client API."""
    host = config.api.host
    everywhere = host in (str(IPv4Address(0)), str(IPv6Address(0)))
    if ":" in host:
        return f"http://[{'::1' if everywhere else host}]:{config.api.port}"
    return f"http://{'127.0.0.1' if everywhere else host}:{config.api.port}"


def _genesis(config: Config) -> tuple[Genesis | None, str]:
    try:
        return read_genesis(Path(config.genesis)), ""
    except (CommandFault, GenesisError) as fault:
        return None, f"{fault}; set `genesis` to the document that all nodes have"


def _view_key(genesis: Genesis, config: Config) -> str:
    """Say why the node's copy of the first view key cannot be used; a fault of its key files is told with those."""
    try:
        open_ring(genesis, config)
    except ConfigError:
        return ""
    except Fatal as fault:
        return str(fault)
    return ""


def _keys(config: Config) -> Iterable[KeyFacts]:
    yield _key("node_key", Path(config.node_key))
    yield _key("box_key", Path(config.box_key))
    if config.role == "validator":
        yield _key("consensus_key", Path(config.consensus_key))


def _key(use: KeyUse, path: Path) -> KeyFacts:
    """Look at one key file; its content is never shown, its public key is."""
    fault: KeyFault = ""
    try:
        mode = path.stat().st_mode
        if mode & OTHERS:
            fault = "readable by others"
        elif not os.access(path, os.R_OK):
            fault = "unreadable"
    except OSError:
        fault = "missing"
    if fault:
        return KeyFacts(use, str(path), fault)
    try:
        seed = read_seed(path)
    except ConfigError:
        return KeyFacts(use, str(path), "not a key")
    return KeyFacts(use, str(path), public=(box_public_of(seed) if use == "box_key" else public_key_of(seed)).hex())


def _memory(config: Config) -> tuple[str, int]:
    """Try the start-up rules of K15 on journal and mark, and change nothing; sentence and exit code of what they say."""
    if config.role != "validator":
        return "", 0
    try:
        key = SeedKey(read_seed(Path(config.consensus_key)))
        memory = recall(StillFiles(), config.data_folder, key)
    except ConfigError:
        return "", 0  # the key file has a finding of its own
    except Fatal as fault:
        return str(fault), fault.exit_code
    memory.journal.close()
    memory.signer.close()
    return "", 0


def _denied(data: Path) -> tuple[tuple[str, ...], str]:
    try:
        return tuple(sorted(key.hex() for key in parse_denied(read_denied(data), data / DENIED_FILE))), ""
    except ConfigError as fault:
        return (), str(fault)


def _mode(folder: Path) -> int | None:
    try:
        return folder.stat().st_mode & 0o777 if folder.is_dir() else None
    except OSError:
        return None


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _space(folder: Path) -> tuple[int, int]:
    """Size of the file system and what is free for this user; of the nearest folder above that is there. 0, 0: not known."""
    for each in (folder, *folder.parents):
        try:
            usage = shutil.disk_usage(each)
        except OSError:
            continue
        return usage.total, usage.free
    return 0, 0


def _held(path: Path) -> Held:
    """Find who holds the flock on a file."""
    try:
        found = path.stat()
        lines = LOCKS.read_text("ascii").splitlines()
    except FileNotFoundError:
        return Held(known=LOCKS.exists())
    except (OSError, UnicodeDecodeError):
        return Held(known=False)
    return Held(pid=holder(lines, found.st_dev, found.st_ino))


def holder(lines: Iterable[str], device: int, inode: int) -> int:
    """Process that holds a flock on a file, by the lines of /proc/locks; 0: none does.

    A line is `1: FLOCK  ADVISORY  WRITE PID MAJOR:MINOR:INODE 0 EOF`, device numbers in hex; `->` after the number marks who waits.
    """
    wanted = f"{os.major(device):02x}:{os.minor(device):02x}:{inode}"
    for line in lines:
        words = line.split()
        if len(words) >= 6 and words[1] == "FLOCK" and words[5] == wanted and words[4].isdigit():
            return int(words[4])
    return 0
