"""What is missing of a version's story, and by when policy wants it filled in."""

from __future__ import annotations

from datetime import datetime, timedelta

from clearance.policy import installation
from clearance.policy.model import Onboarding
from clearance.registry import service as registry
from clearance.registry.source import WITHOUT_FILES
from clearance.storage.database import Transaction

_PARAMETER = "onboarding_days"
"""The pack's parameter that says how many days there are."""
_ENVIRONMENT = "production"


def onboarding(tx: Transaction, model: str, number: int) -> Onboarding:
    """Return what is missing of a version, and by when the pack for production wants it.

    A black box is counted from the first one of its model, so that another version does not start the clock anew.

    Raises:
        NotFound: no such model or version.
    """
    version = registry.get_version(tx, model, number)
    story = registry.completeness(tx, model, number)
    due = _due(tx, model) if version.source.kind in WITHOUT_FILES else None
    return Onboarding(
        model=model,
        number=number,
        source_kind=version.source.kind,
        fraction=story.fraction,
        missing=story.missing,
        due_at=due,
        overdue=bool(story.missing) and due is not None and tx.now > due,
    )


def _due(tx: Transaction, model: str) -> datetime | None:
    risk = registry.get_model(tx, model).risk
    pack = installation.pack_for(tx, risk, _ENVIRONMENT)
    since = registry.black_box_since(tx, model)
    if pack is None or since is None:
        return None
    days = next((each.values.get(risk) for each in pack.pack.parameters if each.name == _PARAMETER), None)
    return None if days is None else since + timedelta(days=days)
