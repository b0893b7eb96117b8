"""What an attestor's key has signed, kept beside the key: one digest per (route, type, key), durable before a signature leaves (B9).

| type | its key | what may be signed |
|---|---|---|
| Checkpoint, ReserveStatement | height of the ledger | above the highest signed, or the very same again |
| RotateAttestors | new epoch of the set | above the highest signed, or the very same again |
| MintAuth | nonce of the lock | again for a new epoch or height, only with equal lock, recipient, amount and deadline |

A route's domain, which is chain and contract, is kept with its first signature: a contract that is deployed again is another route.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Final, assert_never

import lmdb

from bridge.digests import Checkpoint, Domain, Message, MintAuth, ReserveStatement, RotateAttestors, digest, domain_separator
from bridge.errors import MarksExist, MarksMissing, NotAboveMark, OtherContract

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Self

MAP_BYTES: Final = 1 << 30
"""Reserved address space; 40 bytes a lock, so some ten million locks."""
_OWNER: Final = b"owner"
_DOMAIN: Final = b"d"
_MINTS: Final = b"m"
_HIGHEST: Final = {Checkpoint: b"c", ReserveStatement: b"s", RotateAttestors: b"r"}


class Marks:
    """The marks of one key. Opened by one process at a time."""

    def __init__(self, environment: lmdb.Environment) -> None:
        self._environment = environment

    @classmethod
    def create(cls, path: Path, address: bytes) -> Self:
        """Make the empty marks of a key that never signed.

        Raises
        ------
        MarksExist
            There are some.
        """
        if path.exists():
            raise MarksExist(path=str(path))
        environment = _environment(path)
        with environment.begin(write=True) as batch:
            batch.put(_OWNER, address)
        return cls(environment)

    @classmethod
    def open(cls, path: Path, address: bytes) -> Self:
        """Open the marks of this key.

        Raises
        ------
        MarksMissing
            There are none, they cannot be read, or they are another key's.
        """
        if not path.exists():
            raise MarksMissing(path=str(path), reason="are missing")
        try:
            environment = _environment(path)
            _check_whole(path, environment)
            with environment.begin() as view:
                owner = view.get(_OWNER)
        except lmdb.Error as problem:
            raise MarksMissing(path=str(path), reason=f"cannot be read ({problem})") from None
        if owner is None or bytes(owner) != address:
            environment.close()
            raise MarksMissing(path=str(path), reason="are another key's")
        return cls(environment)

    def promise(self, domain: Domain, message: Message) -> bytes:
        """Return the digest of a message once it is durable that this key signs it, and nothing that contradicts it.

        Raises
        ------
        NotAboveMark
            It contradicts what was signed, or is older.
        OtherContract
            The route was signed for another contract or chain before.
        FieldOutOfRange
            A field does not fit its type.
        MarksMissing
            The file is damaged, or cannot be written.
        """
        made = digest(domain, message)
        try:
            with self._environment.begin(write=True) as batch:  # synced when it ends; an error in it takes everything back
                self._keep(batch, domain, message, made)
        except lmdb.Error as problem:
            raise MarksMissing(path=self._environment.path(), reason=f"cannot be read or written ({problem})") from None
        return made

    def close(self) -> None:
        """Close the file."""
        self._environment.close()

    def _keep(self, batch: lmdb.Transaction, domain: Domain, message: Message, made: bytes) -> None:
        self._keep_domain(batch, domain, message)
        match message:
            case MintAuth():
                self._keep_mint(batch, message)
            case Checkpoint() | ReserveStatement():
                self._raise_mark(batch, message, message.ledger_height, made)
            case RotateAttestors():
                self._raise_mark(batch, message, message.new_epoch, made)
            case _:
                assert_never(message)

    def _keep_domain(self, batch: lmdb.Transaction, domain: Domain, message: Message) -> None:
        separator = domain_separator(domain)
        held = batch.get(_DOMAIN + message.route_id)
        if held is None:
            batch.put(_DOMAIN + message.route_id, separator)
        elif bytes(held) != separator:
            raise OtherContract(route_id=message.route_id)

    def _keep_mint(self, batch: lmdb.Transaction, message: MintAuth) -> None:
        place = _MINTS + message.route_id + message.nonce.to_bytes(8, "big")
        fields = (message.lock_id, message.recipient, message.amount.to_bytes(32, "big"), message.deadline.to_bytes(8, "big"))
        core = sha256(b"".join(fields)).digest()
        held = batch.get(place)
        if held is None:
            batch.put(place, core)
        elif bytes(held) != core:
            raise NotAboveMark(what="a mint of the lock", key=message.nonce, mark=message.nonce)

    def _raise_mark(self, batch: lmdb.Transaction, message: Checkpoint | ReserveStatement | RotateAttestors, key: int, made: bytes) -> None:
        """Let a mark rise to `key`; the very same again leaves it as it is."""
        place = _HIGHEST[type(message)] + message.route_id
        held = batch.get(place)
        if held is not None:
            mark, signed = int.from_bytes(bytes(held)[:8], "big"), bytes(held)[8:]
            if key == mark and signed == made:
                return
            if key <= mark:
                raise NotAboveMark(what=f"a {type(message).__name__} at", key=key, mark=mark)
        batch.put(place, key.to_bytes(8, "big") + made)


def _check_whole(path: Path, environment: lmdb.Environment) -> None:
    """Refuse a file that ends before its last page: a read beyond the end would kill the process instead of failing."""
    needed = (environment.info()["last_pgno"] + 1) * environment.stat()["psize"]
    found = (path / "data.mdb").stat().st_size
    if found < needed:
        environment.close()
        raise MarksMissing(path=str(path), reason=f"are cut short ({found} of {needed} bytes)")


def _environment(path: Path) -> lmdb.Environment:
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return lmdb.open(str(path), map_size=MAP_BYTES, max_dbs=0, sync=True, metasync=True, mode=0o600)
