"""What a command can fail with: one sentence for people, one exit code for scripts.

0 done, 1 refused (by the network, by a file, by a check made here), 2 the command was used wrongly, 3 no node could be reached.
"""

from __future__ import annotations

from typing import ClassVar


class CommandFault(Exception):
    """Ends a command. The text is one sentence: what is wrong and what to do."""

    exit_code: ClassVar[int] = 1


class Refusal(CommandFault):
    """The answer is no: a refused transaction, a thing that does not exist, a file that does not fit."""

    exit_code = 1


class Distrust(Refusal):
    """A node's answer does not hold: a proof, header, certificate or age failed a check of the light client (K23)."""

    exit_code = 1


class Misuse(CommandFault):
    """The command line or the profile asks for something that makes no sense."""

    exit_code = 2


class Unreachable(CommandFault):
    """No node answered, or not in time."""

    exit_code = 3
