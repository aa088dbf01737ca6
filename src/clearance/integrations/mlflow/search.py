"""Search models and versions as MLflow's clients ask for it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from clearance.access.model import Principal
from clearance.integrations.mlflow import grammar, store
from clearance.integrations.mlflow.context import Asked, Context, Message, models_said, versions_said
from clearance.integrations.mlflow.errors import invalid
from clearance.integrations.mlflow.grammar import Comparison, Order
from clearance.integrations.mlflow.model import PROMPT_TAG
from clearance.registry.store import models, tags, versions
from clearance.storage.database import Transaction

_MOST_MODELS = 1000
_MOST_VERSIONS = 200_000
_MODEL_COLUMNS: dict[str, Any] = {"name": models.c.title, "last_updated": store.updated_model}
_VERSION_COLUMNS: dict[str, Any] = {
    "name": models.c.title,
    "number": versions.c.number,
    "created": versions.c.created_at,
    "last_updated": store.updated_version,
}
_COMPARED: dict[str, Any] = {
    "name": models.c.title,
    "version_number": versions.c.number,
    "run_id": sa.func.coalesce(store.noted.c.run_id, ""),
    "source_path": sa.func.coalesce(store.noted.c.source, ""),
}


def search_models(tx: Transaction, _caller: Principal, context: Context, asked: Asked) -> Message:
    """Answer a page of the models that a filter lets through."""
    limit = _limit(asked.get("max_results", 100), _MOST_MODELS)
    clauses = grammar.parse_filter(grammar.MODELS, asked.get("filter", ""))
    orders = grammar.parse_orders(grammar.MODELS, asked.get("order_by", ()))
    offset = grammar.parse_page(asked.get("page_token", ""))
    query = store.every_model.where(*_conditions(tx, clauses, sa.literal(0), models.c.name))
    if all(order.key != "name" for order in orders):
        orders = (*orders, Order("name", ascending=True))
    rows, following = _page(tx, query.order_by(*_sorted(orders, _MODEL_COLUMNS)), offset, limit)
    message: Message = {"registered_models": models_said(tx, context, rows)} if rows else {}
    return message | following


def search_versions(tx: Transaction, _caller: Principal, context: Context, asked: Asked) -> Message:
    """Answer a page of the versions that a filter lets through."""
    limit = _limit(asked.get("max_results", _MOST_VERSIONS), _MOST_VERSIONS)
    clauses = grammar.parse_filter(grammar.VERSIONS, asked.get("filter", ""))
    wanted = asked.get("order_by") or ("last_updated_timestamp DESC", "name ASC", "version_number DESC")
    orders = grammar.parse_orders(grammar.VERSIONS, wanted)
    offset = grammar.parse_page(asked.get("page_token", ""))
    query = store.every_version.where(*_conditions(tx, clauses, versions.c.number, versions.c.model))
    for missing in (Order("name", ascending=True), Order("number", ascending=False)):
        if all(order.key != missing.key for order in orders):
            orders = (*orders, missing)
    rows, following = _page(tx, query.order_by(*_sorted(orders, _VERSION_COLUMNS)), offset, limit)
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


def _page(tx: Transaction, query: sa.Select[Any], offset: int, limit: int) -> tuple[Sequence[Any], Message]:
    """Return the rows of a page, and the token of the following one if there is one."""
    found = tx.connection.execute(query.limit(limit + 1).offset(offset)).all()
    return found[:limit], {"next_page_token": grammar.page_token(offset + limit)} if len(found) > limit else {}


def _sorted(orders: Sequence[Order], columns: dict[str, Any]) -> list[Any]:
    return [columns[each.key].asc() if each.ascending else columns[each.key].desc() for each in orders]


def _conditions(
    tx: Transaction, clauses: Sequence[Comparison], number: Any, model: sa.Column[Any]
) -> list[sa.ColumnElement[bool]]:
    """Return what has to hold; MLflow leaves its prompts out unless they are asked for."""
    sqlite = tx.connection.dialect.name == "sqlite"
    asked_for = _asks_for_prompts(clauses)
    found = [_holds(_COMPARED[each.key], each, sqlite=sqlite) for each in clauses if not each.tag]
    of_tags: dict[str, list[Comparison]] = {}
    for each in clauses:
        if each.tag and (asked_for or each.key != PROMPT_TAG):
            of_tags.setdefault(each.key, []).append(each)
    for key, same in of_tags.items():
        found.append(_tagged(model, number, key, *(_holds(tags.c.value, each, sqlite=sqlite) for each in same)))
    if not asked_for:
        found.append(~_tagged(model, sa.literal(0), PROMPT_TAG, tags.c.value == "true"))
        if number is versions.c.number:
            found.append(~_tagged(model, number, PROMPT_TAG, tags.c.value == "true"))
    return found


def _asks_for_prompts(clauses: Sequence[Comparison]) -> bool:
    """Whether the first clause about the tag of prompts asks for them."""
    for each in clauses:
        if each.tag and each.key == PROMPT_TAG:
            return (each.operator, str(each.value).lower()) in {("=", "true"), ("!=", "false")}
    return False


def _tagged(model: Any, number: Any, key: str, *holds: sa.ColumnElement[bool]) -> sa.ColumnElement[bool]:
    there = sa.and_(tags.c.model == model, tags.c.number == number, tags.c.key == key, *holds)
    return sa.exists(sa.select(tags.c.key).where(there).correlate(models, versions))


def _holds(column: Any, clause: Comparison, *, sqlite: bool) -> Any:
    value = clause.value
    operations: dict[str, Any] = {
        "=": lambda: column == value,
        "!=": lambda: column != value,
        "<": lambda: column < value,
        "<=": lambda: column <= value,
        ">": lambda: column > value,
        ">=": lambda: column >= value,
        "IN": lambda: column.in_(value),
        "NOT IN": lambda: column.not_in(value),
        "LIKE": lambda: _like(column, str(value), sqlite=sqlite),
        "ILIKE": lambda: sa.func.lower(column).like(sa.func.lower(value), escape=None if sqlite else ""),
    }
    return operations[clause.operator]()


def _like(column: Any, pattern: str, *, sqlite: bool) -> Any:
    """Match a pattern with regard to case: SQLite's LIKE has none, its GLOB does (sqlite.org/lang_expr.html)."""
    if not sqlite:
        return column.like(pattern, escape="")
    said = {"%": "*", "_": "?", "*": "[*]", "?": "[?]", "[": "[[]"}
    return column.op("GLOB")("".join(said.get(char, char) for char in pattern))
