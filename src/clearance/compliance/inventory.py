"""The inventory as a whole: models by what is known of them and where they serve."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import sqlalchemy as sa

from clearance.delivery.model import Pointer
from clearance.delivery.store import aliases, pointers
from clearance.policy import service as policy
from clearance.policy.model import Onboarding
from clearance.registry import service as registry
from clearance.registry.search_filter import ModelFilter, ModelPage
from clearance.storage.database import Transaction
from clearance.values import value

ANY = "*"


@value
class OnboardingPage:
    """A page of what is missing of models' newest versions; `next` is the cursor of the following one."""

    items: tuple[Onboarding, ...]
    next: str | None
    total: int


def search_models(tx: Transaction, wanted: ModelFilter, *, cursor: str | None = None, limit: int = 100) -> ModelPage:
    """Return a page of the models that fit, with how many there are. Errors as `registry.search_models`."""
    return registry.search_models(tx, wanted, among=tuple(_among(wanted)), cursor=cursor, limit=limit)


def serving_of(tx: Transaction, names: Sequence[str], environment: str = "production") -> dict[str, Pointer]:
    """Return what serves of each of some models in an environment, for those of which something does."""
    query = sa.select(pointers).where(pointers.c.model.in_(names), pointers.c.environment == environment)
    return {row.model: Pointer(**row._mapping) for row in tx.execute(query)}


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


def _among(wanted: ModelFilter) -> Iterator[sa.Select[tuple[str]]]:
    """Yield what delivery knows of the models that are wanted, as queries of their names."""
    if wanted.serving is not None:
        yield sa.select(pointers.c.model).where(pointers.c.environment == wanted.serving)
    if wanted.alias is not None:
        named = sa.select(aliases.c.model)
        yield named if wanted.alias == ANY else named.where(aliases.c.alias == wanted.alias)
