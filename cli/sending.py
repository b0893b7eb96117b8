"""From a body to its receipt: envelope, signatures, outbox, network, and the rule for retries (L14).

A transaction is kept before it is sent, and a retry sends the same bytes. Whoever names a reference is first told what became of it: one
payment is never signed twice, and one that expired is signed anew only when that is asked for (`--renew`).
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from cli.client import NotThere
from cli.explain import explain
from cli.faults import Distrust, Misuse, Refusal, Unreachable
from cli.outbox import Outbox, write_transaction
from cli.output import print_fields, print_json
from cli.parties import sender_keyset
from cli.receipts import receipt_json, receipt_rows
from cli.signing import KeysetName, brought_by, sign_here, wanted_keysets
from cli.times import now_ms, time_text
from ledger.canonical import decode_loose, encode
from ledger.codec import NAME_OF, decode_transaction, make_envelope, ref_id_of
from ledger.errors import Malformed
from ledger.transactions.bodies import AccountOpen, AccountSet, Approve, Body, KeysetPut, Propose
from node.api.structs import ReceiptBody, Submission, Submissions, TransactionBody

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from cli.output import Json
    from cli.session import Session
    from ledger.transactions.bodies import Transaction

POLL_SECONDS = 0.25
REF_MAX = 35
"""Characters; ISO Max35Text (L14)."""
PROPOSAL_MS = 7 * 86_400_000
"""A week: how long a proposal is open unless it is told otherwise."""
GRACE_MS = 15_000
"""How much longer than `valid_until` we ask for an answer: clocks differ, and a block may be on its way."""


class How(Struct, frozen=True):
    """How a transaction is to be sent: the options that all sending commands share."""

    ref: str = ""
    """Empty: a new random reference."""
    wait: bool = False
    renew: bool = False
    export: Path | None = None
    """Write it to this file instead of sending it."""
    sign: tuple[str, ...] = ()
    valid_ms: int | None = None
    propose: bool = False
    """Open a proposal for it instead of doing it (L26)."""
    not_before: int = 0
    """Unix ms before which no votes carry a proposal out."""
    until: int | None = None
    """Unix ms at which a proposal lapses; None: `PROPOSAL_MS` from now."""


class Step(Struct, frozen=True):
    """One transaction of a command that needs several, in order."""

    about: str
    """What it does, for people."""
    make: Callable[[], Body]
    """Called when its turn has come: what it says may depend on the height then."""
    sender: str
    needed: tuple[KeysetName, ...]


class Result(Struct, frozen=True):
    """What is known of a transaction: its status, and the receipt once it is final."""

    tx_id: str
    sender: str
    ref: str
    status: str
    receipt: ReceiptBody | None = None


def send(session: Session, body: Body, *, sender: str, needed: Iterable[KeysetName], how: How) -> None:
    """Make, sign and send a transaction (or export it), then print what became of it.

    Raises
    ------
    Refusal
        A node or the network refused it; or its reference belongs to something else, or has expired without effect.
    Unreachable
        No node answered; the transaction is kept, and the same command with the same --ref sends the same bytes again.
    """
    transaction = make_transaction(session, body, sender=sender, needed=needed, how=how)
    if how.export is not None:
        write_transaction(how.export, transaction)
        print_exported(session, transaction, how.export)
        return
    open_outbox(session).keep(transaction)
    report(session, transaction, submit(session, transaction, how))


def send_steps(session: Session, steps: Sequence[Step], how: How) -> None:
    """Send the transactions of one command, each final before the next, since each builds on those before; raises as `send`.

    A step that is refused ends the command. What was done before it stays done, and the command repeated goes on from there.

    Raises
    ------
    Misuse
        They are to go to a file, which holds one transaction.
    """
    if how.export is not None:
        raise Misuse("this needs several transactions, and a file holds one: use --propose, and let the others vote")
    done: list[Json] = []
    for place, step in enumerate(steps):
        ref = f"{how.ref}-{place + 1}" if how.ref else ""
        each = msgspec.structs.replace(how, ref=ref, wait=how.wait or not how.propose)
        transaction = make_transaction(session, step.make(), sender=step.sender, needed=step.needed, how=each)
        open_outbox(session).keep(transaction)
        result = submit(session, transaction, each)
        if session.json:
            done.append({"step": step.about, **result_json(transaction, result)})
        else:
            print_fields([("step", step.about), *result_rows(session, transaction, result)])
        if session.json and (is_refused(result) or place == len(steps) - 1):
            print_json({"steps": done})
        insist(transaction, result)


def check_body(body: Body) -> None:
    """Refuse what the command line gave where no transaction can hold it; names the field."""
    try:
        decode_loose(encode(body), type(body))
    except Malformed as error:
        reason, _, place = str(error).partition(" - at `$[")
        index = place.partition("]")[0]
        field = type(body).__struct_fields__[int(index)] if index.isdigit() else "body"
        raise Misuse(f"the {field} does not fit: {reason[:1].lower()}{reason[1:]}") from None


def open_outbox(session: Session) -> Outbox:
    """Outbox of the chain of this session."""
    return Outbox(session.state_folder / "outbox" / session.chain.hex()[:16])


def submit(session: Session, transaction: Transaction, how: How) -> Result:
    """Send the bytes of a transaction, and wait for its receipt if that is asked for."""
    query = {"wait": "final"} if how.wait else None
    request = msgspec.json.encode(Submission(transaction=transaction.raw.hex()))
    try:
        answer = session.client.post("/v1/transactions", Submissions, request, query)
    except Unreachable as fault:
        raise Unreachable(
            f"{fault}; {transaction.tx_id.hex()} is kept here and may or may not have been taken: repeat it with --ref {transaction.ref} "
            "(the same bytes go out again, nothing can happen twice)"
        ) from None
    if len(answer.transactions) != 1 or answer.transactions[0].tx_id != transaction.tx_id.hex():
        raise Refusal("the node answered for another transaction than the one it was sent: ask another node")
    first = answer.transactions[0]
    if first.receipt is not None or not how.wait:
        return Result(first.tx_id, transaction.sender, transaction.ref, first.status, first.receipt)
    return wait_for(session, transaction)


def wait_for(session: Session, transaction: Transaction) -> Result:
    """Ask until the transaction is final or can never be (L14)."""
    tx_id = transaction.tx_id.hex()
    while True:
        try:
            found = session.client.get(f"/v1/transactions/{tx_id}", TransactionBody, {"valid_until": str(transaction.valid_until)})
            status, receipt = found.status, found.receipt
        except NotThere:
            status, receipt = "pending", None
        if status in {"final", "expired"} or now_ms() > transaction.valid_until + GRACE_MS:
            return Result(tx_id, transaction.sender, transaction.ref, status, receipt)
        time.sleep(POLL_SECONDS)


def report(session: Session, transaction: Transaction, result: Result) -> None:
    """Print the result, then raise if it is not what was asked for: a refused or expired transaction ends with exit code 1."""
    if session.json:
        print_json(result_json(transaction, result))
    else:
        print_fields(result_rows(session, transaction, result))
    insist(transaction, result)


def result_json(transaction: Transaction, result: Result) -> dict[str, Json]:
    """Return what became of a transaction, for programs."""
    return {
        "tx_id": result.tx_id,
        "type": transaction.type,
        "from": result.sender,
        "ref": result.ref,
        "status": result.status,
        "valid_until": transaction.valid_until,
        "receipt": receipt_json(result.receipt),
    }


def result_rows(session: Session, transaction: Transaction, result: Result) -> list[tuple[str, str]]:
    """Return what became of a transaction, for people."""
    proposed = isinstance(transaction.body, Propose) and not is_refused(result)
    return [
        ("transaction", result.tx_id),
        ("reference", f"{result.sender} {result.ref}"),
        ("status", _status_text(result, transaction)),
        *receipt_rows(session, result.receipt),
        *([("next", f"each voter: som proposal approve {result.tx_id}")] if proposed else []),
    ]


def is_refused(result: Result) -> bool:
    """Whether a transaction can have no effect any more."""
    return result.status == "expired" or (result.receipt is not None and result.receipt.code != 0)


def insist(transaction: Transaction, result: Result) -> None:
    """Raise if a result is not what was asked for."""
    if result.receipt is not None and result.receipt.code != 0:
        raise Refusal(f"the network refused {transaction.type} {result.tx_id[:16]} of {result.sender} with {explain(result.receipt.code)}")
    if result.status == "expired":
        raise Refusal(
            f"{result.tx_id} expired and can never take effect: repeat the command with --ref {result.ref} --renew to sign it anew"
        )


def print_exported(session: Session, transaction: Transaction, path: Path) -> None:
    """Say what a written transaction file holds."""
    signed = [f"{each.participant}/{each.keyset}" for each in transaction.signatures]
    if session.json:
        print_json({"tx_id": transaction.tx_id.hex(), "file": str(path), "valid_until": transaction.valid_until, "signed": signed})
        return
    print_fields(
        [
            ("transaction", transaction.tx_id.hex()),
            ("file", str(path)),
            ("signed by", ", ".join(signed) or "nobody yet"),
            ("valid until", time_text(transaction.valid_until)),
            ("next", f"som tx sign {path}, then som tx submit {path}"),
        ]
    )


def make_transaction(session: Session, body: Body, *, sender: str, needed: Iterable[KeysetName], how: How) -> Transaction:
    """Transaction of a body: the one that the reference stands for already, else a new one, signed here."""
    check_body(body)
    if len(how.ref) > REF_MAX:
        raise Misuse(f"the reference has {len(how.ref)} characters, at most {REF_MAX} are possible")
    if how.propose:
        body, needed = _proposing(session, body, sender, needed, how)
    elif how.until is not None or how.not_before:
        raise Misuse("--propose-until and --not-before are the times of a proposal: add --propose")
    ref = how.ref or f"som-{os.urandom(12).hex()}"
    known = _known(session, open_outbox(session), sender, ref, how) if how.ref else None
    if known is not None:
        _same(known, body, ref)
        return known
    return _signed(session, body, sender=sender, ref=ref, needed=needed, how=how)


def _proposing(session: Session, body: Body, sender: str, needed: Iterable[KeysetName], how: How) -> tuple[Propose, list[KeysetName]]:
    """Proposal of a body, and who signs its opening: the sender, and new keys that the body brings; votes do the rest (L26)."""
    if isinstance(body, Propose | Approve):
        raise Misuse("a proposal is not proposed itself: leave out --propose")
    until = how.until if how.until is not None else now_ms() + PROPOSAL_MS
    brought = {(body.owner, body.keyset.name)} if isinstance(body, KeysetPut) else set()
    if isinstance(body, AccountOpen | AccountSet) and body.keyset is not None:
        brought = {(body.id, body.keyset.name)}
    proposal = Propose(NAME_OF[type(body)], encode(body), how.not_before, until)
    check_body(proposal)
    return proposal, [sender_keyset(session, sender), *(each for each in needed if each in brought)]


def _signed(session: Session, body: Body, *, sender: str, ref: str, needed: Iterable[KeysetName], how: How) -> Transaction:
    valid_ms = how.valid_ms or session.profile.valid_ms
    envelope = make_envelope(chain=session.chain, sender=sender, ref=ref, valid_until=now_ms() + valid_ms, salt=os.urandom(16), body=body)
    keysets = wanted_keysets(session, body, needed, how.sign)
    partly = () if how.export is not None else None
    raw = sign_here(session, envelope, keysets, brought=brought_by(session, body), partly=partly)
    return decode_transaction(raw)


def _known(session: Session, outbox: Outbox, sender: str, ref: str, how: How) -> Transaction | None:
    """Find what a reference stands for already, at a node or in the outbox. None: nothing, so a new transaction may be made."""
    kept = outbox.by_ref(ref_id_of(sender, ref))
    try:
        found = session.client.get("/v1/transactions", TransactionBody, {"from": sender, "ref": ref})
    except NotThere:
        found = None
    if found is not None and found.status in {"final", "pending"}:
        return _theirs(session, found, sender, ref)
    if kept is None or kept.valid_until > now_ms():
        return kept
    if not how.renew:
        raise Refusal(f"{kept.tx_id.hex()} with reference {ref} expired and never took effect; --renew signs it anew, nothing else does")
    return None


def _theirs(session: Session, found: TransactionBody, sender: str, ref: str) -> Transaction:
    if not found.raw:
        raise Refusal(f"reference {ref} of {sender} is used by {found.tx_id} already: `som tx show {found.tx_id}` says what became of it")
    transaction = decode_transaction(bytes.fromhex(found.raw))
    if (transaction.chain, transaction.sender, transaction.ref) != (session.chain, sender, ref):
        raise Distrust(f"asked for reference {ref} of {sender}, the node answered with another transaction: ask another node")
    return transaction


def _same(known: Transaction, body: Body, ref: str) -> None:
    if known.body != body and not _is_same_proposal(known.body, body):
        raise Refusal(
            f"reference {ref} is that of another transaction ({known.tx_id.hex()}), not of this one: choose another --ref, "
            f"or see it with `som tx show {known.tx_id.hex()}`"
        )


def _is_same_proposal(known: Body, body: Body) -> bool:
    """Whether two proposals differ in their times only: those that count from now are others in each run."""
    return isinstance(known, Propose) and isinstance(body, Propose) and (known.type, known.content) == (body.type, body.content)


def _status_text(result: Result, transaction: Transaction) -> str:
    if result.status == "final":
        return "final"
    if result.status == "pending":
        return f"pending, no promise yet; it can take effect until {time_text(transaction.valid_until)} (som tx show {result.tx_id})"
    return result.status
