"""The commands of a section of a README, as its reader would type them, and what it says that they answer."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tests.devnet.profile_desk import Broken

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.devnet.profile_desk import Desk

ROOT = Path(__file__).parents[2]
_BLOCK = re.compile(r"^```\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_HERE = re.compile(r"<<'(\w+)'$")
SHELL = ("cat", "cp", "echo", "mkdir", "sed")


class Typed(NamedTuple):
    """One command."""

    text: str
    refused: str
    """Words of the refusal that the comment behind it promises; empty: it ends well."""


def commands_of(path: str, heading: str) -> Iterator[Typed]:
    """Yield the commands of the code blocks under a heading, in order."""
    section = (ROOT / path).read_text().split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]
    for block in _BLOCK.findall(section):
        lines = iter(block.splitlines())
        for line in lines:
            here = _HERE.search(line)
            if here is not None:
                rest = []
                for more in lines:
                    rest.append(more)
                    if more == here[1]:
                        break
                yield Typed("\n".join((line, *rest)), "")
            elif line:
                text, _, comment = line.partition("  #")
                yield Typed(text.strip(), comment.strip(" ."))


def follow(desk: Desk, path: str, heading: str) -> int:
    """Type every command of a section; return how many there were.

    Raises
    ------
    Broken
        One ends otherwise than the text says.
    """
    typed = list(commands_of(path, heading))
    for text, refused in typed:
        name = text.split(maxsplit=1)[0]
        if name == "som":
            code, out, err = desk.som(*shlex.split(text)[1:])
        elif name in SHELL:
            done = subprocess.run(["sh", "-c", text], capture_output=True, text=True, check=False)
            code, out, err = done.returncode, done.stdout, done.stderr
        else:
            raise Broken(f"{path} has a command that this test does not know: {text}")
        if (code == 1) != bool(refused) or refused not in out + err:
            raise Broken(f"{path}: {text} ended with {code}, {refused or 'well'} was promised: {err}{out}")
    return len(typed)
