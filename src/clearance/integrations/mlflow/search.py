"""Search models and versions as MLflow's clients ask for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import sqlalchemy as sa

from clearance.access.model import Principal
from clearance.integrations.mlflow import grammar, store
from clearance.integrations.mlflow.context import Asked, Context, Message, models_said, versions_said
from clearance.integrations.mlflow.errors import invalid
from clearance.integrations.mlflow.grammar import Comparison, Dialect, Order
from clearance.integrations.mlflow.model import PROMPT_TAG, ModelRow, VersionRow
from clearance.registry.store import models, tags, versions
from clearance.storage.database import Transaction

_MOST_MODELS = 1000
_MOST_VERSIONS = 200_000
_AS_GLOB = {"%": "*", "_": "?", "*": "[*]", "?": "[?]", "[": "[[]"}


@dataclass(frozen=True, slots=True, eq=False)
class _Kind:
    """What can be searched: its rows, and the columns by which they are found and sorted."""

    dialect: Dialect
    every: sa.Select[Any]
    model: sa.Column[Any]
    number: Any
    compared: Mapping[str, Any]
    sorted: Mapping[str, Any]
    orders: tuple[Order, ...]
    """What is sorted by after all that the caller wants."""


_MODELS = _Kind(
    grammar.MODELS,
    store.every_model,
    models.c.name,
    sa.literal(0),
    {"name": models.c.title},
    {"name": models.c.title, "last_updated": store.updated_model},
    (Order("name", ascending=True),),
)
_VERSIONS = _Kind(
    grammar.VERSIONS,
    store.every_version,
    versions.c.model,
    versions.c.number,
    {
        "name": models.c.title,
        "version_number": versions.c.number,
        "run_id": sa.func.coalesce(store.noted.c.run_id, ""),
        "source_path": sa.func.coalesce(store.noted.c.source, ""),
    },
    {
        "name": models.c.title,
        "number": versions.c.number,
        "created": versions.c.created_at,
        "last_updated": store.updated_version,
    },
    (Order("name", ascending=True), Order("number", ascending=False)),
)


def search_models(tx: Transaction, _caller: Principal, context: Context, asked: Asked) -> Message:
    """Answer a page of the models that a filter lets through."""
    limit = _limit(asked.get("max_results", 100), _MOST_MODELS)
    found, following = _page(tx, _MODELS, asked, asked.get("order_by", ()), limit)
    rows = list(map(ModelRow._make, found))
    message: Message = {"registered_models": models_said(tx, context, rows)} if rows else {}
    return message | following


def search_versions(tx: Transaction, _caller: Principal, context: Context, asked: Asked) -> Message:
    """Answer a page of the versions that a filter lets through."""
    limit = _limit(asked.get("max_results", _MOST_VERSIONS), _MOST_VERSIONS)
    wanted = asked.get("order_by") or ("last_updated_timestamp DESC", "name ASC", "version_number DESC")
    found, following = _page(tx, _VERSIONS, asked, wanted, limit)
    rows = list(map(VersionRow._make, found))
    message: Message = {"model_versions": versions_said(tx, context, rows)} if rows else {}
    return message | following


def _limit(asked: int, most: int) -> int:
    if asked > most:
        raise invalid(
            f"Invalid value for request parameter max_results. It must be at most {most}, but got value {asked}"
        )
    if asked < 1:
        raise invalid(f"Invalid value for max_results. It must be a positive integer, but got {asked}")
    return asked


def _page(
    tx: Transaction, kind: _Kind, asked: Asked, order_by: Sequence[str], limit: int
) -> tuple[Sequence[Any], Message]:
    """Return the rows of a page, and the token of the following one if there is one."""
    clauses = grammar.parse_filter(kind.dialect, asked.get("filter", ""))
    orders = grammar.parse_orders(kind.dialect, order_by)
    offset = grammar.parse_page(asked.get("page_token", ""))
    database = tx.connection.dialect.name
    if not _asks_for_prompts(clauses):
        clauses = tuple(each for each in clauses if not (each.tag and each.key == PROMPT_TAG))
    shapes = tuple((each.tag, each.key, each.operator) for each in clauses)
    query = _query(database, kind, shapes, orders)
    values = {f"value{place}": _parameter(database, each) for place, each in enumerate(clauses)}
    found = tx.connection.execute(query, {**values, "limit": limit + 1, "offset": offset}).all()
    return found[:limit], {"next_page_token": grammar.page_token(offset + limit)} if len(found) > limit else {}


def _asks_for_prompts(clauses: Sequence[Comparison]) -> bool:
    """Whether the first clause about the tag of prompts asks for them; without one, MLflow leaves them out."""
    for each in clauses:
        if each.tag and each.key == PROMPT_TAG:
            return (each.operator, str(each.value).lower()) in {("=", "true"), ("!=", "false")}
    return False


@lru_cache(maxsize=500)
def _query(
    database: str, kind: _Kind, shapes: tuple[tuple[bool, str, str], ...], orders: tuple[Order, ...]
) -> sa.Select[Any]:
    """Return the statement for clauses of these shapes; their values are its parameters, so that it is compiled once."""
    found: list[Any] = []
    of_tags: dict[str, list[Any]] = {}
    for place, (tag, key, operator) in enumerate(shapes):
        column = tags.c.value if tag else kind.compared[key]
        holds = _holds(database, column, operator, sa.bindparam(f"value{place}", expanding=operator.endswith("IN")))
        (of_tags.setdefault(key, []) if tag else found).append(holds)
    found += [_tagged(kind.model, kind.number, key, *holds) for key, holds in of_tags.items()]
    if PROMPT_TAG not in of_tags:
        numbers = (kind.number,) if kind is _MODELS else (sa.literal(0), kind.number)
        found += [~_tagged(kind.model, number, PROMPT_TAG, tags.c.value == "true") for number in numbers]
    named = {each.key for each in orders}
    ordered = (*orders, *(each for each in kind.orders if each.key not in named))
    by = [kind.sorted[each.key].asc() if each.ascending else kind.sorted[each.key].desc() for each in ordered]
    return kind.every.where(*found).order_by(*by).limit(sa.bindparam("limit")).offset(sa.bindparam("offset"))


def _tagged(model: Any, number: Any, key: str, *holds: sa.ColumnElement[bool]) -> sa.ColumnElement[bool]:
    there = sa.and_(tags.c.model == model, tags.c.number == number, tags.c.key == key, *holds)
    return sa.exists(sa.select(tags.c.key).where(there).correlate(models, versions))


def _holds(database: str, column: Any, operator: str, value: Any) -> Any:
    """Return whether an operator holds; SQLite's LIKE is blind to case, its GLOB is not (sqlite.org/lang_expr.html)."""
    sqlite = database == "sqlite"
    operations: dict[str, Callable[[], Any]] = {
        "=": lambda: column == value,
        "!=": lambda: column != value,
        "<": lambda: column < value,
        "<=": lambda: column <= value,
        ">": lambda: column > value,
        ">=": lambda: column >= value,
        "IN": lambda: column.in_(value),
        "NOT IN": lambda: column.not_in(value),
        "LIKE": lambda: column.op("GLOB")(value) if sqlite else column.like(value, escape=""),
        "ILIKE": lambda: sa.func.lower(column).like(sa.func.lower(value), escape=None if sqlite else ""),
    }
    return operations[operator]()


def _parameter(database: str, clause: Comparison) -> Any:
    """Return the value of a clause as its statement takes it."""
    if clause.operator == "LIKE" and database == "sqlite":
        return "".join(_AS_GLOB.get(char, char) for char in str(clause.value))
    return list(clause.value) if isinstance(clause.value, tuple) else clause.value
