"""Whatever is sent, it is refused with what is wrong with it: no input is a mistake of ours, on no route."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import httpx
import pytest
from fastapi._compat import ModelField
from fastapi.dependencies.models import Dependant

from clearance import server
from clearance.app import Clearance
from clearance.client.client import Client
from clearance.clock import LONGEST
from tests.api.test_permissions import flattened
from tests.conftest import person

ADA = person("ada")
BEYOND = 2**63
"""The first number that has more than 64 bits with its sign."""
NAMES = {"model": "car-loan", "name": "car-loan", "environment": "production"}


@pytest.fixture
def http(as_user: Callable[..., Client]) -> httpx.Client:
    """The API for somebody who may do everything, with a model to ask about."""
    client = as_user(ADA)
    client.models.create("car-loan", owner="ada")
    return client.http.client


def is_number(annotation: object) -> bool:
    return annotation in {int, int | None}


def numbered(parts: Clearance) -> Iterator[tuple[str, str, dict[str, str]]]:
    """Yield method, path and query of every route that takes a whole number, with one that is too large in its place."""
    for path, route in flattened(server.create(parts, console=False).routes):
        queries = {each.name for each in queries_of(route.dependant) if is_number(each.field_info.annotation)}
        in_path = {each.name for each in route.dependant.path_params if is_number(each.field_info.annotation)}
        for method in sorted(route.methods or ()):
            for name in sorted(in_path):
                yield method, filled(path, name), {}
            for name in sorted(queries):
                yield method, filled(path, ""), {name: str(BEYOND)}


def queries_of(dependant: Dependant) -> Iterator[ModelField]:
    yield from dependant.query_params
    for child in dependant.dependencies:
        yield from queries_of(child)


def filled(path: str, hostile: str) -> str:
    def fill(found: re.Match[str]) -> str:
        name = found[1]
        if name == hostile:
            return str(BEYOND)
        return NAMES.get(name, "1" if name in {"number", "index", "older"} else "none")

    return re.sub(r"{(\w+)(?::\w+)?}", fill, path)


def test_a_number_beyond_64_bits_is_refused_or_names_nothing_on_every_route(
    http: httpx.Client, parts: Clearance
) -> None:
    asked, wrong = 0, []
    for method, path, query in numbered(parts):
        answer = http.request(method, path, params=query, json={"reason": "because of it"})
        asked += 1
        if answer.status_code not in {403, 404, 409, 422}:
            wrong.append(f"{method} {path} {query}: {answer.status_code} {answer.text[:200]}")
    assert not wrong, "\n".join(wrong)
    assert asked > 40


@pytest.mark.parametrize(
    ("path", "body", "code"),
    [
        ("/artifacts/collection", {"older_than_hours": 1e308}, "bad_duration"),
        ("/artifacts/collection", {"older_than_hours": LONGEST.days * 24 + 1}, "bad_duration"),
        ("/artifacts/collection", {"older_than_hours": -1e308}, "too_young"),
        ("/telemetry/compaction?retention_hours=1e300", None, "bad_duration"),
        ("/telemetry/compaction?retention_hours=nan", None, "request_invalid"),
        ("/tokens/none/rotate", {"overlap_seconds": 1e40}, "bad_duration"),
        ("/tokens/none/rotate", {"overlap_seconds": -1e40}, "bad_duration"),
        ("/tokens", {"name": "ci", "roles": ["viewer"], "days": 1e308}, "bad_expiry"),
    ],
)
def test_a_length_of_time_that_leads_beyond_all_dates_is_refused(
    http: httpx.Client, path: str, body: dict[str, object] | None, code: str
) -> None:
    answer = http.post(f"/api/v1{path}", json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, code)
