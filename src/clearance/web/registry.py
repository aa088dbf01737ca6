"""Pages of what is governed: models, a model, a version."""

from __future__ import annotations

from dataclasses import fields
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from pydantic import ValidationError

from clearance.access.model import Permission, Principal
from clearance.api.core import App
from clearance.compliance import charts, inventory, measured, production, serving
from clearance.delivery import service as delivery
from clearance.delivery.model import RollbackRequest
from clearance.errors import InvalidInput
from clearance.evidence import predicates
from clearance.evidence import service as evidence
from clearance.policy import service as policy
from clearance.registry import service as registry
from clearance.registry.model import Lifecycle, ModelKind, Risk
from clearance.registry.search_filter import ModelFilter, ModelSort
from clearance.response import service as response
from clearance.response.model import AlertState
from clearance.values import parse, plain
from clearance.web.core import back_to, page_needs, render

router = APIRouter(include_in_schema=False)
Reader = Annotated[Principal, page_needs(Permission.READ)]
_WINDOWS = 12
_CHARTED = 400
"""Windows whose figures a page draws: over a year of days, two weeks of hours."""
_CHOICES = (
    ("kind", "Kind", tuple((word.value, word.value) for word in ModelKind)),
    ("risk", "Governance", tuple((word.value, word.value) for word in Risk)),
    ("lifecycle", "Lifecycle", tuple((word.value, word.value) for word in Lifecycle)),
    ("assessed", "Questionnaire", (("True", "answered"), ("False", "not answered"))),
    ("incomplete", "Story", (("True", "incomplete"), ("False", "complete"))),
    ("serving", "Serves in", (("production", "production"), ("staging", "staging"))),
    ("sort", "Order", tuple((word.value, word.value) for word in ModelSort)),
)
"""What a search of models offers to choose from: parameter, its name for people, (value, word) of each choice."""


def wanted_form(request: Request) -> ModelFilter:
    """Return what a search form asks for; what was left empty does not matter.

    Raises:
        InvalidInput: a word that is none of those offered (`request_invalid`).
    """
    known = {field.name for field in fields(ModelFilter)}
    given = {name: said for name, said in request.query_params.items() if name in known and said.strip()}
    try:
        found = parse(ModelFilter, given)
    except ValidationError as error:
        fault = error.errors()[0]
        raise InvalidInput(
            f"{fault['loc'][0]}: {fault['msg']}", code="request_invalid", hint="choose from the form"
        ) from None
    return found


Wanted = Annotated[ModelFilter, Depends(wanted_form)]


@router.get("/models", response_class=HTMLResponse)
def models(request: Request, app: App, caller: Reader, wanted: Wanted, cursor: str | None = None) -> HTMLResponse:
    """The inventory, or what of it is searched for, with what serves."""
    with app.database.read() as tx:
        page = inventory.search_models(tx, wanted, cursor=cursor, limit=100)
        pointers = inventory.serving_of(tx, [model.name for model in page.items])
        asked = {each.model: each for each in delivery.judged(tx, app.gate, pointers.values())}
        refused = serving.refused(tx, pointers.values())
    given = {name: said for name, said in plain(wanted).items() if said not in {None, "name"}}
    return render(
        request,
        "models.html",
        page=page,
        serving=asked,
        refused=refused,
        given=given,
        more=urlencode({**given, "cursor": page.next}) if page.next else None,
        choices=_CHOICES,
    )


@router.get("/models/{name}", response_class=HTMLResponse)
def model(request: Request, name: str, app: App, caller: Reader) -> HTMLResponse:
    """One model: what is wrong, what serves, how it does, its versions, what happened."""
    with app.database.read() as tx:
        found = registry.get_model(tx, name)
        seen = production.read(tx, name, newest=_CHARTED)
        pointers = delivery.judged(tx, app.gate, delivery.list_pointers(tx, name))
        return render(
            request,
            "model.html",
            model=found,
            tags=registry.tags(tx, name),
            aliases=delivery.list_aliases(tx, app.guards, name),
            versions=registry.list_versions(tx, name, limit=50),
            pointers=pointers,
            refused=serving.refused(tx, pointers),
            moves=delivery.history(tx, name).items[:10],
            alive=response.alive_alerts(tx, model=name),
            over=response.list_alerts(tx, model=name, state=AlertState.RESOLVED, limit=100).items,
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
        pointers = delivery.judged(tx, app.gate, delivery.list_pointers(tx, name))
        return render(
            request,
            "version.html",
            version=found,
            tags=registry.tags(tx, name, number),
            aliases=[each for each in delivery.list_aliases(tx, app.guards, name) if each.number == number],
            model=registry.get_model(tx, name),
            decision=decision,
            asked=policy.get_approval(tx, decision.approval_id) if decision and decision.approval_id else None,
            rules=sorted(decision.rules, key=lambda rule: (not rule.blocks, rule.holds)) if decision else (),
            admission=policy.admission(tx, name, number),
            signature=evidence.artifact_signature(tx, name, number),
            checks=checks,
            panels=measured.panels(checks, decision),
            others=[claim for claim in claims if claim.predicate_type != predicates.CHECK],
            completeness=registry.completeness(tx, name, number),
            waiting=policy.onboarding(tx, name, number),
            lineage=lineage,
            nodes={node.id: node for node in lineage.nodes},
            serving=[each for each in pointers if number in {each.stable, each.candidate}],
            environments=[each.environment for each in pointers],
            refused=serving.refused(tx, pointers),
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
