"""Reports: complete, self-contained, every fact with its proof, and recorded."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest
from typer.testing import CliRunner

from clearance import server
from clearance.access.model import Principal, Role
from clearance.app import Clearance
from clearance.audit import log, proofs
from clearance.audit.events import Event
from clearance.cli.main import app as cli
from clearance.client.client import Client
from clearance.client.transport import InProcessTransport
from clearance.compliance import service
from clearance.errors import InvalidInput, NotFound
from clearance.values import sha256
from tests.conftest import person
from tests.policy.registered import register
from tests.web.showcase import Showcase

AUDE = person("aude", Role.AUDITOR)


class Reader(HTMLParser):
    """Collects what a page would load or run, its ids, and the places that its links lead to."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        found = {name: value or "" for name, value in attrs}
        if "id" in found:
            self.ids.append(found["id"])
        if tag == "a":
            self.links.append(found["href"])
        self.loaded += [found[name] for name in ("src", "data", "xlink:href") if name in found]
        self.loaded += [name for name in found if name.startswith("on")]


@pytest.fixture(scope="module")
def aude(showcase: Showcase) -> Iterator[Client]:
    """A client that acts as the auditor."""
    app = server.create(showcase.parts, console=False)
    with Client("http://local", transport=InProcessTransport(lambda: app, {"clearance.principal": AUDE})) as client:
        yield client


@pytest.fixture(scope="module")
def html(aude: Client) -> str:
    return aude.reports.html("car-loan", 1)


def test_a_report_needs_nothing_but_itself(html: str) -> None:
    found = Reader(html)
    assert found.loaded == []
    assert not {"script", "link", "iframe", "object", "img", "form"} & set(found.tags)
    assert len(found.ids) == len(set(found.ids)), "ids of charts and leaves are unique"
    assert all(link.startswith("#") for link in found.links)
    assert not re.search(r"@import|url\((?!#)", html)
    assert "@page { size: A4" in html
    assert found.tags.count("svg") >= 3


def test_every_citation_leads_to_a_leaf_that_the_log_has(html: str, showcase: Showcase) -> None:
    found = Reader(html)
    assert set(found.links) <= {f"#{name}" for name in found.ids}
    assert "no leaf" not in html
    with showcase.parts.database.read() as tx:
        report = service.gather(tx, AUDE, showcase.parts.log_verifier, "car-loan", 1)
        for entry in report.leaves.entries:
            proven = proofs.check_inclusion(log.prove_inclusion(tx, entry.index), showcase.parts.log_verifier)
            assert proven == entry


@pytest.mark.parametrize(
    "said",
    [
        "Forecasts which car loans are repaid.",
        "alice \\(lending\\)",
        "nobody is on it|user:olga is on it",
        "blocking rules hold",
        "No approval was asked for.",
        "No rule was waived.",
        "It serves in production",
        "Rollout of car-loan/2 beside car-loan/1",
        "rolled back",
        "10 windows from 2025-10-06 to 2025-12-15",
        "first in the one from 2025-11-24 \\(amount\\)",
        "events table version",
        "loans-training-1",
        "was rolled back in production",
    ],
)
def test_a_report_says_what_happened(html: str, said: str) -> None:
    assert re.search(said, html)


def test_a_denial_an_approval_and_a_waiver_are_told_with_their_leaves(aude: Client) -> None:
    denied, waiting = aude.reports.html("income", 1), aude.reports.html("income", 2)
    assert '<span class="word denied">' in denied
    assert "the performance check says failed" in denied
    for html in (denied, waiting):
        assert "The rule <code>latency-passed</code> was waived" in html
        assert "no leaf" not in html
    assert re.search(r"asked for 1 approval for production .*?: (open|approved)\. +<a class=\"cite\"", waiting)


def test_what_is_not_known_is_said_in_words(aude: Client) -> None:
    html = aude.reports.html("legacy", 1)
    for said in (
        "No purpose is written down.",
        "Nobody is on call for it.",
        "quarantined: nobody knows where it comes from",
        "Nobody has asked whether it may serve",
        "The artifact is not signed.",
        "No check was run on it.",
        "Missing: training dataset",
        "It never served there.",
        "Nothing watches legacy",
        "No alert was ever raised",
        "There was no incident.",
    ):
        assert said in html
    assert "None" not in re.sub(r"None is written down|<style>.*?</style>", "", html, flags=re.DOTALL)
    assert Reader(html).tags.count("svg") == 0


def test_writing_a_report_is_recorded_with_the_digest_of_the_very_page(aude: Client, showcase: Showcase) -> None:
    html = aude.reports.html("car-loan", 2)
    with showcase.parts.database.read() as tx:
        (entry,) = log.entries(tx, event=Event.REPORT_WRITTEN, limit=1).items
    assert (entry.actor, entry.subject) == ("user:aude", "model/car-loan/2")
    assert entry.data["digest"] == sha256(html.encode())


def test_what_people_wrote_is_shown_and_never_run(sqlite_parts: Clearance, client: Client) -> None:
    client.models.create("loans", owner="<b>ada</b>", purpose="<script>alert(1)</script>")
    register(sqlite_parts, "loans")
    html = client.reports.html("loans", 1)
    assert "<script" not in html
    assert "&lt;script&gt;" in html


def test_there_is_no_report_of_what_there_is_not(
    sqlite_parts: Clearance, as_user: Callable[[Principal], Client]
) -> None:
    viewer = as_user(person("vic", Role.VIEWER))
    with pytest.raises(NotFound, match="none"):
        viewer.reports.html("none", 1)
    register(sqlite_parts)
    with pytest.raises(NotFound):
        viewer.reports.html("car-loan", 9)
    with pytest.raises(InvalidInput, match="environment"):
        viewer.reports.html("car-loan", 1, "moon")
    with sqlite_parts.database.read() as tx:
        assert log.entries(tx, event=Event.REPORT_WRITTEN).items == ()


def test_the_command_writes_the_report_of_what_serves(showcase: Showcase, tmp_path: Path) -> None:
    home, file = str(showcase.parts.settings.home), tmp_path / "report.html"
    arguments = ["--home", home, "models", "report", "car-loan", str(file), "--json"]
    done = CliRunner().invoke(cli, arguments, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    written = json.loads(done.stdout)
    assert (written["number"], written["digest"]) == (1, sha256(file.read_bytes()))
    assert "<h1>car-loan/1</h1>" in file.read_text("utf-8")
    with pytest.raises(NotFound, match="has no version"):
        CliRunner().invoke(cli, ["--home", home, "models", "report", "churn", str(file)], catch_exceptions=False)
    with pytest.raises(InvalidInput, match="can't be written"):
        CliRunner().invoke(cli, ["--home", home, "models", "report", "car-loan", str(tmp_path)], catch_exceptions=False)
