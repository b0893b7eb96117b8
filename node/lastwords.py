"""What a node said when it ended, kept in its data folder for whoever asks why it does not run (`som doctor`).

Taken away when a start has the lock, so a folder without a running node and without last words is that of a node which was killed, lost
power, or never ran. For people only: no rule depends on it, and a disk that does not take it changes nothing.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated, Final

import msgspec
import structlog
from msgspec import Meta, Struct

if TYPE_CHECKING:
    from pathlib import Path

LAST_WORDS_FILE: Final = "last_words.json"
SENTENCE_MAX: Final = 4_096
BYTES_MAX: Final = 8 * SENTENCE_MAX

log = structlog.get_logger("node")


class LastWords(Struct, frozen=True):
    """Why a node ended."""

    code: Annotated[int, Meta(ge=0, le=255)]
    """Exit code; 0: it was told to stop."""
    sentence: Annotated[str, Meta(max_length=SENTENCE_MAX)]
    """What is wrong and what to do; empty for 0."""
    time_ms: Annotated[int, Meta(ge=0)]


def keep_last_words(folder: Path, code: int, sentence: str) -> None:
    """Keep why the node ends; the caller has the lock of the folder, or ends before it needs it. No folder is made for it."""
    if not folder.is_dir():
        return
    path = folder / LAST_WORDS_FILE
    hidden = path.with_suffix(".new")
    words = LastWords(code, " ".join(sentence.split())[:SENTENCE_MAX], time.time_ns() // 1_000_000)
    try:
        hidden.write_bytes(msgspec.json.encode(words) + b"\n")
        hidden.replace(path)
    except OSError as problem:
        log.warning("why the node ends is not kept", why=problem.strerror)


def forget_last_words(folder: Path) -> None:
    """Take them away: the node runs."""
    try:
        (folder / LAST_WORDS_FILE).unlink(missing_ok=True)
    except OSError as problem:
        log.warning("old last words stay", why=problem.strerror)


def read_last_words(folder: Path) -> LastWords | None:
    """Read them; None where there are none that can be read."""
    try:
        with (folder / LAST_WORDS_FILE).open("rb") as file:
            data = file.read(BYTES_MAX + 1)
        return msgspec.json.decode(data, type=LastWords) if len(data) <= BYTES_MAX else None
    except (OSError, msgspec.MsgspecError, UnicodeError):
        return None
