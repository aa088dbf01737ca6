"""What is missing of the models in the inventory, and by when policy wants it."""

from __future__ import annotations

from dataclasses import replace

from clearance.compliance.inventory import search_models
from clearance.policy import service as policy
from clearance.policy.model import Onboarding
from clearance.registry import service as registry
from clearance.registry.search_filter import ModelFilter
from clearance.storage.database import Transaction
from clearance.values import value


@value
class OnboardingPage:
    """A page of what is missing of models' newest versions; `next` is the cursor of the following one."""

    items: tuple[Onboarding, ...]
    next: str | None
    total: int


def list_onboarding(
    tx: Transaction, wanted: ModelFilter, *, cursor: str | None = None, limit: int = 100
) -> OnboardingPage:
    """Return what is missing of the newest versions of the models that fit, and by when; those that lack nothing are left out.

    Errors as `registry.search_models`.
    """
    page = search_models(tx, replace(wanted, incomplete=True), cursor=cursor, limit=limit)
    newest = registry.newest_versions(tx, [model.name for model in page.items])
    items = tuple(policy.onboarding(tx, model.name, newest[model.name]) for model in page.items)
    return OnboardingPage(items=items, next=page.next, total=page.total)
