"""The table of what was taken over: a model (number 0) or version of an origin, and what it is here."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from clearance.integrations.mlflow.importing.model import Came
from clearance.storage.database import Transaction, UtcDateTime, metadata
from clearance.values import plain

imports = sa.Table(
    "mlflow_imports",
    metadata,
    sa.Column("origin", sa.String(255), primary_key=True),
    sa.Column("name", sa.String(255), primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("model", sa.ForeignKey("registry_models.name"), nullable=False),
    sa.Column("facts", sa.Text, nullable=False),
    sa.Column("at", UtcDateTime, nullable=False),
)
"""`facts` are what the origin said, as JSON. A version keeps its number."""


def insert(tx: Transaction, origin: str, name: str, number: int, model: str, facts: Mapping[str, Any]) -> None:
    row = {"origin": origin, "name": name, "number": number, "model": model, "at": tx.now}
    tx.execute(sa.insert(imports), row | {"facts": json.dumps(plain(facts))})


def find(tx: Transaction, origin: str, name: str, number: int) -> Came | None:
    """Return what this model or version is here, if it came already."""
    own = (imports.c.origin == origin) & (imports.c.name == name) & (imports.c.number == number)
    row = tx.execute(sa.select(imports.c.model, imports.c.facts, imports.c.at).where(own)).first()
    return None if row is None else Came(model=row.model, facts=json.loads(row.facts), at=row.at)
