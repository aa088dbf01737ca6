"""How the story is told to people: chapters, sentences, short tables, and what is taking a moment."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import TypeVar

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table

T = TypeVar("T")


class Narrator:
    """Tells the story on a terminal.

    Args:
        quiet: says nothing, for when a program is listening.
    """

    def __init__(self, *, quiet: bool = False) -> None:
        self._console = Console(quiet=quiet)

    def chapter(self, title: str, why: str) -> None:
        """Begin a step."""
        self._console.print()
        self._console.rule(f"[bold]{escape(title)}", align="left")
        self._console.print(f"[dim]{escape(why)}")

    def say(self, text: str) -> None:
        """Tell one thing; markup allowed."""
        self._console.print(text, highlight=False)

    def table(self, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
        """Show a few figures."""
        content = [[escape("" if cell is None else str(cell)) for cell in row] for row in rows]
        made = Table(header_style="bold", box=None, pad_edge=False)
        for place, column in enumerate(columns[:-1]):
            widest = max([len(column), *(len(row[place]) for row in content)])
            made.add_column(column, no_wrap=True, min_width=widest)  # only the last column gives way
        made.add_column(columns[-1], no_wrap=True, overflow="ellipsis")
        for row in content:
            made.add_row(*row)
        self._console.print(made)

    def waiting(self, text: str) -> AbstractContextManager[object]:
        """Say what takes a moment, while it does."""
        return self._console.status(text)

    def track(self, items: Sequence[T], text: str) -> Iterator[T]:
        """Yield the items, showing how many are done."""
        columns = (TextColumn(text), BarColumn(), MofNCompleteColumn())
        with Progress(*columns, console=self._console, transient=True) as progress:
            yield from progress.track(items, total=len(items))
