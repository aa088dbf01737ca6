"""Somebody logs in on the console with a real Chromium through the real identity provider's own pages."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from clearance.access import service
from clearance.access.model import Role
from clearance.access.people import NewBinding
from clearance.api.core import COOKIE
from tests.access.conftest import Site
from tests.access.glewlwyd import PASSWORD, Glewlwyd
from tests.conftest import person
from tests.web.conftest import ARGUMENTS, CHROMIUM

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]


@pytest.fixture
def page(site: Site) -> Iterator[Page]:
    """A page in Debian's Chromium; skipped with the reason where there is none, never in CI."""
    if not CHROMIUM.exists() and not os.environ.get("CI"):
        pytest.skip(f"no browser here: {CHROMIUM} is missing; `apt install chromium` brings it")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield launched.new_page()
        launched.close()


def test_a_person_logs_in_by_the_providers_page_and_out_again(page: Page, provider: Glewlwyd, site: Site) -> None:
    with site.parts.database.write() as tx:
        service.bind_role(tx, person("ada"), NewBinding(subject="user:alice@example.com", role=Role.VIEWER))
    with provider.browser_of("alice"):
        pass  # she has said before that Clearance may know who she is
    page.goto(f"{site.url}/models")
    assert page.url == f"{site.url}/login?next=%2Fmodels"
    page.get_by_role("link", name="Log in with your organisation").click()
    page.fill("#username", "alice")
    page.fill("#password", PASSWORD)
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Continue").click()
    page.wait_for_url(f"{site.url}/models")
    assert "user:alice@example.com · viewer" in page.inner_text("header")
    cookie = next(each for each in page.context.cookies(site.url) if each["name"] == COOKIE)
    assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Lax")
    page.get_by_role("button", name="Log out").click()
    page.wait_for_url(f"{site.url}/login?left=true")
    assert "You are logged out of Clearance" in page.inner_text("main")
    page.goto(f"{site.url}/models")
    assert page.url == f"{site.url}/login?next=%2Fmodels"
