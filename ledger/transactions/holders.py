"""holder.put (type 3): the operator's registry says who has which tier, and by which pseudonym a participant knows the person (L16)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ledger.errors import Exists, NoParticipant, TooMany
from ledger.grant_rules import Wanted, charge_quota, use_grant
from ledger.holders import PSEUDONYMS_MAX, Holder, Pseudonym, holder_key, pseudonym_key
from ledger.indexes import put_indexed
from ledger.limits import holder_of

if TYPE_CHECKING:
    from ledger.grants import GrantRecord
    from ledger.transactions.bodies import HolderPut
    from ledger.transactions.work import Work


class Tiering:
    """One holder.put transaction. A pseudonym never moves to another holder and never ends: its limits would begin anew."""

    __slots__ = ("body", "grant", "new", "work")

    grant: GrantRecord
    new: list[str]
    """Keys of the pseudonyms that are not registered yet."""

    def __init__(self, work: Work, body: HolderPut) -> None:
        self.work = work
        self.body = body

    def authorise(self) -> None:
        """See that the participants exist and no pseudonym is another holder's; the quorum of a grant `tier` agrees."""
        work, body = self.work, self.body
        overlay = work.overlay
        for each in body.pseudonyms:
            if overlay.get("participant/" + each.participant) is None:
                raise NoParticipant(participant=each.participant)
        self.new = []
        for each in body.pseudonyms:
            key = pseudonym_key(each.participant, each.pseudonym)
            known = overlay.get(key)
            if known is None:
                self.new.append(key)
            elif known != Pseudonym(body.holder):
                raise Exists(subject=f"pseudonym {each.pseudonym.hex()} of {each.participant}")
        self.grant = use_grant(overlay, work.signers, Wanted("tier"), work.time_ms)

    def perform(self) -> None:
        """Check the number of pseudonyms and the grant's quota; register."""
        work, body = self.work, self.body
        overlay, old = work.overlay, holder_of(work.overlay, self.body.holder)
        count = (old.pseudonyms if old else 0) + len(self.new)
        if count > PSEUDONYMS_MAX:
            raise TooMany(subject=f"holder {body.holder.hex()}", count=count, what="pseudonyms", most=PSEUDONYMS_MAX)
        charge_quota(overlay, self.grant, 1, work.time_ms)
        overlay.put(holder_key(body.holder), Holder(body.holder, body.tier, body.valid_until, count))
        for key in self.new:
            put_indexed(overlay, key, Pseudonym(body.holder))
