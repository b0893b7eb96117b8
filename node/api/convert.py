"""From the ledger's records to the bodies that clients see: amounts become text, bytes become hex. Pure."""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING

import msgspec

from ledger.conditions import Arbiter, HashLock, Purse, name_of, used_counters
from ledger.errors import BY_CODE
from ledger.recovery import is_suspended, settled
from node.api.hold_structs import HoldDetail, PurseBody
from node.api.parts import BalanceBody, FeeRuleBody, HeaderBody, KeyBody, KeysetBody, LimitBody, NeedBody, QuotaBody, ScopeBody, WaitingBody
from node.api.structs import (
    AssetBody,
    EntryBody,
    GrantBody,
    ParticipantBody,
    ReceiptBody,
    TransactionBody,
)
from node.wire import wire_certificate

if TYPE_CHECKING:
    from consensus.types import Certificate
    from ledger.accounts import Balance
    from ledger.assets import Asset
    from ledger.blocks import Entry, Header, Receipt
    from ledger.grants import GrantRecord
    from ledger.holders import Limit
    from ledger.holds import Hold
    from ledger.participants import Keyset, KeysetRecord, Participant
    from ledger.transactions.bodies import Transaction
    from node.api.backend import FinalTransaction


def receipt_body(receipt: Receipt) -> ReceiptBody:
    """Receipt, with the name and ISO reason of its code."""
    code = receipt.code
    meaning = BY_CODE.get(code)
    return ReceiptBody(
        tx_id=receipt.tx_id.hex(),
        height=receipt.height,
        index=receipt.index,
        code=code,
        name="OK" if meaning is None else meaning.name,
        iso="" if meaning is None else meaning.iso,
        public_code=receipt.public_code,
        failed_leg=receipt.failed_leg,
        codes=receipt.codes,
        entries=entry_bodies(receipt.entries),
    )


def entry_bodies(entries: tuple[Entry, ...]) -> tuple[EntryBody, ...]:
    """Entries with their amounts as text."""
    return tuple(EntryBody(entry.account, entry.asset, str(entry.posted), str(entry.held), entry.leg) for entry in entries)


def final_body(found: FinalTransaction, proof: bytes) -> TransactionBody:
    """Body of a final transaction; an empty proof: none asked for."""
    transaction = found.transaction
    return TransactionBody(
        tx_id=transaction.tx_id.hex(),
        status="final",
        type=transaction.type,
        sender=transaction.sender,
        ref=transaction.ref,
        valid_until=transaction.valid_until,
        height=found.receipt.height,
        time_ms=found.time_ms,
        receipt=receipt_body(found.receipt),
        raw=transaction.raw.hex(),
        proof=b64encode(proof).decode("ascii"),
    )


def waiting_body(transaction: Transaction, time_ms: int) -> TransactionBody:
    """Body of a transaction in the pool; past its `valid_until` it can never take effect (L14)."""
    return TransactionBody(
        tx_id=transaction.tx_id.hex(),
        status="pending" if transaction.valid_until >= time_ms else "expired",
        type=transaction.type,
        sender=transaction.sender,
        ref=transaction.ref,
        valid_until=transaction.valid_until,
        raw=transaction.raw.hex(),
    )


def balance_body(asset: str, balance: Balance, lapsed: int = 0) -> BalanceBody:
    """Balance; available = posted - held. What holds have reserved that are over is not held (L19)."""
    held = balance.held - lapsed
    return BalanceBody(asset, str(balance.posted), str(held), str(balance.posted - held), str(lapsed))


def hold_detail(hold: Hold, as_of: int) -> HoldDetail:
    """Open hold."""
    condition = hold.condition
    return HoldDetail(
        id=hold.id.hex(),
        source=hold.source,
        target=hold.target,
        asset=hold.asset,
        amount=str(hold.amount),
        left=str(hold.left),
        until=hold.until,
        settle_by=hold.settle_by,
        void_by=hold.void_by,
        condition=name_of(condition),
        kind=hold.kind,
        fee_left=str(hold.fee_left),
        as_of=as_of,
        hash=condition.digest.hex() if isinstance(condition, HashLock) else "",
        arbiter=condition.by if isinstance(condition, Arbiter) else "",
        purse=purse_body(condition) if isinstance(condition, Purse) else None,
    )


def purse_body(purse: Purse) -> PurseBody:
    """Purse, with the counters that it has seen."""
    return PurseBody(purse.key.hex(), purse.valid_to, purse.grace, tuple(used_counters(purse.used)), purse.revoked)


def grant_body(record: GrantRecord, as_of: int) -> GrantBody:
    """Grant in force, with what is used of its quota."""
    grant = record.grant
    quota = grant.quota
    return GrantBody(
        id=grant.id,
        to=grant.to,
        permission=grant.permission,
        scope=ScopeBody(grant.scope.asset, grant.scope.participant, grant.scope.account, grant.scope.classes),
        quota=None if quota is None else QuotaBody(str(quota.amount), quota.per, record.window, str(record.used)),
        need=None if grant.need is None else NeedBody(grant.need.m, grant.need.of),
        not_before=grant.not_before,
        until=grant.until,
        giver=record.giver,
        as_of=as_of,
        lifted_by=grant.lifted_by,
        rank=grant.rank,
    )


def keyset_body(record: KeysetRecord, time_ms: int) -> KeysetBody:
    """Keyset with its public keys, as it is at a block time."""
    now = settled(record, time_ms)
    waiting = now.waiting
    return KeysetBody(
        name=now.name,
        m=now.m,
        keys=_keys(now),
        recovery=now.recovery,
        delay_ms=now.delay_ms,
        suspended=is_suspended(now),
        waiting=None
        if waiting is None
        else WaitingBody(
            by=waiting.by,
            due=waiting.due,
            objected=waiting.objected,
            m=waiting.keyset.m,
            keys=_keys(waiting.keyset),
            recovery=waiting.keyset.recovery,
            delay_ms=waiting.keyset.delay_ms,
        ),
    )


def _keys(keyset: Keyset) -> tuple[KeyBody, ...]:
    return tuple(KeyBody(key.public_key.hex(), key.not_after) for key in keyset.keys)


def participant_body(participant: Participant, keysets: tuple[KeysetBody, ...]) -> ParticipantBody:
    """Participant with its keysets."""
    return ParticipantBody(
        id=participant.id,
        kind=participant.kind,
        name=participant.name,
        bic=participant.bic,
        lei=participant.lei,
        country=participant.country,
        status=participant.status,
        endpoints=participant.endpoints,
        node_keys=tuple(key.hex() for key in participant.node_keys),
        box_keys=tuple(key.hex() for key in participant.box_keys),
        keysets=keysets,
        successor=participant.successor,
    )


def asset_body(asset: Asset, figures: Asset | None, date: str, as_of: int) -> AssetBody:
    """Asset: its policy as it is, and the figures that anybody may see, with the date that they are of; empty: of now."""
    policy = asset.policy
    return AssetBody(
        code=policy.code,
        decimals=policy.decimals,
        issuer=policy.issuer,
        reserve=policy.reserve if isinstance(policy.reserve, str) else policy.reserve.kind,
        cap=None if policy.cap is None else str(policy.cap),
        supply=None if figures is None else str(figures.supply),
        issued=None if figures is None else str(figures.issued),
        redeemed=None if figures is None else str(figures.redeemed),
        state="open" if figures is None else figures.state,
        fees=tuple(
            FeeRuleBody(rule.type, rule.debit_kind, rule.credit_kind, str(rule.fixed), rule.bps, str(rule.min), str(rule.max))
            for rule in policy.fees
        ),
        fixed=policy.fixed,
        powers=policy.powers,
        as_of=as_of,
        limits=tuple(limit_body(limit) for limit in policy.limits),
        receive=policy.receive,
        travel_min=str(policy.travel_min),
        publish=policy.publish,
        figures_of=date,
    )


def limit_body(limit: Limit) -> LimitBody:
    """Limits of a tier."""
    numbers = (limit.balance_max, limit.tx_max, limit.day_out_max, limit.month_out_max)
    balance, transaction, day, month = (None if number is None else str(number) for number in numbers)
    return LimitBody(limit.tier, balance, transaction, day, month, limit.anonymous)


def header_body(header: Header) -> HeaderBody:
    """Fields of a header, for reading."""
    return HeaderBody(
        version=header.version,
        chain=header.chain.hex(),
        epoch=header.epoch,
        height=header.height,
        view=header.view,
        parent=header.parent.hex(),
        time_ms=header.time_ms,
        proposer=header.proposer,
        next=header.next.hex(),
        body=header.body.hex(),
        transactions_root=header.transactions_root.hex(),
        participants_root=header.participants_root.hex(),
        assets_root=header.assets_root.hex(),
        governance_root=header.governance_root.hex(),
    )


def certificate_hex(certificate: Certificate) -> str:
    """Certificate as canonical MessagePack, in hex: `[kind, epoch, view, parent_view, block_id, [[index, signature], ...]]`."""
    return msgspec.msgpack.encode(wire_certificate(certificate)).hex()
