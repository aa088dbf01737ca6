"""The inventory as a whole: models by what is known of them and where they serve."""

from __future__ import annotations

from collections.abc import Iterator

import sqlalchemy as sa

from clearance.delivery.store import aliases, pointers
from clearance.registry import service as registry
from clearance.registry.search_filter import ModelFilter, ModelPage
from clearance.storage.database import Transaction

ANY = "*"


def search_models(tx: Transaction, wanted: ModelFilter, *, cursor: str | None = None, limit: int = 100) -> ModelPage:
    """Return a page of the models that fit, with how many there are. Errors as `registry.search_models`."""
    return registry.search_models(tx, wanted, among=tuple(_among(wanted)), cursor=cursor, limit=limit)


def _among(wanted: ModelFilter) -> Iterator[sa.Select[tuple[str]]]:
    """Yield what delivery knows of the models that are wanted, as queries of their names."""
    if wanted.serving is not None:
        yield sa.select(pointers.c.model).where(pointers.c.environment == wanted.serving)
    if wanted.alias is not None:
        named = sa.select(aliases.c.model)
        yield named if wanted.alias == ANY else named.where(aliases.c.alias == wanted.alias)
