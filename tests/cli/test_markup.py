"""What people and other programs wrote is shown as they wrote it, whatever it looks like to the terminal's markup."""

from __future__ import annotations

from dataclasses import replace

import pytest

from clearance.alarm import Alarm, Severity
from clearance.app import Clearance
from clearance.cli import alerts, incidents
from clearance.response import service as response
from tests.conftest import person

ODD = "scores above [0.5] are [/bold] lost [red]"


@pytest.fixture
def raised(sqlite_parts: Clearance) -> str:
    """The id of an alert whose words look like markup; it opened an incident."""
    alarm = Alarm(
        kind="odd",
        model="car-loan",
        environment="production",
        severity=Severity.PAGE,
        title=ODD,
        summary=ODD,
        subject="model/car-loan",
        labels={},
        details={},
    )
    with sqlite_parts.database.write() as tx:
        return response.raise_alert(tx, person("ada"), alarm).id


def test_an_alert_and_its_incident_say_what_was_raised(
    sqlite_parts: Clearance, raised: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with sqlite_parts.database.read() as tx:
        alert = response.get_alert(tx, raised)
        report = response.get_incident(tx, alert.incident or "")
    alerts._render(alert)
    incidents._render(replace(report, incident=replace(report.incident, owner="[nobody]")))
    shown = capsys.readouterr().out
    assert shown.count(ODD) >= 3
    assert "owner: [nobody]" in shown
