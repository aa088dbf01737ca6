"""Pages of what is governed: models, a model, a version."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from clearance.access.model import Permission, Principal
from clearance.api.core import App
from clearance.compliance import charts, measured, production
from clearance.delivery import service as delivery
from clearance.delivery.model import RollbackRequest
from clearance.evidence import predicates
from clearance.evidence import service as evidence
from clearance.policy import service as policy
from clearance.registry import service as registry
from clearance.response import service as response
from clearance.response.model import AlertState
from clearance.web.core import back_to, page_needs, render

router = APIRouter(include_in_schema=False)
Reader = Annotated[Principal, page_needs(Permission.READ)]
_WINDOWS = 12


@router.get("/models", response_class=HTMLResponse)
def models(request: Request, app: App, caller: Reader, cursor: str | None = None) -> HTMLResponse:
    """The inventory, with what serves."""
    with app.database.read() as tx:
        page = registry.list_models(tx, cursor=cursor, limit=100)
        serving = {pointer.model: pointer for pointer in delivery.serving(tx)}
    return render(request, "models.html", page=page, serving=serving)


@router.get("/models/{name}", response_class=HTMLResponse)
def model(request: Request, name: str, app: App, caller: Reader) -> HTMLResponse:
    """One model: what is wrong, what serves, how it does, its versions, what happened."""
    with app.database.read() as tx:
        found = registry.get_model(tx, name)
        seen = production.read(tx, name)
        alerts = response.list_alerts(tx, model=name, limit=100).items
        return render(
            request,
            "model.html",
            model=found,
            versions=registry.list_versions(tx, name, limit=50),
            pointers=delivery.list_pointers(tx, name),
            moves=delivery.history(tx, name).items[:10],
            alive=[alert for alert in alerts if alert.state is not AlertState.RESOLVED],
            over=[alert for alert in alerts if alert.state is AlertState.RESOLVED],
            decisions=policy.list_decisions(tx, model=name, limit=10).items,
            seen=seen,
            windows=seen.windows[:_WINDOWS] if seen else (),
            drift_chart=charts.drift(seen.drift) if seen else None,
            auc_chart=charts.quality(seen.auc, "AUC") if seen else None,
            accuracy_chart=charts.quality(seen.accuracy, "Accuracy") if seen else None,
        )


@router.get("/models/{name}/versions/{number}", response_class=HTMLResponse)
def version(request: Request, name: str, number: int, app: App, caller: Reader) -> HTMLResponse:
    """One version: may it serve and why, its evidence, where it comes from, its files."""
    with app.database.read() as tx:
        found = registry.get_version(tx, name, number)
        claims = evidence.statements(tx, name, number)
        checks = [claim for claim in claims if claim.predicate_type == predicates.CHECK]
        decision = policy.newest_decision(tx, name, number)
        lineage = registry.lineage(tx, name, number)
        return render(
            request,
            "version.html",
            version=found,
            model=registry.get_model(tx, name),
            decision=decision,
            rules=sorted(decision.rules, key=lambda rule: (not rule.blocks, rule.holds)) if decision else (),
            admission=policy.admission(tx, name, number),
            signature=evidence.artifact_signature(tx, name, number),
            checks=checks,
            panels=measured.panels(checks, decision),
            others=[claim for claim in claims if claim.predicate_type != predicates.CHECK],
            completeness=registry.completeness(tx, name, number),
            lineage=lineage,
            nodes={node.id: node for node in lineage.nodes},
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
