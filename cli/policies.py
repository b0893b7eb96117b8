"""Assets as a command meets them: the policy a node shows, and the fee that follows from it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cli.client import NotThere
from cli.faults import Refusal
from ledger.assets import FeeRule
from ledger.canonical import decode_loose, encode
from ledger.fees import fee_of
from ledger.names import check_asset_code
from node.api.structs import AccountBody, AssetBody

if TYPE_CHECKING:
    from cli.session import Session
    from ledger.assets import FeeType


def asset_or_none(session: Session, code: str) -> AssetBody | None:
    """Asset as the node has it; None where there is none."""
    check_asset_code(code)
    try:
        return session.client.get(f"/v1/assets/{code}", AssetBody)
    except NotThere:
        return None


def find_asset(session: Session, code: str) -> AssetBody:
    """Asset as the node has it; raises `Refusal` where there is none."""
    found = asset_or_none(session, code)
    if found is None:
        raise Refusal(f"there is no asset {code}: `som asset list` shows those there are")
    return found


def rules_of(asset: AssetBody) -> tuple[FeeRule, ...]:
    """Fee rules of an asset as the ledger has them; raises `Malformed` where the node shows what cannot be a rule."""
    fields = [
        (each.type, each.debit_kind, each.credit_kind, int(each.fixed), each.bps, int(each.min), int(each.max)) for each in asset.fees
    ]
    return tuple(decode_loose(encode(each), FeeRule) for each in fields)


def quote_fee(
    session: Session, asset: str, type_: FeeType, amount: int, parties: tuple[AccountBody, AccountBody | None], *, unknown: str = ""
) -> int:
    """Fee in minor units by the rules the node shows (L17). The quote is signed: another fee can never be taken.

    `unknown`: kind of a creditor that is not known yet.
    """
    debtor, creditor = parties
    kind = creditor.kind if creditor is not None else unknown
    for rule in rules_of(find_asset(session, asset)):
        if rule.type == type_ and rule.debit_kind in {"", debtor.kind} and rule.credit_kind in {"", kind}:
            return fee_of(rule, amount)
    return 0
