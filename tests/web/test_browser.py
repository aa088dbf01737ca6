"""The console in a real Chromium, against a real server: what a person sees and does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from clearance.policy import service as policy
from clearance.policy.model import Outcome
from tests.web.showcase import Showcase

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

WITH_CHARTS = {"model": 3, "version": 3, "denied version": 1, "pending version": 1}
"""Pages with charts, and how many."""

FIRST_RED = """canvas => {
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  for (let x = 0; x < canvas.width; x++)
    for (let y = 0; y < canvas.height; y++) {
      const at = 4 * (y * canvas.width + x);
      if (data[at] === 209 && data[at + 1] === 36 && data[at + 2] === 47 && data[at + 3] === 255)
        return [x / devicePixelRatio, y / devicePixelRatio];
    }
}"""
"""Where the leftmost pixel is that has the colour of a failure."""


class Visit:
    """Somebody at the console, and everything that the browser complained about."""

    def __init__(self, site: str, page: Page) -> None:
        self.site, self.page = site, page
        self.complaints: list[str] = []
        self.hosts: set[str] = set()
        page.on("console", lambda said: self._heard(said.type, said.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", lambda request: self.hosts.add(urlsplit(request.url).netloc))

    def _heard(self, kind: str, text: str) -> None:
        if kind in {"error", "warning"}:
            self.complaints.append(text)

    def log_in(self, token: str, path: str = "/") -> Visit:
        self.page.goto(self.site + path)
        self.page.fill("#token", token)
        with self.page.expect_navigation():
            self.page.keyboard.press("Enter")
        return self

    def press(self, button: str) -> None:
        """Press a button that sends a form, and wait for the page that answers."""
        with self.page.expect_navigation():
            self.page.get_by_role("button", name=button).click()

    def open(self, path: str) -> int:
        answer = self.page.goto(self.site + path)
        assert answer is not None
        return answer.status

    @property
    def path(self) -> str:
        found = urlsplit(self.page.url)
        assert f"{found.scheme}://{found.netloc}" == self.site
        return found.path


@pytest.fixture
def visit(browser: Browser, site: str) -> Iterator[Callable[..., Visit]]:
    """Return a function that opens a fresh browser profile, with Playwright's options."""
    contexts = []

    def opened(**options: Any) -> Visit:
        contexts.append(browser.new_context(**options))
        return Visit(site, contexts[-1].new_page())

    yield opened
    for context in contexts:
        context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_opens_without_a_complaint_or_a_request_to_anybody_else(
    visit: Callable[..., Visit], showcase: Showcase, scheme: str
) -> None:
    seen = visit(color_scheme=scheme).log_in(showcase.tokens["ada"])
    for name, path in showcase.pages.items():
        assert seen.open(path) == 200, name
        if name in WITH_CHARTS:
            seen.page.locator("figure.chart canvas").nth(WITH_CHARTS[name] - 1).wait_for()
            assert seen.page.locator("figure.chart canvas").count() == WITH_CHARTS[name], name
        assert seen.page.locator("h1").count() == 1, name
    assert seen.complaints == []
    assert seen.hosts == {urlsplit(seen.site).netloc}
    background = seen.page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (background == "rgb(13, 17, 23)") is (scheme == "dark")


def test_a_chart_marks_what_failed_and_says_more_under_the_mouse(
    visit: Callable[..., Visit], showcase: Showcase
) -> None:
    seen = visit().log_in(showcase.tokens["vic"], "/models/car-loan")
    canvas = seen.page.locator("figure.chart canvas").first
    canvas.wait_for()
    x, y = canvas.evaluate(FIRST_RED)
    box = canvas.bounding_box()
    assert box is not None
    seen.page.mouse.move(box["x"] + x + 1, box["y"] + y + 2)
    tooltip = seen.page.locator("#vg-tooltip-element.visible")
    tooltip.wait_for()
    assert "2025-11-24" in tooltip.inner_text()
    assert "failed" in tooltip.inner_text()
    assert seen.complaints == []


def test_pages_work_without_scripts_except_for_the_charts(visit: Callable[..., Visit], showcase: Showcase) -> None:
    seen = visit(java_script_enabled=False).log_in(showcase.tokens["ada"])
    for name, path in showcase.pages.items():
        assert seen.open(path) == 200, name
    seen.open("/models/car-loan")
    assert seen.page.locator("canvas").count() == 0
    assert seen.page.get_by_text("JavaScript draws this chart").first.is_visible()
    assert seen.page.get_by_text("amount (psi").first.is_visible()
    drift = seen.page.locator("figure.chart").first
    drift.locator("summary").click()
    assert drift.locator("details table tbody tr").filter(has_text="amount").first.is_visible()


def test_a_telephone_shows_whole_rows_and_a_picture_that_can_be_read(
    visit: Callable[..., Visit], showcase: Showcase
) -> None:
    seen = visit(viewport={"width": 400, "height": 800}).log_in(showcase.tokens["ada"])
    seen.open("/audit")
    cells = seen.page.locator("main table.stack tbody tr").first.locator("td")
    assert all(cell.bounding_box()["x"] < 400 for cell in cells.all() if cell.bounding_box())  # type: ignore[index]
    assert cells.filter(has_text="user:").first.is_visible()
    seen.open(f"/rollouts/{showcase.stopped}")
    row = seen.page.locator("main table.stack tbody tr").first
    for label in ("Candidate", "Stable", "Effect", "Limit", "Samples"):
        assert row.locator(f"td[data-label={label}]").is_visible(), label
    seen.open("/lineage?of=car-loan/1")
    box = seen.page.locator("svg.lineage rect").first.bounding_box()
    assert box is not None
    assert box["height"] >= 46, "as large as it was drawn, not shrunk to the page"
    seen.page.set_viewport_size({"width": 390, "height": 800})
    seen.open("/models/car-loan")
    failed = seen.page.locator("td[data-label=Failed]").first.bounding_box()
    assert failed is not None
    assert failed["x"] + failed["width"] <= 390 - 13, "what failed in a window does not stand outside its card"


def test_nothing_makes_a_narrow_page_scroll_sideways(visit: Callable[..., Visit], showcase: Showcase) -> None:
    seen = visit(viewport={"width": 400, "height": 800}).log_in(showcase.tokens["ada"])
    for name, path in (showcase.pages | {"missing": "/" + "x" * 200}).items():
        seen.open(path)
        assert seen.page.evaluate("document.documentElement.scrollWidth") <= 400, name


def test_the_page_of_the_api_opens_without_scripts_and_fits_a_telephone(
    visit: Callable[..., Visit], showcase: Showcase
) -> None:
    seen = visit(viewport={"width": 400, "height": 800}, java_script_enabled=False).log_in(showcase.tokens["ada"])
    assert seen.open("/docs") == 200
    route = seen.page.locator("details", has_text="/api/v1/artifacts/collection")
    assert not route.get_by_text("older_than_hours").is_visible()
    route.locator("summary").click()
    assert route.get_by_text("older_than_hours").is_visible()
    assert route.get_by_text("24 when left out").is_visible()
    every = visit(viewport={"width": 400, "height": 800}).log_in(showcase.tokens["ada"], "/docs")
    every.page.evaluate("for (const each of document.querySelectorAll('details')) each.open = true")
    assert every.page.evaluate("document.documentElement.scrollWidth") <= 400
    cards = "[...document.querySelectorAll('.card')].filter(card => card.scrollWidth > card.clientWidth).length"
    assert every.page.evaluate(cards) == 0, "nothing has to be pushed sideways either"


def test_the_keyboard_reaches_content_and_shows_where_it_is(visit: Callable[..., Visit], showcase: Showcase) -> None:
    seen = visit().log_in(showcase.tokens["ada"])
    outline = "getComputedStyle(document.activeElement).outlineStyle + ' ' + document.activeElement.textContent.trim()"
    seen.page.keyboard.press("Tab")
    assert seen.page.evaluate(outline) == "solid Skip to content"
    assert seen.page.locator(".skip").bounding_box()["x"] >= 0  # type: ignore[index]  # it is there
    seen.page.keyboard.press("Enter")
    assert seen.page.url.endswith("#content")
    seen.page.keyboard.press("Tab")
    assert seen.page.evaluate("document.querySelector('main').contains(document.activeElement)")
    assert str(seen.page.evaluate(outline)).startswith("solid ")


def test_an_approver_reads_the_evidence_approves_and_sees_it_settled(
    visit: Callable[..., Visit], showcase: Showcase
) -> None:
    seen = visit().log_in(showcase.tokens["bo"])
    seen.page.get_by_role("link", name="wait").first.click()
    seen.page.get_by_role("link", name="Read the evidence").click()
    assert seen.path == "/models/income/versions/2"
    assert seen.page.locator(".pill", has_text="pending").first.is_visible()
    seen.page.get_by_role("link", name="answer").click()
    seen.page.get_by_label("Comment").fill("looked at the slices")
    seen.press("Approve")
    assert seen.path == "/approvals"
    assert seen.page.get_by_text("Nothing waits.").is_visible()
    assert seen.page.get_by_text("user:bo: looked at the slices").is_visible()
    seen.open("/models/income/versions/2")
    assert seen.page.locator(".pill", has_text="allowed").first.is_visible()
    with showcase.parts.database.read() as tx:
        decision = policy.newest_decision(tx, "income", 2)
    assert decision is not None
    assert (decision.outcome, decision.approvals) == (Outcome.ALLOWED, ("user:bo",))
    assert seen.complaints == []


def test_logging_in_leads_back_to_where_one_wanted_to_go_and_logging_out_ends_it(
    visit: Callable[..., Visit], showcase: Showcase
) -> None:
    seen = visit()
    wanted = "/audit?subject=model/car-loan&event=decision.made"
    seen.log_in(showcase.tokens["aude"], wanted)
    assert seen.page.url == seen.site + wanted
    seen.press("Log out")
    assert seen.path == "/login"
    seen.open("/models")
    assert seen.path == "/login"


def test_a_form_of_another_site_is_refused(visit: Callable[..., Visit], showcase: Showcase, site: str) -> None:
    seen = visit().log_in(showcase.tokens["ada"])
    seen.page.goto(f"data:text/html,<form method=post action='{site}/logout'><button>go</button></form>")
    seen.press("go")
    assert seen.page.get_by_text("does not come from this console").is_visible()
    assert seen.open("/models") == 200
    assert seen.path == "/models"


def test_the_report_stands_alone_in_a_browser(visit: Callable[..., Visit], showcase: Showcase) -> None:
    seen = visit(viewport={"width": 400, "height": 800}).log_in(showcase.tokens["vic"], "/models/car-loan/versions/1")
    seen.page.get_by_role("link", name="Report to print").click()
    seen.page.wait_for_load_state()
    assert seen.page.locator("svg").count() >= 3
    assert seen.page.evaluate("document.documentElement.scrollWidth") <= 400
    assert len(seen.page.pdf(format="A4")) > 20_000
    assert seen.complaints == []
