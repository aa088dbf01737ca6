"""The story: six steps, each through the client and HTTP, each checked, told while it happens and summed up in one document."""

from __future__ import annotations

import importlib
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clearance.demo import data
from clearance.demo.data import Split
from clearance.demo.installation import Installation
from clearance.demo.narrator import Narrator
from clearance.errors import ClearanceError
from clearance.values import value

if TYPE_CHECKING:
    from clearance.client.client import Client

STEPS = ("lending", "income", "tampering", "traffic", "canary", "proof")
"""Ids of the steps, in order; each is a module of `clearance.demo.steps` with TITLE, WHY and `run`."""

Facts = dict[str, Any]


class StepFailed(Exception):
    """The story did not go as it should; the message says where."""


def expect(condition: object, reason: str) -> None:
    """Go on if the condition holds.

    Raises:
        StepFailed: it does not.
    """
    if not condition:
        raise StepFailed(reason)


@value
class StepResult:
    """How a step went, how long it took (seconds), and what it found."""

    id: str
    ok: bool
    seconds: float
    facts: Mapping[str, Any]
    reason: str = ""


@value
class StoryResult:
    """The whole story."""

    seconds: float
    home: str
    ok: bool
    steps: tuple[StepResult, ...]


@dataclass
class Stage:
    """What a step has at hand: the installation, a client for each person, the narrator, and what earlier steps left."""

    installation: Installation
    narrator: Narrator
    folder: Path
    """For files that the demo itself makes: data, models, passport, report."""
    left: dict[str, Any] = field(default_factory=dict)
    """What one step leaves for the next, by name."""

    def __post_init__(self) -> None:
        self.alice: Client = self.installation.client("alice")
        self.bob: Client = self.installation.client("bob")
        self.olga: Client = self.installation.client("olga")
        self.aude: Client = self.installation.client("aude")

    @cached_property
    def loans(self) -> Split:
        """Car loans of the reference half."""
        return data.car_loan(self.folder / "data")

    @cached_property
    def people(self) -> Split:
        """People of the census."""
        return data.income(self.folder / "data")


def tell(stage: Stage, started: float) -> StoryResult:
    """Run the steps in order; after one that fails the others are not run, for each builds on those before.

    Args:
        stage: what the steps have at hand.
        started: `time.monotonic()` when the demo began.
    """
    results: list[StepResult] = []
    for number, step in enumerate(STEPS, 1):
        broken = next((result.id for result in results if not result.ok), None)
        if broken is not None:
            results.append(StepResult(id=step, ok=False, seconds=0.0, facts={}, reason=f"not run: {broken} failed"))
            continue
        results.append(_run(stage, step, number))
    return StoryResult(
        seconds=round(time.monotonic() - started, 1),
        home=str(stage.installation.home),
        ok=all(result.ok for result in results),
        steps=tuple(results),
    )


def _run(stage: Stage, step: str, number: int) -> StepResult:
    module = importlib.import_module(f"clearance.demo.steps.{step}")
    stage.narrator.chapter(f"{number} of {len(STEPS)} · {module.TITLE}", module.WHY)
    begun = time.monotonic()
    facts: Facts = {}
    reason = ""
    try:
        module.run(stage, facts)
    except StepFailed as failure:
        reason = str(failure)
    except ClearanceError as error:
        reason = f"{error.message} ({error.code})"
    seconds = round(time.monotonic() - begun, 1)
    if reason:
        stage.narrator.say(f"[red bold]failed[/] {reason}")
    return StepResult(id=step, ok=not reason, seconds=seconds, facts=facts, reason=reason)
