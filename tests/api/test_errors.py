"""Every error has the one shape, and nobody gets in without a token."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta

import httpx
import pytest

from clearance import server
from clearance.access.model import NewToken, Principal, Role
from clearance.access.service import authenticate, issue_token, revoke_token
from clearance.app import Clearance
from clearance.client.client import Client
from clearance.client.transport import InProcessTransport
from clearance.clock import FixedClock
from clearance.errors import Forbidden, NotFound, Unauthenticated

ADA = Principal(name="user:ada", roles=(Role.ADMIN,))
SHAPE = {"type", "title", "status", "detail", "instance", "kind", "code", "hint", "details"}


@pytest.fixture
def stranger(sqlite_parts: Clearance) -> Iterator[httpx.Client]:
    app = server.create(sqlite_parts)
    with httpx.Client(base_url="http://local", transport=InProcessTransport(lambda: app, {})) as client:
        yield client


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/api/v1/tokens", 401, "token_missing"),
        ("GET", "/api/v1/nothing", 404, "not_found"),
        ("DELETE", "/api/v1/whoami", 405, "method_not_allowed"),
    ],
)
def test_an_error_is_problem_details_with_a_stable_code(
    stranger: httpx.Client, method: str, path: str, status: int, code: str
) -> None:
    answer = stranger.request(method, path)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert set(answer.json()) == SHAPE
    assert answer.headers["content-type"] == "application/problem+json"


def test_who_has_no_token_is_told_where_commands_and_programs_take_it_from(stranger: httpx.Client) -> None:
    hint = stranger.get("/api/v1/tokens").json()["hint"]
    assert all(word in hint for word in ("--token", "CLEARANCE_TOKEN", "clearance login", "Authorization: Bearer"))


def test_a_field_that_is_not_known_is_named(as_user: Callable[..., Client]) -> None:
    http = as_user(ADA).http.client
    answer = http.post("/api/v1/tokens", json={"name": "x", "roles": ["viewer"], "dayz": 3})
    assert (answer.status_code, answer.json()["detail"]) == (422, "body.dayz: unknown field")


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        ({"name": "x"}, "body.roles: is missing, and it is needed"),
        ({"name": 1, "roles": []}, "body.name: must be a text"),
        ({"name": "x", "roles": "viewer"}, "body.roles: must be a list"),
        ({"name": "x", "roles": [], "scope": "all"}, "body.scope: must be an object"),
        ({"name": "x", "roles": [], "days": "soon"}, "body.days: must be a number"),
        ({"name": "x", "roles": [], "service": 7}, "body.service: must be true or false"),
        ([], "body: must be an object"),
        ("x", "body: must be an object"),
    ],
)
def test_what_does_not_fit_is_said_in_the_words_of_json(
    as_user: Callable[..., Client], body: object, detail: str
) -> None:
    answer = as_user(ADA).http.client.post("/api/v1/tokens", json=body)
    assert (answer.status_code, answer.json()["code"], answer.json()["detail"]) == (422, "request_invalid", detail)
    assert answer.json()["details"]["faults"][0] == dict(zip(("where", "what"), detail.split(": "), strict=True))


def test_a_word_that_is_none_of_those_allowed_is_told_them(as_user: Callable[..., Client]) -> None:
    answer = as_user(ADA).http.client.post("/api/v1/tokens", json={"name": "x", "roles": ["king"]})
    assert answer.json()["detail"].startswith("body.roles.0: must be 'viewer', ")


def test_a_body_that_is_no_json_says_where(as_user: Callable[..., Client]) -> None:
    answer = as_user(ADA).http.client.post(
        "/api/v1/tokens", content=b'{"name" 1}', headers={"content-type": "application/json"}
    )
    assert answer.json()["detail"] == "body: is not JSON at character 8: Expecting ':' delimiter"


@pytest.mark.parametrize("body", [b'{"name": "\xff"}', b"[" * 50_000])
def test_a_body_that_can_not_be_taken_apart_is_refused_like_any_other(
    as_user: Callable[..., Client], body: bytes
) -> None:
    answer = as_user(ADA).http.client.post("/api/v1/tokens", content=body, headers={"content-type": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (422, "request_invalid")
    assert answer.json()["detail"].startswith("the body can't be read: ")


@pytest.mark.parametrize("kind", [None, "application/x-www-form-urlencoded", "text/plain"])
def test_a_body_without_the_content_type_of_json_is_told_the_header(
    as_user: Callable[..., Client], kind: str | None
) -> None:
    headers = {} if kind is None else {"content-type": kind}
    answer = as_user(ADA).http.client.post("/api/v1/models", content=b'{"name": "a", "owner": "b"}', headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (422, "content_type")
    assert "content-type: application/json" in answer.json()["hint"]


def test_a_method_that_a_path_does_not_have_is_told_all_it_has(stranger: httpx.Client) -> None:
    assert stranger.put("/api/v1/models").headers["allow"] == "GET, POST"
    assert stranger.delete("/api/v1/models/none").headers["allow"] == "GET, PATCH"
    assert stranger.post("/health").headers["allow"] == "GET"


def test_a_mistake_of_ours_is_said_to_be_ours(sqlite_parts: Clearance) -> None:
    app = server.create(sqlite_parts)

    @app.get("/broken")
    def broken() -> None:
        raise ZeroDivisionError

    with httpx.Client(base_url="http://local", transport=InProcessTransport(lambda: app, {})) as client:
        answer = client.get("/broken")
    assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")


def test_a_token_works_until_it_expires_or_is_revoked(parts: Clearance, clock: FixedClock) -> None:
    with parts.database.write() as tx:
        short = issue_token(tx, ADA, NewToken(name="ci", roles=(Role.DEVELOPER,), days=1))
        long = issue_token(tx, ADA, NewToken(name="bo", roles=(Role.VIEWER, Role.APPROVER), days=30))
    with parts.database.read() as tx:
        known = authenticate(tx, short.secret)
        assert (known.name, known.roles, known.issued_by) == ("user:ci", (Role.DEVELOPER,), "user:ada")
    clock.advance(timedelta(days=1))
    with parts.database.read() as tx, pytest.raises(Unauthenticated, match="expired on 2026-01-06") as expired:
        authenticate(tx, short.secret)
    assert expired.value.code == "token_expired"
    with parts.database.write() as tx:
        revoke_token(tx, ADA, long.token.id)
    with parts.database.read() as tx, pytest.raises(Unauthenticated, match="revoked"):
        authenticate(tx, long.secret)
    with pytest.raises(NotFound), parts.database.write() as tx:
        revoke_token(tx, ADA, "tok_none")


@pytest.mark.parametrize(
    "change", [str.upper, lambda text: text[:-1], lambda _: "", lambda _: "clr.x.y", lambda _: "a.b"]
)
def test_a_token_that_is_nearly_right_is_not_known(parts: Clearance, change: Callable[[str], str]) -> None:
    with parts.database.write() as tx:
        issued = issue_token(tx, ADA, NewToken(name="ci", roles=(Role.DEVELOPER,)))
    with parts.database.read() as tx, pytest.raises(Unauthenticated, match="not known"):
        authenticate(tx, change(issued.secret))


def test_the_secret_is_stored_nowhere(sqlite_parts: Clearance) -> None:
    with sqlite_parts.database.write() as tx:
        issued = issue_token(tx, ADA, NewToken(name="ci", roles=(Role.DEVELOPER,)))
    sqlite_parts.close()
    secret = issued.secret.rpartition(".")[2].encode()
    for path in sqlite_parts.settings.home.rglob("*"):
        assert not path.is_file() or secret not in path.read_bytes()


def test_what_a_role_may_not_do_names_the_roles_that_may(as_user: Callable[..., Client]) -> None:
    with pytest.raises(Forbidden, match=r"access\.admin") as refused:
        as_user(Principal(name="user:vic", roles=(Role.VIEWER,))).access.issue("x", [Role.ADMIN])
    assert refused.value.hint == "roles that have it: admin"
