"""`som profile`: assets as configuration. See the ready-made ones, check one of your own, carry one out."""

from typing import Annotated

import msgspec
import typer

from cli.command import command
from cli.contents import readable
from cli.faults import Misuse, Refusal
from cli.output import Json, print_fields, print_json, print_line, print_table
from cli.profile_apply import carry_out, compare, write_out
from cli.profile_document import Document, Fault, Source, open_source, read_document, ready_made
from cli.profile_terms import ISSUER, Profile, check_roles, read_profile
from cli.profile_trial import try_profile
from cli.sending import How
from cli.session import Session
from ledger.names import OPERATOR
from ledger.transactions.bodies import Attest

app = typer.Typer(help="Profiles of assets: policy, grants, reserve and limits in one file.", no_args_is_help=True)

NamedArgument = Annotated[str, typer.Argument(metavar="PROFILE", help="Name of a ready-made profile, or a TOML file of your own.")]
IssuerOption = Annotated[str, typer.Option("--issuer", metavar="PARTICIPANT", help="Who issues the asset.")]
RoleOption = Annotated[
    list[str] | None, typer.Option("--role", metavar="ROLE=PARTICIPANT", help="Who has another role; repeat, also for several of one role.")
]
DryOption = Annotated[bool, typer.Option("--dry-run", help="Say what is there and what would be done; send nothing.")]


@command(app, "list")
def list_(session: Session) -> None:
    """List the profiles that come with the ledger."""
    found = [_document(open_source(name)) for name in ready_made()]
    if session.json:
        print_json({"profiles": [{"name": each.name, "asset": each.asset.code, "title": each.title} for each in found]})
        return
    print_table(
        ["profile", "asset", "reserve", "what it is"], [[each.name, each.asset.code, each.asset.reserve, each.title] for each in found]
    )


@command(app, "show")
def show(session: Session, profile: NamedArgument) -> None:
    """Print a profile as it is written: a beginning for one of your own (`som profile show kgst > mine.toml`)."""
    source = open_source(profile)
    if session.json:
        document = _document(source)
        lists = {name: list(part.values()) if isinstance(part, dict) and name != "roles" else part for name, part in _fields(document)}
        print_json({name: msgspec.to_builtins(part) for name, part in lists.items()})
        return
    print_line(source.text.rstrip("\n"))


@command(app, "check")
def check(session: Session, profile: NamedArgument, *, issuer: IssuerOption = "", role: RoleOption = None) -> None:
    """Check a profile: its form, and by the rules of the ledger in a trial. No node is asked; roles that are not given get stand-ins."""
    source = open_source(profile)
    found, faults = _checked(source, _roles(issuer, role), stand_ins=("stand-in",))
    if session.json:
        print_json({"good": not faults, "faults": [msgspec.to_builtins(each) for each in faults]})
    else:
        for each in faults:
            print_line(str(each))
    _refuse(source, faults)
    if not session.json and found is not None:
        print_fields([("good", f"{source.place}: {found.document.title}"), *[("would", step.about) for step in found.steps]])


@command(app, "apply")
def apply(
    session: Session,
    profile: NamedArgument,
    how: How,
    *,
    issuer: IssuerOption = "",
    role: RoleOption = None,
    dry_run: DryOption = False,
) -> None:
    """Carry a profile out: accounts, the asset, its grants, in this order, each final before the next. Repeat it after a failure.

    The issuer's `ops` and the quorum of root sign (`[sign]` in the profile of this client, --sign). Where they are on several machines:
    --propose opens proposals, and --export names a FOLDER for transaction files.
    """
    if how.ref:
        raise Misuse("the references of a profile are made of what it does, so that it can be repeated: leave out --ref")
    source = open_source(profile)
    found, faults = _checked(source, _roles(issuer, role), stand_ins=())
    if not session.json:
        for each in faults:
            print_line(str(each))
    _refuse(source, faults)
    if found is None:
        raise AssertionError("a profile without errors has a policy")
    jobs = compare(session, found)
    if not session.json:
        for job in jobs:
            print_fields([("to do" if not job.done else "there", job.step.about)])
    if dry_run:
        done: list[dict[str, Json]] = [{"step": job.step.about, "done": job.done, "body": readable(job.body)} for job in jobs]
    elif how.export is not None:
        done = write_out(session, jobs, how.export, how)
    else:
        done = carry_out(session, jobs, how)
    remaining = _next(found)
    if session.json:
        print_json({"profile": found.document.name, "asset": found.policy.code, "steps": done, "next": remaining})
        return
    print_fields([("next", text) for text in remaining])


def _roles(issuer: str, texts: list[str] | None) -> dict[str, tuple[str, ...]]:
    """Participants by role, as the command line gives them."""
    found: dict[str, tuple[str, ...]] = {ISSUER: (issuer,)} if issuer else {}
    for text in texts or ():
        role, equals, participant = text.partition("=")
        if not equals or not participant:
            raise Misuse(f"{text!r} names nobody for a role: write ROLE=PARTICIPANT, such as auditor=bank-b")
        found[role] = (*found.get(role, ()), participant)
    return found


def _document(source: Source) -> Document:
    document, faults = read_document(source)
    if document is None:
        raise Refusal(f"{source.place} is no profile: {faults[0] if faults else 'it is empty'}")
    return document


def _fields(document: Document) -> list[tuple[str, object]]:
    return [(name, getattr(document, name)) for name in document.__struct_fields__]


def _checked(source: Source, given: dict[str, tuple[str, ...]], stand_ins: tuple[str, ...]) -> tuple[Profile | None, list[Fault]]:
    """Profile with everybody in place and everything that is wrong with it. The rules run where its form is good."""
    document, faults = read_document(source)
    if document is None:
        return None, faults
    if stand_ins:
        first = OPERATOR if document.asset.reserve == "sovereign" else ISSUER
        given = {**{role: (role,) for role in document.roles}, ISSUER: (first,), **given}
    roles, more = check_roles(source, document, given)
    profile, others = read_profile(source, document, roles)
    faults += [*more, *others]
    if profile is not None and not faults:
        faults += try_profile(source, profile)
    return profile, sorted(faults, key=lambda each: each.line)


def _refuse(source: Source, faults: list[Fault]) -> None:
    if faults:
        many = f"{len(faults)} errors, the first" if len(faults) > 1 else "an error"
        raise Refusal(f"{source.place} has {many} in {faults[0]}")


def _next(profile: Profile) -> list[str]:
    """Say what others have to do before anything can be issued, and what this version leaves out."""
    code, reserve = profile.policy.code, profile.policy.reserve
    found = []
    for fact in profile.facts:
        if isinstance(fact.body, Attest):
            said = fact.body.attestation
            standard = f" --standard '{said.standard}'" if said.standard else ""
            what = f"{said.subject.partition(':')[2]} {said.id} {said.value}"
            found.append(f"som reserve attest {code} {what}{standard} --as {said.by} --wait")
    if not isinstance(reserve, str):
        found += [f"som reserve price {code} {feed.name} PRICE --as {each} --wait" for feed in reserve.feeds for each in feed.sources]
        found += [f"som reserve observe {code} {route.id} SUPPLY --as {each} --wait" for route in reserve.routes for each in route.sources]
        found += [f"som reserve observe {code} {each.name} LOCKED --as {by} --wait" for each in reserve.lockers for by in each.sources]
    if profile.policy.cap != 0:
        paid = " --from ACCOUNT" if not isinstance(reserve, str) and reserve.kind == "vault" else ""
        found.append(f"som issue ACCOUNT AMOUNT {code}{paid} --wait")
    for bridge in profile.document.bridges.values():
        about = f": {bridge.about}" if bridge.about else ""
        found.append(
            f"not applied: {bridge.mode} on {bridge.chain}{about}; a route is for contracts that stand (som bridge put ROUTE FILE)"
        )
    return found
