"""Finds, in the text of a CEL expression or a message, which facts it names; pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

SCALARS: Mapping[str, str] = {
    "environment": "string",
    "version.number": "int",
    "version.digest": "string",
    "version.author": "string",
    "version.status": "string",
    "version.age_days": "double",
    "version.has_contract": "bool",
    "version.code_dirty": "bool",
    "version.source_kind": "string",
    "signature_valid": "bool",
    "signer": "string",
    "provenance_complete": "bool",
    "provenance_missing": "list(string)",
    "onboarding_age_days": "double",
    "statements": "list(string)",
    "approvals": "list(string)",
}
"""Facts that are one value, with their CEL types."""

MAPS: Mapping[str, str] = {
    "model": "map(string,string)",
    "verdicts": "map(string,string)",
    "reasons": "map(string,string)",
    "ages": "map(string,double)",
    "figures": "map(string,double)",
    "parameters": "map(string,double)",
}
"""Facts that are looked up by name, with their CEL types."""

EACH_FIGURE: Mapping[str, str] = {
    "figure.name": "string",
    "figure.value": "double",
    "figure.low": "double",
    "figure.high": "double",
    "figure.attribute": "string",
    "figure.group": "string",
}
"""What a rule with `each: {figures: …}` sees besides."""

EACH_CHECK: Mapping[str, str] = {
    "check.name": "string",
    "check.verdict": "string",
    "check.reason": "string",
    "check.age_days": "double",
}
"""What a rule with `each: {checks: …}` sees besides."""

MODEL_KEYS = frozenset(
    {"name", "owner", "team", "on_call", "purpose", "use_case", "risk", "assessed_risk", "kind", "lifecycle"}
)
"""The keys that the map `model` always has."""

_STRING = r"'(?:[^'\\\n]|\\.)*'|\"(?:[^\"\\\n]|\\.)*\""
_LOOKUP = re.compile(
    rf"(?P<map>\b(?:{'|'.join(MAPS)}))\b\s*(?:\[\s*(?P<key>{_STRING})\s*\]|\.(?P<field>[A-Za-z_]\w*)\b(?!\s*\())|{_STRING}"
)
_WORD = re.compile(rf"(?P<word>\b[a-z_]+(?:\.[a-z_]+)?)\b|{_STRING}")
_MACRO = re.compile(r"\b(?:all|exists|exists_one|map|filter)\b")


class Lookup(NamedTuple):
    """`figures['performance.auc']` as a pair; `at` is its offset in the text."""

    map: str
    key: str
    at: int


def lookups(text: str) -> tuple[Lookup, ...]:
    """Return the facts that a text looks up by a literal name, in order of appearance."""
    return tuple(
        Lookup(found["map"], found["field"] or found["key"][1:-1], found.start())
        for found in _LOOKUP.finditer(text)
        if found["map"]
    )


def lookup(text: str) -> Lookup | None:
    """Return the fact that a text is, when it is one lookup and nothing else."""
    found = _LOOKUP.fullmatch(text)
    return Lookup(found["map"], found["field"] or found["key"][1:-1], 0) if found and found["map"] else None


def variables(text: str) -> frozenset[str]:
    """Return the variables that a text may read; sometimes one too many, never one too few."""
    words = {found["word"] for found in _WORD.finditer(text) if found["word"]}
    words |= {word.partition(".")[0] for word in words}
    return frozenset(words & ({*SCALARS, *MAPS, *EACH_FIGURE, *EACH_CHECK}))


def comprehensions(text: str) -> tuple[int, ...]:
    """Return the offset of each word that makes CEL walk a list or map.

    Words inside strings count too: CEL has raw and triple-quoted strings and comments, and a bound must not depend on
    reading them right.
    """
    return tuple(found.start() for found in _MACRO.finditer(text))
