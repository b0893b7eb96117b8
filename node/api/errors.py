"""Refusals as clients see them: an HTTP status and `{code, name, message, iso}`.

Codes below 400, and 900, are the ledger's and mean the same on every node; those from 400 to 599 repeat the HTTP status.
"""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING, Final, Self

from msgspec import structs

from node.api.structs import ErrorBody

if TYPE_CHECKING:
    from ledger.errors import LedgerError
    from node.api.structs import Submitted

STATUS_OF: Final = {
    100: 400,
    101: 422,
    102: 422,
    104: 409,
    105: 409,
    106: 429,
    110: 403,
    111: 403,
}
"""HTTP status of a refusal at admission; every other one is 422: understood, and not possible as things stand."""
REFS_RETRY_S: Final = 60
"""106: the oldest bucket of references is dropped within a minute."""


class ApiError(Exception):
    """An answer from 400 on, raised where it is found and written at one edge (`node.api.app`)."""

    def __init__(self, status: int, name: str, message: str, *, code: int = 0, iso: str = "", retry_after_s: int = 0) -> None:
        super().__init__(message)
        self.status = status
        self.body = ErrorBody(code=code or status, name=name, message=message, iso=iso)
        self.retry_after_s = retry_after_s
        """Seconds; 0: no `Retry-After`."""

    def with_proof(self, proof: bytes) -> Self:
        """Return this refusal with a proof that it is true."""
        self.body = structs.replace(self.body, proof=b64encode(proof).decode("ascii"))
        return self

    def with_transactions(self, transactions: tuple[Submitted, ...]) -> Self:
        """Return this refusal with the outcome of every transaction of the list that was sent."""
        self.body = structs.replace(self.body, transactions=transactions)
        return self


class BadQuery(ApiError):
    """A path or query that the route does not take."""

    def __init__(self, message: str) -> None:
        super().__init__(400, "BAD_QUERY", message)


class BadBody(ApiError):
    """A body that is not what the route takes."""

    def __init__(self, message: str) -> None:
        super().__init__(400, "BAD_BODY", message)


class NotFound(ApiError):
    """Nothing of that name, as of the newest final block."""

    def __init__(self, message: str, *, code: int = 404, name: str = "NOT_FOUND", iso: str = "") -> None:
        super().__init__(404, name, message, code=code, iso=iso)


class TooLarge(ApiError):
    """More bytes than the listener reads."""

    def __init__(self, *, limit: int) -> None:
        super().__init__(413, "TOO_LARGE", f"the body has more than {limit} bytes; send fewer transactions at once")


class TooMany(ApiError):
    """The node has no room now."""

    def __init__(self, message: str, *, retry_after_s: int) -> None:
        super().__init__(429, "TOO_MANY", message, retry_after_s=retry_after_s)


class Refused(ApiError):
    """The ledger's refusal of the one transaction that was sent."""

    def __init__(self, error: LedgerError) -> None:
        retry = REFS_RETRY_S if status_of(error) == 429 else 0
        super().__init__(status_of(error), error.name, str(error), code=error.code, iso=error.iso, retry_after_s=retry)


def status_of(error: LedgerError) -> int:
    """HTTP status of a refusal by the ledger."""
    return STATUS_OF.get(error.code, 422)
