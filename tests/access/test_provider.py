"""People log in through a real identity provider: on the console and on the command line."""

from __future__ import annotations

import json
import os
import re
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from clearance.access import service
from clearance.access.model import Role
from clearance.access.people import NewBinding
from clearance.api.core import COOKIE
from clearance.client.client import Client
from clearance.errors import Unauthenticated
from clearance.web.session import UNDERWAY
from tests.access.conftest import Site
from tests.access.glewlwyd import SECRET, Glewlwyd
from tests.conftest import person

ADA = person("ada")


@pytest.fixture
def browser(site: Site) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=site.url, headers={"accept": "text/html"}) as client:
        yield client


def at_provider(provider: Glewlwyd, name: str, departure: httpx.Response) -> str:
    """Return where the provider sends the browser of somebody who is signed in there."""
    assert departure.status_code == 303
    with provider.browser_of(name) as there:
        answer = there.get(departure.headers["location"] + "&g_continue=")
    found: str = answer.headers["location"]
    return found


def log_in(browser: httpx.Client, provider: Glewlwyd, name: str, path: str = "/") -> httpx.Response:
    departure = browser.get("/login/provider", params={"next": path})
    return browser.get(at_provider(provider, name, departure))


def test_a_person_logs_in_on_the_console_and_has_the_roles_bound_to_them_and_their_groups(
    browser: httpx.Client, provider: Glewlwyd, site: Site
) -> None:
    with site.parts.database.write() as tx:
        service.bind_role(tx, ADA, NewBinding(subject="user:alice@example.com", role=Role.VIEWER))
        service.bind_role(tx, ADA, NewBinding(subject="group:risk", role=Role.APPROVER, team="credit"))
    arrived = log_in(browser, provider, "alice", "/models")
    assert (arrived.status_code, arrived.headers["location"]) == (303, "/models")
    cookie = next(each for each in arrived.headers.get_list("set-cookie") if each.startswith(COOKIE))
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    who = browser.get("/api/v1/whoami").json()
    assert (who["name"], who["roles"]) == ("user:alice@example.com", ["viewer"])
    assert who["team_roles"] == [{"role": "approver", "team": "credit"}]
    assert browser.get("/models").status_code == 200


def test_whoever_has_no_role_yet_is_told_so_and_sees_nothing(browser: httpx.Client, provider: Glewlwyd) -> None:
    log_in(browser, provider, "bob")
    refused = browser.get("/models")
    assert refused.status_code == 403
    assert "ser:bob@example.com may not do this" in refused.text
    assert "clearance roles bind user:bob@example.com viewer" in refused.text


def test_a_code_works_once_even_for_whoever_copied_the_cookie_too(
    browser: httpx.Client, provider: Glewlwyd, site: Site
) -> None:
    departure = browser.get("/login/provider")
    underway = browser.cookies[UNDERWAY]
    callback = at_provider(provider, "alice", departure)
    assert browser.get(callback).status_code == 303
    assert UNDERWAY not in browser.cookies
    with httpx.Client(base_url=site.url, cookies={UNDERWAY: underway}) as thief:
        refused = thief.get(callback)
    assert refused.status_code == 401
    assert COOKIE not in refused.cookies


def test_a_log_in_that_another_browser_began_is_refused(browser: httpx.Client, provider: Glewlwyd, site: Site) -> None:
    callback = at_provider(provider, "alice", browser.get("/login/provider"))
    with httpx.Client(base_url=site.url) as victim:
        assert "not begun in this browser" in victim.get(callback).text
        victim.get("/login/provider")  # now it has begun one of its own: the state is another
        refused = victim.get(callback)
        assert refused.status_code == 422
        assert COOKIE not in refused.cookies


def test_a_code_of_another_log_in_is_refused(browser: httpx.Client, provider: Glewlwyd, site: Site) -> None:
    theirs = parse_qs(urlsplit(at_provider(provider, "alice", browser.get("/login/provider"))).query)["code"][0]
    with httpx.Client(base_url=site.url) as victim:
        departure = victim.get("/login/provider")
        state = parse_qs(urlsplit(departure.headers["location"]).query)["state"][0]
        refused = victim.get("/login/callback", params={"code": theirs, "state": state})
    assert refused.status_code == 401
    assert COOKIE not in refused.cookies


def test_the_session_is_a_new_one_whatever_cookie_was_there_before(
    browser: httpx.Client, provider: Glewlwyd, site: Site
) -> None:
    browser.cookies.set(COOKIE, "cls.ses_planted.by-somebody")
    arrived = log_in(browser, provider, "alice")
    assert arrived.cookies[COOKIE] != "cls.ses_planted.by-somebody"
    again = log_in(browser, provider, "alice")
    assert arrived.cookies[COOKIE] != again.cookies[COOKIE]


@pytest.mark.parametrize("elsewhere", ["https://evil.example", "//evil.example", "/\\evil.example", "javascript:x"])
def test_a_log_in_never_ends_on_another_site(browser: httpx.Client, provider: Glewlwyd, elsewhere: str) -> None:
    assert log_in(browser, provider, "alice", elsewhere).headers["location"] == "/"


def test_after_logging_out_a_copy_of_the_cookie_is_worth_nothing(
    browser: httpx.Client, provider: Glewlwyd, site: Site
) -> None:
    log_in(browser, provider, "alice")
    copied = browser.cookies[COOKIE]
    answer = browser.post("/logout")
    assert (answer.status_code, answer.headers["location"]) == (303, "/login?left=true")
    with httpx.Client(base_url=site.url, cookies={COOKIE: copied}) as thief:
        assert thief.get("/api/v1/whoami").json()["code"] == "session_ended"
    page = browser.get("/login?left=true").text
    found = re.search(r'href="(http[^"]*end_session[^"]*)"', page)
    assert found is not None
    assert urlsplit(found[1]).netloc == urlsplit(provider.url).netloc


def test_a_secret_that_was_rotated_at_the_provider_is_picked_up_from_its_file(
    browser: httpx.Client, provider: Glewlwyd, site: Site
) -> None:
    file = Path(site.parts.settings.oidc_client_secret.removeprefix("file:"))
    file.write_text("the wrong one")
    assert log_in(browser, provider, "alice").status_code == 401
    file.write_text(SECRET)
    assert log_in(browser, provider, "alice").status_code == 303


def test_the_command_line_logs_in_by_the_device_flow(provider: Glewlwyd, site: Site, tmp_path: Path) -> None:
    environment = {"PATH": os.environ["PATH"], "CLEARANCE_HOME": str(tmp_path / "home"), "CLEARANCE_URL": site.url}
    command = [sys.executable, "-m", "clearance"]
    with subprocess.Popen(
        [*command, "login", "--json"], env=environment, stdout=-1, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        said = ""
        while "confirm the code" not in said:
            line = process.stderr.readline()
            assert line, said
            said += line
        code = re.search(r"confirm the code (\S+?)\.", said)
        assert code is not None
        provider.confirm("bob", code[1])
        out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert json.loads(out)["name"] == "user:bob@example.com"
    kept = tmp_path / "home" / "logins.json"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*command, *arguments], check=False, env=environment, capture_output=True, text=True, timeout=60
        )

    assert json.loads(run("tokens", "whoami", "--json").stdout)["name"] == "user:bob@example.com"
    secret = json.loads(kept.read_text())[site.url]["secret"]
    assert run("logout").returncode == 0
    assert json.loads(kept.read_text()) == {}
    with Client(site.url, secret) as client, pytest.raises(Unauthenticated, match="session was ended"):
        client.access.whoami()
