"""Strategies: the built-in ones, read from YAML, and the rules that every strategy keeps."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from importlib import resources
from itertools import pairwise
from typing import Any

import yaml

from clearance.delivery.model import Step, Strategy
from clearance.errors import InvalidInput, NotFound
from clearance.values import parse

_FOLDER = resources.files("clearance.delivery") / "strategies"
LONGEST_STEP = 30 * 86_400
"""Seconds that a step may last at most, before the candidate's requests are counted."""


def names() -> tuple[str, ...]:
    """Return the names of the built-in strategies."""
    found = (entry.name for entry in _FOLDER.iterdir())
    return tuple(sorted(name.removesuffix(".yaml") for name in found if name.endswith(".yaml")))


@cache
def load(name: str) -> Strategy:
    """Return a built-in strategy.

    Raises:
        NotFound: there is none of that name.
    """
    if name not in names():
        raise NotFound(
            f"there is no strategy {name!r}", code="strategy_not_found", hint="strategies: " + ", ".join(names())
        )
    return check(parse(Strategy, _read(name)))


def with_steps(strategy: Strategy, steps: tuple[Step, ...]) -> Strategy:
    """Return the strategy with other steps, marked as such.

    Raises:
        InvalidInput: the steps break a rule.
    """
    return check(replace(strategy, version=f"{strategy.version}+steps", steps=steps))


def check(strategy: Strategy) -> Strategy:
    """Return the strategy if it keeps the rules.

    Raises:
        InvalidInput: no step; a weight outside 0-100 or not above the one before; a step without requests or of
            impossible length.
    """
    if not strategy.steps:
        raise _bad(strategy, "it has no step", "give at least one")
    for number, step in enumerate(strategy.steps, 1):
        if not 0 < step.weight <= 100:
            raise _bad(strategy, f"step {number}: weight {step.weight:g}", "percent, above 0, at most 100")
        if step.minimum_requests < 1:
            raise _bad(strategy, f"step {number}: minimum_requests {step.minimum_requests}", "at least 1")
        if not 0 <= step.minimum_seconds <= LONGEST_STEP:
            raise _bad(strategy, f"step {number}: minimum_seconds {step.minimum_seconds:g}", "from 0 to 30 days")
    for number, (before, after) in enumerate(pairwise(strategy.steps), 2):
        if after.weight <= before.weight:
            raise _bad(
                strategy, f"step {number}: weight {after.weight:g}", f"more than {before.weight:g}, the one before"
            )
    return strategy


def _read(name: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((_FOLDER / f"{name}.yaml").read_text("utf-8"))
    like = found.pop("like", None)
    return found if like is None else {**_read(like), **found}


def _bad(strategy: Strategy, what: str, allowed: str) -> InvalidInput:
    return InvalidInput(f"strategy {strategy.name}: {what} is not possible", code="bad_strategy", hint=allowed)
