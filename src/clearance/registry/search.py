"""Find models among thousands: by words, by what is known of them, in an order, page by page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import sqlalchemy as sa

from clearance.registry import rules
from clearance.registry.model import Risk
from clearance.registry.search_filter import ModelFilter, ModelPage, ModelSort
from clearance.registry.store import model_of, models, tags
from clearance.registry.tables import summaries
from clearance.storage.database import Transaction
from clearance.values import bad_cursor

_MOST_WORDS = 20


def search_models(
    tx: Transaction,
    wanted: ModelFilter,
    *,
    among: Sequence[sa.Select[tuple[str]]] = (),
    cursor: str | None = None,
    limit: int = 100,
) -> ModelPage:
    """Return a page of the models that fit.

    Args:
        wanted: what they must be; `serving` and `alias` are for the caller, who knows them.
        among: queries of names; a model must be in all of them.
        cursor: name of the last model of the page before.
        limit: most models on the page.

    Raises:
        InvalidInput: a cursor that no page gave, or a search of too many words.
    """
    fitting = list(_conditions(tx, wanted))
    source = models.join(summaries, summaries.c.model == models.c.name)
    counted = sa.select(sa.func.count()).select_from(source).where(*fitting)
    total = tx.execute(counted.where(*(models.c.name.in_(names) for names in among))).scalar() or 0
    order = _order(tx, wanted.sort)
    query = sa.select(models).select_from(source).where(*fitting, *map(_is_among, among)).limit(limit + 1)
    if cursor is not None:
        query = query.where(_after(tx, order, cursor))
    direction = [key.desc() if falling else key.asc() for key, falling in order]
    found = [model_of(tx, row) for row in tx.execute(query.order_by(*direction))]
    return ModelPage(
        items=tuple(found[:limit]), next=found[limit - 1].name if len(found) > limit else None, total=total
    )


def newest_versions(tx: Transaction, names: Sequence[str]) -> dict[str, int]:
    """Return the number of the newest usable version of each of some models that has one."""
    query = sa.select(summaries.c.model, summaries.c.newest).where(summaries.c.model.in_(names))
    return {row.model: row.newest for row in tx.execute(query) if row.newest is not None}


def _conditions(tx: Transaction, wanted: ModelFilter) -> Iterator[sa.ColumnElement[bool]]:
    if wanted.search is not None:
        for word in _words(wanted.search):
            yield summaries.c.words.contains(word, autoescape=True)
    exact = {
        models.c.owner: wanted.owner,
        models.c.team: wanted.team,
        models.c.kind: wanted.kind,
        models.c.use_case: wanted.use_case,
        models.c.template: wanted.template,
        models.c.lifecycle: wanted.lifecycle,
        _risk(tx): wanted.risk,
    }
    for column, text in exact.items():
        if text is not None:
            yield column == str(text)
    if wanted.assessed is not None:
        yield models.c.assessed_risk.is_not(None) if wanted.assessed else models.c.assessed_risk.is_(None)
    if wanted.incomplete is not None:
        yield summaries.c.incomplete == wanted.incomplete
    if wanted.tag is not None:
        key, given, text = wanted.tag.partition("=")
        tagged = sa.select(tags.c.model).where(tags.c.number == 0, tags.c.key == key)
        yield models.c.name.in_(tagged.where(tags.c.value == text) if given else tagged)


def _is_among(names: sa.Select[tuple[str]]) -> sa.ColumnElement[bool]:
    """Ask whether a model is among others, of each in turn: a page that is full looks no further."""
    (name,) = names.selected_columns
    return names.where(name == models.c.name).correlate(models).exists()


def _words(search: str) -> list[str]:
    rules.check_text("the search", search, most=500)
    return search.casefold().split()[:_MOST_WORDS]


def _risk(tx: Transaction) -> sa.ColumnElement[str]:
    """The level that counts now, as `store.model_of` tells it of one model."""
    return sa.case((models.c.lowered_until <= tx.now, models.c.assessed_risk), else_=models.c.risk)


def _order(tx: Transaction, sort: ModelSort) -> list[tuple[sa.ColumnElement[Any], bool]]:
    """Return the keys of an order, each with whether it falls; the last is the name, so that no two are alike."""
    name: tuple[sa.ColumnElement[Any], bool] = (models.c.name, False)
    ranked = sa.case({Risk.LIGHT.value: 0, Risk.STANDARD.value: 1}, value=_risk(tx), else_=2)
    first: dict[ModelSort, tuple[sa.ColumnElement[Any], bool]] = {
        ModelSort.OWNER: (models.c.owner, False),
        ModelSort.TEAM: (models.c.team, False),
        ModelSort.RISK: (ranked, True),
        ModelSort.NEWEST: (models.c.created_at, True),
    }
    return [first[sort], name] if sort in first else [name]


def _after(tx: Transaction, order: list[tuple[sa.ColumnElement[Any], bool]], cursor: str) -> sa.ColumnElement[bool]:
    """Return what holds of the models that come after one, by what its own keys are now."""
    if not rules.is_model_name(cursor):
        raise bad_cursor(cursor)
    if len(order) == 1:
        return models.c.name > cursor
    (first, falling), _ = order
    own = tx.execute(sa.select(first).where(models.c.name == cursor)).first()
    if own is None:
        raise bad_cursor(cursor)
    at = sa.literal(own[0], first.type)
    return sa.or_(first < at if falling else first > at, sa.and_(first == at, models.c.name > cursor))
