"""Times things in turns, so that a busy machine is as unkind to one side as to the other, and holds what was found."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Action = Callable[[], float]
"""Does the work once and returns the seconds it took for one unit of it."""


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds a unit of work took, round by round."""

    rounds: tuple[float, ...]

    @property
    def median(self) -> float:
        return statistics.median(self.rounds)

    @property
    def minimum(self) -> float:
        return min(self.rounds)

    @property
    def maximum(self) -> float:
        return max(self.rounds)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One comparison: our figure beside a peer's, or beside a limit.

    Attributes:
        what: the function or command that was measured, and on what.
        unit: what one figure is for: `event`, `request`, `run`.
        ours: our timing.
        peer: whose work `theirs` is, or what the limit is.
        theirs: the peer's timing, of the same rounds; None where there is a limit, or no figure.
        limit: seconds that a unit may take; None where there is a peer.
        aim: the largest ratio, ours to theirs, that is still as it should be.
        rates: show units per second instead of seconds per unit.
        memory: figures and limit are bytes, not seconds.
        note: where we are behind, why; else what one must know to read the figure.
        unavailable: why there is no figure of the peer's.
    """

    what: str
    unit: str
    ours: Timing
    peer: str
    theirs: Timing | None = None
    limit: float | None = None
    aim: float = 1.0
    rates: bool = False
    memory: bool = False
    note: str = ""
    unavailable: str = ""

    def ratio(self) -> float | None:
        """Return ours to theirs, below 1 where we are quicker: the median of the rounds' ratios, for rounds are paired."""
        if self.limit is not None:
            return self.ours.median / self.limit
        if self.theirs is None:
            return None
        return statistics.median(one / other for one, other in zip(self.ours.rounds, self.theirs.rounds, strict=True))

    def behind(self) -> bool:
        """Return whether the ratio is larger than aimed at."""
        found = self.ratio()
        return found is not None and found > self.aim


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a case found: its rows, or why it broke, and the seconds it took in all."""

    case: str
    title: str
    rows: tuple[Row, ...] = ()
    seconds: float = 0.0
    error: str = ""


def alternate(rounds: int, *actions: Action) -> list[Timing]:
    """Run the actions in turns, A B then B A, and return a timing of each; each runs once before, unmeasured.

    Actions that take long say so by `rounds`: with a single one nothing is warmed up.
    """
    if rounds > 1:
        for action in actions:
            action()
    taken: list[list[float]] = [[] for _ in actions]
    for number in range(rounds):
        order = list(enumerate(actions))
        for place, action in order if number % 2 == 0 else order[::-1]:
            taken[place].append(action())
    return [Timing(tuple(each)) for each in taken]


def timed(function: Callable[[], Any], times: int = 1, units: int = 1) -> Action:
    """Return an action that calls a function so many times, each doing so many units of work."""

    def action() -> float:
        began = time.perf_counter()
        for _ in range(times):
            function()
        return (time.perf_counter() - began) / (times * units)

    return action
