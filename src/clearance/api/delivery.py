"""Routes of delivery: promotions, environments, pointers, rollbacks, rollouts."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter

from clearance.access.model import Permission, Principal
from clearance.api.core import App, Cursor, Limit, needs
from clearance.delivery import service, strategy
from clearance.delivery.model import (
    Alias,
    AliasMove,
    AliasTarget,
    Analysis,
    Environment,
    Move,
    NewPromotion,
    NewRollout,
    Promotion,
    Rollback,
    RollbackRequest,
    Rollout,
    Serving,
    Strategy,
)
from clearance.delivery.refusal import refusal_of
from clearance.registry.model import Reason
from clearance.values import Page

router = APIRouter(tags=["delivery"])


@router.post("/promotions", status_code=201)
def promote(body: NewPromotion, app: App, caller: Annotated[Principal, needs(Permission.DELIVER)]) -> Promotion:
    """Decide on a version, and let it serve all traffic if it is allowed; denied is 403 with the rules that failed."""
    with app.database.write() as tx:
        found = service.promote(tx, caller, app.gate, body)
    if denied := refusal_of(found.decision):  # only now: the decision is kept also when it is a denial
        raise denied
    return found


@router.get("/environments")
def environments(app: App, caller: Annotated[Principal, needs(Permission.READ)]) -> tuple[Environment, ...]:
    """The environments in the order of promotion, with what is asked for in each and whether that may serve."""
    with app.database.read() as tx:
        return service.environments(tx, app.gate)


@router.get("/models/{model}/pointers")
def pointers(model: str, app: App, caller: Annotated[Principal, needs(Permission.READ)]) -> Page[Serving]:
    """What is asked for of a model, by environment, and whether it may serve."""
    with app.database.read() as tx:
        return Page(items=service.judged(tx, app.gate, service.list_pointers(tx, model)))


@router.get("/models/{model}/moves")
def moves(
    model: str, app: App, caller: Annotated[Principal, needs(Permission.READ)], environment: str = "production"
) -> Page[Move]:
    """What has served for a model in an environment, newest first."""
    with app.database.read() as tx:
        return service.history(tx, model, environment)


@router.post("/models/{model}/rollback", status_code=201)
def rollback(
    model: str, body: RollbackRequest, app: App, caller: Annotated[Principal, needs(Permission.DELIVER)]
) -> Rollback:
    """Go back to the last good version, or to the one named."""
    with app.database.write() as tx:
        return service.rollback(tx, caller, app.gate, model, body)


@router.get("/models/{model}/aliases")
def aliases(model: str, app: App, caller: Annotated[Principal, needs(Permission.READ)]) -> tuple[Alias, ...]:
    """The aliases that were given to versions of a model, by name."""
    with app.database.read() as tx:
        return service.list_aliases(tx, app.guards, model)


@router.get("/models/{model}/aliases/{alias}")
def alias(model: str, alias: str, app: App, caller: Annotated[Principal, needs(Permission.READ)]) -> Alias:
    """What an alias names; a guarded one names what serves in its environment."""
    with app.database.read() as tx:
        return service.resolve_alias(tx, app.guards, model, alias)


@router.put("/models/{model}/aliases/{alias}")
def set_alias(
    model: str, alias: str, body: AliasTarget, app: App, caller: Annotated[Principal, needs(Permission.DELIVER)]
) -> AliasMove:
    """Let an alias name a version; a guarded one only by a promotion, and denied is 403 with the rules that failed."""
    with app.database.write() as tx:
        found = service.set_alias(tx, caller, app.gate, app.guards, model, alias, body.number)
    if found.promotion is not None and (denied := refusal_of(found.promotion.decision)):
        raise denied
    return found


@router.delete("/models/{model}/aliases/{alias}")
def delete_alias(
    model: str, alias: str, app: App, caller: Annotated[Principal, needs(Permission.DELIVER)]
) -> tuple[Alias, ...]:
    """Take an alias away; answers those that are left."""
    with app.database.write() as tx:
        service.delete_alias(tx, caller, app.guards, model, alias)
        return service.list_aliases(tx, app.guards, model)


@router.get("/strategies")
def strategies(caller: Annotated[Principal, needs(Permission.READ)]) -> tuple[Strategy, ...]:
    """The strategies by which a candidate can be rolled out."""
    return tuple(strategy.load(name) for name in strategy.names())


@router.post("/rollouts", status_code=201)
def start_rollout(body: NewRollout, app: App, caller: Annotated[Principal, needs(Permission.DELIVER)]) -> Rollout:
    """Give an admitted candidate its first share of traffic, by a built-in strategy or the YAML text of one's own."""
    with app.database.write() as tx:
        return service.start_rollout(tx, caller, app.gate, body)


@router.get("/rollouts")
def list_rollouts(
    app: App,
    caller: Annotated[Principal, needs(Permission.READ)],
    model: str | None = None,
    active: bool = False,
    cursor: Cursor = None,
    limit: Limit = 100,
) -> Page[Rollout]:
    """Rollouts, newest first."""
    with app.database.read() as tx:
        return service.list_rollouts(tx, model=model, active=active, cursor=cursor, limit=limit)


@router.get("/rollouts/{rollout_id}")
def get_rollout(rollout_id: str, app: App, caller: Annotated[Principal, needs(Permission.READ)]) -> Rollout:
    """A rollout with its newest analysis."""
    with app.database.read() as tx:
        return service.get_rollout(tx, rollout_id)


@router.get("/rollouts/{rollout_id}/analyses")
def list_analyses(rollout_id: str, app: App, caller: Annotated[Principal, needs(Permission.READ)]) -> Page[Analysis]:
    """Every look at a rollout's arms that saw something new, oldest first."""
    with app.database.read() as tx:
        return service.list_analyses(tx, rollout_id)


@router.post("/rollouts/{rollout_id}/pause", status_code=201)
def pause_rollout(
    rollout_id: str, body: Reason, app: App, caller: Annotated[Principal, needs(Permission.DELIVER)]
) -> Rollout:
    """Keep a rollout at its weight; it still rolls back by itself."""
    with app.database.write() as tx:
        return service.pause_rollout(tx, caller, rollout_id, body)


@router.post("/rollouts/{rollout_id}/resume", status_code=201)
def resume_rollout(
    rollout_id: str, body: Reason, app: App, caller: Annotated[Principal, needs(Permission.DELIVER)]
) -> Rollout:
    """Let a paused rollout go on; its burn rate is counted anew."""
    with app.database.write() as tx:
        return service.resume_rollout(tx, caller, rollout_id, body)


@router.post("/rollouts/{rollout_id}/abort", status_code=201)
def abort_rollout(
    rollout_id: str, body: Reason, app: App, caller: Annotated[Principal, needs(Permission.DELIVER)]
) -> Rollout:
    """Take the candidate out of traffic."""
    with app.database.write() as tx:
        return service.abort_rollout(tx, caller, rollout_id, body)


@router.post("/rollouts/{rollout_id}/reconcile", status_code=201)
def reconcile_rollout(rollout_id: str, app: App, caller: Annotated[Principal, needs(Permission.DELIVER)]) -> Rollout:
    """Look at the arms now and do what follows; a server does so every second by itself."""
    return app.rollout_driver.drive(caller, rollout_id)
