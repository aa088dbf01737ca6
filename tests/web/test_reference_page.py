"""The page of the API shows what each route takes and needs."""

from __future__ import annotations

from typing import Any

import pytest

from clearance import server
from clearance.access.model import Role
from clearance.app import Clearance
from clearance.web.reference import Shown, shown
from tests.web.test_pages import Open, console

__all__ = ["console"]


@pytest.fixture
def document(sqlite_parts: Clearance) -> dict[str, Any]:
    found: dict[str, Any] = server.create(sqlite_parts).openapi()
    return found


def route(document: dict[str, Any], method: str, path: str) -> Shown:
    return shown(document, method, path, document["paths"][path][method])


def test_the_fields_of_a_body_are_named_with_type_and_whether_they_are_needed(document: dict[str, Any]) -> None:
    found = route(document, "post", "/api/v1/tokens")
    fields = {each.name: (each.kind, each.required, each.about) for each in found.fields}
    assert fields["name"] == ("text", True, "")
    assert fields["days"] == ("number", False, "90 when left out")
    assert fields["service"] == ("true or false", False, "False when left out")
    assert fields["roles"][0].startswith("list of one of viewer, ")
    assert fields["scope"][0] == "object or nothing"
    assert fields["scope.models"] == ("list of text", False, "")
    assert (found.permission, found.content) == ("access.admin", ("application/json",))


def test_lists_and_bodies_that_are_read_by_hand_are_unfolded_too(document: dict[str, Any]) -> None:
    events = {each.name: each.required for each in route(document, "post", "/api/v1/telemetry/events").fields}
    assert (events["[].model"], events["[].score"]) == (True, False)
    tensors = {each.name: each.kind for each in route(document, "post", "/v2/models/{model}/infer").fields}
    assert tensors["inputs"] == "list of object"
    assert tensors["inputs[].datatype"] == "one of FP32, FP64, INT64, BOOL, BYTES"
    versions = {each.name for each in route(document, "post", "/api/v1/models/{model}/versions").fields}
    assert {"files", "files[].path", "contract.inputs[].name"} <= versions


def test_every_route_that_takes_json_shows_a_field_or_says_that_anything_goes(document: dict[str, Any]) -> None:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            found = shown(document, method, path, operation)
            free = "openlineage" in str(operation.get("requestBody", ""))
            assert found.fields or "application/json" not in found.content or free, f"{method} {path}"


def test_the_page_shows_parameters_fields_and_the_permission_of_each_route(console: Open) -> None:
    text = console(Role.VIEWER).get("/docs").text
    assert text.count("<details") > 150
    for said in (
        "older_than_hours",
        "Needs the permission <code>model.write</code>",
        "Anybody may call it",
        "in query",
    ):
        assert said in text
