"""The console's pages of the inventory: search, the questionnaire, retirement; all without JavaScript."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from clearance import server
from clearance.access import service as access
from clearance.access.model import NewToken, Role
from clearance.app import Clearance
from clearance.delivery import service as delivery
from clearance.registry import service as registry
from clearance.registry.model import ModelChange, NewModel, NewVersion
from clearance.registry.source import Source, SourceKind
from tests.conftest import person
from tests.registry.test_risk import LENDING

ADA = person("ada")


@pytest.fixture
def console(sqlite_parts: Clearance) -> Iterator[TestClient]:
    with sqlite_parts.database.write() as tx:
        registry.create_model(
            tx,
            ADA,
            NewModel(name="car-loan", owner="ada", team="credit", on_call="bo", purpose="Cars", template="lending"),
        )
        registry.create_model(tx, ADA, NewModel(name="scores", owner="bob", purpose="<b>Vendor's</b>"))
        source = Source(kind=SourceKind.ENDPOINT, uri="https://scores.example.com")
        registry.register_version(tx, ADA, sqlite_parts.blobs, "scores", NewVersion(source=source))
        token = access.issue_token(tx, ADA, NewToken(name="ada", roles=(Role.ADMIN,))).secret
    with TestClient(server.create(sqlite_parts), base_url="https://console") as client:
        client.post("/login", data={"token": token})
        yield client


def csrf(page: str) -> str:
    found = re.search(r'name="csrf" value="([0-9a-f]+)"', page)
    assert found
    return found[1]


def test_models_are_searched_by_a_form_that_remembers_what_was_asked(console: TestClient) -> None:
    page = console.get("/models", params={"search": "vendor", "owner": "", "risk": "standard", "sort": "name"}).text
    assert "1 model that fits" in page
    assert 'value="vendor"' in page
    assert '<option value="standard" selected>' in page
    assert "/models/scores" in page
    assert "/models/car-loan" not in page
    assert "&lt;b&gt;Vendor" in page
    assert "No model fits" in console.get("/models?team=nobody").text
    assert "scores" in console.get("/models?incomplete=True").text
    wrong = console.get("/models?risk=huge", headers={"accept": "text/html"})
    assert (wrong.status_code, "choose from the form" in wrong.text) == (422, True)


def test_the_questionnaire_shows_what_is_usual_and_the_risk_follows_the_answers(console: TestClient) -> None:
    form = console.get("/models/car-loan/assessment").text
    assert "Nobody answered yet" in form
    assert '<option value="substantial" selected>' in form
    assert "not assessed" in console.get("/models").text
    answers = {name: getattr(LENDING, name) for name in LENDING.__dataclass_fields__}
    sent = {name: str(said).lower() for name, said in answers.items()} | {"csrf": csrf(form)}
    after = console.post("/models/car-loan/assessment", data=sent)
    assert after.status_code == 200
    assert "it decides about money or rights" in after.text
    assert "not assessed" not in console.get("/models/car-loan").text
    incomplete = {name: said for name, said in sent.items() if name != "regulated"}
    refused = console.post("/models/car-loan/assessment", data=incomplete, headers={"accept": "text/html"})
    assert (refused.status_code, "regulated" in refused.text) == (422, True)


def test_a_black_box_shows_what_is_missing_and_by_when(console: TestClient) -> None:
    page = console.get("/models/scores/versions/1").text
    assert "provider (as trainer)" in page
    assert "To be filled in by" in page


def test_a_model_is_retired_with_a_reason_and_says_so(console: TestClient) -> None:
    form = console.get("/models/scores/assessment").text
    refused = console.post("/models/scores/retire", data={"csrf": csrf(form)}, headers={"accept": "text/html"})
    assert refused.status_code == 422
    page = console.post("/models/scores/retire", data={"csrf": csrf(form), "reason": "replaced"}).text
    assert "Retired: replaced" in page
    assert "Answer anew" not in console.get("/models/scores/assessment").text


def test_titles_tags_and_aliases_are_shown_and_a_version_that_is_not_pinned_says_what_to_do(
    console: TestClient, sqlite_parts: Clearance
) -> None:
    with sqlite_parts.database.write() as tx:
        registry.update_model(tx, ADA, "scores", ModelChange(title="The vendor's scores"))
        registry.set_tag(tx, ADA, "scores", None, "area", "<i>credit</i>")
        source = Source(kind=SourceKind.REFERENCE, uri="s3://bucket/model")
        registry.register_version(tx, ADA, sqlite_parts.blobs, "scores", NewVersion(source=source))
        registry.set_tag(tx, ADA, "scores", 2, "checked", "by bo")
        delivery.set_alias(tx, ADA, sqlite_parts.gate, sqlite_parts.guards, "scores", "shadow", 2)
    model = console.get("/models/scores").text
    assert "<h1>The vendor&#39;s scores</h1>" in model
    assert "&lt;i&gt;credit&lt;/i&gt;" in model
    assert re.search(r"shadow\s*<a [^>]*>scores/2", model)
    assert "not pinned" in model
    version = console.get("/models/scores/versions/2")
    assert version.status_code == 200
    assert "clearance versions pin scores 2 FOLDER" in version.text
    assert all(word in version.text for word in ("s3://bucket/model", "by bo", "shadow"))
    assert "https://scores.example.com" in console.get("/models/scores/versions/1").text
