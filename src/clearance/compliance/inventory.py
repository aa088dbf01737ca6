"""The inventory as a whole: models by what is known of them and where they serve; a plain listing loads no other room."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import sqlalchemy as sa

from clearance.registry import service as registry
from clearance.registry.model import VersionStatus
from clearance.registry.search_filter import ModelFilter, ModelPage
from clearance.storage.database import Transaction

if TYPE_CHECKING:
    from clearance.delivery.model import Pointer

ANY = "*"


def search_models(tx: Transaction, wanted: ModelFilter, *, cursor: str | None = None, limit: int = 100) -> ModelPage:
    """Return a page of the models that fit, with how many there are. Errors as `registry.search_models`."""
    return registry.search_models(tx, wanted, among=tuple(_among(wanted)), cursor=cursor, limit=limit)


def serving_of(tx: Transaction, names: Sequence[str], environment: str = "production") -> dict[str, Pointer]:
    """Return what serves of each of some models in an environment, for those of which something does."""
    from clearance.delivery.model import Pointer
    from clearance.delivery.store import pointers

    query = sa.select(pointers).where(pointers.c.model.in_(names), pointers.c.environment == environment)
    return {row.model: Pointer(**row._mapping) for row in tx.execute(query)}


def _among(wanted: ModelFilter) -> Iterator[sa.Select[tuple[str]]]:
    """Yield what delivery knows of the models that are wanted, as queries of their names.

    What serves is what a pointer asks for and nobody stopped, as `delivery.judged` has it of one pointer; of a model that was
    retired every version is stopped.
    """
    if wanted.serving is None and wanted.alias is None:
        return
    from clearance.delivery.store import aliases, pointers
    from clearance.registry.store import versions

    if wanted.serving is not None:
        usable = (
            sa.exists().where(
                versions.c.model == pointers.c.model,
                versions.c.number == asked,
                versions.c.status == VersionStatus.REGISTERED,
            )
            for asked in (pointers.c.stable, pointers.c.candidate)
        )  # each by its key: a join would have SQLite read every version
        yield sa.select(pointers.c.model).where(pointers.c.environment == wanted.serving, sa.or_(*usable))
    if wanted.alias is not None:
        named = sa.select(aliases.c.model)
        yield named if wanted.alias == ANY else named.where(aliases.c.alias == wanted.alias)
