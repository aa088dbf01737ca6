"""Events and labels for the tests of this room."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

MONDAY = datetime(2019, 1, 7, tzinfo=UTC)
LATER = MONDAY + timedelta(days=365)
"""When they are received: all that they tell of has happened by then."""


def event(number: int = 0, **changed: Any) -> dict[str, Any]:
    """Return a good event, `number` minutes after MONDAY."""
    return {
        "ts": (MONDAY + timedelta(minutes=number)).isoformat(),
        "model": "car-loan",
        "version": 1,
        "environment": "production",
        "variant": "stable",
        "request_id": f"r-{number}",
        "row": 0,
        "latency_ms": 1.5,
        "status": "ok",
        "features": {"age": 40, "sex": "f"},
        "prediction": 1,
        "score": 0.75,
        **changed,
    }


def label(number: int = 0, outcome: float = 1, **changed: Any) -> dict[str, Any]:
    """Return the label of that event, known 30 days after MONDAY."""
    return {
        "model": "car-loan",
        "request_id": f"r-{number}",
        "row": 0,
        "label": outcome,
        "at": (MONDAY + timedelta(days=30)).isoformat(),
        **changed,
    }
