"""Every route × every role, called for real: the routes come from the application, so a new one can't be forgotten."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import httpx
import pytest
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from clearance import server
from clearance.access.model import GRANTS, NewToken, Permission, Principal, Role, require
from clearance.access.service import issue_token
from clearance.api import mlflow, place
from clearance.api.core import COOKIE, Needs
from clearance.app import Clearance
from clearance.client.transport import InProcessTransport
from clearance.errors import Forbidden
from clearance.web.core import PageNeeds, csrf_token
from tests.conftest import person

OPEN = {
    "/health",
    "/v2",
    "/v2/health/live",
    "/v2/health/ready",
    "/api/v1/login-methods",
    "/api/v1/sessions",
    "/login",
    "/login/provider",
    "/login/callback",
    "/logout",
    "/static/{name}",
}
"""Routes that anybody may call: they tell nothing about any model, or are how one becomes known."""

MLFLOW = {
    "name": "none",
    "version": "1",
    "key": "k",
    "value": "v",
    "alias": "a",
    "stage": "Staging",
    "new_name": "other",
    "source": "runs:/none/model",
}
"""What MLflow's methods ask for: they look at the name before they can say who may."""

PEOPLE = ("anonymous", *Role)


@dataclass(frozen=True)
class Call:
    """One method of one route, and what it says it needs."""

    method: str
    path: str
    permission: Permission
    is_page: bool

    @property
    def address(self) -> str:
        """The path with its names filled in: of things that are not there."""
        filled = re.sub(r"{(number|index|older)(:\w+)?}", "1", self.path)
        return re.sub(r"{[^}]*}", "none", filled)


def declared(dependant: Dependant) -> Iterator[Needs]:
    for child in dependant.dependencies:
        if isinstance(child.call, Needs):
            yield child.call
        yield from declared(child)


def flattened(routes: Iterable[object], prefix: str = "") -> Iterator[tuple[str, APIRoute]]:
    """Yield every route with its whole path, also those of included routers (which newer FastAPI keeps as they are)."""
    for route in routes:
        if isinstance(route, APIRoute):
            yield prefix + route.path, route
        elif included := getattr(route, "original_router", None):
            yield from flattened(
                included.routes, prefix + getattr(getattr(route, "include_context", None), "prefix", "")
            )


def calls(app: object) -> Iterator[Call]:
    """Yield what can be called and is not open to all."""
    for path, route in flattened(app.routes):  # type: ignore[attr-defined]  # FastAPI, or a router
        if path in OPEN:
            continue
        needs = list(declared(route.dependant))
        assert len(needs) == 1, f"{route.methods} {path} declares {len(needs)} permissions"
        for method in sorted(route.methods or ()):
            yield Call(method, path, needs[0].permission, isinstance(needs[0], PageNeeds))
    for (method, path), permission in mlflow.PERMISSIONS.items():
        yield Call(method, path, permission, False)


@pytest.mark.parametrize("who", PEOPLE)
def test_a_route_lets_in_whoever_has_its_permission_and_nobody_else(sqlite_parts: Clearance, who: str) -> None:
    app = server.create(sqlite_parts)
    headers, cookies, csrf = {}, {}, ""
    if who != "anonymous":
        with sqlite_parts.database.write() as tx:
            secret = issue_token(tx, person("ada"), NewToken(name="x", roles=(Role(who),))).secret
        headers, cookies, csrf = {"authorization": f"Bearer {secret}"}, {COOKIE: secret}, csrf_token(secret)
    wrong = []
    transport = InProcessTransport(lambda: app, {})
    with httpx.Client(base_url="http://local", transport=transport, headers=headers, cookies=cookies) as http:
        for call in calls(app):
            form = {"csrf": csrf} if call.is_page and call.method == "POST" else None
            accept = {"accept": "text/html" if call.is_page else "application/json"}
            fields = MLFLOW if (call.method, call.path) in mlflow.PERMISSIONS else None
            answer = http.request(call.method, call.address, data=form, json=fields, headers=accept)
            if verdict(answer) != expected(call, who):
                wrong.append(f"{call.method} {call.path} as {who}: {answer.status_code} {answer.text[:200]}")
    assert not wrong, "\n".join(wrong)


def expected(call: Call, who: str) -> str:
    if who == "anonymous":
        return "stranger"
    return "in" if call.permission in GRANTS[Role(who)] else "refused"


def verdict(answer: httpx.Response) -> str:
    """Return what the answer says of the caller, whatever became of the request."""
    to_login = answer.status_code == 303 and answer.headers["location"].startswith("/login")
    if answer.status_code == 401 or to_login:
        return "stranger"
    no_permission = "it needs the permission" in answer.text or answer.request.method == "HEAD"
    return "refused" if answer.status_code == 403 and no_permission else "in"


def test_every_role_is_refused_somewhere_and_let_in_somewhere(sqlite_parts: Clearance) -> None:
    found = list(calls(server.create(sqlite_parts)))
    assert len(found) > 100
    for role in set(Role) - {Role.ADMIN}:
        assert {expected(call, role) for call in found} == {"in", "refused"}


def test_it_is_known_what_every_identifier_in_a_path_belongs_to(sqlite_parts: Clearance) -> None:
    for path, _ in flattened(server.create(sqlite_parts).routes):
        for name in re.findall(r"{(\w+)", path):
            if name.endswith("_id"):
                assert name in set(place.OF_ID) | place.OF_NO_MODEL, f"{path}: does {name} belong to a model?"


def test_local_mode_finds_the_room_of_every_route() -> None:
    for room in server.ROOMS:
        router = importlib.import_module(f"clearance.api.{room}").router
        for path, _ in flattened(router.routes):
            filled = re.sub(r"{[^}]*}", "statements", path)  # a name that is itself a word must not mislead
            assert server.room_of(server.API + filled) == room, path


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("permission", Permission)
def test_a_role_passes_where_it_has_the_permission_and_nowhere_else(role: Role, permission: Permission) -> None:
    principal = Principal(name="user:x", roles=(role,))
    if permission in GRANTS[role]:
        require(principal, permission)
    else:
        with pytest.raises(Forbidden):
            require(principal, permission)


def test_only_an_administrator_may_administer_and_a_viewer_only_read() -> None:
    assert [role for role in Role if Permission.ACCESS_ADMIN in GRANTS[role]] == [Role.ADMIN]
    assert GRANTS[Role.VIEWER] == {Permission.OWN, Permission.READ}
