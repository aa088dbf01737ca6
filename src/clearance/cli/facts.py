"""Print the facts of one thing, one a line, so that long ones (digests) stay whole and can be copied."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

DATA = "a file (registered when needed), a registered name, or a digest (8 digits are enough)"
"""What options that name a dataset take; for their help."""


def facts(title: str, pairs: Iterable[tuple[str, Any]]) -> None:
    """Print a title and, under it, the facts that are known; those that are None or empty are left out."""
    from rich.markup import escape

    from clearance.cli.core import console

    known = [(name, fact) for name, fact in pairs if fact not in {None, ""}]
    width = max((len(name) for name, _ in known), default=0)
    out = console()
    out.print(f"[bold]{escape(title)}[/]")
    for name, fact in known:
        out.print(f"[dim]{escape(name.ljust(width))}[/]  {escape(str(fact))}", soft_wrap=True)


def counted(number: int, one: str) -> str:
    """Return a number with its word, for example `1 file`, `2,000 files`; the plural adds an s."""
    return f"{number:,} {one}{'' if number == 1 else 's'}"


def short(digest: str) -> str:
    """Return the first 12 hexadecimal digits of a digest, for tables."""
    return digest.removeprefix("sha256:")[:12]
