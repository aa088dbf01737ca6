"""Cases of the inventory: finding models among ten thousand, by the API and on the console, against a limit."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import sqlalchemy as sa

from benchmarks.bench import Bench
from benchmarks.measure import Action, Row, alternate
from benchmarks.processes import postgres
from clearance import server
from clearance.access.model import SYSTEM
from clearance.app import Clearance
from clearance.client.transport import InProcessTransport
from clearance.delivery import store as delivery
from clearance.registry import store, summaries
from clearance.registry.model import Lifecycle, Model, ModelKind, Provenance, Risk
from clearance.registry.source import Source
from clearance.registry.tables import summaries as summary_table
from clearance.settings import load
from clearance.storage.database import Database
from clearance.values import plain, sha256

LIMIT = 0.050
"""Seconds that a page of a search may take (the issue of the inventory: 50 ms at 10,000 models and 100,000 versions)."""
MODELS, VERSIONS_EACH = 10_000, 10
_BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
_WORDS = (
    *("loan", "fraud", "churn", "price", "demand", "stock", "claim", "risk", "score", "rank", "text", "image"),
    *("speech", "route", "load", "fault", "credit", "card", "store", "patient", "basket", "session", "ticket"),
    *("energy", "crop", "traffic", "parcel", "lead", "campaign"),
)
_ONCE = 5_000


def search(bench: Bench) -> Iterator[Row]:
    """Pages of 100 models, by what people ask for, in the process of the application."""
    yield from _pages(bench, "SQLite", {})
    yield from _pages(bench, "PostgreSQL", {"CLEARANCE_DATABASE_URL": postgres()})


def fill(database: Database, models: int, versions_each: int) -> None:
    """Write an inventory at once, past the use cases and their log: nothing of it serves as more than something to find."""
    draw = random.Random(20261122)
    rows = [_model(draw, number) for number in range(models)]
    number_of = range(1, versions_each + 1)
    tables: dict[sa.Table, list[dict[str, Any]]] = {
        store.models: [store.model_row(model) for model in rows],
        summary_table: [_summary(model, number, versions_each) for number, model in enumerate(rows)],
        store.versions: [_version(model.name, number) for model in rows for number in number_of],
        store.tags: [
            {"model": model.name, "number": 0, "key": "domain", "value": draw.choice(_WORDS)} for model in rows[::3]
        ],
        delivery.pointers: [_pointer(model.name, versions_each) for model in rows[::4]],
        delivery.aliases: [{"model": model.name, "alias": "champion", "number": 1} for model in rows[::5]],
    }
    with database.engine.begin() as connection:
        for table, content in tables.items():
            for start in range(0, len(content), _ONCE):
                connection.execute(sa.insert(table), content[start : start + _ONCE])
        if not database.is_sqlite:
            connection.exec_driver_sql("analyze")


def _pages(bench: Bench, name: str, environment: Mapping[str, str]) -> Iterator[Row]:
    parts = Clearance(load(environment, home=bench.folder / name))
    models = bench.size(MODELS, 200)
    fill(parts.database, models, VERSIONS_EACH)
    app = server.create(parts)
    transport = InProcessTransport(lambda: app, {"clearance.principal": SYSTEM})
    with httpx.Client(base_url="http://local", transport=transport) as client:
        asked = {
            "everything, by name": "/api/v1/models?limit=100",
            "two words": "/api/v1/models?limit=100&search=fraud+card",
            "words that nothing has": "/api/v1/models?limit=100&search=unobtainium",
            "team, risk, tag, serving": "/api/v1/models?limit=100&team=team-7&risk=full&tag=domain&serving=production",
            "incomplete, the newest first": "/api/v1/models?limit=100&incomplete=true&sort=newest",
            "the strictest first, from the middle": f"/api/v1/models?limit=100&sort=risk&cursor={_name(models // 2)}",
            "the console's page of two words": "/models?search=fraud+card",
        }
        for what, path in asked.items():
            (mine,) = alternate(bench.rounds(15), _get(client, path))
            yield Row(
                what=f"`GET {path.partition('?')[0]}`, {what}; {models:,} models, {models * VERSIONS_EACH:,} versions, {name}",
                unit="page",
                ours=mine,
                peer=f"limit: {LIMIT * 1000:.0f} ms",
                limit=LIMIT,
                note="in process, with permission, query, count and encoding of up to 100 models",
            )
    parts.close()


def _get(client: httpx.Client, path: str) -> Action:
    def action() -> float:
        began = time.perf_counter()
        client.get(path).raise_for_status()
        return time.perf_counter() - began

    return action


def _name(number: int) -> str:
    return f"model-{number:05d}"


def _model(draw: random.Random, number: int) -> Model:
    return Model(
        name=_name(number),
        title=f"{draw.choice(_WORDS).title()} {number}",
        owner=f"owner-{draw.randrange(200)}",
        on_call="",
        team=f"team-{draw.randrange(40)}",
        purpose=" ".join(draw.choices(_WORDS, k=12)),
        kind=draw.choice(list(ModelKind)),
        use_case="",
        risk=draw.choice(list(Risk)),
        lifecycle=draw.choice(list(Lifecycle)),
        created_at=_BEGIN + timedelta(minutes=draw.randrange(500_000)),
        created_by="user:ada",
        description=" ".join(draw.choices(_WORDS, k=40)),
        assessed_risk=draw.choice([None, Risk.LIGHT]),
    )


def _summary(model: Model, number: int, versions: int) -> dict[str, Any]:
    missing = ["metrics"] if number % 3 else []
    words = summaries.words(model, {"domain": "card"} if number % 3 == 0 else {})
    return {"model": model.name, "words": words, "newest": versions, "missing": missing, "incomplete": bool(missing)}


def _version(model: str, number: int) -> dict[str, Any]:
    return {
        "model": model,
        "number": number,
        "digest": sha256(f"{model}/{number}".encode()),
        "size": 0,
        "files": "[]",
        "source": json.dumps(plain(Source())),
        "contract": "null",
        "provenance": json.dumps(plain(Provenance())),
        "created_at": _BEGIN,
        "created_by": "user:ada",
        "status": "registered",
        "status_reason": "",
    }


def _pointer(model: str, number: int) -> dict[str, Any]:
    return {
        "model": model,
        "environment": "production",
        "stable": number,
        "candidate": None,
        "weight": 0.0,
        "previous": None,
        "moved_at": _BEGIN,
        "decision_id": "dec",
        "rollout_id": None,
    }
