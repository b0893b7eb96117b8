"""`som bridge proof` and `som bridge verify`: that what circulates there is locked here, in one file, for anybody, without a node.

The file has what the validators signed (header, certificate, the way to their epoch, the route's leaf) and what the attestors signed of the
same height. Its readable fields are claims: each must be what the signatures say, and the first that is not is named.
"""

import tempfile
from base64 import b64decode, b64encode
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from msgspec import Meta, Struct

from cli.bridge import RouteArgument, app, find_route
from cli.client import NotThere
from cli.command import command
from cli.faults import Distrust, Misuse, Refusal
from cli.output import print_fields, print_json
from cli.proof import epoch_link
from cli.session import Session, read_genesis
from cli.times import time_text
from cli.trust import Shelf, Trusted
from cli.verify import Moment, verify_state
from ledger.blocks import Header
from ledger.bridge_limits import vault_total
from ledger.bridges import BridgeRoute, route_key, threshold_of
from ledger.epochs import Validator
from ledger.genesis import Genesis, chain_id, validators
from ledger.proofs import ProofError, check_state_proof
from node.api.bridge_structs import BridgeAttestation, RouteChanges

__all__ = ["app"]

FILE_BYTES_MAX = 64 * 1_048_576
EPOCHS_MAX = 100_000
FORMAT = "som/bridge-proof/1"


class Claims(Struct, frozen=True, forbid_unknown_fields=True):
    """What the file says, for people; amounts in minor units, bytes in hex. Every field is proven by the rest."""

    chain: str
    route: str
    asset: str
    decimals: int
    public_chain: int
    route_id: str
    bridge: str
    token: str
    status: str
    epoch: int
    """Of the attestors."""
    height: int
    block_id: str
    time_ms: int
    locks: int
    opening: str
    locked: str
    refunded: str
    released: str
    vault: str
    """opening + locked - refunded - released: at most so much can circulate there."""
    digest: str
    """That the attestors signed: the checkpoint of this height."""
    threshold: int
    signers: tuple[str, ...]
    """Addresses, rising."""


class ReserveProof(Struct, frozen=True, forbid_unknown_fields=True):
    """The file."""

    format: str
    claims: Claims
    links: Annotated[tuple[str, ...], Meta(max_length=EPOCHS_MAX)]
    """How each epoch before that of the block ended, base64."""
    state: str
    """Proof file of the route's leaf, base64."""
    signatures: Annotated[tuple[str, ...], Meta(max_length=64)]
    """Of the attestors, hex, in the order of `signers`."""


class Untrue(Exception):
    """A field of the file is not what the signatures say."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field, self.reason = field, reason


@command(app, "proof")
def proof(
    session: Session,
    route: RouteArgument,
    output: Annotated[Path, typer.Option("--output", metavar="FILE", help="Where to write it.")] = Path("proof.json"),
) -> None:
    """Write the newest proof of reserve of ROUTE, for `som bridge verify`: what validators and attestors signed of one height."""
    find_route(session, route)
    try:
        signed = session.client.get(f"/v1/bridge/routes/{route}/attestation", BridgeAttestation, {"what": "checkpoint"})
    except NotThere as missing:
        raise Refusal(str(missing)) from None
    if len(signed.signatures) < signed.needed:
        raise Refusal(f"only {len(signed.signatures)} of {signed.needed} attestors have signed height {signed.number}: ask again later")
    page = session.client.get(f"/v1/bridge/routes/{route}/changes", RouteChanges, {"after": str(signed.number - 1), "count": "1"}).changes
    if not page or page[0].height != signed.number:
        raise Refusal(f"the node does not show the route as it was at height {signed.number}: ask one whose store is older")
    try:
        links = range(1, _shown(_bytes("state", page[0].proof), session.chain) + 1)
        ways = tuple(b64encode(epoch_link(session, number)).decode() for number in links)
        draft = ReserveProof(FORMAT, _NOTHING, ways, page[0].proof, ())
        good = good_signatures(proven_route(draft, session.genesis), (each.signature for each in signed.signatures))
        draft = msgspec.structs.replace(draft, signatures=tuple(good.values()))
        made = msgspec.structs.replace(draft, claims=proven_claims(draft, session.genesis))
    except Untrue as problem:
        raise Distrust(f"what the node shows does not hold ({problem}): do not believe this node") from None
    data = msgspec.json.format(msgspec.json.encode(made), indent=1) + b"\n"
    if len(data) > FILE_BYTES_MAX:
        raise Refusal(
            f"the proof would have {len(data)} bytes, and nobody reads more than {FILE_BYTES_MAX}: there are {len(ways)} epochs behind it"
        )
    try:
        output.write_bytes(data)
    except OSError as error:
        raise Refusal(f"{output} cannot be written: {error.strerror}") from None
    _show(session, made.claims, [("file", str(output))])


@command(app, "verify")
def verify(
    session: Session,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Proof of reserve (som bridge proof).")],
    *,
    genesis: Annotated[Path | None, typer.Option("--genesis", metavar="FILE", help="Genesis document; else the profile's.")] = None,
) -> None:
    """Say whether a proof of reserve is true, without asking any node; believed is the genesis document alone. Exit code 1: it is not."""
    try:
        with file.open("rb") as opened:
            data = opened.read(FILE_BYTES_MAX + 1)
    except OSError as error:
        raise Misuse(f"{file} cannot be read: {error.strerror}") from None
    believed = read_genesis(genesis) if genesis is not None else session.genesis
    try:
        claims = check(data, believed)
    except Untrue as found:
        if session.json:
            print_json({"true": False, "field": found.field, "reason": found.reason})
        else:
            print_fields([("true", "no"), ("field", found.field), ("reason", found.reason)])
        raise typer.Exit(1) from None
    _show(session, claims, [])


def check(data: bytes, genesis: Genesis) -> Claims:
    """Return what a file proves.

    Raises
    ------
    Untrue
        Names the field that is not so.
    """
    if len(data) > FILE_BYTES_MAX:
        raise Untrue("file", f"more than {FILE_BYTES_MAX} bytes")
    try:
        found = msgspec.json.decode(data, type=ReserveProof)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise Untrue("file", str(error)) from None
    if found.format != FORMAT:
        raise Untrue("format", f"it is {found.format[:40]!r}, not {FORMAT!r}")
    proven = proven_claims(found, genesis)
    for name in Claims.__struct_fields__:
        said, true = getattr(found.claims, name), getattr(proven, name)
        if said != true:
            raise Untrue(f"claims.{name}", f"it says {str(said)[:140]}, signed is {str(true)[:140]}")
    return proven


class Signed(Struct, frozen=True):
    """A route's record in a final block, and what attestors sign of it."""

    route: BridgeRoute
    header: Header
    block_id: bytes
    digest: bytes


def proven_route(found: ReserveProof, genesis: Genesis) -> Signed:
    """Return what the validators signed, whatever the file claims; raises `Untrue`."""
    from bridge.attest import Point, checkpoint_of, domain_of  # noqa: PLC0415 - curves would slow the start of every other command
    from bridge.digests import digest  # noqa: PLC0415
    from bridge.errors import FieldOutOfRange  # noqa: PLC0415

    chain = chain_id(genesis)
    data = _bytes("state", found.state)
    epoch = _shown(data, chain, len(found.links))
    links = {number: _bytes("links", link) for number, link in enumerate(found.links, 1)}
    first = [Validator(each.participant, each.consensus_key, each.node_key, each.endpoint) for each in validators(genesis)]
    with tempfile.TemporaryDirectory() as folder:
        trusted = Trusted(chain, first, Shelf(Path(folder), chain), lambda number: links.get(number, b""))
        try:
            trusted.council(epoch)
        except Distrust as problem:
            raise Untrue("links", str(problem)) from None
        try:
            proven = verify_state(data, trusted, Moment(0, 0, check_state_proof(data, chain=chain).block.header.height))
        except Distrust as problem:
            raise Untrue("state", str(problem)) from None
    (key, record), *others = proven.records.items()
    if others or not isinstance(record, BridgeRoute) or key != route_key(record.id):
        raise Untrue("state", "it is not the leaf of a route alone")
    header, block_id = proven.block.header, proven.block.block_id
    try:
        message = checkpoint_of(record, Point(header.height, block_id, header.time_ms))
        return Signed(record, header, block_id, digest(domain_of(record.terms), message))
    except FieldOutOfRange as problem:
        raise Untrue("state", str(problem)) from None


def good_signatures(signed: Signed, signatures: Iterable[str]) -> dict[bytes, str]:
    """Return the signatures that members of the route's set made of its checkpoint, by address, rising."""
    from bridge.keys import recovered  # noqa: PLC0415 - see above

    members = {each.address[-20:] for each in signed.route.attestors}
    found = {recovered(signed.digest, _hex(each)): each for each in signatures}
    return {address: found[address] for address in sorted(each for each in found if each is not None and each in members)}


def proven_claims(found: ReserveProof, genesis: Genesis) -> Claims:
    """Return what the signatures of a file say, whatever it claims; raises `Untrue`."""
    signed = proven_route(found, genesis)
    record, terms, header = signed.route, signed.route.terms, signed.header
    good, needed = good_signatures(signed, found.signatures), threshold_of(len(record.attestors))
    if tuple(good.values()) != found.signatures or len(good) < needed:
        raise Untrue("signatures", f"{len(good)} of {len(found.signatures)} are good and in order, {needed} attestors must have signed")
    return Claims(
        chain=header.chain.hex(),
        route=record.id,
        asset=terms.asset,
        decimals=terms.decimals,
        public_chain=terms.chain_id,
        route_id=terms.route_id.hex(),
        bridge=terms.bridge.hex(),
        token=terms.token.hex(),
        status=record.status,
        epoch=record.epoch,
        height=header.height,
        block_id=signed.block_id.hex(),
        time_ms=header.time_ms,
        locks=record.locks,
        opening=str(terms.opening),
        locked=str(record.locked),
        refunded=str(record.refunded),
        released=str(record.released),
        vault=str(vault_total(record)),
        digest=signed.digest.hex(),
        threshold=needed,
        signers=tuple(each.hex() for each in good),
    )


def _shown(data: bytes, chain: bytes, links: int | None = None) -> int:
    """Return the epoch of the block of a state proof; with `links`, see that there is one for each epoch before."""
    try:
        epoch = check_state_proof(data, chain=chain).block.header.epoch
    except ProofError as problem:
        raise Untrue("state", str(problem)) from None
    if links is not None and links != epoch:
        raise Untrue("links", f"there are {links}, the block is of epoch {epoch}")
    return epoch


def _bytes(field: str, text: str) -> bytes:
    """Return what a text stands for; only the one way of writing it counts, so that every letter of the file does."""
    try:
        data = b64decode(text, validate=True)
    except ValueError:
        raise Untrue(field, "it is not base64") from None
    if b64encode(data).decode() != text:
        raise Untrue(field, "it is not written as base64 is")
    return data


def _hex(text: str) -> bytes:
    try:
        data = bytes.fromhex(text)
    except ValueError:
        raise Untrue("signatures", "one is not hex") from None
    if data.hex() != text:
        raise Untrue("signatures", "one is not written as lower-case hex without spaces")
    return data


def _show(session: Session, claims: Claims, more: list[tuple[str, str]]) -> None:
    if session.json:
        print_json({"true": True, **msgspec.to_builtins(claims), **dict(more)})
        return
    major = 10**claims.decimals

    def text(amount: str) -> str:
        return f"{int(amount) // major}.{int(amount) % major:0{claims.decimals}d} {claims.asset}" if claims.decimals else amount

    print_fields(
        [
            ("true", "yes, by the signatures of validators and attestors"),
            ("route", f"{claims.route} on chain {claims.public_chain}, bridge 0x{claims.bridge}"),
            ("as of", f"height {claims.height}, {time_text(claims.time_ms)}"),
            ("in the vault", text(claims.vault)),
            ("opening, locked", f"{text(claims.opening)}, {text(claims.locked)}"),
            ("refunded, released", f"{text(claims.refunded)}, {text(claims.released)}"),
            ("attestors", f"{len(claims.signers)} signed, {claims.threshold} must"),
            *more,
        ]
    )


_NOTHING = Claims("", "", "", 0, 0, "", "", "", "", 0, 0, "", 0, 0, "", "", "", "", "", "", 0, ())
