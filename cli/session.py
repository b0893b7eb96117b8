"""What every command works with: the profile with the options on top of it, the client, the keystore, the genesis document, the output."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from cli.client import Client
from cli.faults import Misuse
from cli.passphrase import read_passphrase
from cli.profile import Profile, check_url, load_profile
from cli.units import Units
from ledger.genesis import Genesis, chain_id, check_genesis, parse_genesis
from ledger.genesis_document import GENESIS_BYTES_MAX
from node.keystore import Keystore, open_key

if TYPE_CHECKING:
    from node.keystore import KeyFile

TEXT_BYTES_MAX = GENESIS_BYTES_MAX
CHAIN_BYTES = 32


class Choices(Struct, frozen=True):
    """The options that every command takes."""

    config: Path | None = None
    nodes: tuple[str, ...] = ()
    keystore: Path | None = None
    sender: str = ""
    passphrase_file: Path | None = None
    json: bool = False


class Session:
    """One run of one command. Everything is made when it is first asked for, so that `som keys list` needs no node."""

    def __init__(self, choices: Choices) -> None:
        self.choices = choices
        self._passphrase: bytes | None = None

    @property
    def json(self) -> bool:
        """Whether the result goes out as JSON."""
        return self.choices.json

    @cached_property
    def profile(self) -> Profile:
        """The profile that applies."""
        return load_profile(self.choices.config)

    @cached_property
    def client(self) -> Client:
        """Client of the nodes given, else of the profile's."""
        for url in self.choices.nodes:
            check_url(url)
        return Client(self.choices.nodes or self.profile.nodes)

    @cached_property
    def keystore(self) -> Keystore:
        """The keystore given, else the profile's."""
        return Keystore(self.choices.keystore or Path(self.profile.keystore))

    @cached_property
    def units(self) -> Units:
        """Decimals of assets: of the genesis document where the profile names one, else as the nodes tell."""
        return Units(self.genesis.assets if self.profile.genesis else (), self.client)

    @cached_property
    def state_folder(self) -> Path:
        """Where this client remembers what it sent and saw."""
        return Path(self.profile.state)

    @cached_property
    def genesis(self) -> Genesis:
        """The genesis document of the profile: the one that hashes to the profile's chain id, else any that can begin a network.

        Who was told the chain id need not check again what every node checked before it started; with many accounts that takes seconds.

        Raises
        ------
        Misuse
            The profile names none, or one of another chain.
        """
        if not self.profile.genesis:
            raise Misuse("the profile names no genesis document, and without one nothing can be signed or verified: set `genesis` in it")
        if not self.profile.chain:
            return read_genesis(Path(self.profile.genesis))
        text = read_text(Path(self.profile.genesis))
        genesis = parse_genesis(text)
        if chain_id(genesis).hex() != self.profile.chain:
            check_genesis(genesis, text)  # names the line where it was altered
            raise Misuse(f"{self.profile.genesis} is the genesis of another chain than the one the profile names: get the right document")
        return genesis

    @cached_property
    def chain(self) -> bytes:
        """32 bytes: what every signature is bound to."""
        return chain_id(self.genesis)

    def be_ready(self) -> None:
        """Read the genesis document now, which takes a second where it has many accounts, for a command that must not lose time later."""
        if len(self.chain) != CHAIN_BYTES:
            raise AssertionError("a chain id of another length")

    def sender(self, default: str = "") -> str:
        """`from` of the transaction: --as, else the profile's participant, else the default of the command."""
        chosen = self.choices.sender or self.profile.participant or default
        if not chosen:
            raise Misuse("who sends this? name a participant with --as, or set `participant` in the profile")
        return chosen

    def passphrase_file(self) -> Path | None:
        """File of the passphrase: the one given, else the profile's."""
        return self.choices.passphrase_file or (Path(self.profile.passphrase_file) if self.profile.passphrase_file else None)

    def passphrase(self) -> bytes:
        """Passphrase of the keystore, asked for once per run."""
        if self._passphrase is None:
            self._passphrase = read_passphrase(self.passphrase_file(), purpose=f"for the keys in {self.keystore.folder}")
        return self._passphrase

    def open(self, key: KeyFile) -> bytes:
        """Seed of a key."""
        return open_key(key, self.passphrase())


def read_genesis(path: Path) -> Genesis:
    """Genesis document of a file, parsed and checked, signatures included: what a light client believes.

    Raises
    ------
    Misuse
        The file cannot be read.
    GenesisError
        It is no document that can begin a network.
    """
    text = read_text(path)
    genesis = parse_genesis(text)
    check_genesis(genesis, text)
    return genesis


def read_text(path: Path) -> str:
    """UTF-8 text of a file that a person wrote or reviewed.

    Raises
    ------
    Misuse
        It cannot be read, is too long, or is not text.
    """
    try:
        with path.open("rb") as file:
            text = file.read(TEXT_BYTES_MAX + 1)
    except OSError as error:
        raise Misuse(f"{path} cannot be read: {error.strerror}") from None
    if len(text) > TEXT_BYTES_MAX:
        raise Misuse(f"{path} is longer than {TEXT_BYTES_MAX} bytes")
    try:
        return text.decode()
    except UnicodeDecodeError:
        raise Misuse(f"{path} is not UTF-8 text") from None
