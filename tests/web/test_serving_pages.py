"""Pages say what is so: no version serves that the gateway refuses, and what happened stands there in words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta

import pytest
from fastapi.testclient import TestClient

from clearance import server
from clearance.access import service as access
from clearance.access.model import NewToken, Role
from clearance.alarm import Alarm, Severity
from clearance.app import Clearance
from clearance.audit import log
from clearance.audit.events import Event
from clearance.clock import FixedClock
from clearance.delivery import service as delivery
from clearance.delivery.model import NewPromotion, NewRollout, Step
from clearance.policy import service as policy
from clearance.policy.consent import NewWaiver
from clearance.policy.pack import PackSource
from clearance.registry import service as registry
from clearance.registry.model import Lifecycle, ModelChange, NewModel, Reason, Risk
from clearance.registry.risk import QUESTIONS, Answers, Exposure
from clearance.response import service as response
from clearance.values import parse
from tests.conftest import person
from tests.delivery.conftest import PACK, decide, prepare, promote

ADA = person("ada")
PAGES = ("/", "/models", "/models/car-loan", "/models/car-loan/versions/1")


@pytest.fixture
def console(sqlite_parts: Clearance) -> Iterator[TestClient]:
    prepare(sqlite_parts)
    promote(sqlite_parts, 1)
    with sqlite_parts.database.write() as tx:
        token = access.issue_token(tx, ADA, NewToken(name="ada", roles=(Role.ADMIN,))).secret
    with TestClient(server.create(sqlite_parts), base_url="https://console") as client:
        client.post("/login", data={"token": token})
        yield client


@pytest.mark.parametrize("path", PAGES)
def test_a_version_that_was_stopped_is_asked_for_and_refused(
    console: TestClient, sqlite_parts: Clearance, path: str
) -> None:
    assert "refused" not in console.get(path).text
    with sqlite_parts.database.write() as tx:
        registry.quarantine_version(tx, ADA, "car-loan", 1, "labels were poisoned")
    page = console.get(path).text.lower()
    assert "refused" in page
    assert "labels were poisoned" in page
    assert "it serves in production" not in page


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("/", "car-loan/2 asked for, refused by the gateway"),
        ("/models", "car-loan/2 asked for, refused by the gateway"),
        ("/models/car-loan", "car-loan/2 in production asked for, refused by the gateway"),
        ("/models/car-loan/versions/2", "Asked for in production, refused by the gateway"),
        (
            "/models/car-loan/versions/1",
            "It goes on serving in production: car-loan/2 is asked for there, and was refused",
        ),
    ],
)
def test_every_page_says_what_the_gateway_refused_and_what_went_on(
    console: TestClient, sqlite_parts: Clearance, path: str, says: str
) -> None:
    promote(sqlite_parts, 2)
    assert "refused" not in text_of(console, path)
    said = {"environment": "production", "code": "blob_corrupt", "reason": "a byte differs", "serving": 1}
    with sqlite_parts.database.write() as tx:
        log.record(tx, Event.LOAD_REFUSED, actor="system", subject="model/car-loan/2", data=said)
    page = text_of(console, path)
    assert says in page
    assert "a byte differs" in page
    assert "It serves in production" not in page


def test_a_version_that_serves_in_staging_is_not_said_to_serve_nowhere(
    console: TestClient, sqlite_parts: Clearance
) -> None:
    with sqlite_parts.database.write() as tx:
        wanted = NewPromotion(model="car-loan", number=2, environment="staging")
        delivery.promote(tx, ADA, sqlite_parts.gate, wanted)
    page = text_of(console, "/models/car-loan/versions/2")
    assert "It serves in staging." in page
    assert "it serves nowhere" not in page
    with sqlite_parts.database.write() as tx:
        registry.quarantine_version(tx, ADA, "car-loan", 2, "unsafe")
    page = text_of(console, "/models/car-loan/versions/2")
    assert "Requests there are not answered: clearance rollback car-loan --environment staging" in page


def test_going_back_is_offered_where_something_serves_in_production(
    console: TestClient, sqlite_parts: Clearance
) -> None:
    with sqlite_parts.database.write() as tx:
        registry.create_model(tx, ADA, NewModel(name="mail", owner="user:ada"))
    assert "Roll back production" in console.get("/models/car-loan").text
    assert "Roll back production" not in console.get("/models/mail").text
    with sqlite_parts.database.write() as tx:
        change = ModelChange(lifecycle=Lifecycle.RETIRED, reason="old")
        delivery.update_model(tx, ADA, sqlite_parts.guards, "car-loan", change)
    assert "Roll back production" not in console.get("/models/car-loan").text


def test_the_history_says_what_the_gateway_refused(console: TestClient, sqlite_parts: Clearance) -> None:
    promote(sqlite_parts, 2)
    said = {"environment": "production", "code": "blob_corrupt", "reason": "a byte differs", "serving": 1}
    with sqlite_parts.database.write() as tx:
        log.record(tx, Event.LOAD_REFUSED, actor="system", subject="model/car-loan/2", data=said)
    with sqlite_parts.database.read() as tx:
        (refused,) = log.entries(tx, event=Event.LOAD_REFUSED).items
    page = text_of(console, "/models/car-loan/history")
    assert f"refused by the gateway, leaf {refused.index}: a byte differs; car-loan/1 went on serving" in page
    assert "The gateway refused car-loan/2 that the pointer named." in page
    html = console.get("/models/car-loan/history").text
    assert '<span class="id">a byte differs;' in html, "a digest in it is broken, not pushed out of sight"


def test_the_report_says_so_too(console: TestClient, sqlite_parts: Clearance) -> None:
    assert "It serves in production" in report(console)
    with sqlite_parts.database.write() as tx:
        registry.quarantine_version(tx, ADA, "car-loan", 1, "labels were poisoned")
    assert "It is asked for in production, and refused: car-loan/1 is quarantined: labels were poisoned." in report(
        console
    )


def text_of(console: TestClient, path: str) -> str:
    """Return what a page says, white space as one blank."""
    return " ".join(re.sub(r"<[^>]+>", "", re.sub("<br>", " ", console.get(path).text)).split())


def report(console: TestClient) -> str:
    """Return the printed report, white space as one blank."""
    answer = console.get("/api/v1/models/car-loan/versions/1/report")
    assert answer.status_code == 200, answer.text
    return " ".join(answer.text.split())


def test_an_incident_lists_its_pages_and_says_what_to_do_next(console: TestClient, sqlite_parts: Clearance) -> None:
    with sqlite_parts.database.write() as tx:
        for kind, title in (("rollout_rolled_back", "It went back"), ("load.refused", "It was refused")):
            alarm = Alarm(
                kind=kind,
                model="car-loan",
                environment="production",
                severity=Severity.PAGE,
                title=title,
                summary="see `clearance rollouts list`",
                subject="rollout/rol_1",
                labels={"candidate": "2", "rollout": "rol_1"},
            )
            page = response.raise_alert(tx, ADA, alarm)
    assert "It was refused" in console.get("/").text
    text = console.get(f"/incidents/{page.incident}").text
    assert "<code>clearance rollouts list</code>" in text
    assert '<a href="/rollouts/rol_1">The rollout of car-loan/2</a>' in text
    assert "clearance versions quarantine car-loan 2" in text
    assert 'href="/runbook"' in text
    assert "Do not restart the server" in console.get("/runbook").text
    with sqlite_parts.database.write() as tx:
        response.acknowledge(tx, person("olga"), page.id)
    assert "user:olga is on it" in text_of(console, f"/incidents/{page.incident}")
    with sqlite_parts.database.write() as tx:
        response.resolve_incident(tx, person("pat"), page.incident or "", "a disk")
    assert "user:olga was on it" in text_of(console, f"/incidents/{page.incident}"), "it is over"


def test_a_rollout_that_is_over_does_not_speak_of_what_serves_now(console: TestClient, sqlite_parts: Clearance) -> None:
    decide(sqlite_parts, 2)
    steps = (Step(weight=20, minimum_seconds=1, minimum_requests=1),)
    with sqlite_parts.database.write() as tx:
        new = NewRollout(model="car-loan", candidate=2, strategy="canary", steps=steps)
        rollout = delivery.start_rollout(tx, ADA, sqlite_parts.gate, new)
        delivery.abort_rollout(tx, ADA, rollout.id, Reason(reason="enough"))
    promote(sqlite_parts, 3)
    page = text_of(console, f"/rollouts/{rollout.id}")
    assert "It is over; car-loan/1 got all traffic then." in page
    assert "serves all traffic" not in page


def test_a_model_governed_more_than_its_answers_ask_for_says_so(console: TestClient, sqlite_parts: Clearance) -> None:
    answers = parse(Answers, {**dict.fromkeys(QUESTIONS, False), "exposure": Exposure.LIMITED})
    with sqlite_parts.database.write() as tx:
        registry.assess_model(tx, ADA, "car-loan", answers)
        registry.update_model(tx, ADA, "car-loan", ModelChange(risk=Risk.FULL))
    for path in ("/models", "/models/car-loan", "/models/car-loan/assessment"):
        assert "full the answers ask for standard" in text_of(console, path), path
    assert "full; the answers ask for standard" in report(console)


def test_a_version_waits_for_people_only_while_they_may_answer(
    console: TestClient, sqlite_parts: Clearance, clock: FixedClock
) -> None:
    with sqlite_parts.database.write() as tx:
        asking = PACK.replace("{count: 0}", "{count: 1, roles: [approver]}").replace('"1"', '"2"')
        policy.install_pack(tx, ADA, PackSource(source=asking))
        sqlite_parts.gate.decide(tx, ADA, "car-loan", 2, "production")
    assert "It waits for people: answer" in text_of(console, "/models/car-loan/versions/2")
    clock.advance(timedelta(days=60))
    page = text_of(console, "/models/car-loan/versions/2")
    assert "It waits for people" not in page
    assert "It waits for nobody: the request for approval is expired, since 2026-01-19 09:00:00 UTC." in page


def test_waivers_say_on_any_screen_by_whom_and_until_when(console: TestClient, sqlite_parts: Clearance) -> None:
    with sqlite_parts.database.write() as tx:
        new = NewWaiver(rule="version-usable", model="car-loan", reason="pilot", days=3)
        policy.revoke_waiver(tx, person("bo"), policy.grant_waiver(tx, person("root"), new).id)
    html = console.get("/approvals").text
    assert '<td data-label="By">user:root</td>' in html
    assert '<td class="small" data-label="Until">2026-01-05 09:00:00 UTC</td>' in html, "the grant ran until the 8th"
    assert "over revoked by user:bo" in text_of(console, "/approvals")


def test_a_rejection_needs_its_comment_in_the_form(console: TestClient, sqlite_parts: Clearance) -> None:
    with sqlite_parts.database.write() as tx:
        asking = PACK.replace("{count: 0}", "{count: 1, roles: [approver]}").replace('"1"', '"2"')
        policy.install_pack(tx, ADA, PackSource(source=asking))
        sqlite_parts.gate.decide(tx, ADA, "car-loan", 2, "production")
        token = access.issue_token(tx, person("root"), NewToken(name="bo", roles=(Role.APPROVER,))).secret
    console.post("/login", data={"token": token})
    page = console.get("/approvals").text
    assert re.search(r"<textarea [^>]*\brequired>", page)
    assert re.search(r"/approve\" formnovalidate>", page)
    assert "Of pack usable 2, 1 blocking rule holds." in page


def test_a_leaf_of_the_log_has_a_page_in_words_with_its_proof(console: TestClient) -> None:
    overview = console.get("/").text
    assert "Put into service" in overview
    assert "pointer.moved" not in overview
    assert ">token/tok_" not in overview
    index = re.search(r'"/audit/leaves/(\d+)">Put into service', overview)
    assert index
    page = console.get(f"/audit/leaves/{index[1]}").text
    assert f"Leaf {index[1]}: put into service" in page
    assert '"/models/car-loan/versions/1"' in page
    assert "hashes to the checkpoint" in page


def test_the_log_is_not_shown_whole_where_an_event_is_asked_for_that_there_is_not(console: TestClient) -> None:
    answer = console.get("/audit?event=waiver.denied", headers={"accept": "text/html"})
    assert answer.status_code == 422
    assert "there is no event &#39;waiver.denied&#39;" in answer.text


@pytest.mark.parametrize(("index", "status"), [("999999", 404), ("-1", 422), ("x", 422)])
def test_a_leaf_that_is_none_is_told(console: TestClient, index: str, status: int) -> None:
    assert console.get(f"/audit/leaves/{index}").status_code == status


def test_an_error_page_leaves_names_as_they_are_and_shows_commands_as_code(console: TestClient) -> None:
    html = {"accept": "text/html"}
    page = console.get("/models/car-loan/versions/99", headers=html).text
    assert "car-loan has no version 99" in page
    assert "Car-loan has" not in page
    assert "<code>clearance rollouts list</code>" in console.get("/rollouts/rol_none", headers=html).text


def test_the_sources_of_a_rule_lead_to_what_they_mean(console: TestClient) -> None:
    assert '<a href="/sources#x4">X4</a>' in console.get("/models/car-loan/versions/1").text
    assert '<dt id="x4"><b>X4</b></dt>' in console.get("/sources").text
