"""`som bridge attest|relay`: the processes of the bridge, each with its own key and folder; they end with SIGTERM."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.bridge_keys import CURSOR, MARKS, app
from cli.command import command
from cli.faults import Misuse, Refusal
from cli.session import Session

if TYPE_CHECKING:
    from bridge.process import ProcessConfig
    from cli.bridge_home import HttpHome

__all__ = ["app"]

FileArgument = Annotated[Path, typer.Argument(metavar="FILE", help="Configuration of the process (TOML); see bridge/README.md.")]


@command(app, "attest")
def attest(
    session: Session,
    file: FileArgument,
    *,
    resume: Annotated[bool, typer.Option("--resume", help="Go on after a stop: somebody has looked why.")] = False,
) -> None:
    """Run an attestor: sign for the other chain what the validators have signed here, and tell the ledger what is final there."""
    from bridge.attestor import Attestor, AttestorState  # noqa: PLC0415 - see above
    from bridge.cursor import CursorFile  # noqa: PLC0415
    from bridge.errors import BridgeError  # noqa: PLC0415
    from bridge.inspector import Inspector  # noqa: PLC0415
    from bridge.key_config import open_key  # noqa: PLC0415
    from bridge.marks import Marks  # noqa: PLC0415
    from bridge.process import Figures, load, open_chain, run  # noqa: PLC0415
    from bridge.signer import Signer  # noqa: PLC0415
    from bridge.speaker import Speaker  # noqa: PLC0415
    from bridge.watcher import Watcher  # noqa: PLC0415

    figures = Figures()
    try:
        config = load(file)
        if not config.participant:
            raise Misuse(f"{file} does not say who attests: set `participant`")
        home = open_home(session, config)
        terms = home.newest().route.terms
        chain = open_chain(config.chain, terms.kind, terms.chain_id, terms.finality.providers)
        key = open_key(config.key, Path(config.folder))
        marks = Marks.open(Path(config.folder) / MARKS, key.address)
        attestor = Attestor(
            home=home,
            speaker=Speaker(home, Signer(key, marks), config.participant),
            watcher=Watcher(home, chain, config.participant, config.chain.first_block),
            inspector=Inspector(home, chain, config.participant, config.stalled_seconds),
            cursor=CursorFile(Path(config.folder) / CURSOR, AttestorState),
            shown=lambda found: figures.inspected(config.route, found),
        )
        if resume:
            attestor.resume()
    except BridgeError as error:
        raise Refusal(str(error)) from None
    raise typer.Exit(run(config, attestor.step, figures))


@command(app, "relay")
def relay(session: Session, file: FileArgument) -> None:
    """Run a relayer: carry what attestors signed to the contract. It has no power; anyone may run one, and pays for it there."""
    from bridge.errors import BridgeError  # noqa: PLC0415 - see above
    from bridge.key_config import open_key  # noqa: PLC0415
    from bridge.process import Figures, load, log, open_carrier, open_chain, run  # noqa: PLC0415
    from bridge.relayer import Relayer  # noqa: PLC0415

    try:
        config = load(file)
        home = open_home(session, config)
        terms = home.newest().route.terms
        chain = open_chain(config.chain, terms.kind, terms.chain_id, terms.finality.providers)
        sender = open_carrier(config.chain, terms.kind, terms.chain_id, open_key(config.key, Path(config.folder)))
        relayer = Relayer(home, chain, sender)
    except BridgeError as error:
        raise Refusal(str(error)) from None

    def step() -> None:
        for each in relayer.step():
            if each.outcome not in ("few", "done"):
                log.info("carried", what=each.what, number=each.number, outcome=each.outcome, tx=each.tx_hash.hex())

    raise typer.Exit(run(config, step, Figures()))


def open_home(session: Session, config: "ProcessConfig") -> "HttpHome":
    """Ledger of a process, read by the profile of this session."""
    from cli.bridge_home import HttpHome, LongSession  # noqa: PLC0415 - see above

    long = LongSession(session.choices)
    long.be_ready()
    return HttpHome(long, config.route, config.participant)
