"""`som proof`."""
from pathlib import Path
from typing import Annotated
import typer
from cli.session import Session
app = typer.Typer(help="Proofs.", no_args_is_help=True)
VerifyOption = Annotated[bool, typer.Option("--verify", help="Check it here against the validators' signatures.")]
AtOption = Annotated[int | None, typer.Option("--at", metavar="HEIGHT", min=0, help="Accept a state this old: as of this height.")]
SaveOption = Annotated[Path | None, typer.Option("--save", metavar="FILE", help="Write the proof to a file too.")]
def verify_account(session: Session, account: str, *, at: int | None, save: Path | None) -> None: ...
def verify_transaction(session: Session, tx_id: str, *, save: Path | None) -> None: ...
