"""`som status`: where the node stands, and whether the others stand there too."""

import msgspec
import typer

from cli.command import command
from cli.output import print_fields, print_json, print_line
from cli.session import Session
from cli.times import now_ms, time_text
from node.api.structs import StatusBody, Validators

LATE_MS = 15_000
"""Three heartbeats: an idle chain makes a block every five seconds."""


def register(app: typer.Typer) -> None:
    """Add the command to the root."""
    command(app, "status")(status)


def status(session: Session) -> None:
    """Show where the node stands: chain, height, peers, and who signed last."""
    found = session.client.get("/v1/status", StatusBody)
    validators = session.client.get("/v1/validators", Validators)
    if session.json:
        print_json({"status": msgspec.to_builtins(found), "validators": msgspec.to_builtins(validators)})
        return
    age = now_ms() - found.time_ms
    print_fields(
        [
            ("network", found.network),
            ("chain", found.chain + _same_chain(session, found.chain)),
            ("node", f"{found.node}, {found.role}, version {found.version}"),
            ("height", f"{found.height} ({found.committed_height} in the store)"),
            ("last block", f"{time_text(found.time_ms)}, {max(0, age) / 1_000:.1f} s ago" if found.height else "none yet"),
            ("view", f"{found.view} ({found.final_view} final)"),
            ("peers", f"{found.peers} of {found.peers_known} connected"),
            ("pending", f"{found.pending} transactions"),
            *[("validator", f"{each.index} {each.participant}, last signed {each.last_signed_height}") for each in validators.validators],
        ]
    )
    if found.syncing:
        print_line("this node is catching up: what it shows is behind")
    elif age > LATE_MS:
        print_line("the last block is old: the network makes no progress, or this node is cut off from it")


def _same_chain(session: Session, chain: str) -> str:
    if not session.profile.genesis:
        return " (no genesis document in the profile to compare with)"
    return " (as in the profile)" if session.chain.hex() == chain else " - ANOTHER chain than the profile's"
