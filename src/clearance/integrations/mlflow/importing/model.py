"""Models and versions as another MLflow server has them, and what came of taking them over; pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from datetime import datetime
from typing import Any

from clearance.values import request, value

FROM_TAG, BORN_TAG = "imported.from", "imported.created_at"
STAGE_TAG, ALIASES_TAG = "imported.stage", "imported.aliases"
"""Tags by which people see where a version comes from, and what it was there and is not yet here."""


@request
class OriginalModel:
    """A registered model at its origin.

    Attributes:
        origin: address of the MLflow server, without user or password.
        name: what it is called there.
        owner: who is to be its owner here; the caller when empty.
    """

    origin: str
    name: str
    description: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    created_at: datetime
    updated_at: datetime
    owner: str = ""


@request
class OriginalVersion:
    """A version at its origin; `name` is that of its model there, `by` who made it, `number` the one it keeps."""

    origin: str
    name: str
    number: int
    source: str = ""
    run_id: str = ""
    run_link: str = ""
    model_id: str = ""
    description: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    created_at: datetime
    updated_at: datetime
    by: str = ""
    stage: str = "None"
    aliases: tuple[str, ...] = ()


@value
class Came:
    """What came before: the identity of its model here, what the origin said of it then, and when that was."""

    model: str
    facts: Mapping[str, Any]
    at: datetime


def differences(came: Came, original: OriginalModel | OriginalVersion) -> tuple[str, ...]:
    """Return what of a model or version can't change at its origin and is not as it was: then it is another one."""
    found = []
    if (born := datetime.fromisoformat(came.facts["created_at"])) != original.created_at:
        found.append(f"made at {_told(original.created_at)}, and that one at {_told(born)}")
    if isinstance(original, OriginalVersion):
        found += [
            f"of the {what} {getattr(original, name) or 'none'}, and that one of {came.facts[name] or 'none'}"
            for name, what in (("run_id", "run"), ("source", "source"))
            if came.facts[name] != getattr(original, name)
        ]
    return tuple(found)


def _told(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"


@value
class Imported:
    """What a model or version of another server is here.

    Attributes:
        model: its identity here.
        number: of the version; None of a model.
        made: whether this request made it; else it had come before.
        left: what it was there and is not here, and why.
    """

    model: str
    number: int | None
    made: bool
    left: tuple[str, ...] = ()
