"""Print the facts of one thing, one a line, so that long ones (digests) stay whole and can be copied."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


def facts(title: str, pairs: Iterable[tuple[str, Any]]) -> None:
    """Print a title and, under it, the facts that are known; those that are None or empty are left out."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    for name, fact in pairs:
        if fact not in {None, ""}:
            grid.add_row(escape(name), escape(str(fact)))
    console = Console()
    console.print(f"[bold]{escape(title)}[/]", highlight=False)
    console.print(grid)


def short(digest: str) -> str:
    """Return the first 12 hexadecimal digits of a digest, for tables."""
    return digest.removeprefix("sha256:")[:12]
