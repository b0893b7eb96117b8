"""Validators, parameters and view keys of the whole model, and what the last block of an epoch does."""

from __future__ import annotations

from tests.naive_books import NO_GRANT, Books, Plain, Refused, changed, over
from tests.naive_parameters import DEFAULTS

EXISTS, TOO_MANY, BAD, CONDITION = 125, 127, 128, 172
FEWEST, AHEAD, WITHIN, COPIES = 4, 10, 1_000, 512
CONSENSUS = ("heartbeat_ms", "epoch_length")


def now_of(books: Books) -> Plain:
    """Epoch of the block."""
    return books.must(f"epoch/{books.epoch}", CONDITION)


def in_force(books: Books) -> Plain:
    """View key of the epoch."""
    return books.must(f"viewkey/{now_of(books).view_key}", CONDITION)


def newcomers(plan: Plain | None, now: Plain) -> list[Plain]:
    """Who of a plan does not validate now."""
    current = [each.consensus_key for each in now.validators]
    return [each for each in plan.validators if each.consensus_key not in current] if plan else []


def has_copy(books: Books, validator: Plain, view_key: Plain) -> bool:
    """Whether a view key is sealed to a box key of the validator's participant."""
    participant = books.get(f"participant/{validator.participant}")
    return participant is not None and any(box in participant.box_keys for box, _ in view_key.copies)


def is_ready(books: Books, validator: Plain, view_key: Plain) -> bool:
    """Whether a newcomer's word holds."""
    word, participant = books.get(f"validator/{validator.consensus_key.hex()}"), books.get(f"participant/{validator.participant}")
    if word is None or participant is None or participant.status != "active" or over(word.valid_until, books.now):
        return False
    said = (word.participant, word.node_key, word.view_key)
    return bool(said == (validator.participant, validator.node_key, view_key.hash) and validator.node_key in participant.node_keys)


# --- validator.set -------------------------------------------------------------------------------------------------------


def authorise_plan(books: Books, act: Plain) -> None:
    """Let every participant be active, the epoch ahead, root agree."""
    for name in sorted({each.participant for each in act.body.validators}):
        books.active(name)
    if act.body.epoch <= books.epoch:
        raise Refused(EXISTS)
    act.grant = books.use(act.voices, "root")


def perform_plan(books: Books, act: Plain) -> None:
    """Check size and keys; plan."""
    body, now, old = act.body, now_of(books), books.get("epoch/next")
    if len(body.validators) < min(FEWEST, len(books.must("epoch/0", CONDITION).validators)):
        raise Refused(BAD)
    current = {each.consensus_key: each.participant for each in now.validators}
    for each in body.validators:
        if each.node_key not in books.active(each.participant).node_keys:
            raise Refused(BAD)
        if current.get(each.consensus_key, each.participant) != each.participant:
            raise Refused(BAD)
    plan = Plain(from_epoch=body.epoch, validators=body.validators, set_at=books.height)
    known = {(each.participant, each.consensus_key) for each in newcomers(old, now)}
    kept = {(each.participant, each.consensus_key) for each in newcomers(plan, now)}
    for _, key in known - kept:
        books.put(f"key/{key.hex()}", None)
        books.put(f"validator/{key.hex()}", None)
    for participant, key in sorted(kept - known):
        if books.get(f"key/{key.hex()}"):
            raise Refused(BAD)
        books.put(f"key/{key.hex()}", Plain(owner=participant, keyset="~consensus"))
    books.charge(act.grant, 1)
    books.put("epoch/next", None if body.validators == now.validators else plan)


# --- attest of kind evidence ---------------------------------------------------------------------------------------------


def authorise_evidence(books: Books, act: Plain) -> None:
    """Let a participant that validates say it once."""
    said = act.body.attestation
    books.active(said.by)
    if books.get(f"evidence/{said.doc_hash.hex()}") is not None:
        raise Refused(EXISTS)
    if said.by not in [each.participant for each in books.must(f"epoch/{books.epoch}", 0).validators]:
        raise Refused(NO_GRANT)
    act.voices.need(f"{said.by}/ops")


def perform_evidence(books: Books, act: Plain) -> None:
    """Keep it, of a consensus key, and the newest 64 of a participant."""
    said = act.body.attestation
    owner = books.get(f"key/{said.subject}")
    if said.as_of > books.now or owner is None or owner.keyset != "~consensus":
        raise Refused(CONDITION)
    mine = sorted((each.height, key) for key, each in books.tables["evidence"].items() if each.by == said.by)
    if len(mine) >= 64:
        books.put(mine[0][1], None)
    key = bytes.fromhex(said.subject)
    kept = Plain(consensus_key=key, by=said.by, as_of=said.as_of, height=books.height, at=books.now)
    books.put(f"evidence/{said.doc_hash.hex()}", kept)


# --- attest of kind ready ------------------------------------------------------------------------------------------------


def authorise_ready(books: Books, act: Plain) -> None:
    """Let the planned set name this newcomer of who says it, with its `ops`."""
    said = act.body.attestation
    books.active(said.by)
    coming = newcomers(books.get("epoch/next"), now_of(books))
    named = [each for each in coming if (each.consensus_key.hex(), each.participant) == (said.subject, said.by)]
    if not named:
        raise Refused(NO_GRANT)
    act.validator = named[0]
    act.voices.need(f"{said.by}/ops")


def perform_ready(books: Books, act: Plain) -> None:
    """Check that its word is recent, of the right view key, and that it heard a quorum."""
    said, value, now = act.body.attestation, act.body.attestation.value, now_of(books)
    planned = books.get("viewkey/next")
    number, key = (now.view_key, in_force(books)) if planned is None else (now.view_key + 1, planned)
    dated = said.as_of <= books.now and not over(said.valid_until, books.now)
    right = (value.view_key, said.doc_hash) == (number, key.hash) and has_copy(books, act.validator, key)
    total = len(now.validators)
    if not (dated and right and books.height - WITHIN <= value.height < books.height and value.heard >= total - (total - 1) // 3):
        raise Refused(CONDITION)
    word = Plain(participant=said.by, consensus_key=act.validator.consensus_key, node_key=act.validator.node_key)
    word.ready_height, word.ready_at, word.view_key, word.valid_until = value.height, books.height, key.hash, said.valid_until
    books.put(f"validator/{said.subject}", word)


# --- param.set -----------------------------------------------------------------------------------------------------------


def authorise_param(books: Books, act: Plain) -> None:
    """Let root agree."""
    act.grant = books.use(act.voices, "root")


def perform_param(books: Books, act: Plain) -> None:
    """Set, plan, move the end, or take a view key."""
    body = act.body
    if body.key == "view_key":
        _take_view_key(books, body.value)
    elif body.key == "epoch_end":
        now = now_of(books)
        if not books.height + AHEAD <= body.value < now.end:
            raise Refused(CONDITION)
        books.put(f"epoch/{now.number}", changed(now, end=body.value))
    else:
        planned = books.get("param/next")
        entries = [each for each in planned.entries if each.key != body.key] if planned else []
        if body.key in CONSENSUS or body.at_height > books.height + 1:
            entries.append(Plain(key=body.key, value=body.value, at_height=body.at_height))
        else:
            put_param(books, body.key, body.value)
        _plan_params(books, entries)
    books.charge(act.grant, 1)


def put_param(books: Books, key: str, value: int) -> None:
    """Set a parameter; the default is no record."""
    books.put(f"param/{key}", None if value == DEFAULTS[key] else Plain(value=value))


def _plan_params(books: Books, entries: list[Plain]) -> None:
    books.put("param/next", Plain(entries=tuple(sorted(entries, key=lambda each: str(each.key)))) if entries else None)


def _take_view_key(books: Books, given: Plain) -> None:
    for box, _ in given.copies:
        owner = books.get(f"key/{box.hex()}")
        if owner is None or owner.keyset != "~box":
            raise Refused(BAD)
    number, planned = now_of(books).view_key, books.get("viewkey/next")
    if given.hash == in_force(books).hash:
        books.put(f"viewkey/{number}", _more(in_force(books), given))
    elif planned is not None and given.hash == planned.hash:
        books.put("viewkey/next", _more(planned, given))
    else:
        books.put("viewkey/next", given)


def _more(known: Plain, given: Plain) -> Plain:
    copies = dict(known.copies) | dict(given.copies)
    if len(copies) > COPIES:
        raise Refused(TOO_MANY)
    return changed(known, copies=tuple(sorted(copies.items())))


# --- the end of a block --------------------------------------------------------------------------------------------------


def end_block(books: Books) -> bool:
    """Let what was planned take effect; tell whether the epoch ended."""
    now = now_of(books)
    ends = bool(books.height == now.end)
    planned = books.get("param/next")
    entries = list(planned.entries) if planned else []
    due = [each for each in entries if each.at_height <= books.height + 1 and (ends or each.key not in CONSENSUS)]
    for each in due:
        put_param(books, each.key, each.value)
    if due:
        _plan_params(books, [each for each in entries if each not in due])
    if ends:
        _begin_next(books, now)
    return ends


def _begin_next(books: Books, now: Plain) -> None:
    plan, planned = books.get("epoch/next"), books.get("viewkey/next")
    key, number, validators = planned or in_force(books), now.view_key, now.validators
    fewest = min(FEWEST, len(books.must("epoch/0", CONDITION).validators))
    can = (
        plan is not None
        and plan.from_epoch <= now.number + 1
        and len(plan.validators) >= fewest
        and all(is_ready(books, each, key) for each in newcomers(plan, now))
        and all(has_copy(books, each, key) for each in plan.validators)
    )
    if plan is not None and can:
        validators = plan.validators
        _replace(books, now.validators, validators)
        books.put("epoch/next", None)
    if planned is not None and (can or all(has_copy(books, each, planned) for each in now.validators)):
        number += 1
        books.put(f"viewkey/{number}", planned)
        books.put("viewkey/next", None)
    end = books.height + books.params_now()["epoch_length"]
    fresh = Plain(number=now.number + 1, base=books.height, end=end, validators=validators, view_key=number)
    books.put(f"epoch/{now.number + 1}", fresh)


def _replace(books: Books, old: tuple[Plain, ...], new: tuple[Plain, ...]) -> None:
    staying = [each.consensus_key for each in new]
    for each in old:
        if each.consensus_key not in staying:
            books.put(f"validator/{each.consensus_key.hex()}", None)
    for each in new:
        key = f"validator/{each.consensus_key.hex()}"
        word = books.get(key)
        if word is not None:
            books.put(key, changed(word, node_key=each.node_key))
