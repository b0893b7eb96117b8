"""A client of the API as a bank's back office would write one: submits bytes, waits for receipts, asks for status. JSON in, structs out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self, TypeVar

import aiohttp
import msgspec

from node.api.structs import AccountBody, Assets, StatusBody, Submissions, Submitted, TransactionBody, TrialBalance, Validators

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

T = TypeVar("T")
REQUEST_SECONDS_MAX = 60


class Refused(Exception):
    """The node answered with an error, or a transaction of a list was refused."""

    def __init__(self, *, status: int, text: str) -> None:
        super().__init__(f"the node answered {status}: {text[:300]}")
        self.status = status


class Client:
    """One node's client API. Use as an async context manager."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=REQUEST_SECONDS_MAX))
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._session is not None:
            await self._session.close()

    @property
    def session(self) -> aiohttp.ClientSession:
        """The open session."""
        if self._session is None:
            raise AssertionError("the client is used outside its context")
        return self._session

    async def submit(self, transactions: Sequence[bytes], *, wait: str = "") -> tuple[Submitted, ...]:
        """Send whole signed transactions; with `wait="final"` the answer carries the receipts.

        Raises
        ------
        Refused
            The node refused the whole list.
        """
        async with self.session.post(
            f"{self.url}/v1/transactions" + (f"?wait={wait}" if wait else ""),
            data=msgspec.msgpack.encode(list(transactions)),
            headers={"Content-Type": "application/msgpack"},
        ) as answer:
            body = await answer.read()
            if answer.status not in (200, 202):
                raise Refused(status=answer.status, text=body.decode(errors="replace"))
            return msgspec.msgpack.decode(body, type=Submissions).transactions

    async def get(self, path: str, type_: type[T]) -> T:
        """GET a path as a struct.

        Raises
        ------
        Refused
            Any answer but 200.
        """
        async with self.session.get(self.url + path) as answer:
            body = await answer.read()
            if answer.status != 200:
                raise Refused(status=answer.status, text=body.decode(errors="replace"))
            return msgspec.json.decode(body, type=type_)

    async def text(self, path: str) -> str:
        """GET a path as text."""
        async with self.session.get(self.url + path) as answer:
            return await answer.text()

    async def status(self) -> StatusBody:
        """Where the node stands."""
        return await self.get("/v1/status", StatusBody)

    async def account(self, account: str) -> AccountBody:
        """Balances of an account."""
        return await self.get(f"/v1/accounts/{account}", AccountBody)

    async def transaction(self, tx_id: str) -> TransactionBody:
        """Status and receipt of a transaction."""
        return await self.get(f"/v1/transactions/{tx_id}", TransactionBody)

    async def trial_balance(self) -> TrialBalance:
        """Return the sums per asset."""
        return await self.get("/v1/trial-balance", TrialBalance)

    async def assets(self) -> Assets:
        """All assets."""
        return await self.get("/v1/assets", Assets)

    async def validators(self) -> Validators:
        """Return the validator set."""
        return await self.get("/v1/validators", Validators)
