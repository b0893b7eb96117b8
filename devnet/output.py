"""What the devnet prints: a table of endpoints, a line per receipt, the roots. Plain text where the output is no terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from devnet.processes import NodeProcess
    from node.api.structs import ReceiptBody, StatusBody

PLAIN_COLUMNS = 140
"""Width where the output is no terminal, so that no address is cut."""


class Output:
    """The console of the devnet."""

    def __init__(self) -> None:
        self.console = Console(highlight=False, soft_wrap=True)
        if not self.console.is_terminal:
            self.console = Console(highlight=False, soft_wrap=True, width=PLAIN_COLUMNS)

    def title(self, text: str) -> None:
        """Start a step."""
        self.console.print(f"\n[bold]{text}[/bold]")

    def line(self, text: str) -> None:
        """Print a plain line."""
        self.console.print(f"  {text}", markup=False)

    def receipt(self, what: str, receipt: ReceiptBody, count: int, milliseconds: float) -> None:
        """Show a receipt and the time from submission to it."""
        several = f" (last of {count})" if count > 1 else ""
        self.line(
            f"{what:<38} tx {receipt.tx_id[:16]}…{several} {receipt.code} {receipt.name}, height {receipt.height}.{receipt.index}, "
            f"final after {milliseconds:.1f} ms"
        )

    def endpoints(self, nodes: Sequence[NodeProcess], statuses: Sequence[StatusBody]) -> None:
        """One table of all nodes."""
        table = Table(title="Digital som devnet", title_justify="left")
        for column in ("node", "role", "client API", "peer protocol", "pid", "height"):
            table.add_column(column)
        for node, status in zip(nodes, statuses, strict=True):
            table.add_row(node.name, node.role, node.api_url, node.peer_url, str(node.pid), str(status.height))
        self.console.print(table)

    def roots(self, statuses: Sequence[StatusBody]) -> None:
        """All nodes at one height with the same roots."""
        one = statuses[0]
        for status in statuses:
            self.line(
                f"{status.node:<14} height {status.height} block {status.final_block[:16]}… participants {status.participants_root[:16]}…"
            )
        self.line(
            f"all {len(statuses)} nodes at height {one.height} with the same roots: transactions {one.transactions_root[:16]}… "
            f"participants {one.participants_root[:16]}… assets {one.assets_root[:16]}… governance {one.governance_root[:16]}…"
        )
