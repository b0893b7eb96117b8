"""Whose signatures a transaction needs beside those that its form tells: what the profile says, of an issue what its grant says.

The grants of an issue are found by their usual names, `issue:ASSET:RECEIVER` and `issue:ASSET` (`som profile`, `som genesis new`). One that
is called otherwise is helped by `--sign`, or by `[sign]` in the profile.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cli.client import NotThere, Withheld
from cli.faults import Unreachable
from ledger.codec import NAME_OF
from ledger.grants import DEBIT
from ledger.names import servicer_of
from ledger.transactions.bodies import GrantPut, Issue
from node.api.structs import GrantBody

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from cli.session import Session
    from ledger.transactions.bodies import Body


def further_keysets(session: Session, body: Body, agreed: Iterable[str]) -> Sequence[str]:
    """Keysets (`OWNER/KEYSET`) that are to sign beside those of `agreed`."""
    if isinstance(body, GrantPut) and body.grant.permission == DEBIT:
        return ()  # who signs the debits of the account gives it, and nobody else may sign (L25)
    usual = session.profile.sign.get(NAME_OF[type(body)], ())
    grant = _grant_of(session, body) if isinstance(body, Issue) else None
    if grant is None:
        return usual
    if grant.need is None:
        return (f"{grant.to}/ops",)
    already = set(agreed)

    def rank(member: str) -> tuple[bool, bool, bool, str]:
        """Who agrees already, whom the profile names, who can sign here, the others: in this order as many as are needed."""
        here = bool(session.keystore.for_keyset(*_split(member)))
        return member not in already, member not in usual, not here, member

    return sorted(grant.need.of, key=rank)[: grant.need.m]


def _split(member: str) -> tuple[str, str]:
    owner, _, keyset = member.partition("/")
    return owner, keyset


def _grant_of(session: Session, body: Issue) -> GrantBody | None:
    for name in (f"issue:{body.asset}:{servicer_of(body.to)}", f"issue:{body.asset}"):
        try:
            return session.client.get(f"/v1/grants/{name}", GrantBody)
        except (NotThere, Withheld, Unreachable):
            continue
    return None
