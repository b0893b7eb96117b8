"""Proposals and votes of the whole model: a body that waits until enough keysets that it asks for have said yes."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from tests.naive_books import QUORUM, Books, Plain, Refused, Voices, bank_of, changed, over, owner_of
from tests.naive_rotation import public

if TYPE_CHECKING:
    from collections.abc import Iterable

TOO_MANY, NO_SAY, NO_PROPOSAL, TIME = 127, 182, 183, 184
VOTES = 32


class Listener(Voices):
    """Notes who is asked, and says the same to everything."""

    def __init__(self, books: Books, *, answer: bool) -> None:
        super().__init__(books, ())
        self.answer = answer
        self.asked: dict[str, None] = {}
        self.change: tuple[str, Plain | None, Plain] | None = None
        self.other: tuple[str, Plain, Plain] | None = None
        """A keyset that somebody else puts in the place of another."""

    def agrees(self, member: str) -> bool:
        """Note who is asked."""
        self.asked[member] = None
        return self.answer

    def need(self, member: str) -> None:
        """Note who is needed."""
        self.asked[member] = None

    def allow(self, members: Iterable[str]) -> None:
        """Note who may."""
        self.asked.update(dict.fromkeys(members))

    def need_change(self, owner: str, current: Plain | None, new: Plain) -> None:
        """Note the change."""
        self.change = (owner, current, new)
        if current is not None:
            self.need(f"{owner}/{current.name}")

    def need_brought(self, owner: str, record: Plain, new: Plain) -> None:
        """Note what is brought."""
        self.other = (owner, record, new)


def brought(type_: str, body: Plain) -> tuple[str, Plain] | None:
    """Owner and keyset that a body brings."""
    if type_ == "keyset.put":
        return body.owner, body.keyset
    if type_ in ("account.open", "account.set") and body.keyset is not None:
        return body.id, body.keyset
    return None


def inner_act(act: Plain, proposal: Plain, body: Plain, voices: Voices) -> Plain:
    """Return the act of a body, as if the proposer had sent it under the proposal's id."""
    return Plain(
        id=proposal.id, sender=proposal.proposer, type=proposal.type, body=body, voices=voices, codes=(), sweep=act.sweep, steps=act.steps
    )


def electorate(books: Books, act: Plain, proposal: Plain, body: Plain) -> Listener:
    """Who may vote now; a refusal that no vote could mend is raised."""
    willing, unwilling = Listener(books, answer=True), Listener(books, answer=False)
    authorise = act.steps(proposal.type, body)[0]
    authorise(books, inner_act(act, proposal, body, willing))
    with suppress(Refused):  # nobody agrees: what matters is who was asked until then
        authorise(books, inner_act(act, proposal, body, unwilling))
    willing.asked.update(unwilling.asked)
    return willing


def authorise_propose(books: Books, act: Plain) -> None:
    """Let somebody who may vote open, and the new keys of a body sign."""
    body, voices = act.body, act.voices
    proposal = Plain(id=act.id, proposer=act.sender, type=body.type)
    listener = electorate(books, act, proposal, body.inner)
    if not any(voices.agrees(member) for member in listener.asked):
        raise Refused(QUORUM)
    voices.allow(listener.asked)
    act.new_keys = ()
    coming = listener.change or listener.other
    if coming is not None:
        owner, _, new = coming
        if listener.change is not None:
            voices.need_new_keys(*listener.change)
        elif listener.other is not None:
            voices.need_brought(*listener.other)
        signed = voices.signed.get(f"{owner}/{new.name}", [])
        act.new_keys = tuple(key.public_key for key in new.keys if key.public_key in signed)


def perform_propose(books: Books, act: Plain) -> None:
    """Check number and times; open."""
    body, bank = act.body, bank_of(act.sender)
    count = 0
    for key, record in list(books.tables["proposal"].items()):
        if bank_of(record.proposer) == bank:
            if over(record.until, books.now):
                books.put(key, None)
            else:
                count += 1
    if count >= books.param("proposals_open_max"):
        raise Refused(TOO_MANY)
    if not books.now < body.until <= books.now + books.param("proposal_ms_max"):
        raise Refused(TIME)
    record = Plain(id=act.id, proposer=act.sender, type=body.type, content=body.content, new_keys=act.new_keys)
    record.not_before, record.until, record.votes = body.not_before, body.until, ()
    books.inner[act.id] = body.inner
    books.put(f"proposal/{act.id.hex()}", record)


def authorise_approve(books: Books, act: Plain) -> None:
    """Find the proposal; its voter agrees and has a say; at the quorum the body is asked itself."""
    body, voices = act.body, act.voices
    act.action = None
    proposal = books.must(f"proposal/{body.proposal.hex()}", NO_PROPOSAL)
    if over(proposal.until, books.now):
        raise Refused(NO_PROPOSAL)
    act.proposal, inner = proposal, books.inner[proposal.id]
    refusal, asked = None, {}
    try:
        asked = electorate(books, act, proposal, inner).asked
    except Refused as refused:
        refusal = refused
    books.member_active(body.keyset)
    voices.need(body.keyset)
    votes = {vote.keyset: vote for vote in proposal.votes}
    if body.vote == "yes" or body.keyset not in votes:
        if refusal is not None:
            raise refusal
        if body.keyset not in asked or body.vote == "withdraw":
            raise Refused(NO_SAY)
    votes.pop(body.keyset, None)
    if body.vote != "withdraw":
        votes[body.keyset] = Plain(keyset=body.keyset, choice=body.vote, keys=tuple(voices.signed[body.keyset]))
    act.votes = tuple(votes[member] for member in sorted(votes))
    if body.vote == "yes" and books.now >= proposal.not_before:
        _count(books, act, inner)


def _count(books: Books, act: Plain, inner: Plain) -> None:
    proposal = act.proposal
    speaking: list[tuple[str, str, bytes]] = []
    for vote in act.votes:
        keyset = books.signing(vote.keyset)
        counting = [key.public_key for key in keyset.keys if not over(key.not_after, books.now)] if keyset else []
        if vote.choice == "yes":
            speaking += [(owner_of(vote.keyset), vote.keyset.rpartition("/")[2], key) for key in vote.keys if key in counting]
    coming = brought(proposal.type, inner)
    if coming is not None:
        known = public(books.get(f"keyset/{coming[0]}/{coming[1].name}"))
        speaking += [(coming[0], coming[1].name, key) for key in proposal.new_keys if key not in known]
    voices = Voices(books, speaking)
    if coming is not None:
        voices.bring(*coming)
    action = inner_act(act, proposal, inner, voices)
    try:
        act.steps(proposal.type, inner)[0](books, action)
    except Refused as refused:
        if refused.code != QUORUM:
            raise
        return
    act.action = action


def perform_approve(books: Books, act: Plain) -> None:
    """Keep the vote, or carry the body out."""
    key = f"proposal/{act.proposal.id.hex()}"
    if act.action is None:
        if len(act.votes) > VOTES:
            raise Refused(TOO_MANY)
        books.put(key, changed(act.proposal, votes=act.votes))
        return
    books.put(key, None)
    try:
        act.steps(act.proposal.type, act.action.body)[1](books, act.action)
    finally:
        act.codes = act.action.codes
