"""Every route × every role: the table comes from the application, so a new route can't be forgotten."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterable, Iterator

import pytest
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from clearance import server
from clearance.access.model import GRANTS, Permission, Principal, Role, require
from clearance.api.core import Needs
from clearance.app import Clearance
from clearance.errors import Forbidden

OPEN = {"/health", "/v2", "/v2/health/live", "/v2/health/ready", "/login-methods", "/sessions"}
"""Routes that anybody may call: they tell nothing about any model, or are how one becomes known."""


def permissions(dependant: Dependant) -> Iterator[Permission]:
    for child in dependant.dependencies:
        if isinstance(child.call, Needs):
            yield child.call.permission
        yield from permissions(child)


def flattened(routes: Iterable[object]) -> Iterator[APIRoute]:
    """Yield every route, also those of included routers (which newer FastAPI keeps as they are)."""
    for route in routes:
        if isinstance(route, APIRoute):
            yield route
        elif included := getattr(route, "original_router", None):
            yield from flattened(included.routes)


def test_every_route_declares_exactly_one_permission(sqlite_parts: Clearance) -> None:
    routes = list(flattened(server.create(sqlite_parts).routes))
    assert len(routes) > 10
    for route in routes:
        if route.path in OPEN or route.path.startswith(("/static", "/login", "/logout")):
            continue
        assert len(list(permissions(route.dependant))) == 1, f"{route.methods} {route.path}"


def test_local_mode_finds_the_room_of_every_route() -> None:
    for room in server.ROOMS:
        router = importlib.import_module(f"clearance.api.{room}").router
        for route in flattened(router.routes):
            filled = re.sub(r"{[^}]*}", "statements", route.path)  # a name that is itself a word must not mislead
            assert server.room_of(server.API + filled) == room, route.path


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("permission", Permission)
def test_a_role_passes_where_it_has_the_permission_and_nowhere_else(role: Role, permission: Permission) -> None:
    principal = Principal(name="user:x", roles=(role,))
    if permission in GRANTS[role] or permission is Permission.OWN:
        require(principal, permission)
    else:
        with pytest.raises(Forbidden):
            require(principal, permission)


def test_only_an_administrator_may_administer_and_a_viewer_only_read() -> None:
    assert [role for role in Role if Permission.ACCESS_ADMIN in GRANTS[role]] == [Role.ADMIN]
    assert GRANTS[Role.VIEWER] == {Permission.OWN, Permission.READ}
