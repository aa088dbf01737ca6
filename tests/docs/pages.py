"""Reads the documentation as its tests need it: pages, fenced blocks with the marker above them, headings, links."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    path
    for path in (*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"))
    if not any(part.startswith(".") for part in path.relative_to(ROOT).parts)
)

_FENCE = re.compile(r"^(?P<indent> *)(?P<ticks>`{3,})(?P<word>\w*)")
_MARKER = re.compile(r"^<!-- (?P<word>\w+)(?:: (?P<rest>.*?))? -->$")


class Block(NamedTuple):
    """A fenced block: its language, its text, the line it begins on, and the comment on the line above it."""

    language: str
    text: str
    line: int
    marker: str = ""
    argument: str = ""


def blocks(page: Path) -> Iterator[Block]:
    """Yield the fenced blocks of a page in order."""
    lines = page.read_text("utf-8").splitlines()
    at = 0
    while at < len(lines):
        fence = _FENCE.match(lines[at])
        if fence is None:
            at += 1
            continue
        indent, ticks = len(fence["indent"]), fence["ticks"]
        end = next(n for n in range(at + 1, len(lines)) if lines[n].strip() == ticks)
        marker = _MARKER.match(lines[at - 1].strip()) if at else None
        text = "\n".join(line[indent:] for line in lines[at + 1 : end]) + "\n"
        found = (marker["word"], marker["rest"] or "") if marker else ("", "")
        yield Block(fence["word"], text, at + 1, *found)
        at = end + 1


def prose(page: Path) -> str:
    """Return a page without its fenced blocks; line numbers stay."""
    text = page.read_text("utf-8").splitlines()
    inside, kept = "", []
    for line in text:
        fence = _FENCE.match(line)
        if inside:
            kept.append("")
            inside = "" if line.strip() == inside else inside
        elif fence:
            kept.append("")
            inside = fence["ticks"]
        else:
            kept.append(line)
    return "\n".join(kept)


def anchors(page: Path) -> set[str]:
    """Return the anchors that GitHub gives the headings of a page."""
    found: set[str] = set()
    for heading in re.findall(r"^#{1,6} +(.+?) *#*$", prose(page), re.MULTILINE):
        plain = re.sub(r"[`*]|\[([^\]]*)\]\([^)]*\)", r"\1", heading).strip().lower()
        slug = re.sub(r"[^\w\- ]", "", plain).replace(" ", "-")
        number = 0
        while (name := f"{slug}-{number}" if number else slug) in found:
            number += 1
        found.add(name)
    return found
