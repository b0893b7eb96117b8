"""Form of bodies: what a body must look like on any state, and its struct cannot say. Whatever is refused here is MALFORMED (100)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ledger.canonical import decode
from ledger.errors import Malformed
from ledger.grants import APPROVE, DEBIT
from ledger.keysets import check_keyset_form, check_sorted
from ledger.names import (
    RESERVED,
    check_account_id,
    check_asset_code,
    check_grant_id,
    check_keyset_name,
    check_member,
    check_owner,
    check_participant_id,
)
from ledger.transactions.backing_forms import check_reserve_form
from ledger.transactions.bodies import (
    TYPES,
    AccountOpen,
    AccountSet,
    Approve,
    AssetPut,
    GrantEnd,
    GrantPut,
    HoldBody,
    HolderPut,
    Issue,
    KeysetPut,
    ParticipantPut,
    Pay,
    Propose,
    Redeem,
    Settle,
    Void,
)
from ledger.transactions.bridge_forms import check_bridge_form
from ledger.transactions.governance_forms import check_governance_form
from ledger.transactions.hold_forms import check_hold, check_settle
from ledger.transactions.order_forms import check_order_form, check_order_terms
from ledger.transactions.people_forms import (
    check_classes,
    check_holder,
    check_limits,
    check_patterns,
    check_person,
    check_return_and_travel,
)

if TYPE_CHECKING:
    from ledger.assets import Policy
    from ledger.grants import Grant
    from ledger.participants import Participant
    from ledger.transactions.bodies import Body

_BIC = re.compile(r"[A-Z0-9]{8}(?:[A-Z0-9]{3})?")
_LEI = re.compile(r"[A-Z0-9]{18}[0-9]{2}")
_COUNTRY = re.compile(r"[A-Z]{2}")
FORBIDDEN_IDS = ("root",)
"""A grant names "root" as its giver where no participant gave it."""


def check_money_form(body: Body) -> bool:
    """Check the types that move or reserve value; False where the body is of another type.

    Raises
    ------
    Malformed
        A name is none, debit and credit are one account, or a field is set that belongs to another form.
    """
    match body:
        case Pay():
            _check_pay(body)
        case Issue():
            check_asset_code(body.asset)
            check_account_id(body.to)
            if body.source is not None:
                check_account_id(body.source)
        case Redeem():
            check_asset_code(body.asset)
            check_account_id(body.source)
            if body.to is not None:
                check_account_id(body.to)
        case HoldBody():
            check_hold(body)
        case Settle():
            check_settle(body)
        case Void():
            pass
        case _:
            return False
    return True


def check_registry_form(body: Body) -> None:
    """Check the types that say who and what exists and who may do what.

    Raises
    ------
    Malformed
        A name is none, a list is not sorted, or nothing would change.
    """
    match body:
        case ParticipantPut(participant=participant):
            check_participant(participant)
        case KeysetPut():
            check_owner(body.owner)
            check_keyset_form(body.keyset)
        case AccountOpen():
            check_account_id(body.id)
            check_not_reserved(body.id)
            if body.keyset is not None:
                check_keyset_form(body.keyset)
            check_person(body)
        case HolderPut():
            check_holder(body)
        case AccountSet():
            _check_account_set(body)
        case GrantPut(grant=grant):
            check_grant(grant)
        case GrantEnd():
            check_grant_id(body.id)
        case AssetPut(policy=policy):
            check_policy(policy)
        case _:
            check_voting_form(body)


def check_voting_form(body: Body) -> None:
    """Check propose, with the body that it carries, approve, and what is in files of its own.

    Raises
    ------
    Malformed
        The type cannot be proposed, its body is none, it could never be carried out, or a name is none.
    """
    match body:
        case Propose():
            _check_propose(body)
        case Approve():
            owner, _, keyset = body.keyset.rpartition("/")
            check_owner(owner)
            check_keyset_name(keyset)
        case _:
            if not check_order_form(body) and not check_bridge_form(body):
                check_governance_form(body)


def check_not_reserved(account_id: str) -> None:
    """Refuse the name of an account that belongs to an asset."""
    if account_id.partition("/")[2].startswith(RESERVED):
        raise Malformed(reason=f"{account_id} is reserved: asset.put opens such accounts")


def check_two_accounts(debit: str, credit: str) -> None:
    """Refuse a movement within one account: it would move nothing, yet pay a fee and stand in the records."""
    check_account_id(debit)
    check_account_id(credit)
    if debit == credit:
        raise Malformed(reason=f"{debit} is debited and credited by one movement")


def check_participant(participant: Participant) -> None:
    """Refuse a participant whose identifiers are none."""
    check_participant_id(participant.id)
    if participant.id in FORBIDDEN_IDS:
        raise Malformed(reason=f"{participant.id} cannot be a participant id")
    if not participant.name:
        raise Malformed(reason=f"participant {participant.id} has no name")
    if participant.bic and _BIC.fullmatch(participant.bic) is None:
        raise Malformed(reason=f"{participant.bic!r} is no BIC")
    if participant.lei and _LEI.fullmatch(participant.lei) is None:
        raise Malformed(reason=f"{participant.lei!r} is no LEI")
    if _COUNTRY.fullmatch(participant.country) is None:
        raise Malformed(reason=f"{participant.country!r} is no country (ISO 3166-1 alpha-2)")
    if participant.successor:
        check_participant_id(participant.successor)
        if participant.status == "active" or participant.successor == participant.id:
            raise Malformed(reason="only a participant that is suspended or closed has a successor, and it is another one")
    if participant.kind == "operator" and participant.status != "active":
        raise Malformed(reason="the operator cannot be suspended or closed")
    check_sorted(participant.node_keys, f"the node keys of {participant.id}")
    check_sorted(participant.box_keys, f"the box keys of {participant.id}")


def check_grant(grant: Grant) -> None:
    """Refuse a grant whose names are none, whose quorum cannot be counted, or that ends before it begins."""
    check_grant_id(grant.id)
    check_participant_id(grant.to)
    scope, need = grant.scope, grant.need
    if scope.asset:
        check_asset_code(scope.asset)
    if scope.participant:
        check_participant_id(scope.participant)
    if scope.account:
        check_account_id(scope.account)
    if need is not None:
        for member in need.of:
            check_member(member)
        check_sorted(need.of, f"the quorum of grant {grant.id}")
        if need.m > len(need.of):
            raise Malformed(reason=f"grant {grant.id} needs {need.m} of {len(need.of)} keysets")
    _check_scope(grant)
    check_patterns(scope.classes, f"the classes of grant {grant.id}")
    check_order_terms(grant)
    if grant.until and grant.until <= grant.not_before:
        raise Malformed(reason=f"grant {grant.id} ends before it begins")


def _check_scope(grant: Grant) -> None:
    """Refuse a scope that the permission cannot have, or that lacks what it must have."""
    scope = grant.scope
    if scope.classes and grant.permission != "wallet":
        raise Malformed(reason=f"grant {grant.id} opens no accounts: it has no classes")
    if grant.permission == DEBIT and not (scope.account and scope.asset):
        raise Malformed(reason=f"grant {grant.id} is to debit one account in one asset: it names both")
    if grant.permission == APPROVE and not scope.asset:
        raise Malformed(reason=f"grant {grant.id} is to settle the redemptions of one asset: it names it")


def check_policy(policy: Policy) -> None:
    """Refuse a policy whose names are none or whose fees have a lowest above the highest."""
    check_asset_code(policy.code)
    check_participant_id(policy.issuer)
    check_sorted(policy.fixed, f"the fixed fields of {policy.code}")
    check_sorted(policy.powers, f"the powers of {policy.code}")
    check_patterns(policy.receive, f"who may receive {policy.code}")
    check_limits(policy)
    check_reserve_form(policy)
    for rule in policy.fees:
        if rule.min > rule.max:
            raise Malformed(reason=f"a fee of {policy.code} is at least {rule.min} and at most {rule.max}")


def _check_pay(body: Pay) -> None:
    if body.uetr is not None and len(body.legs) != 1:
        raise Malformed(reason="a UETR names one payment, so it needs exactly one leg")
    for leg in body.legs:
        check_asset_code(leg.asset)
        check_two_accounts(leg.debit, leg.credit)
    if body.return_of is not None or body.travel is not None:
        check_return_and_travel(body)


def _check_propose(body: Propose) -> None:
    kind = TYPES.get(body.type)
    if kind is None or kind in (Propose, Approve):
        raise Malformed(reason=f"{body.type!r} is no transaction type that can be proposed")
    if body.until <= body.not_before:
        raise Malformed(reason="the proposal would end before it could be carried out")
    content = decode(body.content, kind)
    if not check_money_form(content):
        check_registry_form(content)


def _check_account_set(body: AccountSet) -> None:
    check_account_id(body.id)
    if not body.status and body.keyset is None and body.classes is None:
        raise Malformed(reason="account.set changes the status, the keyset or the classes")
    check_classes(body.classes or (), f"the classes of {body.id}")
    if body.keyset is not None:
        check_keyset_form(body.keyset)
