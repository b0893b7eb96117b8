"""The travel rule (FATF): a large payment between customers of different participants says who pays whom, and the creditor's side agrees.

The data is about people, so it is not in the ledger: the two participants exchange it, and the payment carries its hash. That the
creditor's keyset `compliance` signs the same envelope shows that it has seen it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from msgspec import Meta, Struct
from msgspec.structs import replace

from ledger.errors import TravelInvalid, TravelRequired
from ledger.limits import WALLET
from ledger.succession import servicer_now
from ledger.types import Hash32, Text16

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Mapping

    from ledger.accounts import Account
    from ledger.assets import Asset
    from ledger.limits import Debit, People
    from ledger.state import Overlay

COMPLIANCE = "compliance"
"""Keyset of a participant that agrees to what its customers get (L13)."""


class Travel(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """What goes with the payments to customers of one participant."""

    participant: Text16
    """Of the creditors."""
    standard: Annotated[str, Meta(min_length=1, max_length=20)]
    """What the data is written in, e.g. "IVMS101"."""
    digest: Hash32
    """SHA-256 of the data that the creditors' participant has."""


def compliance_of(participant: str) -> str:
    """Keyset (`OWNER/NAME`) that signs for what a participant's customers get."""
    return f"{participant}/{COMPLIANCE}"


def needed_travel(payments: Iterable[Debit], wallets: Container[str], assets: Mapping[str, Asset], people: People) -> dict[int, Debit]:
    """Legs that travel data is needed for, with the whole amount that makes it so.

    What one person pays another in one transaction counts together, from whichever wallets: parts do not come below the amount.
    """
    between = [
        payment
        for payment in payments
        if payment.source in wallets and payment.target in wallets and people.servicer(payment.source) != people.servicer(payment.target)
    ]
    places = [(people.person(each.source) or each.source, people.person(each.target) or each.target, each.asset) for each in between]
    sums: dict[tuple[str, str, str], int] = {}
    for place, payment in zip(places, between, strict=True):
        sums[place] = sums.get(place, 0) + payment.amount
    needed: dict[int, Debit] = {}
    for place, payment in zip(places, between, strict=True):
        payer, payee, asset = place
        if payer != payee and 0 < assets[asset].policy.travel_min <= sums[place]:
            needed[payment.leg] = replace(payment, amount=sums[place])
    return needed


def check_leg_travel(given: Iterable[Travel], debit: Debit, asset: Asset, people: People) -> None:
    """Refuse a leg that needs travel data for its creditor's participant where none is given.

    Raises
    ------
    TravelRequired
        There is none.

    Source: ledger/README.md, travel rule.
    """
    participant, least = people.servicer(debit.target), asset.policy.travel_min
    if all(each.participant != participant for each in given):
        raise TravelRequired(amount=debit.amount, asset=debit.asset, participant=participant, least=least).at(debit.leg)


def check_no_more_travel(given: Iterable[Travel], needed: Iterable[Debit], people: People) -> None:
    """Refuse travel data for a participant whose customers get nothing that needs it: its signature would stand for nothing.

    Raises
    ------
    TravelInvalid
        There is some.
    """
    receiving = [people.servicer(debit.target) for debit in needed]
    for each in given:
        if each.participant not in receiving:
            raise TravelInvalid(participant=each.participant)


def needs_agreement(overlay: Overlay, source: Account, target: Account, asset: Asset, amount: int) -> bool:
    """Whether a hold of this amount needs the signature of the target's keyset `compliance`: what it settles is paid later."""
    if not 0 < asset.policy.travel_min <= amount or not source.kind == target.kind == WALLET:
        return False
    return servicer_now(overlay, source.id) != servicer_now(overlay, target.id)
