"""Routes of policy: decisions, packs, admission, replay."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Response

from clearance.access.model import Permission, Principal
from clearance.api.core import App, Cursor, Limit, needs
from clearance.policy import service
from clearance.policy.model import Admission, Decision, DecisionRequest, ReplayReport
from clearance.policy.pack import InstalledPack, PackSource
from clearance.values import Page

router = APIRouter(tags=["policy"])
Reader = Annotated[Principal, needs(Permission.READ)]


@router.post("/decisions", status_code=201)
def decide(
    body: DecisionRequest, app: App, response: Response, caller: Annotated[Principal, needs(Permission.DECIDE)]
) -> Decision:
    """Decide whether a version may serve; a denial is an answer, not an error. A dry run makes nothing: 200, no id, no VSA."""
    if body.dry_run:
        response.status_code = HTTPStatus.OK
        with app.database.read() as tx:
            return service.preview(tx, caller, app.policy_engine, body.model, body.number, body.environment)
    with app.database.write() as tx:
        return service.decide(tx, caller, app.policy_engine, app.keyring, body.model, body.number, body.environment)


@router.get("/decisions")
def list_decisions(
    app: App,
    caller: Reader,
    model: str | None = None,
    number: int | None = None,
    environment: str | None = None,
    cursor: Cursor = None,
    limit: Limit = 100,
) -> Page[Decision]:
    """Decisions, newest first."""
    with app.database.read() as tx:
        return service.list_decisions(
            tx, model=model, number=number, environment=environment, cursor=cursor, limit=limit
        )


@router.get("/decisions/{decision_id}")
def get_decision(decision_id: str, app: App, caller: Reader) -> Decision:
    """One decision, rule by rule, with the facts it was made on."""
    with app.database.read() as tx:
        return service.get_decision(tx, decision_id)


@router.get("/models/{model}/versions/{number}/admission")
def admission(model: str, number: int, app: App, caller: Reader, environment: str = "production") -> Admission:
    """Whether the version may be loaded now, and the decision behind it."""
    with app.database.read() as tx:
        return service.admission(tx, model, number, environment)


@router.post("/policy/replay")
def replay(app: App, caller: Annotated[Principal, needs(Permission.AUDIT_READ)]) -> ReplayReport:
    """Recompute every past decision from its stored pack and facts, and compare bit for bit."""
    with app.database.read() as tx:
        return service.replay(tx, app.policy_engine)


@router.get("/policy/packs")
def list_packs(app: App, caller: Reader) -> Page[InstalledPack]:
    """The packs in force, in the order in which they are tried."""
    with app.database.read() as tx:
        return Page(items=service.list_packs(tx))


@router.get("/policy/packs/{name}")
def get_pack(name: str, app: App, caller: Reader) -> InstalledPack:
    """One pack with its rules."""
    with app.database.read() as tx:
        return service.get_pack(tx, name)


@router.post("/policy/packs", status_code=201)
def install_pack(
    body: PackSource, app: App, caller: Annotated[Principal, needs(Permission.POLICY_WRITE)]
) -> InstalledPack:
    """Install a pack; it is tried before those that are there."""
    with app.database.write() as tx:
        return service.install_pack(tx, caller, body)


@router.post("/policy/check")
def check_pack(body: PackSource, caller: Reader) -> InstalledPack:
    """Read a pack and compile its rules, without installing it."""
    return service.check_pack(body)
