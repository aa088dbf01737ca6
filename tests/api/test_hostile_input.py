"""Whatever is sent, it is refused with what is wrong with it: no input is a mistake of ours, on no route."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator
from contextlib import suppress

import httpx
import pytest
import sqlalchemy as sa
from fastapi._compat import ModelField
from fastapi.dependencies.models import Dependant
from hypothesis import given
from hypothesis import strategies as st

from clearance import server
from clearance.api.bodies import check_texts, may_be_torn
from clearance.app import Clearance
from clearance.audit.store import leaves
from clearance.client.client import Client
from clearance.clock import LONGEST
from clearance.errors import InvalidInput
from clearance.registry.rules import is_model_name
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


def bringing(parts: Clearance) -> Iterator[tuple[str, str]]:
    """Yield method and path of every route of ours that may bring JSON."""
    for path, route in flattened(server.create(parts, console=False).routes):
        for method in sorted((route.methods or set()) & {"POST", "PUT", "PATCH", "DELETE"}):
            if not path.startswith(("/api/v1/blobs", "/api/v1/uploads")):
                yield method, filled(path, "")


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b'{"name": "whole", "rules": [{"id": "\\ud83d"}]}', {422}, "request_invalid"),
        (b'{"\\uDE00": 1}', {422}, "request_invalid"),
        (b"[" * 50_000, {401, 403, 404, 409, 422}, ""),
    ],
)
def test_a_body_that_nobody_can_mean_is_refused_on_every_route(
    as_user: Callable[..., Client], sqlite_parts: Clearance, body: bytes, status: set[int], code: str
) -> None:
    http, wrong = as_user(ADA).http.client, []
    for method, path in bringing(sqlite_parts):
        answer = http.request(method, path, content=body, headers={"content-type": "application/json"})
        takes_none = answer.status_code == 200 and not code  # a route that takes no body looks at none
        if answer.status_code not in status and not takes_none:
            wrong.append(f"{method} {path}: {answer.status_code} {answer.text[:200]}")
        elif code and answer.json()["code"] != code:
            wrong.append(f"{method} {path}: {answer.json()['code']}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    ("sent", "where"),
    [
        (rb'{"a": "\ud83d"}', "body.a holds half"),
        (rb'{"a": [{"b": "x\uDE00"}]}', "body.a.0.b holds half"),
        (rb'{"a": {"\ud83d": 1}}', "body.a has a name"),
        (rb'["\ude00\ud83d"]', "body.0 holds half"),
        (rb'["\ud83d\\ude00"]', "body.0 holds half"),
    ],
)
def test_half_a_character_is_refused_with_its_place(sent: bytes, where: str) -> None:
    assert may_be_torn(sent)
    with pytest.raises(InvalidInput, match=where):
        check_texts(sent)


@pytest.mark.parametrize(
    "sent",
    [rb'["\ud83d\ude00"]', rb'["\uD83D\uDE00 and \u00e4"]', rb'["\\ud83d"]', '["😀"]'.encode(), rb'["\ud83d"', b""],
)
def test_whole_characters_pass_however_they_are_written_and_what_is_no_json_is_left_to_its_reader(sent: bytes) -> None:
    check_texts(sent)


@given(st.text(st.characters(), max_size=8))
def test_exactly_what_utf_8_can_not_say_is_refused(text: str) -> None:
    sent = json.dumps([text]).encode()
    try:
        text.encode()
    except UnicodeEncodeError:
        assert may_be_torn(sent)
        with pytest.raises(InvalidInput):
            check_texts(sent)
    else:
        check_texts(sent)


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({"days": math.nan}, "days is nan"),
        ({"a": [{"b": -math.inf}]}, "a.0.b is -inf"),
        ({"reason": "\ud83d"}, "reason holds half a character"),
    ],
)
def test_what_json_can_not_say_is_refused_before_it_is_sent(
    as_user: Callable[..., Client], body: dict[str, object], where: str
) -> None:
    client = as_user(ADA).http
    for send in (client.post, client.put, client.patch):
        with pytest.raises(InvalidInput, match=where) as refused:
            send("/tokens", dict, body)
        assert refused.value.code == "not_json"


REFUSED_CURSORS = {(422, "bad_cursor"), (422, "bad_digest"), (404, "monitor_not_found")}
"""A listing of datasets goes on after a digest; nobody monitors the model."""


@pytest.mark.parametrize(
    "cursor", ["", "?", "-1", "abc?", "9" * 30, "٣", "0001-01-01T00:00:00+05:00", "0001-01-01T00:00:00+05:00_1"]
)
def test_a_cursor_that_no_page_gave_is_refused_by_every_listing(
    http: httpx.Client, sqlite_parts: Clearance, cursor: str
) -> None:
    asked, wrong = 0, []
    for path, route in flattened(server.create(sqlite_parts, console=False).routes):
        if "cursor" in {each.name for each in queries_of(route.dependant)}:
            answer = http.get(filled(path, ""), params={"cursor": cursor})
            asked += 1
            if "total" in answer.json():
                assert is_model_name(cursor), "after any name there is a page"
            elif (answer.status_code, answer.json().get("code")) not in REFUSED_CURSORS:
                wrong.append(f"{path}: {answer.status_code} {answer.text[:200]}")
    assert not wrong, "\n".join(wrong)
    assert asked > 8


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00+05:00", "9999-12-31T23:59:59-05:00", "0001-01-01T00:00:00Z"])
def test_a_moment_at_the_end_of_all_dates_is_answered_or_refused_on_every_route(
    http: httpx.Client, parts: Clearance, moment: str
) -> None:
    asked, wrong = 0, []
    for path, route in flattened(server.create(parts, console=False).routes):
        for each in queries_of(route.dependant):
            if each.name in {"since", "before", "until", "at", "start", "end"}:
                asked += 1
                for method in sorted(route.methods or ()):
                    answer = http.request(
                        method, filled(path, ""), params={each.name: moment, "environment": "production"}
                    )
                    if answer.status_code not in {200, 404, 422}:
                        wrong.append(f"{method} {path} {each.name}: {answer.status_code} {answer.text[:200]}")
    assert not wrong, "\n".join(wrong)
    assert asked > 2


def test_a_value_that_a_database_can_not_hold_is_refused_in_words(parts: Clearance) -> None:
    for found in (BEYOND, -BEYOND - 1, "a\0b"):
        column = sa.literal(found, sa.String() if isinstance(found, str) else sa.BigInteger())
        with suppress(InvalidInput), parts.database.read() as tx:
            assert tx.execute(sa.select(column)).scalar() == found, "a database that can hold it does"
    with pytest.raises(InvalidInput, match=r"beyond 64 bits|out of range") as refused, parts.database.write() as tx:
        tx.execute(
            sa.insert(leaves),
            dict.fromkeys(leaves.c.keys(), "") | {"position": BEYOND, "leaf": b"", "hash": b"", "at": tx.now},
        )
    assert refused.value.code == "value_out_of_range"
