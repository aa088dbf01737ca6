"""Whatever a rule, a limit or a question cites is explained, on a page of the docs and in the console."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

import clearance
from clearance.compliance.sources import SOURCES, anchor, key_of
from clearance.policy import packs

PACKAGE = Path(clearance.__file__).parent
PAGE = (PACKAGE.parents[1] / "docs" / "sources.md").read_text(encoding="utf-8")
FILES = sorted(PACKAGE.rglob("*.yaml"))
NAMED = re.compile(
    r"\b[FLMPSX](?:1[0-9]|20|[1-9])\b|\b(?:checklist|necessity|use cases|burn-rate guidance|SR 26-2|AI Act)\b|29 CFR 1607[.]4 D"
)


def cited(found: Any) -> Iterator[str]:
    """Yield every citation in a document."""
    if isinstance(found, dict):
        for key, item in found.items():
            texts = [item] if key == "source" else item if key == "sources" else []
            yield from (text for text in texts if isinstance(text, str))
            yield from cited(item)
    elif isinstance(found, list):
        for item in found:
            yield from cited(item)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_every_id_that_a_file_cites_is_explained(file: Path) -> None:
    used = {name for text in cited(yaml.safe_load(file.read_text(encoding="utf-8"))) for name in NAMED.findall(text)}
    assert used <= SOURCES.keys()


@pytest.mark.parametrize("name", packs.builtin())
def test_every_source_of_a_builtin_rule_is_explained(name: str) -> None:
    unknown = {source for rule in packs.builtin()[name].rules for source in rule.sources if key_of(source) is None}
    assert not unknown


def test_nothing_is_explained_that_nobody_cites() -> None:
    everything = " ".join(file.read_text(encoding="utf-8") for file in FILES)
    assert [key for key in SOURCES if key not in everything] == []


@pytest.mark.parametrize("key", SOURCES)
def test_the_docs_say_what_the_console_says(key: str) -> None:
    assert f"| {key} | {SOURCES[key]} |" in PAGE


@pytest.mark.parametrize(
    ("citation", "key"),
    [
        ("F2", "F2"),
        ("AI Act art. 15(5)", "AI Act"),
        ("M1, accuracy", "M1"),
        ("M10", None),
        ("29 CFR 1607.4 D, four fifths", "29 CFR 1607.4 D"),
        ("House rule 2", None),
        ("FAQ legacy models", "FAQ legacy models"),
    ],
)
def test_a_citation_is_of_the_source_that_it_begins_with(citation: str, key: str | None) -> None:
    assert key_of(citation) == key


def test_no_two_sources_have_the_same_place() -> None:
    assert len({anchor(key) for key in SOURCES}) == len(SOURCES)
