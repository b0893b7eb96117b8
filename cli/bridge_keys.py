"""`som bridge new-key`: an attestor's key, in a file or in a token, and the memory of what it signs."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.bridge_proof import app
from cli.command import command
from cli.faults import Misuse, Refusal
from cli.output import print_fields, print_json
from cli.passphrase import new_passphrase
from cli.session import Session

if TYPE_CHECKING:
    from bridge.keys import SigningKey

__all__ = ["CURSOR", "KEY", "MARKS", "app"]

KEY, MARKS, CURSOR = "key.json", "marks", "cursor.json"


@command(app, "new-key")
def new_key(
    session: Session,
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="A new folder, for one key.")],
    module: Annotated[Path | None, typer.Option("--pkcs11", metavar="LIBRARY", help="In a token, by its PKCS#11 library.")] = None,
    token: Annotated[str, typer.Option("--token", metavar="NAME", help="The token's label.")] = "",
    label: Annotated[str, typer.Option("--label", metavar="NAME", help="Label that the key gets there.")] = "",
    pin_file: Annotated[Path | None, typer.Option("--pin-file", metavar="FILE", help="File with the token's PIN.")] = None,
) -> None:
    """Make an attestor's key and the memory of what it signs; --passphrase-file gives its passphrase. Never copy or restore the memory."""
    from bridge.errors import BridgeError, MarksExist  # noqa: PLC0415 - libraries of public chains would slow the start of other commands
    from bridge.marks import Marks  # noqa: PLC0415

    of_token = (module, token, label, pin_file)
    if any(of_token) and not all(of_token):
        raise Misuse("a key in a token needs --pkcs11, --token, --label and --pin-file")
    marks = folder / MARKS
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if marks.exists():
            raise MarksExist(path=str(marks))  # before a key is made that could have none
        if module is not None and pin_file is not None:
            key, fields = _in_token(folder, module.absolute(), (token, label), pin_file.absolute())
        else:
            key, fields = _in_file(session, folder)
        Marks.create(marks, key.address).close()
    except OSError as error:
        raise Refusal(f"{folder} cannot be written: {error.strerror}") from None
    except BridgeError as error:
        raise Refusal(str(error)) from None
    fields = {"address": "0x" + key.address.hex(), **fields, "marks": str(marks)}
    if session.json:
        print_json(fields)
        return
    print_fields([*fields.items(), ("next", "name the address in the route (som bridge put), the rest under [key] (bridge/README.md)")])


def _in_file(session: Session, folder: Path) -> "tuple[SigningKey, dict[str, str]]":
    from bridge.keys import FileKey  # noqa: PLC0415 - see above

    passphrase = new_passphrase(session.passphrase_file(), purpose=f"for the key in {folder}").decode()
    return FileKey.create(folder / KEY, passphrase), {"file": str(folder / KEY)}


def _in_token(folder: Path, module: Path, names: tuple[str, str], pin_file: Path) -> "tuple[SigningKey, dict[str, str]]":
    from bridge.key_config import REFUSED, tokens  # noqa: PLC0415 - see above
    from bridge.keys import HsmPlace  # noqa: PLC0415

    token, label = names
    key = tokens().create(HsmPlace(str(module), token, label, str(pin_file), str(folder.absolute() / REFUSED)))
    return key, {"module": str(module), "token": token, "label": label, "pin_file": str(pin_file)}
