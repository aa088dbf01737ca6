"""Pages never say that a version serves when the gateway refuses it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient

from clearance import server
from clearance.access import service as access
from clearance.access.model import NewToken, Role
from clearance.app import Clearance
from clearance.registry import service as registry
from tests.conftest import person
from tests.delivery.conftest import prepare, promote

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


def test_the_report_says_so_too(console: TestClient, sqlite_parts: Clearance) -> None:
    assert "It serves in production" in report(console)
    with sqlite_parts.database.write() as tx:
        registry.quarantine_version(tx, ADA, "car-loan", 1, "labels were poisoned")
    assert "It is asked for in production, and refused: car-loan/1 is quarantined: labels were poisoned." in report(
        console
    )


def report(console: TestClient) -> str:
    """Return the printed report, white space as one blank."""
    answer = console.get("/api/v1/models/car-loan/versions/1/report")
    assert answer.status_code == 200, answer.text
    return " ".join(answer.text.split())
