"""The page of access: an administrator sees and changes it, nobody else does, and no other site can."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import httpx
import pytest

from clearance import server
from clearance.access import service
from clearance.access.model import NewToken, Role
from clearance.access.sessions import FAILURES_PER_ADDRESS
from clearance.api.core import COOKIE
from clearance.app import Clearance
from clearance.client.transport import InProcessTransport
from clearance.web.core import csrf_token
from tests.conftest import person

Browser = Callable[[Role], httpx.Client]


@pytest.fixture
def browser(sqlite_parts: Clearance) -> Iterator[Browser]:
    """Return a function that gives the browser of somebody who logged in with a token of that role."""
    app = server.create(sqlite_parts)
    with ExitStack() as opened:

        def of(role: Role) -> httpx.Client:
            with sqlite_parts.database.write() as tx:
                new = NewToken(name=role.value, roles=(role,))
                secret = service.issue_token(tx, person("ada"), new).secret
            transport = InProcessTransport(lambda: app, {})
            headers = {"accept": "text/html"}
            client = httpx.Client(
                base_url="http://local", transport=transport, cookies={COOKIE: secret}, headers=headers
            )
            return opened.enter_context(client)

        yield of


def form(client: httpx.Client, **fields: str) -> dict[str, str]:
    return {"csrf": csrf_token(client.cookies[COOKIE]), **fields}


def test_an_administrator_gives_and_takes_roles_and_revokes_tokens(browser: Browser, sqlite_parts: Clearance) -> None:
    admin, viewer = browser(Role.ADMIN), browser(Role.VIEWER)
    given = form(admin, subject="group:risk", role="approver", team="lending")
    assert admin.post("/access/bind", data=given).status_code == 303
    page = admin.get("/access").text
    assert "group:risk" in page
    assert "lending" in page
    assert admin.post("/access/unbind", data=given).status_code == 303
    assert "lending" not in admin.get("/access").text
    with sqlite_parts.database.read() as tx:
        token = next(each for each in service.list_tokens(tx) if each.name == "user:viewer")
    assert admin.post(f"/access/tokens/{token.id}/revoke", data=form(admin)).status_code == 303
    assert viewer.get("/models").headers["location"].startswith("/login")


def test_nobody_else_sees_it_or_is_shown_the_way(browser: Browser) -> None:
    auditor = browser(Role.AUDITOR)
    assert auditor.get("/access").status_code == 403
    assert 'href="/access"' not in auditor.get("/models").text
    assert 'href="/access"' in browser(Role.ADMIN).get("/models").text


def test_another_site_can_give_no_role(browser: Browser) -> None:
    admin = browser(Role.ADMIN)
    for csrf in ("", csrf_token("another session")):
        fields = {"csrf": csrf, "subject": "user:eve", "role": "admin"}
        assert admin.post("/access/bind", data=fields).status_code == 403
    assert "user:eve" not in admin.get("/access").text


def test_whoever_guesses_tokens_at_the_console_has_to_wait(sqlite_parts: Clearance) -> None:
    app = server.create(sqlite_parts)
    transport = InProcessTransport(lambda: app, {})
    with httpx.Client(base_url="http://local", transport=transport, headers={"accept": "text/html"}) as guesser:
        statuses = [
            guesser.post("/login", data={"token": f"clr.tok_{n}.x"}).status_code
            for n in range(FAILURES_PER_ADDRESS + 1)
        ]
        assert set(statuses) == {401}
        refused = guesser.post("/login", data={"token": "clr.tok_x.y"})
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "60")
        assert "too many log-ins failed from this address" in refused.text
        guesser.cookies.set(COOKIE, "clr.tok_x.y")
        page = guesser.get("/models")
        assert (page.status_code, page.headers["content-type"]) == (429, "text/html; charset=utf-8")


def test_a_secret_is_shown_by_its_reference_only(browser: Browser, sqlite_parts: Clearance) -> None:
    object.__setattr__(sqlite_parts.settings, "webhook_url", "https://hooks.example.com/hunter2")
    page = browser(Role.ADMIN).get("/access").text
    assert "CLEARANCE_WEBHOOK_URL" in page
    assert "given in the setting" in page
    assert "hunter2" not in page
