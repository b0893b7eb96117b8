"""From a profile to the ledger: what of it is there already, what is still to be done, and the transactions that do it, in order.

A step's reference is made of what it does and of what was there before. So a repeated command finds the transaction that it sent, sends the
same bytes where they may still take effect, and a new one only where the last can have none: nothing is done twice.
"""

from __future__ import annotations

import re
from hashlib import sha256
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from cli.client import NotThere
from cli.faults import Misuse, Refusal
from cli.outbox import write_transaction
from cli.output import print_fields, print_json
from cli.parties import OPS, find_participant, sender_keyset
from cli.profile_terms import Planned
from cli.sending import insist, make_transaction, open_outbox, result_json, result_rows, submit
from cli.terms import known_policy
from cli.times import now_ms
from ledger.canonical import encode
from ledger.codec import ref_id_of
from ledger.grants import Grant, Need, Quota, Scope
from ledger.names import servicer_of
from ledger.transactions.bodies import AccountOpen, AssetPut, Body, GrantPut
from node.api.epoch_structs import ProposalBody
from node.api.structs import AccountBody, GrantBody, TransactionBody

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from cli.output import Json
    from cli.profile_terms import Profile
    from cli.sending import How, Result
    from cli.session import Session
    from cli.signing import KeysetName
    from ledger.transactions.bodies import Transaction

ATTEMPTS_MAX = 99
_NO_NAME = re.compile(r"[^A-Za-z0-9.]+")


class Job(Struct, frozen=True):
    """One step of a profile, seen beside the ledger."""

    step: Planned
    body: Body
    """What is to be sent: the step's body, with what the ledger has already and keeps."""
    before: bytes
    """What is there now; empty: nothing."""
    done: bool


def compare(session: Session, profile: Profile) -> list[Job]:
    """See what of a profile the ledger has.

    Raises
    ------
    Refusal
        Somebody whom the profile names does not exist, or a grant of the name exists and says something else.
    """
    for participant in sorted({name for names in profile.roles.values() for name in names}):
        find_participant(session, participant)
    return [_job(session, profile, step) for step in profile.steps]


def carry_out(session: Session, jobs: Sequence[Job], how: How) -> list[dict[str, Json]]:
    """Send what is to be done, each step final before the next; show each receipt; return them.

    With `how.propose` each is a proposal, and those that build on one that waits for votes are left for the next time.

    Raises
    ------
    Refusal, Unreachable
        As `cli.sending.send`. What was done before stays done, and the same command goes on from there.
    """
    done: list[dict[str, Json]] = []
    todo = [job for job in jobs if not job.done]
    for place, job in enumerate(todo):
        if how.propose and place and type(job.body) is not type(todo[0].body):
            break
        each, sender, needed = _ways(session, job, how)
        transaction = make_transaction(session, job.body, sender=sender, needed=needed, how=each)
        open_outbox(session).keep(transaction)
        result = submit(session, transaction, each)
        done.append({"step": job.step.about, **result_json(transaction, result)})
        _show(session, job, transaction, result, done)
    if how.propose and not session.json and len(done) < len(todo):
        print_fields([("next", f"votes on these, then the same command again for the other {len(todo) - len(done)}")])
    return done


def write_out(session: Session, jobs: Sequence[Job], folder: Path, how: How) -> list[dict[str, Json]]:
    """Write what is to be done into a folder, a transaction file each, named in their order; signed as far as the keystore can."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Misuse(f"the folder {folder} cannot be made: {error.strerror}") from None
    done: list[dict[str, Json]] = []
    for number, job in enumerate((job for job in jobs if not job.done), 1):
        file = folder / f"{number:02}-{_NO_NAME.sub('-', job.step.about)[:48].strip('-')}.json"
        each, sender, needed = _ways(session, job, msgspec.structs.replace(how, export=file))
        transaction = make_transaction(session, job.body, sender=sender, needed=needed, how=each)
        write_transaction(file, transaction)
        signed = [f"{one.participant}/{one.keyset}" for one in transaction.signatures]
        done.append({"step": job.step.about, "file": str(file), "tx_id": transaction.tx_id.hex(), "signed": signed})
        if not session.json:
            print_fields([("step", job.step.about), ("file", str(file)), ("signed by", ", ".join(signed) or "nobody yet")])
    if done and not session.json:
        print_fields([("next", "each signer: som tx sign FILE; then, in this order: som tx submit FILE --wait")])
    return done


def _show(session: Session, job: Job, transaction: Transaction, result: Result, done: Sequence[dict[str, Json]]) -> None:
    """Show a receipt; raises Refusal where the step was refused, after what was done is told."""
    if not session.json:
        print_fields([("step", job.step.about), *result_rows(session, transaction, result)])
    try:
        insist(transaction, result)
    except Refusal:
        if session.json:
            print_json({"steps": done})
        raise


def _ways(session: Session, job: Job, how: How) -> tuple[How, str, list[KeysetName]]:
    """How a step is sent, by whom, and which keysets sign it by its form; the profile's `[sign]` adds the quorum of root."""
    sender = session.sender(job.step.sender)
    needed = [sender_keyset(session, sender)]
    if isinstance(job.body, AssetPut):
        needed.append((job.body.policy.issuer, OPS))
    if isinstance(job.body, AccountOpen):
        needed.append((servicer_of(job.body.id), OPS))
    ref = _ref(session, job, sender, how)
    return msgspec.structs.replace(how, ref=ref, wait=True), sender, needed


def _ref(session: Session, job: Job, sender: str, how: How) -> str:
    """Find the reference of a step: that of the transaction which may still take effect, else the first that was never used."""
    kind = b"propose" if how.propose else b"do"
    digest = sha256(b"|".join((session.chain, sender.encode(), kind, job.before, encode(job.body)))).hexdigest()
    for attempt in range(1, ATTEMPTS_MAX + 1):
        ref = f"profile-{digest[:20]}-{attempt}"
        if not _is_spent(session, sender, ref):
            return ref
    raise Refusal(f"{job.step.about} was tried {ATTEMPTS_MAX} times in vain: see why with `som tx show --ref profile-{digest[:20]}-1`")


def _is_spent(session: Session, sender: str, ref: str) -> bool:
    """Whether what was sent under a reference can do nothing more: it was carried out, refused, or has expired."""
    try:
        found = session.client.get("/v1/transactions", TransactionBody, {"from": sender, "ref": ref})
    except NotThere:
        kept = open_outbox(session).by_ref(ref_id_of(sender, ref))
        return kept is not None and kept.valid_until <= now_ms()
    if found.status == "pending":
        return False
    if found.status != "final" or found.receipt is None or found.receipt.code or found.type != "propose":
        return True
    try:
        session.client.get(f"/v1/proposals/{found.tx_id}", ProposalBody)
    except NotThere:
        return True
    return False


def _job(session: Session, profile: Profile, step: Planned) -> Job:
    match step.body:
        case AssetPut():
            return _asset_job(session, profile, step)
        case GrantPut():
            return _grant_job(session, step, step.body)
        case AccountOpen(id=account):
            try:
                session.client.get(f"/v1/accounts/{account}", AccountBody)
            except NotThere:
                return Job(step, step.body, b"", done=False)
            return Job(step, step.body, b"there", done=True)
        case _:
            raise AssertionError(f"a profile has no step of type {type(step.body).__name__}")


def _asset_job(session: Session, profile: Profile, step: Planned) -> Job:
    """Beside the policy that is there: powers are only added, and an end that counts from the first day stays."""
    known, policy = known_policy(session, profile.policy.code), profile.policy
    if known is None:
        return Job(step, AssetPut(policy), b"", done=False)
    policy = msgspec.structs.replace(policy, powers=tuple(sorted({*policy.powers, *known.powers})))
    if known.expires is not None and policy.expires is not None and known.expires.budget_line == policy.expires.budget_line:
        policy = msgspec.structs.replace(policy, expires=known.expires)
    return Job(step, AssetPut(policy), encode(known), done=known == policy)


def _grant_job(session: Session, step: Planned, body: GrantPut) -> Job:
    grant = body.grant
    try:
        found = session.client.get(f"/v1/grants/{grant.id}", GrantBody)
    except NotThere:
        return Job(step, body, b"", done=False)
    scope = Scope(found.scope.asset, found.scope.participant, found.scope.account, found.scope.classes)
    quota = Quota(int(found.quota.amount), grant.quota.per) if found.quota and grant.quota and found.quota.per == grant.quota.per else None
    need = Need(found.need.m, found.need.of) if found.need else None
    times = found.not_before, found.until
    terms = Grant(found.id, grant.to, grant.permission, scope, quota, need, found.lifted_by, *times, found.rank)
    if (found.to, found.permission) != (grant.to, grant.permission) or terms != grant:
        raise Refusal(f"grant {grant.id} is there already and says something else: end it (`som grant end {grant.id}`), then repeat this")
    return Job(step, body, b"there", done=True)
