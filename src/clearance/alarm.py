"""What a room says when something is wrong; the response room turns it into an alert, through a port it is given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from enum import StrEnum
from typing import Any

from clearance.values import value


class Severity(StrEnum):
    """Whom it wakes: a page is for customers or safety at risk now, a ticket for working hours (the seed's guidance)."""

    PAGE = "page"
    TICKET = "ticket"


@value
class Alarm:
    """One thing that is wrong with one model in one environment.

    `kind` and `labels` make the fingerprint: the same thing seen again has the same ones. `subject` is the path in the
    audit log of what it is about (`rollout/rol_…`), `details` are the figures behind it (JSON values).
    """

    kind: str
    model: str
    environment: str
    severity: Severity
    title: str
    summary: str
    subject: str
    labels: Mapping[str, str] = field(default_factory=dict)
    details: Mapping[str, Any] = field(default_factory=dict)
