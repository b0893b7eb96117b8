"""`som proof check`, and what `--verify` does elsewhere: fetch a proof, check it with the light client, show only what it proves."""

import binascii
from pathlib import Path
from typing import Annotated

import typer

from cli.client import NotThere
from cli.command import command
from cli.contents import readable
from cli.faults import Distrust, Misuse, Refusal
from cli.output import Json, print_fields, print_json, print_table
from cli.receipts import receipt_json, receipt_rows
from cli.session import Session
from cli.times import now_ms, time_text
from cli.trust import CHECKPOINT_BYTES_MAX, Shelf, Trusted, parse_checkpoint
from cli.verify import Moment, Newest, verify_state, verify_transaction
from ledger.accounts import Account, Balance
from ledger.blocks import Header
from ledger.epochs import Validator
from ledger.genesis import validators
from ledger.names import check_account_id
from ledger.proofs import PROOF_BYTES_MAX, ProvenState, ProvenTransaction
from ledger.state import Record
from node.api.convert import receipt_body
from node.api.epoch_structs import EpochBody
from node.api.structs import AccountBody, TransactionBody

app = typer.Typer(help="Proofs: what the validators signed, checked here.", no_args_is_help=True)

VerifyOption = Annotated[bool, typer.Option("--verify", help="Check it here against the validators' signatures.")]
AtOption = Annotated[int | None, typer.Option("--at", metavar="HEIGHT", min=0, help="The state as of this height, however old.")]
CheckpointOption = Annotated[
    str, typer.Option("--checkpoint", metavar="EPOCH:ID|FILE", help="Epoch to believe, as the operator told it by another channel.")
]
SaveOption = Annotated[Path | None, typer.Option("--save", metavar="FILE", help="Keep the proof in a file.")]

STATE_MARK = b"som/state-proof/1"
MARK_WITHIN = 64
"""The format is the first field: it stands in the first bytes of a file."""


@command(app, "check")
def check(
    session: Session,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Proof file.")],
    *,
    at: AtOption = None,
    checkpoint: CheckpointOption = "",
) -> None:
    """Check a proof file with the genesis document of the profile; a node is asked only how epochs ended that were never verified here."""
    data = _read(file)
    believed = trusted(session, checkpoint)
    if STATE_MARK in data[:MARK_WITHIN]:
        proven = _checked_state(session, data, at, believed)
        _show_state(session, proven)
    else:
        transaction = verify_transaction(data, believed)
        Newest(session.state_folder, session.chain).raise_to(transaction.block.header.height)
        _show_transaction(session, transaction)


def verify_account(session: Session, account: str, *, at: int | None, save: Path | None, checkpoint: str) -> None:
    """Fetch an account with its proof, check it, show what is proven."""
    check_account_id(account)
    try:
        found = session.client.get(f"/v1/accounts/{account}", AccountBody, {"proof": "1"})
    except NotThere:
        raise Refusal(
            f"the node says that there is no account {account}: check the spelling (what is not there is not proven here)"
        ) from None
    data = _proof_of(found.proof)
    proven = _checked_state(session, data, at, trusted(session, checkpoint))
    if not isinstance(proven.records.get(f"account/{account}"), Account):
        raise Distrust(f"the proof is not of {account}, which the node shows: do not believe this node")
    _compare(found, proven)
    if save is not None:
        _save(save, data)
    _show_state(session, proven)


def verify_proven(session: Session, data: bytes, *, checkpoint: str) -> ProvenState:
    """Check a state proof that has come on another way than over the client API."""
    return _checked_state(session, data, None, trusted(session, checkpoint))


def verify_leaf(session: Session, text: str, key: str, *, at: int | None, checkpoint: str) -> tuple[ProvenState, Record]:
    """Check a proof of one leaf that a node has given, and return its record.

    Raises
    ------
    Distrust
        It proves nothing, or something else.
    """
    proven = _checked_state(session, _proof_of(text), at, trusted(session, checkpoint))
    record = proven.records.get(key)
    if record is None:
        raise Distrust(f"the proof is not of {key}, which the node shows: do not believe this node")
    return proven, record


def verify_transaction_of(session: Session, tx_id: str, *, save: Path | None, checkpoint: str) -> None:
    """Fetch a transaction with its proof, check it, show what is proven."""
    try:
        found = session.client.get(f"/v1/transactions/{tx_id}", TransactionBody, {"proof": "1"})
    except NotThere:
        raise Refusal(f"this node knows no transaction {tx_id}: it was not sent, has expired, or another node knows it") from None
    if found.status != "final":
        raise Refusal(f"{tx_id} is {found.status}: only what is final can be proven")
    data = _proof_of(found.proof)
    proven = verify_transaction(data, trusted(session, checkpoint))
    if proven.receipt.tx_id.hex() != tx_id:
        raise Distrust(f"the proof is of transaction {proven.receipt.tx_id.hex()}, not of the one asked for: do not believe this node")
    if found.receipt is not None and found.receipt != receipt_body(proven.receipt):
        raise Distrust("the receipt that the node shows is not the one that the validators signed: do not believe this node")
    Newest(session.state_folder, session.chain).raise_to(proven.block.header.height)
    if save is not None:
        _save(save, data)
    _show_transaction(session, proven)


def trusted(session: Session, checkpoint: str = "") -> Trusted:
    """Return what the light client starts from: chain and validators of the genesis document, epochs verified before, and a checkpoint."""
    first = [Validator(each.participant, each.consensus_key, each.node_key, each.endpoint) for each in validators(session.genesis)]
    found = Trusted(session.chain, first, Shelf(session.state_folder, session.chain), lambda epoch: epoch_link(session, epoch))
    if checkpoint:
        found.start_at(parse_checkpoint(_checkpoint_text(checkpoint)))
    return found


def epoch_link(session: Session, epoch: int) -> bytes:
    """Ask a node for the last step of the way to an epoch; nothing of it is believed yet."""
    try:
        shown = session.client.get(f"/v1/epochs/{epoch}", EpochBody)
    except NotThere:
        raise Distrust(
            f"the node does not show how epoch {epoch - 1} ended, so nothing of later epochs is proven: ask another node"
        ) from None
    return _proof_of(shown.proof)


def _checkpoint_text(given: str) -> str:
    """Return what `--checkpoint` says: itself, or the content of a file."""
    if ":" in given and "/" not in given:
        return given
    try:
        with Path(given).open("rb") as opened:
            return opened.read(CHECKPOINT_BYTES_MAX).decode("ascii", "replace")
    except OSError as error:
        raise Misuse(f"{given} is neither EPOCH:ID nor a file that can be read: {error.strerror}") from None


def _checked_state(session: Session, data: bytes, at: int | None, believed: Trusted) -> ProvenState:
    newest = Newest(session.state_folder, session.chain)
    proven = verify_state(data, believed, Moment(now_ms(), newest.read(), at))
    newest.raise_to(proven.block.header.height)
    return proven


def _compare(found: AccountBody, proven: ProvenState) -> None:
    """Refuse a node whose own words differ from what it proves at the same height."""
    if found.as_of != proven.block.header.height:
        return
    said = {f"balance/{found.id}/{each.asset}": (int(each.posted), int(each.held) + int(each.lapsed)) for each in found.balances}
    shown = {key: (each.posted, each.held) for key, each in proven.records.items() if isinstance(each, Balance)}
    account = proven.records[f"account/{found.id}"]
    if said != shown or not isinstance(account, Account) or (found.kind, found.status) != (account.kind, account.status):
        raise Distrust(f"what the node says of {found.id} is not what its proof shows: do not believe this node")


def _show_state(session: Session, proven: ProvenState) -> None:
    header = proven.block.header
    if session.json:
        records: Json = {key: readable(record) for key, record in proven.records.items()}
        print_json({"proven": True, "tree": proven.tree, "records": records, **_block_json(header)})
        return
    fields = [("proven", f"yes, signed by the validators of epoch {header.epoch}"), *_block_rows(header), ("tree", proven.tree)]
    rows = []
    for key, record in proven.records.items():
        if isinstance(record, Balance):
            asset = key.rpartition("/")[2]
            texts = [session.units.text(amount, asset) for amount in (record.posted, record.held, record.posted - record.held)]
            rows.append([key.removeprefix("balance/").rpartition("/")[0], *texts])
        elif isinstance(record, Account):
            fields.append(("account", f"{record.id}, {record.kind}, {record.status}"))
        else:
            fields.append((key, "absent" if record is None else str(readable(record))))
    print_fields(fields)
    if rows:
        print_table(["account", "posted>", "held>", "available>"], rows)


def _show_transaction(session: Session, proven: ProvenTransaction) -> None:
    receipt = receipt_body(proven.receipt)
    if session.json:
        print_json(
            {
                "proven": True,
                "status": "final",
                "transaction_hash": proven.whole.hex(),
                "valid_until": proven.valid_until,
                "receipt": receipt_json(receipt),
                **_block_json(proven.block.header),
            }
        )
        return
    print_fields(
        [
            ("proven", f"yes, signed by the validators of epoch {proven.block.header.epoch}"),
            ("transaction", receipt.tx_id),
            *_block_rows(proven.block.header),
            *receipt_rows(session, receipt),
        ]
    )


def _block_json(header: Header) -> dict[str, Json]:
    return {"epoch": header.epoch, "height": header.height, "time_ms": header.time_ms, "chain": header.chain.hex()}


def _block_rows(header: Header) -> list[tuple[str, str]]:
    return [("height", str(header.height)), ("time", time_text(header.time_ms))]


def _proof_of(text: str) -> bytes:
    if not text:
        raise Refusal("the node gave no proof: ask another node")
    try:
        return binascii.a2b_base64(text, strict_mode=True)
    except ValueError:
        raise Distrust("the proof is not base64: do not believe this node") from None


def _read(file: Path) -> bytes:
    try:
        with file.open("rb") as opened:
            return opened.read(PROOF_BYTES_MAX + 1)
    except OSError as error:
        raise Misuse(f"{file} cannot be read: {error.strerror}") from None


def _save(file: Path, data: bytes) -> None:
    try:
        file.write_bytes(data)
    except OSError as error:
        raise Refusal(f"{file} cannot be written: {error.strerror}") from None
