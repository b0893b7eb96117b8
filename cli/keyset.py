"""`som keyset`: bring, rotate and recover the keys of a participant or an account."""

import re
from typing import Annotated, Literal

import msgspec
import typer

from cli.command import command
from cli.faults import Misuse, Refusal
from cli.keysets import as_it_stands, as_it_waits, existing_keyset, find_keyset, known_keys
from cli.output import print_json, print_table
from cli.parties import OPS, find_account, find_participant, sender_keyset
from cli.sending import How, send
from cli.session import Session
from cli.signing import KeysetName, public_keys
from cli.times import parse_length, parse_point, time_text
from ledger.names import check_keyset_name, check_owner
from ledger.participants import Key, Keyset
from ledger.transactions.bodies import KeysetPut
from node.api.parts import KeysetBody
from node.api.structs import Participants
from node.keystore import fingerprint

app = typer.Typer(help="Keysets: m of n keys that sign together, and what to do when one is lost or stolen.", no_args_is_help=True)

OwnerArgument = Annotated[str, typer.Argument(metavar="OWNER", help="Participant or account whose keyset it is.")]
NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="Name of the keyset, such as ops.")]
MOption = Annotated[int, typer.Option("--m", min=1, max=32, help="How many of the keys must sign.")]
KeyOption = Annotated[
    list[str] | None, typer.Option("--key", metavar="KEY", help="A key of the set: its name in the keystore, or 64 hex characters.")
]
NotAfterOption = Annotated[str, typer.Option("--not-after", metavar="TIME", help="The keys count until then; else for ever.")]
RecoveryOption = Annotated[
    str | None,
    typer.Option("--recovery", metavar="NAME", help="Keyset that may recover it: the participant's, or the servicer's; '' for none."),
]
DelayOption = Annotated[str, typer.Option("--delay", metavar="LENGTH", help="With --recovery: how long a recovery takes, such as 3d.")]

_HEX = re.compile(r"[0-9a-f]{64}", re.ASCII)
DELAY = "3d"
"""Of a recovery, unless it is told otherwise: the shortest that the network's default allows."""


@command(app, "put")
def put(
    session: Session,
    owner: OwnerArgument,
    name: NameArgument,
    how: How,
    *,
    m: MOption = 1,
    key: KeyOption = None,
    not_after: NotAfterOption = "",
    recovery: RecoveryOption = None,
    delay: DelayOption = "",
) -> None:
    """Bring a keyset or rotate its keys: the current keys and each new key sign; a first keyset needs the registrar instead (--as).

    What is not said of recovery stays as it is. Another --recovery or --delay holds only after the delay that there is.
    """
    check_owner(owner)
    keyset = make_keyset(session, name, m, key or [], not_after)
    now = find_keyset(session, owner, name)
    keyset = with_terms(keyset, now, recovery, delay)
    sender = session.sender(_participant(session, owner))
    needed = [sender_keyset(session, sender), *([(owner, name)] if now is None or _signs(now, keyset) else [])]
    if now is not None and now.suspended and "/" in owner:
        needed.append((_participant(session, owner), OPS))
    send(session, KeysetPut(owner=owner, keyset=keyset), sender=sender, needed=needed, how=how)


@command(app, "recover")
def recover(
    session: Session,
    owner: OwnerArgument,
    name: NameArgument,
    how: How,
    *,
    m: MOption = 1,
    key: KeyOption = None,
    not_after: NotAfterOption = "",
    recovery: RecoveryOption = None,
    delay: DelayOption = "",
    withdraw: Annotated[bool, typer.Option("--withdraw", help="Withdraw the recovery that waits.")] = False,
) -> None:
    """Replace keys that were lost or stolen: the keyset named for recovery signs, and each new key. It holds after the delay.

    Anybody may send it: with the keys of `ops` gone, --as another participant.
    """
    now = existing_keyset(session, owner, name)
    if not now.recovery:
        raise Refusal(f"{owner}/{name} names no keyset that may recover it: ask the registrar (suspend and succeed), or the servicer")
    if withdraw and key:
        raise Misuse("--withdraw puts the keyset as it stands: leave out --key")
    keyset = as_it_stands(now) if withdraw else with_terms(make_keyset(session, name, m, key or [], not_after), now, recovery, delay)
    helper = _participant(session, owner)
    sender = session.sender(helper)
    needed = [sender_keyset(session, sender), (helper, now.recovery), *([(owner, name)] if _brings(now, keyset) else [])]
    send(session, KeysetPut(owner=owner, keyset=keyset, by="recovery"), sender=sender, needed=_once(needed), how=how)


@command(app, "object")
def object_(session: Session, owner: OwnerArgument, name: NameArgument, how: How) -> None:
    """Object to a recovery that waits: the current keys sign. The keyset then signs nothing until the registrar decides."""
    now = existing_keyset(session, owner, name)
    if now.waiting is None or now.waiting.by != "recovery" or now.suspended:
        raise Refusal(f"no recovery of {owner}/{name} waits to be objected to: `som keyset show {owner}`")
    sender = session.sender(owner)
    needed = _once([sender_keyset(session, sender), (owner, name)])
    send(session, KeysetPut(owner=owner, keyset=as_it_stands(now)), sender=sender, needed=needed, how=how)


@command(app, "decide")
def decide(
    session: Session,
    owner: OwnerArgument,
    name: NameArgument,
    how: How,
    *,
    for_: Annotated[Literal["current", "recovery"], typer.Option("--for", help="The keyset as it was, or the one that was to replace it.")],
) -> None:
    """Decide on a recovery that was objected to, as the registrar (--as); of an account as its servicer. It holds at once."""
    now = existing_keyset(session, owner, name)
    if now.waiting is None or not now.suspended:
        raise Refusal(f"nothing is to be decided on {owner}/{name}: it has not objected to a recovery (`som keyset show {owner}`)")
    keyset = as_it_stands(now) if for_ == "current" else as_it_waits(name, now.waiting)
    helper = _participant(session, owner)
    sender = session.sender(helper)
    needed = _once([sender_keyset(session, sender), *([(helper, OPS)] if "/" in owner else [])])
    send(session, KeysetPut(owner=owner, keyset=keyset), sender=sender, needed=needed, how=how)


@command(app, "show")
def show(session: Session, owner: Annotated[str, typer.Argument(metavar="OWNER", help="Participant or account whose keysets.")]) -> None:
    """Show the keysets of a participant or account with the fingerprints of their keys, who may recover them, and what waits."""
    found = _keysets(session, owner)
    if session.json:
        print_json(msgspec.to_builtins(found))
        return
    rows = []
    for keyset in found:
        rows += [_row(f"{owner}/{keyset.name}", keyset.m, len(keyset.keys), key.public_key, key.not_after) for key in keyset.keys]
        if keyset.waiting is not None:
            waits, many = keyset.waiting, len(keyset.waiting.keys)
            rows += [_row(f"{owner}/{keyset.name}, waits", waits.m, many, key.public_key, key.not_after) for key in waits.keys]
    print_table(["keyset", "m of n", "fingerprint", "until", "public key"], rows)
    for keyset in found:
        for line in _terms_lines(f"{owner}/{keyset.name}", keyset):
            print(line)


@command(app, "list")
def list_(
    session: Session,
    *,
    waiting: Annotated[
        bool, typer.Option("--waiting", help="Only those that are recovered, have objected, or change their terms.")
    ] = False,
) -> None:
    """List the keysets of all participants and what waits for them: what a registrar looks at every day."""
    found = session.client.get("/v1/participants", Participants).participants
    keysets = [(each.id, keyset) for each in found for keyset in each.keysets if keyset.waiting is not None or not waiting]
    if session.json:
        print_json([{"owner": owner, **msgspec.to_builtins(keyset)} for owner, keyset in keysets])
        return
    rows = [
        [f"{owner}/{keyset.name}", f"{keyset.m} of {len(keyset.keys)}", keyset.recovery or "nobody", _state_text(keyset)]
        for owner, keyset in keysets
    ]
    print_table(["keyset", "m of n", "recovered by", "state"], rows)


def make_keyset(session: Session, name: str, m: int, keys: list[str], not_after: str) -> Keyset:
    """Keyset record of what the command line gives.

    Raises
    ------
    Misuse
        No keys, more needed than there are, or one named twice.
    """
    check_keyset_name(name)
    public = sorted({_public_key(session, text) for text in keys})
    if not public:
        raise Misuse("a keyset needs keys: name each with --key")
    if len(public) < len(keys):
        raise Misuse("a key is named twice: each key of a keyset counts once")
    if m > len(public):
        raise Misuse(f"--m {m} can never be met by {len(public)} keys")
    until = parse_point(not_after) if not_after else 0
    return Keyset(name=name, m=m, keys=tuple(Key(each, until) for each in public), recovery="", delay_ms=0)


def with_terms(keyset: Keyset, now: KeysetBody | None, recovery: str | None, delay: str) -> Keyset:
    """Keyset with its terms of recovery: those that are given, else those that it has.

    Raises
    ------
    Misuse
        A delay without anybody who recovers.
    """
    known = "" if now is None else now.recovery
    name = known if recovery is None else recovery
    if not name:
        if delay:
            raise Misuse("--delay is how long a recovery takes: name who may recover with --recovery")
        return keyset
    kept = now.delay_ms if now is not None and now.recovery else parse_length(DELAY)
    return msgspec.structs.replace(keyset, recovery=name, delay_ms=parse_length(delay) if delay else kept)


def _participant(session: Session, owner: str) -> str:
    """Who services an account; of a participant itself."""
    return find_account(session, owner).servicer if "/" in owner else owner


def _brings(now: KeysetBody, keyset: Keyset) -> bool:
    return not public_keys(keyset) <= known_keys(now)


def _signs(now: KeysetBody, keyset: Keyset) -> bool:
    """Whether anybody signs for the keyset of a put: itself, or keys that it brings."""
    return not now.suspended or _brings(now, keyset)


def _once(needed: list[KeysetName]) -> list[KeysetName]:
    return list(dict.fromkeys(needed))


def _keysets(session: Session, owner: str) -> tuple[KeysetBody, ...]:
    if "/" not in owner:
        return find_participant(session, owner).keysets
    account = find_account(session, owner)
    return (existing_keyset(session, owner, account.keyset),) if account.keyset else ()


def _row(member: str, m: int, many: int, public_key: str, not_after: int) -> list[str]:
    until = time_text(not_after) if not_after else "no end"
    return [member, f"{m} of {many}", fingerprint(bytes.fromhex(public_key)), until, public_key]


def _state_text(keyset: KeysetBody) -> str:
    waiting = keyset.waiting
    if waiting is None:
        return "in force"
    if keyset.suspended:
        return f"objected {time_text(waiting.objected)}: to be decided"
    return f"{'recovered' if waiting.by == 'recovery' else 'other terms'} from {time_text(waiting.due)} on"


def _terms_lines(member: str, keyset: KeysetBody) -> list[str]:
    """Say who may recover a keyset, and what waits for it."""
    lines = []
    if keyset.recovery:
        lines.append(f"{member} may be recovered by {keyset.recovery}, which takes {_length(keyset.delay_ms)}")
    waiting = keyset.waiting
    if waiting is None:
        return lines
    if keyset.suspended:
        lines.append(f"{member} objected to its recovery at {time_text(waiting.objected)}: it signs nothing until the registrar decides")
    elif waiting.by == "recovery":
        lines.append(f"{member} is being recovered: what waits holds from {time_text(waiting.due)} on, unless it objects")
    else:
        lines.append(f"{member} changes its terms from {time_text(waiting.due)} on: recovery by {waiting.recovery or 'nobody'}")
    return lines


def _length(time_ms: int) -> str:
    hours = time_ms / 3_600_000
    return f"{hours / 24:g} days" if hours >= 48 else f"{hours:g} hours"


def _public_key(session: Session, text: str) -> bytes:
    if _HEX.fullmatch(text):
        return bytes.fromhex(text)
    if text in session.keystore.names():
        return bytes.fromhex(session.keystore.load(text).public_key)
    raise Refusal(f"{text!r} is neither a key of the keystore {session.keystore.folder} nor 64 hex characters of a public key")
