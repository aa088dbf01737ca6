"""The OpenAPI document says what the server does: held against the routes, and against what they really answer."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from clearance import server
from clearance.access.model import NewToken, Role
from clearance.access.service import issue_token
from clearance.api.core import Needs
from clearance.api.idempotency import STREAMED
from clearance.app import Clearance
from clearance.client.transport import InProcessTransport
from tests.api.test_permissions import declared, flattened
from tests.conftest import person

METHODS = {"get", "head", "post", "put", "patch", "delete"}


@pytest.fixture
def app(sqlite_parts: Clearance) -> Any:
    return server.create(sqlite_parts)


@pytest.fixture
def document(app: Any) -> dict[str, Any]:
    found: dict[str, Any] = app.openapi()
    return found


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, found in document["paths"].items():
        for method in sorted(found.keys() & METHODS):
            yield method, path, found[method]


def resolved(document: dict[str, Any], found: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in found:
        there: Any = document
        for word in found["$ref"].removeprefix("#/").split("/"):
            there = there[word]
        found = there
    return found


def test_the_document_is_valid_and_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    pytest.importorskip("openapi_spec_validator").validate(document)
    for name in re.findall(r'"\$ref": "(#/[^"]+)"', json.dumps(document)):
        assert resolved(document, {"$ref": name})
    assert "HTTPValidationError" not in json.dumps(document)


def test_it_is_made_when_it_is_asked_for_and_once(app: Any) -> None:
    assert app.openapi_schema is None
    assert app.openapi() is app.openapi()


def test_every_route_says_who_may_call_it(app: Any, document: dict[str, Any]) -> None:
    wanted: dict[tuple[str, str], list[Needs]] = {}
    for path, route in flattened(app.routes):
        for method in route.methods or ():
            wanted[method.lower(), path.replace(":path}", "}")] = list(declared(route.dependant))
    for method, path, found in operations(document):
        needs = wanted[method, path]
        assert found.get("x-permission") == (needs[0].permission.value if needs else None), f"{method} {path}"
        schemes = {name for each in found["security"] for name in each}
        session = {"session"} if method in {"get", "head"} else set()
        assert schemes == ({"bearer", "basic"} | session if needs else set()), f"{method} {path}"
    assert set(document["components"]["securitySchemes"]) == {"bearer", "basic", "session"}


def test_every_post_that_can_happen_once_takes_the_key(document: dict[str, Any]) -> None:
    for method, path, found in operations(document):
        names = {resolved(document, each)["name"] for each in found.get("parameters", ())}
        assert ("Idempotency-Key" in names) == (method == "post" and not path.startswith(STREAMED)), f"{method} {path}"


@pytest.mark.parametrize("who", [None, Role.VIEWER, Role.ADMIN])
def test_whatever_a_route_answers_is_described(
    app: Any, document: dict[str, Any], sqlite_parts: Clearance, who: Role | None
) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    headers = {}
    if who is not None:
        with sqlite_parts.database.write() as tx:
            secret = issue_token(tx, person("ada"), NewToken(name="x", roles=(who,))).secret
        headers = {"authorization": f"Bearer {secret}"}
    wrong, statuses = [], set()
    with httpx.Client(base_url="http://local", transport=InProcessTransport(lambda: app, {}), headers=headers) as http:
        for method, path, found in operations(document):
            numbered = re.sub(r"{(number|index|older)}", "1", path)
            for body in (None, {"no such field": 1}):
                answer = http.request(method, re.sub(r"{[^}]*}", "none", numbered), json=body)
                statuses.add(answer.status_code)
                described = found["responses"].get(str(answer.status_code)) or (
                    found["responses"]["default"] if answer.is_error else None
                )
                if described is None:
                    wrong.append(f"{method} {path}: {answer.status_code} is not described")
                    continue
                content = resolved(document, described).get("content", {})
                kind = answer.headers.get("content-type", "").split(";")[0]
                if answer.is_error and str(answer.status_code) not in found["responses"] and path.startswith("/api/v1"):
                    wrong.append(f"{method} {path}: {answer.status_code} is described as any other error only")
                if kind not in content and (answer.is_error or kind == "application/json"):
                    wrong.append(f"{method} {path}: {answer.status_code} is {kind}")
                elif "json" in kind:
                    schema = {**content[kind].get("schema", {}), "components": document["components"]}
                    if fault := next(jsonschema.Draft202012Validator(schema).iter_errors(answer.json()), None):
                        wrong.append(f"{method} {path}: {answer.status_code} {fault.message}")
    assert not wrong, "\n".join(wrong)
    assert statuses >= ({401, 200} if who is None else {200, 403, 404, 422} if who is Role.VIEWER else {200, 404, 422})


def test_an_open_route_needs_nothing(document: dict[str, Any]) -> None:
    login = document["paths"]["/api/v1/login-methods"]["get"]
    assert login["security"] == []
    assert "401" not in login["responses"]
