"""The world of `tests/cli/world.py` behind a small HTTP server; what is posted becomes a final block at once. A lie replaces a route."""

from __future__ import annotations

import time
from base64 import b64encode
from threading import Event
from typing import TYPE_CHECKING

import msgspec

from cli.main import main
from ledger.accounts import Account, Balance
from ledger.assets import Asset
from ledger.closings import closing_key
from ledger.codec import decode_transaction
from ledger.errors import LedgerError
from ledger.grants import GrantRecord
from ledger.holders import Holder, holder_key
from ledger.holds import Hold
from ledger.orders import OrderRecord
from ledger.participants import KeysetRecord, Participant
from ledger.succession import servicer_now
from node.api.backend import FinalTransaction
from node.api.closings import closing_body, page_body
from node.api.convert import asset_body, balance_body, final_body, grant_body, hold_detail, keyset_body, participant_body, receipt_body
from node.api.errors import NotFound
from node.api.holder_structs import GivenPseudonym, PseudonymAsked
from node.api.holders import holder_body, registered
from node.api.order_structs import OrdersBody
from node.api.orders import order_body
from node.api.publication import shown
from node.api.reserves import reserve_body
from node.api.structs import (
    AccountBody,
    Assets,
    ErrorBody,
    ParticipantBody,
    Participants,
    StatusBody,
    Submission,
    Submissions,
    Submitted,
    Validators,
)
from node.callers import Callers, Stranger, may_audit
from node.registry import derive
from tests.cli.bridge_answers import bridge_answer
from tests.cli.world import QUORUM

if TYPE_CHECKING:
    import pytest

    from tests.cli.server import Answer, Asked, Served
    from tests.cli.world import World


class Network:
    """The world, served; `som` runs a command against it."""

    def __init__(self, world: World, served: Served, capsys: pytest.CaptureFixture[str]) -> None:
        self.world, self.served, self._capsys = world, served, capsys
        self._callers = Callers(world.chain)
        self.released = Event()
        """For a route that keeps its client waiting."""
        served.routes.update(
            {
                "/v1/accounts/*": self.account,
                "/v1/transactions": self.transactions,
                "/v1/transactions/*": self.transaction,
                "/v1/assets": self.assets,
                "/v1/assets/*": self.asset,
                "/v1/holds/*": self.hold,
                "/v1/grants/*": self.grant,
                "/v1/holders": self.holder,
                "/v1/holders/*": self.holder,
                "/v1/orders": self.orders,
                "/v1/orders/*": self.order,
                "/v1/bridge/*": lambda asked: bridge_answer(self.world, asked),
                "/v1/closings": lambda _: (200, page_body(self.world.state, "", 400, self.world.height)),
                "/v1/closings/*": self.closing,
                "/v1/participants": self.participants,
                "/v1/participants/*": self.participant,
                "/v1/status": self.status,
                "/v1/validators": lambda _: (200, Validators(0, QUORUM, (), self.world.height)),
            }
        )

    def som(self, *arguments: str) -> tuple[int, str, str]:
        """Exit code, standard output, standard error of a command."""
        self._capsys.readouterr()
        code = main(["--config", str(self.world.made.profile), "--node", self.served.url, *arguments])
        shown = self._capsys.readouterr()
        return code, shown.out, shown.err

    def good(self, *arguments: str) -> dict[str, object]:
        """JSON result of a command that must end well."""
        code, out, err = self.som(*arguments, "--json")
        if code != 0:
            raise AssertionError(f"som {' '.join(arguments)} ended with {code}: {err}")
        return msgspec.json.decode(out, type=dict[str, object])

    def _time_ms(self) -> int:
        return self.world.blocks[-1].header.time_ms if self.world.blocks else 0

    def account(self, asked: Asked) -> Answer:
        """Account, with its proof if asked for; or its keyset."""
        name = asked.path.removeprefix("/v1/accounts/")
        if name.endswith("/keyset"):
            return self._keyset(name.removesuffix("/keyset"))
        record = self.world.state.get(f"account/{name}")
        if not isinstance(record, Account):
            return _missing(122, f"account {name} does not exist")
        balances = []
        for key, balance in sorted(self.world.state.records.items()):
            if key.startswith(f"balance/{name}/") and isinstance(balance, Balance):
                balances.append(balance_body(key.rpartition("/")[2], balance))
        proof = b64encode(self.world.prove_account(name)).decode() if asked.query.get("proof") else ""
        facts = (name, record.kind, record.status, record.keyset, servicer_now(self.world.state, name), record.holds)
        return 200, AccountBody(*facts, tuple(balances), self.world.height, proof, record.pseudonym.hex(), record.classes)

    def _keyset(self, account: str) -> Answer:
        found = [each for key, each in self.world.state.records.items() if key.startswith(f"keyset/{account}/")]
        if not found or not isinstance(found[0], KeysetRecord):
            return _missing(404, f"account {account} has no keyset of its own")
        return 200, keyset_body(found[0], self._time_ms())

    def closing(self, asked: Asked) -> Answer:
        """Show the closing of a date, with its proof if asked for."""
        date, only = asked.path.removeprefix("/v1/closings/"), asked.query.get("participant", "")
        try:
            body = closing_body(self.world.state, date, only, self.world.height)
        except NotFound as error:
            return error.status, error.body
        if asked.query.get("proof"):
            data = self.world.prove_keys(only, [closing_key(only, body.closed)])
            body = msgspec.structs.replace(body, proof=b64encode(data).decode())
        return 200, body

    def transactions(self, asked: Asked) -> Answer:
        """By reference, or a submission."""
        if asked.method == "POST":
            return self.submit(asked)
        for block in self.world.blocks:
            for tx in block.transactions:
                if (tx.sender, tx.ref) == (asked.query["from"], asked.query["ref"]):
                    return self._final(tx.tx_id.hex(), b"")
        return _missing(404, "no transaction under this reference")

    def submit(self, asked: Asked) -> Answer:
        """Execute at once."""
        tx = decode_transaction(bytes.fromhex(msgspec.json.decode(asked.body, type=Submission).transaction))
        found = self.world.find(tx.tx_id.hex())
        if found is None:
            try:
                self.world.execute(tx)
            except LedgerError as refusal:
                return 422, ErrorBody(refusal.code, refusal.name, str(refusal), refusal.iso)
            found = self.world.blocks[-1], 0
        block, index = found
        return 200, Submissions((Submitted(tx.tx_id.hex(), "final", receipt=receipt_body(block.result.receipts[index])),))

    def transaction(self, asked: Asked) -> Answer:
        """By id, with its proof if asked for."""
        tx_id = asked.path.removeprefix("/v1/transactions/")
        if self.world.find(tx_id) is None:
            return _missing(404, f"this node knows no transaction {tx_id}")
        return self._final(tx_id, self.world.prove_transaction(tx_id) if asked.query.get("proof") else b"")

    def _final(self, tx_id: str, proof: bytes) -> Answer:
        found = self.world.find(tx_id)
        if found is None:
            raise AssertionError(tx_id)
        block, index = found
        final = FinalTransaction(block.transactions[index], block.result.receipts[index], block.header.time_ms)
        return 200, final_body(final, proof)

    def assets(self, _: Asked) -> Answer:
        """All assets."""
        found = [each for each in self.world.state.records.values() if isinstance(each, Asset)]
        return 200, Assets(tuple(asset_body(each, *shown(self.world.state, each), self.world.height) for each in found), self.world.height)

    def asset(self, asked: Asked) -> Answer:
        """One asset."""
        name, _, more = asked.path.removeprefix("/v1/assets/").partition("/")
        record = self.world.state.get(f"asset/{name}")
        if more and isinstance(record, Asset):
            return 200, reserve_body(
                self.world.state, record, self.world.height, self.world.blocks[-1].header.time_ms if self.world.blocks else 0
            )
        return (
            (200, asset_body(record, *shown(self.world.state, record), self.world.height))
            if isinstance(record, Asset)
            else _missing(130, "no such asset")
        )

    def hold(self, asked: Asked) -> Answer:
        """One hold."""
        record = self.world.state.get(f"hold/{asked.path.removeprefix('/v1/holds/')}")
        return (200, hold_detail(record, self.world.height)) if isinstance(record, Hold) else _missing(170, "no such hold")

    def grant(self, asked: Asked) -> Answer:
        """One grant."""
        record = self.world.state.get(f"grant/{asked.path.removeprefix('/v1/grants/')}")
        return (200, grant_body(record, self.world.height)) if isinstance(record, GrantRecord) else _missing(112, "no such grant")

    def order(self, asked: Asked) -> Answer:
        """One order."""
        record = self.world.state.get(f"order/{asked.path.removeprefix('/v1/orders/')}")
        if not isinstance(record, OrderRecord):
            return _missing(180, "no such order")
        return 200, order_body(record, self.world.height, self.world.blocks[-1].header.time_ms)

    def orders(self, asked: Asked) -> Answer:
        """Orders in force on a subject."""
        subject = (asked.query["scope"], asked.query.get("subject", ""))
        records = [each for each in self.world.state.records.values() if isinstance(each, OrderRecord) and each.status == "active"]
        found = [each for each in records if (each.order.scope, each.order.subject) == subject]
        return 200, OrdersBody(
            tuple(order_body(each, self.world.height, self.world.blocks[-1].header.time_ms) for each in found), self.world.height
        )

    def holder(self, asked: Asked) -> Answer:
        """One person, for who may look people up; or a pseudonym for who asks."""
        try:
            caller = self._callers.check(
                asked.authorization,
                method=asked.method,
                target=asked.target,
                body=asked.body,
                state=self.world.state,
                block_ms=self.world.blocks[-1].header.time_ms,
                now_ms=time.time_ns() // 1_000_000,
            )
        except Stranger as problem:
            return 401, ErrorBody(401, "NOT_SIGNED", str(problem), "")
        if asked.method == "POST":
            holder = msgspec.json.decode(asked.body, type=PseudonymAsked).holder
            known = registered(self.world.state, caller.participant, holder)
            name = known or derive(bytes(32), caller.participant, bytes.fromhex(holder)).hex()
            return 200, GivenPseudonym(caller.participant, name, bool(known), self.world.height)
        if not may_audit(self.world.state, caller, self.world.blocks[-1].header.time_ms) or not asked.query["reason"]:
            return 403, ErrorBody(403, "MAY_NOT_LOOK", f"{caller.member} may not look people up", "")
        record = self.world.state.get(holder_key(bytes.fromhex(asked.path.removeprefix("/v1/holders/"))))
        if not isinstance(record, Holder):
            return _missing(404, "no such holder")
        codes = [key.removeprefix("asset/") for key in sorted(self.world.state.records) if key.startswith("asset/")]
        return 200, holder_body(self.world.state, record, codes, self.world.height)

    def participants(self, _: Asked) -> Answer:
        """All participants."""
        return 200, Participants(tuple(self._participant(name) for name in self.world.state.participants()), self.world.height)

    def participant(self, asked: Asked) -> Answer:
        """One participant."""
        name = asked.path.removeprefix("/v1/participants/")
        return (200, self._participant(name)) if name in set(self.world.state.participants()) else _missing(120, "no such participant")

    def _participant(self, name: str) -> ParticipantBody:
        records = self.world.state.records
        keysets = [each for key, each in records.items() if key.startswith(f"keyset/{name}/") and isinstance(each, KeysetRecord)]
        found = [each for key, each in records.items() if key == f"participant/{name}" and isinstance(each, Participant)]
        return participant_body(found[0], tuple(keyset_body(each, self._time_ms()) for each in keysets))

    def status(self, _: Asked) -> Answer:
        """Where the node stands."""
        zero, height = "00" * 32, self.world.height
        time_ms = self.world.blocks[-1].header.time_ms if self.world.blocks else 0
        body = StatusBody(
            chain=self.world.chain.hex(),
            network=self.world.genesis.name,
            node="one",
            version="0",
            role="validator",
            height=height,
            committed_height=height,
            view=height,
            final_view=height,
            final_block=zero,
            time_ms=time_ms,
            transactions_root=zero,
            participants_root=zero,
            assets_root=zero,
            governance_root=zero,
            peers=3,
            peers_known=3,
            syncing=False,
            pending=0,
        )
        return 200, body


def _missing(code: int, message: str) -> Answer:
    return 404, ErrorBody(code, "NOT_FOUND", message, "")
