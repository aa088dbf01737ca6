"""A NUL is in no text that PostgreSQL can hold: wherever one is sent, it is refused or names nothing, on both databases."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from clearance import server
from clearance.api import mlflow
from clearance.app import Clearance
from clearance.client.transport import InProcessTransport
from tests.api.test_hostile_input import queries_of
from tests.api.test_permissions import flattened
from tests.conftest import person

ADA = person("ada")
NAMES = {"model": "car-loan", "name": "car-loan", "environment": "production"}


@pytest.fixture
def http(parts: Clearance) -> Iterator[httpx.Client]:
    """API, console and protocols for somebody who may do everything, with a model to ask about."""
    app: Any = server.create(parts)
    transport = InProcessTransport(lambda: app, {"clearance.principal": ADA})
    with httpx.Client(base_url="http://local", transport=transport) as made:
        assert made.post("/api/v1/models", json={"name": "car-loan", "owner": "ada"}).status_code == 201
        yield made


def asked(parts: Clearance) -> Iterator[tuple[str, str, dict[str, str]]]:
    """Yield method, path and query of every route that takes a text, with a NUL in each of them in turn."""
    for path, route in flattened(server.create(parts).routes):
        named = re.findall(r"{(\w+)(?::\w+)?}", path)
        queries = [each.alias for each in queries_of(route.dependant)]
        for method in sorted(route.methods or ()):
            for name in named:
                yield method, filled(path, name), {}
            for name in queries:
                yield method, filled(path, ""), {name: "a\0b"}
    for method, path in mlflow.PERMISSIONS:
        if method == "GET":
            for name in ("name", "key", "version", "alias", "filter", "page_token"):
                yield method, path, {"name": "car-loan", "version": "1", "alias": "a", name: "a\0b"}


def filled(path: str, hostile: str) -> str:
    def fill(found: re.Match[str]) -> str:
        name = found[1]
        return "a%00b" if name == hostile else NAMES.get(name, "1" if name in {"number", "index", "older"} else "none")

    return re.sub(r"{(\w+)(?::\w+)?}", fill, path)


def test_a_nul_in_a_path_or_query_is_no_mistake_of_ours_on_any_route(http: httpx.Client, parts: Clearance) -> None:
    count, wrong = 0, []
    for method, path, query in asked(parts):
        if path.endswith(("/login/provider", "/logout")):
            continue
        answer = http.request(method, path, params=query, json=None if method in {"GET", "HEAD"} else {"reason": "r"})
        count += 1
        if answer.status_code >= 500 and answer.status_code != 501:
            wrong.append(f"{method} {path} {query}: {answer.status_code} {answer.text[:200]}")
    assert not wrong, "\n".join(wrong)
    assert count > 300


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/v1/roles", {"subject": "user:bo", "role": "viewer", "team": "a\0b"}),
        ("/api/v1/models", {"name": "scores", "owner": "a\0b"}),
        ("/api/v1/tokens", {"name": "a\0b", "roles": ["viewer"]}),
        ("/api/2.0/mlflow/registered-models/create", {"name": "a\0b"}),
        ("/api/2.0/mlflow/registered-models/create", {"name": "m", "tags": [{"key": "k", "value": "a\0b"}]}),
        (
            "/api/v1/lineage",
            {
                "eventType": "COMPLETE",
                "eventTime": "2026-01-05T09:00:00Z",
                "producer": "https://example.com/p",
                "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
                "run": {"runId": "01890a5d-ac96-774b-bcce-b302099a8057"},
                "job": {"namespace": "n", "name": "j"},
                "inputs": [
                    {
                        "namespace": "n",
                        "name": "d",
                        "facets": {"version": {"datasetVersion": "a\0b", "_producer": "x", "_schemaURL": "y"}},
                    }
                ],
            },
        ),
    ],
)
def test_a_nul_in_a_body_is_refused_where_a_text_is_kept(http: httpx.Client, path: str, body: dict[str, Any]) -> None:
    answer = http.post(path, json=body)
    assert answer.status_code in {400, 422} or answer.json()["refused"], answer.text
