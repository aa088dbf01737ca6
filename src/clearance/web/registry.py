"""Pages of what is governed: models, a model, a version."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from clearance.access.model import Permission, Principal
from clearance.api.core import App
from clearance.delivery import service as delivery
from clearance.delivery.model import RollbackRequest
from clearance.errors import NotFound
from clearance.evidence import predicates
from clearance.evidence import service as evidence
from clearance.monitoring import service as monitoring
from clearance.monitoring.model import Figure
from clearance.policy import service as policy
from clearance.registry import service as registry
from clearance.response import service as response
from clearance.storage.database import Transaction
from clearance.web import charts
from clearance.web.core import back_to, page_needs, render

router = APIRouter(include_in_schema=False)
Reader = Annotated[Principal, page_needs(Permission.READ)]
_MOST = 1000


@router.get("/models", response_class=HTMLResponse)
def models(request: Request, app: App, caller: Reader, cursor: str | None = None) -> HTMLResponse:
    """The inventory, with what serves."""
    with app.database.read() as tx:
        page = registry.list_models(tx, cursor=cursor, limit=100)
        serving = {pointer.model: pointer for pointer in delivery.serving(tx)}
    return render(request, "models.html", page=page, serving=serving)


@router.get("/models/{name}", response_class=HTMLResponse)
def model(request: Request, name: str, app: App, caller: Reader) -> HTMLResponse:
    """One model: what serves, its versions, how it does, what is wrong, what happened."""
    with app.database.read() as tx:
        found = registry.get_model(tx, name)
        figures = _figures(tx, name)
        drift = [figure for figure in figures if figure.metric == "psi" and figure.version is None]
        quality = {
            metric: [figure for figure in figures if figure.metric == metric and figure.value is not None]
            for metric in ("auc", "accuracy", "availability", "latency_p95")
        }
        return render(
            request,
            "model.html",
            model=found,
            versions=registry.list_versions(tx, name, limit=50),
            pointers=delivery.list_pointers(tx, name),
            moves=delivery.history(tx, name),
            alerts=response.list_alerts(tx, model=name, limit=10).items,
            decisions=policy.list_decisions(tx, model=name, limit=10).items,
            windows=_newest_windows(figures),
            drift_chart=charts.over_time(drift, title="PSI against the baseline") if drift else None,
            quality_charts={
                title: charts.versions_over_time(rows, title=title)
                for title, rows in (("AUC", quality["auc"]), ("Accuracy", quality["accuracy"]))
                if rows
            },
        )


@router.get("/models/{name}/versions/{number}", response_class=HTMLResponse)
def version(request: Request, name: str, number: int, app: App, caller: Reader) -> HTMLResponse:
    """One version: may it serve and why, its evidence, where it comes from, its files."""
    with app.database.read() as tx:
        found = registry.get_version(tx, name, number)
        claims = evidence.statements(tx, name, number)
        checks = [claim for claim in claims if claim.predicate_type == predicates.CHECK]
        return render(
            request,
            "version.html",
            version=found,
            model=registry.get_model(tx, name),
            decision=policy.newest_decision(tx, name, number),
            signature=evidence.artifact_signature(tx, name, number),
            checks=checks,
            others=[claim for claim in claims if claim.predicate_type != predicates.CHECK],
            completeness=registry.completeness(tx, name, number),
            lineage=registry.lineage(tx, name, number),
            serving=[each for each in delivery.list_pointers(tx, name) if number in {each.stable, each.candidate}],
        )


@router.post("/models/{name}/rollback")
def roll_back(
    name: str,
    app: App,
    caller: Annotated[Principal, page_needs(Permission.DELIVER)],
    reason: Annotated[str, Form()] = "",
) -> RedirectResponse:
    """Go back to the last good version, now."""
    with app.database.write() as tx:
        delivery.rollback(tx, caller, app.gate, name, RollbackRequest(reason=reason))
    return back_to(f"/models/{name}")


def _figures(tx: Transaction, name: str) -> tuple[Figure, ...]:
    """Return all figures of a model in production; none when nothing watches it."""
    try:
        page = monitoring.figures(tx, name, "production", limit=_MOST)
        found = list(page.items)
        while page.next is not None:
            page = monitoring.figures(tx, name, "production", cursor=page.next, limit=_MOST)
            found += page.items
    except NotFound:
        return ()
    return tuple(found)


def _newest_windows(figures: tuple[Figure, ...]) -> list[dict[str, object]]:
    """Return a row per window, newest first: how many figures failed, and the main ones."""
    rows: dict[object, dict[str, object]] = {}
    for figure in figures:
        row = rows.setdefault(figure.window.start, {"window": figure.window, "failed": [], "provisional": False})
        if figure.verdict == "failed":
            failed = row["failed"]
            assert isinstance(failed, list)
            failed.append(f"{figure.metric} of {figure.subject or 'the model'}")
        if figure.metric in {"auc", "accuracy", "latency_p95", "availability"} and figure.value is not None:
            row[figure.metric] = figure.value
        row["provisional"] = bool(row["provisional"]) or figure.provisional
    return [rows[start] for start in sorted(rows, key=str, reverse=True)][:12]
