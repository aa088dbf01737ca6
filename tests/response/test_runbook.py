"""Every alert comes with what to do, in the words that the docs have."""

from __future__ import annotations

import ast
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

import clearance
from clearance.alarm import Severity
from clearance.cli.main import app
from clearance.monitoring import alarms
from clearance.response.model import Alert, AlertState
from clearance.response.runbook import RUNBOOK, guidance

SOURCE = Path(clearance.__file__).parent
PAGE = (SOURCE.parents[1] / "docs" / "how-to" / "respond-to-a-page.md").read_text(encoding="utf-8")
AT = datetime(2026, 1, 5, tzinfo=UTC)
COMMANDS = [command for each in RUNBOOK for command in each.commands]


def alert(kind: str, environment: str = "production", **labels: str) -> Alert:
    return Alert(
        id="alr_1",
        fingerprint="0",
        kind=kind,
        model="car-loan",
        environment=environment,
        severity=Severity.PAGE,
        title="",
        summary="",
        subject="",
        labels=labels,
        details={},
        state=AlertState.FIRING,
        raised_at=AT,
        changed_at=AT,
        changed_by="",
        reason="",
        last_seen_at=AT,
        seen=1,
        incident=None,
    )


def kinds() -> set[str]:
    """Return the kinds that the program raises."""
    found = set(alarms.KINDS.values())
    for file in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Alarm":
                values = [part for word in node.keywords if word.arg == "kind" for part in ast.walk(word.value)]
                found |= {
                    part.value for part in values if isinstance(part, ast.Constant) and isinstance(part.value, str)
                }
    return found


def test_the_runbook_knows_every_kind_of_alert_and_no_other() -> None:
    assert {each.kind for each in RUNBOOK} == kinds()


@pytest.mark.parametrize("kind", [each.kind for each in RUNBOOK])
def test_the_docs_have_a_line_for_each_kind(kind: str) -> None:
    says = next(each.says for each in RUNBOOK if each.kind == kind)
    assert f"| {says} |" in PAGE


@pytest.mark.parametrize("command", COMMANDS)
def test_its_commands_are_commands(command: str) -> None:
    words = command.split()[1:]
    named = words[: 2 if not words[1].startswith("{") else 1]
    assert CliRunner().invoke(app, [*named, "--help"]).exit_code == 0


def test_commands_are_filled_in_from_the_alert_and_fit_for_a_shell() -> None:
    found = guidance(alert("drift", "staging", subject="loan amount; rm"))
    assert found is not None
    assert found.commands == ("clearance monitor figures car-loan --subject 'loan amount; rm' --environment staging",)


def test_a_fact_that_an_alert_lacks_is_left_for_the_reader() -> None:
    found = guidance(alert("rollout_rolled_back", candidate="2"))
    assert found is not None
    assert found.commands[0] == "clearance rollouts show ROLLOUT"
    assert guidance(alert("somebody's own")) is None
