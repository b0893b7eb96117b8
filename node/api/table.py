"""All routes of the client API. What is not here is answered with 404."""

from __future__ import annotations

from typing import Final

from ledger.types import TIME_MS_MAX
from node.api import (
    accounts,
    diagnosis,
    directory,
    epochs,
    events,
    holders,
    network,
    orders,
    proposals,
    reserves,
    submissions,
    transactions,
)
from node.api.arguments import (
    ACCOUNT,
    ASSET,
    CURSOR,
    EPOCH,
    GRANT,
    HASH,
    HEIGHT,
    HOLDER,
    LOCAL,
    OWNER,
    PARTICIPANT,
    POSITION,
    REF,
    SUBJECT,
    YES,
    Key,
    Number,
    OneOf,
)
from node.api.diagnosis_structs import EVIDENCE_PAGE_MAX, ConsensusBody, EvidencePage
from node.api.epoch_structs import EpochBody, NextEpochBody, Parameters, ProposalBody, Proposals
from node.api.hold_structs import HoldDetail
from node.api.holder_structs import HolderBody
from node.api.order_structs import OrderBody, OrdersBody
from node.api.parts import ENTRIES_PAGE_MAX
from node.api.reserve_structs import ReserveBody
from node.api.routes import Answer, Route
from node.api.structs import (
    AccountBody,
    AssetBody,
    Assets,
    BlockBody,
    GrantBody,
    Health,
    HistoryPage,
    ParticipantBody,
    Participants,
    StatusBody,
    Submission,
    Submissions,
    TransactionBody,
    TrialBalance,
    Validators,
)
from node.api.submissions import WAIT_MS_MAX

PROOF: Final = Key(YES, "1: with a proof file, to be checked against the certificate")
ACCOUNT_PARTS: Final = {"participant": PARTICIPANT, "local": LOCAL}

ROUTES: Final = (
    Route(
        "POST",
        "/v1/transactions",
        submissions.submit,
        "Send signed transactions: one, or up to 1,000.",
        {
            200: Answer("every one is final or refused: receipts", Submissions),
            202: Answer("taken and not final: no promise, send the same bytes again until there is a receipt", Submissions),
        },
        errors=(403, 408, 409, 413, 415, 422, 429),
        keys={
            "wait": Key(OneOf(("final",)), "answer when all are final, or the time is up"),
            "timeout_ms": Key(Number(1, WAIT_MS_MAX), "how long to wait; 10,000 where it is not given"),
        },
        takes=Submission,
    ),
    Route(
        "GET",
        "/v1/transactions",
        transactions.show_by_ref,
        "The newest transaction of a sender under a reference.",
        {200: Answer("the transaction", TransactionBody)},
        errors=(404,),
        keys={
            "from": Key(OWNER, "participant or account that sent it", required=True),
            "ref": Key(REF, "the client's reference", required=True),
            "proof": PROOF,
        },
    ),
    Route(
        "GET",
        "/v1/transactions/{tx_id}",
        transactions.show,
        "What became of a transaction.",
        {200: Answer("pending, final or expired", TransactionBody)},
        errors=(404,),
        parts={"tx_id": HASH},
        keys={
            "proof": PROOF,
            "valid_until": Key(Number(0, TIME_MS_MAX), "of the transaction, if known: an unknown one past it is `expired`, not 404"),
        },
    ),
    Route(
        "GET",
        "/v1/accounts/{participant}/{local}",
        accounts.show,
        "An account and its balances.",
        {200: Answer("the account", AccountBody)},
        errors=(404,),
        parts=ACCOUNT_PARTS,
        keys={"proof": PROOF},
    ),
    Route(
        "GET",
        "/v1/accounts/{participant}/{local}/entries",
        accounts.entries,
        "Journal of an account, oldest first. Kept by peers.",
        {200: Answer("a page", HistoryPage)},
        errors=(404, 501),
        parts=ACCOUNT_PARTS,
        keys={
            "after": Key(CURSOR, "`next` of the page before"),
            "limit": Key(Number(1, ENTRIES_PAGE_MAX), "entries in the page; 100 where it is not given"),
        },
    ),
    Route(
        "GET",
        "/v1/holds/{id}",
        accounts.show_hold,
        "An open hold.",
        {200: Answer("the hold", HoldDetail)},
        errors=(404,),
        parts={"id": HASH},
    ),
    Route(
        "GET",
        "/v1/holders/{id}",
        holders.show_holder,
        "A person: tier, pseudonyms, wallets at every participant, and what counts towards limits. The node logs who was looked up.",
        {200: Answer("the holder", HolderBody)},
        errors=(404,),
        parts={"id": HOLDER},
    ),
    Route(
        "GET",
        "/v1/grants/{id}",
        directory.show_grant,
        "A grant in force.",
        {200: Answer("the grant", GrantBody)},
        errors=(404,),
        parts={"id": GRANT},
    ),
    Route(
        "GET",
        "/v1/orders",
        orders.on_subject,
        "Orders in force on one subject.",
        {200: Answer("by precedence", OrdersBody)},
        keys={
            "scope": Key(OneOf(tuple(orders.SCOPES)), "what the subject is", required=True),
            "subject": Key(SUBJECT, "account, participant, asset, or holder in hex; not given for the ledger"),
        },
    ),
    Route(
        "GET",
        "/v1/orders/{id}",
        orders.show,
        "An order, in force or over.",
        {200: Answer("the order", OrderBody)},
        errors=(404,),
        parts={"id": GRANT},
    ),
    Route("GET", "/v1/participants", directory.list_participants, "All participants.", {200: Answer("by id", Participants)}),
    Route(
        "GET",
        "/v1/participants/{id}",
        directory.show_participant,
        "A participant and its keysets.",
        {200: Answer("the participant", ParticipantBody)},
        errors=(404,),
        parts={"id": PARTICIPANT},
    ),
    Route("GET", "/v1/assets", directory.list_assets, "All assets.", {200: Answer("by code", Assets)}),
    Route(
        "GET",
        "/v1/assets/{code}",
        directory.show_asset,
        "An asset: policy, supply, cap.",
        {200: Answer("the asset", AssetBody)},
        errors=(404,),
        parts={"code": ASSET},
    ),
    Route(
        "GET",
        "/v1/assets/{code}/reserve",
        reserves.show,
        "What stands behind an asset now.",
        {200: Answer("the reserve", ReserveBody)},
        errors=(404,),
        parts={"code": ASSET},
    ),
    Route(
        "GET",
        "/v1/blocks/{height}",
        network.show_block,
        "A final block: header, certificate, ids.",
        {200: Answer("the block", BlockBody)},
        errors=(404,),
        parts={"height": HEIGHT},
    ),
    Route("GET", "/v1/validators", network.validators, "The validator set in force.", {200: Answer("the set", Validators)}),
    Route(
        "GET",
        "/v1/epochs/next",
        epochs.show_next,
        "What the next boundary brings.",
        {200: Answer("the plan, and what it waits for", NextEpochBody)},
    ),
    Route(
        "GET",
        "/v1/epochs/{number}",
        epochs.show_epoch,
        "An epoch that has begun, and what proves its set to whoever knows that of the epoch before.",
        {200: Answer("the epoch", EpochBody)},
        errors=(404,),
        parts={"number": EPOCH},
    ),
    Route("GET", "/v1/parameters", epochs.list_parameters, "Parameters of the network.", {200: Answer("by key", Parameters)}),
    Route(
        "GET",
        "/v1/proposals",
        proposals.list_proposals,
        "Open proposals.",
        {200: Answer("by proposer", Proposals)},
        keys={
            "participant": Key(PARTICIPANT, "only of this participant and its accounts"),
            "after": Key(PARTICIPANT, "`next` of the page before"),
        },
    ),
    Route(
        "GET",
        "/v1/proposals/{id}",
        proposals.show_proposal,
        "An open proposal and its votes.",
        {200: Answer("the proposal", ProposalBody)},
        errors=(404,),
        parts={"id": HASH},
    ),
    Route(
        "GET",
        "/v1/events",
        events.stream,
        "Final transactions as server-sent events; `Last-Event-ID` or `after` resumes without loss or repeat.",
        {200: Answer("a stream that does not end", media="text/event-stream")},
        errors=(429,),
        keys={
            "account": Key(ACCOUNT, "only what changes or names this account"),
            "from": Key(OWNER, "only what this participant or account sent"),
            "after": Key(POSITION, "start after this position; `0.0` is the beginning"),
            "receipts": Key(OneOf(("ids",)), "one event per block with ids and codes only, without filters"),
        },
    ),
    Route("GET", "/v1/status", network.status, "Where this node stands.", {200: Answer("the status", StatusBody)}),
    Route(
        "GET",
        "/v1/consensus",
        diagnosis.show_consensus,
        "What this node's consensus waits for, and whom it hears.",
        {200: Answer("as of now", ConsensusBody)},
    ),
    Route(
        "GET",
        "/v1/evidence",
        diagnosis.list_evidence,
        "Double votes seen here, to be checked by anyone.",
        {200: Answer("a page", EvidencePage)},
        keys={
            "after": Key(HASH, "`next` of the page before"),
            "limit": Key(Number(1, EVIDENCE_PAGE_MAX), "proofs in the page; 20 where it is not given"),
        },
    ),
    Route("GET", "/v1/genesis", network.genesis, "The genesis document.", {200: Answer("as reviewed", media="application/json")}),
    Route("GET", "/v1/trial-balance", accounts.trial_balance, "Sums per asset.", {200: Answer("the sums", TrialBalance)}),
    Route("GET", "/healthz", network.healthz, "Alive.", {200: Answer("alive", Health)}),
    Route(
        "GET", "/readyz", network.readyz, "Fit for clients.", {200: Answer("ready", Health), 503: Answer("not ready, with reasons", Health)}
    ),
    Route("GET", "/metrics", network.metrics, "Prometheus.", {200: Answer("series", media="text/plain")}),
    Route("GET", "/openapi.json", network.openapi, "This description.", {200: Answer("OpenAPI 3.1", media="application/json")}),
)
