"""Every relative link of every page leads somewhere, to the heading it names."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs.pages import PAGES, ROOT, anchors, prose

_LINK = re.compile(r"!?\[[^\]]*\]\((?P<target>[^)\s]+)(?: \"[^\"]*\")?\)")
_REFERENCE = ROOT / "docs" / "reference"
_WRITTEN = set(re.findall(r'"([a-z-]+\.md)":', (ROOT / "tools" / "reference.py").read_text("utf-8")))
"""Pages that `make docs` writes; `make check` tells whether they are there."""


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    text = re.sub(r"`[^`\n]*`", "", prose(page))
    faults = [fault for found in _LINK.finditer(text) if (fault := _fault(page, found["target"]))]
    assert not faults, f"{page.relative_to(ROOT)}: {faults}"


def _fault(page: Path, target: str) -> str | None:
    if re.match(r"[a-z]+:", target):
        return None
    path, _, anchor = target.partition("#")
    goal = (page.parent / path).resolve() if path else page
    if goal.parent == _REFERENCE and goal.name in _WRITTEN and not anchor:
        return None
    if not goal.is_relative_to(ROOT):
        return f"{target} leads out of the repository"
    if not goal.exists():
        return f"{target} does not exist"
    if anchor and anchor not in anchors(goal):
        return f"{target}: no such heading; there are {', '.join(sorted(anchors(goal)))}"
    return None
