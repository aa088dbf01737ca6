"""Fills the messages of rules with the facts they speak of; pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from clearance.policy import references
from clearance.policy.model import FigureUsed
from clearance.policy.pack import Over

_LARGE = 1000
_PLACE = re.compile(r"\{([^{}]*)\}")


def check(template: str, over: Over | None, parameters: set[str]) -> None:
    """Refuse a template that names what can't be known.

    Raises:
        ValueError: with the sentence for the author.
    """
    if template.count("{") != len(_PLACE.findall(template)) or template.count("{") != template.count("}"):
        raise ValueError("the message has a brace without its partner")
    for place in _PLACE.findall(template):
        if not _known(place.strip(), over, parameters):
            raise ValueError(
                f"the message asks for {{{place}}}, which is no fact of this rule: "
                "write figures['name'], parameters['name'], verdicts['check'], version.number and the like"
            )


def _known(place: str, over: Over | None, parameters: set[str]) -> bool:
    if lookup := references.lookup(place):
        known = {"parameters": parameters, "model": references.MODEL_KEYS}.get(lookup.map)
        return known is None or lookup.key in known
    names = {
        None: set[str](),
        Over.FIGURES: {"figure", *references.EACH_FIGURE},
        Over.CHECKS: set(references.EACH_CHECK),
    }[over]
    return place in names | set(references.SCALARS)


def fill(template: str, data: Mapping[str, Any], figures: Mapping[str, FigureUsed]) -> str:
    """Return the message; a figure is shown with its interval, a fact that is missing as `(not measured)`.

    Args:
        template: a checked template.
        data: the variables, as expressions see them.
        figures: figures by name, with their intervals; under the empty name the one that `each` is at.
    """
    literal, *rest = _parts(template)
    shown = (_shown(place, data, figures) + text for place, text in zip(rest[::2], rest[1::2], strict=True))
    return literal + "".join(shown)


@lru_cache(maxsize=2048)
def _parts(template: str) -> tuple[str, ...]:
    """Return a template cut at its places: text, place, text, place, …, text."""
    parts = _PLACE.split(" ".join(template.split()))
    return tuple(part.strip() if at % 2 else part for at, part in enumerate(parts))


def _shown(place: str, data: Mapping[str, Any], figures: Mapping[str, FigureUsed]) -> str:
    if place == "figure":
        return interval(figures[""])
    lookup = _lookup(place)
    if lookup is None:
        return text(data.get(place))
    if lookup.map == "figures" and lookup.key in figures:
        return interval(figures[lookup.key])
    return text(data.get(lookup.map, {}).get(lookup.key))


_lookup = lru_cache(maxsize=2048)(references.lookup)


def interval(figure: FigureUsed) -> str:
    """Return a figure for people: `0.36 [0.33, 0.39]`."""
    shown = text(figure.value)
    if figure.low is None or figure.high is None:
        return shown
    return f"{shown} [{text(figure.low)}, {text(figure.high)}]"


def text(found: object) -> str:
    """Return a fact for people; numbers with three significant digits."""
    if found is None:
        return "(not measured)"
    if isinstance(found, bool):
        return "yes" if found else "no"
    if isinstance(found, float):
        return f"{found:.3g}" if abs(found) < _LARGE else f"{found:,.0f}"
    if isinstance(found, list | tuple):
        return ", ".join(map(text, found)) or "none"
    return str(found)


def lookups(template: str) -> tuple[references.Lookup, ...]:
    """Return the facts that a message looks up by name."""
    found = (references.lookup(place.strip()) for place in _PLACE.findall(template))
    return tuple(lookup for lookup in found if lookup is not None)
