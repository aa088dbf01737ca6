"""What a request is about: the model that its path, body or query names, and whose team it is; the one place that knows.

Only what the route itself declares counts, so that nobody can claim a model in a field that the route never reads. What is
not found here is about no known model, and then only roles for all teams suffice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from fastapi import Request
from fastapi.routing import APIRoute
from starlette.concurrency import run_in_threadpool

from clearance.access.model import NOWHERE, Permission, Place, Principal, require
from clearance.app import Clearance
from clearance.errors import ClearanceError, NotFound, Unavailable
from clearance.storage.database import Transaction


def _approval(tx: Transaction, found: str) -> str:
    from clearance.policy import service as policy

    return policy.get_approval(tx, found).model


def _decision(tx: Transaction, found: str) -> str:
    from clearance.policy import service as policy

    return policy.get_decision(tx, found).model


def _waiver(tx: Transaction, found: str) -> str:
    from clearance.policy import service as policy

    return policy.get_waiver(tx, found).model


def _rollout(tx: Transaction, found: str) -> str:
    from clearance.delivery import service as delivery

    return delivery.get_rollout(tx, found).model


def _alert(tx: Transaction, found: str) -> str:
    from clearance.response import service as response

    return response.get_alert(tx, found).model


def _incident(tx: Transaction, found: str) -> str:
    from clearance.response import service as response

    return response.get_incident(tx, found).incident.model


OF_ID: dict[str, Callable[[Transaction, str], str]] = {
    "approval_id": _approval,
    "decision_id": _decision,
    "waiver_id": _waiver,
    "rollout_id": _rollout,
    "alert_id": _alert,
    "incident_id": _incident,
}
"""Parameters of paths that name something which belongs to a model, and how its model is found."""

OF_NO_MODEL = frozenset({"token_id", "key_id", "digest", "index", "older", "session_id", "webhook_id"})
"""Identifiers in paths of what belongs to no single model; a test holds every route against these two lists."""


MEANT, LIVING = "x-clearance-models", "living"
"""A header by which clients say that a name means a living model, where one is called by the name of a deleted one."""


async def of(request: Request) -> tuple[Place, ...]:
    """Return what a request is about; first what it acts on, then where it takes that."""
    route = request.scope.get("route")
    if not isinstance(route, APIRoute):
        return (NOWHERE,)
    body = await _body(request, declared(route))
    return await run_in_threadpool(_places, request, route, body)


async def taken_from(request: Request) -> tuple[Place, ...]:
    """Return what a request takes from elsewhere, which its caller has to be allowed to read: the parents of a new version."""
    route = request.scope.get("route")
    if not isinstance(route, APIRoute) or "provenance" not in _fields(route):
        return ()
    provenance = (await _json(request)).get("provenance")
    parents = provenance.get("parents") if isinstance(provenance, dict) else None
    named = {each.partition("/")[0] for each in parents if isinstance(each, str)} if isinstance(parents, list) else ()
    return await run_in_threadpool(_places_of, request, sorted(named)) if named else ()


async def require_each(request: Request, caller: Principal, permission: Permission, items: Iterable[Any]) -> None:
    """Let the caller pass or refuse, by the models that the items of a batch name; for routes that take many at once.

    Raises:
        Forbidden: the permission is missing for one of them.
    """
    if caller.scope is None and not caller.team_roles:
        return  # then the route's own check was enough
    models = {str(item.get("model")) for item in items if isinstance(item, Mapping)}

    for each in await run_in_threadpool(_places_of, request, sorted(models)):
        require(caller, permission, each)


async def check_living(request: Request) -> None:
    """Refuse a name that was a deleted model's, and is a living one's title now, where living models are meant (`MEANT`).

    Raises:
        NotFound: `model_not_found`, with the model that is meant; a client then asks again, as for any title.
    """
    route = request.scope.get("route")
    if request.headers.get(MEANT) != LIVING or not isinstance(route, APIRoute):
        return
    name = _named(request, route, await _body(request, declared(route)))
    if name is not None:
        await run_in_threadpool(_check_living, request, name)


def _check_living(request: Request, name: str) -> None:
    from clearance.registry import service as registry

    app: Clearance = request.app.state.clearance
    with app.database.read() as tx:
        other = registry.namesake(tx, name)
    if other is not None:
        raise NotFound(
            f"the model {name} was deleted, and {other.name} is called so now",
            code="model_not_found",
            hint=f"{name} means {other.name} here, which is called so now. A deleted model has that name: "
            f"`clearance audit log --subject model/{name}` and GET /api/v1/models/{name} tell of it.",
            details={"title": name, "model": other.name, "deleted": True},
        )


def declared(route: APIRoute) -> frozenset[str]:
    """Return the names of the fields that a route's JSON body may have, as far as they say what it is about."""
    return _fields(route) & {"model", "team", "name"}


def _fields(route: APIRoute) -> frozenset[str]:
    parameters = route.dependant.body_params
    kind = parameters[0].field_info.annotation if len(parameters) == 1 else None
    return (
        frozenset(each.name for each in fields(kind)) if is_dataclass(kind) and isinstance(kind, type) else frozenset()
    )


def model_in_path(route: APIRoute) -> str | None:
    """Return the name of the parameter that names a model in a route's path, if one does."""
    if "{model}" in route.path:
        return "model"
    return "name" if route.path.startswith("/models/{name}") else None


async def _body(request: Request, names: frozenset[str]) -> dict[str, str]:
    if not names:
        return {}
    found = await _json(request)
    return {name: found[name] for name in names if isinstance(found.get(name), str)}


async def _json(request: Request) -> dict[str, Any]:
    try:
        found = await request.json()
    except ValueError:  # not JSON, or not text: the route will say so to those who may call it
        return {}
    return found if isinstance(found, dict) else {}


def _places_of(request: Request, models: Iterable[str]) -> tuple[Place, ...]:
    app: Clearance = request.app.state.clearance
    with app.database.read() as tx:
        return tuple(Place(model=model, team=_team(tx, model)) for model in models)


def _places(request: Request, route: APIRoute, body: dict[str, str]) -> tuple[Place, ...]:
    app: Clearance = request.app.state.clearance
    asked = _named(request, route, body)
    try:
        with app.database.read() as tx:
            model = _model(tx, request, route, body)
            if model is None:
                return (Place(model=body.get("name"), team=body["team"]) if "team" in body else NOWHERE,)
            place = Place(model=model, team=_team(tx, model))
    except Unavailable:
        if asked is None or (known := app.places.recall(asked)) is None:
            raise
        place = known
    else:
        if asked == place.model:
            app.places.keep(place)
    return (place, Place(model=place.model, team=body["team"])) if "team" in body else (place,)


def _model(tx: Transaction, request: Request, route: APIRoute, body: dict[str, str]) -> str | None:
    named = _named(request, route, body)
    if named is not None:
        return _identity(tx, request, named)  # what was asked for by its title is asked for again by its name
    for name, model_of in OF_ID.items():
        if name in request.path_params:
            try:
                return model_of(tx, str(request.path_params[name]))
            except NotFound:
                return None
    return None


def _named(request: Request, route: APIRoute, body: dict[str, str]) -> str | None:
    """Return what a request calls the model that it is about, None if it calls none."""
    in_path = model_in_path(route)
    if in_path is not None:
        return str(request.path_params[in_path])
    if not OF_ID.keys().isdisjoint(request.path_params):
        return None
    if "model" in body:
        return body["model"]
    if any(each.name == "model" for each in route.dependant.query_params):
        return request.query_params.get("model")
    return None


def _identity(tx: Transaction, request: Request, text: str) -> str:
    from clearance.registry import service as registry

    living = registry.namesake(tx, text) if request.headers.get(MEANT) == LIVING else None
    return registry.identity(tx, text) if living is None else living.name


def _team(tx: Transaction, model: str) -> str | None:
    from clearance.registry import service as registry

    try:
        return registry.get_model(tx, model).team
    except ClearanceError:  # no such model, or no name at all: the route says so to those who may know
        return None
