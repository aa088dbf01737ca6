"""Pages without a browser: who may see what, forms that are not ours, errors as pages, and pages with nothing on them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import httpx
import pytest

from clearance import server
from clearance.access.model import NewToken, Role
from clearance.access.service import issue_token, revoke_token
from clearance.app import Clearance
from clearance.client.transport import InProcessTransport
from clearance.monitoring import service as monitoring
from clearance.registry import service as registry
from clearance.registry.model import NewModel
from clearance.web.core import csrf_token
from tests.conftest import person
from tests.web.showcase import Showcase

HTML = {"accept": "text/html,application/xhtml+xml"}
Open = Callable[..., httpx.Client]


@pytest.fixture
def console(sqlite_parts: Clearance) -> Iterator[Open]:
    """Return a function that gives a browser-like client, logged in with a role, over an empty installation."""
    app = server.create(sqlite_parts)
    made: list[httpx.Client] = []

    def opened(role: Role | None = None) -> httpx.Client:
        cookies = {} if role is None else {"clearance_session": token(sqlite_parts, role)}
        transport = InProcessTransport(lambda: app, {})
        made.append(httpx.Client(base_url="http://local", transport=transport, headers=HTML, cookies=cookies))
        return made[-1]

    yield opened
    for client in made:
        client.close()


def token(parts: Clearance, role: Role) -> str:
    with parts.database.write() as tx:
        return issue_token(tx, person("ada"), NewToken(name=f"some-{role}", roles=(role,))).secret


def csrf(client: httpx.Client) -> str:
    return csrf_token(client.cookies["clearance_session"])


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("/", "Nothing is governed yet"),
        ("/models", "No models yet"),
        ("/rollouts", "None yet"),
        ("/approvals", "Nothing waits"),
        ("/alerts", "Nothing is known to be wrong"),
        ("/audit", "token.issued"),
        ("/audit?subject=model/none", "that fits"),
        ("/audit/verification", "The log verifies"),
        ("/docs", "/api/v1/whoami"),
    ],
)
def test_a_page_with_nothing_on_it_says_so_and_what_to_do(console: Open, path: str, says: str) -> None:
    answer = console(Role.ADMIN).get(path)
    assert answer.status_code == 200
    assert says in answer.text


def test_a_stranger_is_sent_to_the_login_page_and_back(console: Open) -> None:
    answer = console().get("/audit", params={"subject": "model/a&b", "event": ""})
    assert answer.status_code == 303
    assert answer.headers["location"] == "/login?next=%2Faudit%3Fsubject%3Dmodel%252Fa%2526b%26event%3D"
    back = console().post("/login", data={"token": "x", "next": "/audit?subject=a"})
    assert 'name="next" value="/audit?subject=a"' in back.text


@pytest.mark.parametrize("sent", ["", "clr.x.y", "clr.tok_x.secret", "über", " "])
def test_a_token_that_is_not_known_opens_nothing(console: Open, sent: str) -> None:
    answer = console().post("/login", data={"token": sent})
    assert answer.status_code == 401
    assert "not known here" in answer.text
    assert "set-cookie" not in answer.headers


def test_the_session_can_be_read_by_no_script_and_sent_by_no_other_site(console: Open, sqlite_parts: Clearance) -> None:
    secret = token(sqlite_parts, Role.VIEWER)
    answer = console().post("/login", data={"token": f" {secret}\n", "next": "/models"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/models")
    assert answer.headers["set-cookie"] == f"clearance_session={secret}; HttpOnly; Path=/; SameSite=strict"
    secure = httpx.URL("https://local/login")
    assert "Secure" in console().post(secure, data={"token": secret}).headers["set-cookie"]


@pytest.mark.parametrize(
    "target",
    ["//evil.example", "https://evil.example", "/\\evil.example", "\\\\evil.example", "/\t/evil.example", "evil", ""],
)
def test_login_never_leads_to_another_site(console: Open, sqlite_parts: Clearance, target: str) -> None:
    answer = console().post("/login", data={"token": token(sqlite_parts, Role.VIEWER), "next": target})
    assert answer.headers["location"] == "/"


@pytest.mark.parametrize("sent", [{}, {"csrf": ""}, {"csrf": "x"}, {"csrf": "ü"}])
def test_a_form_without_its_token_changes_nothing(console: Open, sqlite_parts: Clearance, sent: dict[str, str]) -> None:
    with sqlite_parts.database.write() as tx:
        registry.create_model(tx, person("ada"), NewModel(name="loans", owner="ada"))
    answer = console(Role.ADMIN).post("/models/loans/rollback", data={"reason": "because", **sent})
    assert answer.status_code == 403
    assert "does not come from this console" in answer.text


def test_a_form_with_its_token_goes_through_and_its_error_is_a_page(console: Open, sqlite_parts: Clearance) -> None:
    with sqlite_parts.database.write() as tx:
        registry.create_model(tx, person("ada"), NewModel(name="loans", owner="ada"))
    client = console(Role.ADMIN)
    answer = client.post("/models/loans/rollback", data={"reason": "because", "csrf": csrf(client)})
    assert answer.status_code == 404
    assert "nothing serves for loans in production" in answer.text
    assert "Log out" in answer.text, "the navigation is there"


def test_a_session_that_ended_while_a_form_was_open_leads_to_the_login_page(
    console: Open, sqlite_parts: Clearance
) -> None:
    client = console(Role.ADMIN)
    sent = {"reason": "because", "csrf": csrf(client)}
    with sqlite_parts.database.write() as tx:
        revoke_token(tx, person("ada"), client.cookies["clearance_session"].split(".")[1])
    assert client.post("/models/loans/rollback", data=sent).headers["location"] == "/login?next=%2F"
    assert client.get("/models").headers["location"] == "/login?next=%2Fmodels"


def test_another_site_can_neither_log_one_in_nor_out(console: Open, sqlite_parts: Clearance) -> None:
    foreign = {"sec-fetch-site": "cross-site"}
    secret = token(sqlite_parts, Role.VIEWER)
    for path, data in (("/login", {"token": secret}), ("/logout", {})):
        answer = console().post(path, data=data, headers=foreign)
        assert answer.status_code == 403
        assert "set-cookie" not in answer.headers


def test_who_lacks_a_permission_sees_a_page_that_names_it_and_no_forms(console: Open, sqlite_parts: Clearance) -> None:
    viewer = console(Role.VIEWER)
    answer = viewer.get("/audit/verification")
    assert answer.status_code == 403
    assert "audit.read" in answer.text
    assert "roles that have it: auditor, admin" in answer.text
    assert "Log out" in answer.text
    assert "Verify the whole log" not in viewer.get("/audit").text
    refused = viewer.post("/alerts/alr_x/acknowledge", data={"csrf": csrf(viewer)})
    assert refused.status_code == 403
    assert "respond" in refused.text


@pytest.mark.parametrize(
    ("path", "status", "says"),
    [
        ("/nothing", 404, "there is no page /nothing"),
        ("/logout", 404, "there is no page /logout"),
        ("/models/none", 404, "none"),
        ("/models/none/versions/1", 404, "none"),
        ("/models/none/versions/one", 422, "number"),
        ("/rollouts/rol_x", 404, "rol_x"),
        ("/alerts/alr_x", 404, "alr_x"),
        ("/incidents/inc_x", 404, "inc_x"),
        ("/models?cursor=%00", 422, "cursor"),
        ("/static/none.js", 404, "none.js"),
    ],
)
def test_an_error_is_a_page_for_a_browser(console: Open, path: str, status: int, says: str) -> None:
    answer = console(Role.ADMIN).get(path)
    assert answer.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert says in answer.text
    assert answer.status_code == status


def test_an_error_is_problem_details_for_a_program(console: Open) -> None:
    client = console(Role.ADMIN)
    for path, accept in (("/nothing", "*/*"), ("/api/v1/nothing", HTML["accept"]), ("/v2/nothing", HTML["accept"])):
        answer = client.get(path, headers={"accept": accept})
        assert answer.status_code == 404
        assert answer.headers["content-type"] == "application/problem+json"


def test_what_people_write_is_shown_and_never_run(console: Open, sqlite_parts: Clearance) -> None:
    evil = "<script>alert(1)</script>\"'><img src=x>"
    with sqlite_parts.database.write() as tx:
        registry.create_model(tx, person("ada"), NewModel(name="loans", owner=evil[:60], purpose=evil))
    client = console(Role.ADMIN)
    for path in ("/", "/models", "/models/loans", "/audit", f"/audit?subject={evil}", f"/{evil}"):
        answer = client.get(path)
        assert "<script>alert" not in answer.text
        assert "<img" not in answer.text
    assert "&lt;script&gt;" in client.get("/models/loans").text


def test_every_page_carries_the_strict_policy_and_no_inline_script_or_style(console: Open) -> None:
    client = console(Role.ADMIN)
    for path in ("/", "/models", "/rollouts", "/approvals", "/alerts", "/audit", "/docs", "/login"):
        answer = client.get(path)
        policy = answer.headers["content-security-policy"]
        assert "unsafe" not in policy
        assert answer.headers["cache-control"] == "no-store"
        assert not re.search(r"<style|style=|\son[a-z]+=|<script(?! src=| type=.application/json)", answer.text)


def test_a_page_draws_the_newest_windows_and_says_how_many_there_are(
    showcase: Showcase, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = server.create(showcase.parts)
    cookies = {"clearance_session": showcase.tokens["vic"]}
    transport = InProcessTransport(lambda: app, {})
    with httpx.Client(base_url="http://local", transport=transport, headers=HTML, cookies=cookies) as client:
        whole = client.get("/models/car-loan").text
        monkeypatch.setattr("clearance.web.registry._CHARTED", 3)
        monkeypatch.setattr("clearance.web.registry._WINDOWS", 2)
        newest = client.get("/models/car-loan").text
    with showcase.parts.database.read() as tx:
        total = monitoring.newest_windows(tx, "car-loan", "production", 1)[1]
    assert "of which the charts show" not in whole
    assert f"{total} in all, of which the charts show the newest 3" in newest
    assert len(newest) < len(whole)
