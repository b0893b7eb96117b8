"""Accounts and participants as a command meets them: looked up before anything is signed, so that a typing error costs nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cli.client import NotThere, Withheld
from cli.faults import Refusal
from ledger.grants import APPROVE, DEBIT
from ledger.names import check_account_id, check_grant_id, check_owner, check_participant_id
from node.api.structs import AccountBody, GrantBody, ParticipantBody

if TYPE_CHECKING:
    from cli.session import Session
    from cli.signing import KeysetName

OPS = "ops"
"""L13: the keyset meant where none is named."""


def find_account(session: Session, account: str) -> AccountBody:
    """Account as the node has it.

    Raises
    ------
    Malformed
        The text is no account id.
    Refusal
        There is no such account.
    """
    check_account_id(account)
    try:
        return session.client.get(f"/v1/accounts/{account}", AccountBody)
    except NotThere:
        raise Refusal(f"there is no account {account}: check the spelling, or open it with `som account open {account}`") from None


def look_up(session: Session, account: str) -> AccountBody | None:
    """Account as the node has it; None where the node does not show it to us, which does not say that it is not there."""
    try:
        return find_account(session, account)
    except Withheld:
        return None


def participant_or_none(session: Session, participant: str) -> ParticipantBody | None:
    """Participant as the node has it; None where there is none."""
    check_participant_id(participant)
    try:
        return session.client.get(f"/v1/participants/{participant}", ParticipantBody)
    except NotThere:
        return None


def find_participant(session: Session, participant: str) -> ParticipantBody:
    """Participant as the node has it; raises `Refusal` where there is none."""
    found = participant_or_none(session, participant)
    if found is None:
        raise Refusal(f"there is no participant {participant}: `som participant list` shows those there are")
    return found


def debtor_keyset(account: AccountBody) -> KeysetName:
    """Keyset that signs debits of an account: its own, else its servicer's `ops`."""
    return (account.id, account.keyset) if account.keyset else (account.servicer, OPS)


def find_grant(session: Session, grant: str) -> GrantBody:
    """Grant as the node has it; raises `Refusal` where none is in force."""
    check_grant_id(grant)
    try:
        return session.client.get(f"/v1/grants/{grant}", GrantBody)
    except NotThere:
        raise Refusal(f"there is no grant {grant} in force: it was never given, was ended, or has lapsed") from None


def debit_parties(session: Session, debtor: AccountBody, under: str) -> tuple[str, tuple[KeysetName, ...]]:
    """Who sends a debit unless somebody else is named, and the keysets that agree to it: the owner's, or those of a grant `debit`.

    Raises
    ------
    Refusal
        The grant does not let anybody debit this account.
    """
    if not under:
        return default_sender(debtor), (debtor_keyset(debtor),)
    grant = find_grant(session, under)
    if (grant.permission, grant.scope.account) != (DEBIT, debtor.id):
        raise Refusal(f"grant {under} does not let anybody debit {debtor.id}: `som grant show {under}` tells what it allows")
    if grant.need is None:
        return grant.to, ((grant.to, OPS),)
    members = sorted(_split(member) for member in grant.need.of)
    here = sorted(members, key=lambda member: not session.keystore.for_keyset(*member))
    return grant.to, tuple(here[: grant.need.m])


def _split(member: str) -> KeysetName:
    owner, _, keyset = member.partition("/")
    return owner, keyset


def sender_keyset(session: Session, sender: str) -> KeysetName:
    """Keyset that signs as the sender: `ops` of a participant, the own one of an account (L13)."""
    check_owner(sender)
    if "/" not in sender:
        return sender, OPS
    account = find_account(session, sender)
    if not account.keyset:
        raise Refusal(f"account {sender} has no keyset of its own, so it cannot send: its servicer does (--as {account.servicer})")
    return account.id, account.keyset


def default_sender(account: AccountBody) -> str:
    """Who sends for an account unless somebody else is named: itself where it has a keyset, else its servicer."""
    return account.id if account.keyset else account.servicer


def approving_keysets(session: Session, asset: str, source: str, under: str) -> tuple[str, tuple[KeysetName, ...]] | None:
    """Who sends the settle of a queued redemption, and the keysets that agree to it by a grant `redeem.approve`; None: its issuer decides.

    The grant is the one that is named, else one of a usual name: `redeem.approve:ASSET:PARTICIPANT`, `redeem.approve:ASSET`.

    Raises
    ------
    Refusal
        There is no such grant, or it is of another kind or asset.
    """
    grant = find_grant(session, under) if under else _usual_approval(session, asset, source.partition("/")[0])
    if grant is None:
        return None
    if grant.permission != APPROVE or grant.scope.asset != asset:
        raise Refusal(f"grant {grant.id} is {grant.permission} over {grant.scope.asset or 'every asset'}, not {APPROVE} over {asset}")
    if grant.need is None:
        return grant.to, ((grant.to, OPS),)
    members = [(owner, name) for owner, _, name in (member.partition("/") for member in grant.need.of)]
    members.sort(key=lambda member: not session.keystore.for_keyset(*member))
    return grant.to, tuple(members[: grant.need.m])


def _usual_approval(session: Session, asset: str, participant: str) -> GrantBody | None:
    for name in (f"{APPROVE}:{asset}:{participant}", f"{APPROVE}:{asset}"):
        try:
            return session.client.get(f"/v1/grants/{name}", GrantBody)
        except (NotThere, Withheld):
            continue
    return None
