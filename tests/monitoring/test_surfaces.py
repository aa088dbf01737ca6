"""Monitoring as callers see it: API, client, command line, and what they are told when they are wrong."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from typer.testing import CliRunner

from clearance.access.model import Role
from clearance.app import Clearance
from clearance.audit import log
from clearance.audit.events import Event
from clearance.cli.main import app as command_line
from clearance.client.client import Client
from clearance.delivery import store as delivery
from clearance.delivery.model import Pointer
from clearance.errors import Forbidden, InvalidInput, NotFound
from clearance.monitoring.model import MonitorConfig
from clearance.registry.contract import Datatype, Field, ModelContract
from clearance.statistics.verdicts import Verdict
from tests.conftest import person
from tests.monitoring.world import MODEL, MONDAY, WEEK, World, events, labels, parquet, table

ABSENT = "sha256:" + "0" * 64


@pytest.fixture
def world(sqlite_parts: Clearance) -> World:
    return World(sqlite_parts)


def test_the_client_configures_runs_and_reads(world: World, client: Client, tmp_path: Path) -> None:
    file = tmp_path / "baseline.parquet"
    file.write_bytes(parquet(table(5_000, 7)))
    dataset = client.datasets.register(file, name="another")
    config = MonitorConfig(baseline_dataset=dataset.digest, features=("income", "city"), window="P1D")
    made = client.monitoring.configure(MODEL, config)
    assert (made.rules.window, made.rules.psi_floor, made.configured_by) == ("P1D", 0.1, "user:ada")
    assert client.monitoring.get(MODEL) == made
    assert list(client.monitoring.monitors()) == [made]
    assert next(client.audit.entries(event=Event.MONITOR_CONFIGURED)).data["monitor"] == made.digest


def contracted(client: Client, folder: Path, *names: str) -> None:
    """Register a version whose contract has these inputs."""
    folder.mkdir()
    (folder / "model.onnx").write_text(" ".join(names))
    inputs = tuple(Field(name=name, datatype=Datatype.FP64) for name in names)
    client.versions.register(MODEL, folder, contract=ModelContract(inputs=inputs))


def test_by_itself_a_monitor_compares_the_inputs_of_the_contract_and_no_other_column(
    sqlite_parts: Clearance, client: Client, tmp_path: Path
) -> None:
    client.models.create(MODEL, owner="user:ada")
    data = table(500, 7).append_column("id", pa.array(range(500)))
    file = tmp_path / "baseline.parquet"
    file.write_bytes(parquet(data))
    config = MonitorConfig(baseline_dataset=client.datasets.register(file, name="b").digest, score_column="score")
    everything = client.monitoring.configure(MODEL, config).config.features
    assert everything == ("income", "age", "city", "member", "prediction", "label", "id")
    contracted(client, tmp_path / "one", "age", "income", "not_in_the_baseline")
    contracted(client, tmp_path / "two", "income", "member")
    assert client.monitoring.configure(MODEL, config).config.features == ("income", "member"), "the newest"
    with sqlite_parts.database.write() as tx:
        pointer = Pointer(
            model=MODEL, environment="production", stable=1, candidate=None, weight=0.0, previous=None,
            moved_at=tx.now, decision_id="dec_1", rollout_id=None,
        )  # fmt: skip
        delivery.put_pointer(tx, pointer)
        facts = {"environment": "production", "kind": "promotion", "from": None, "to": 1, "decision": "dec_1"}
        log.record(tx, Event.POINTER_MOVED, actor="user:ada", subject=f"model/{MODEL}/1", data=facts)
    assert client.monitoring.configure(MODEL, config).config.features == ("age", "income"), "the one that serves"
    assert client.monitoring.configure(MODEL, config, environment="staging").config.features == ("income", "member")
    with pytest.raises(InvalidInput, match="no input 'id'") as caught:
        client.monitoring.configure(MODEL, replace(config, features=("age", "id")))
    assert caught.value.hint == "its inputs are age, income, not_in_the_baseline"
    contracted(client, tmp_path / "three", "elsewhere")
    with pytest.raises(InvalidInput, match="no input of the model's contract is a column"):
        client.monitoring.configure(MODEL, config, environment="staging")


def test_drift_becomes_an_alert(world: World, client: Client) -> None:
    world.send(events(table(500, 1), MONDAY) + events(table(500, 2, shift=8), MONDAY + WEEK))
    made = client.monitoring.run(MODEL)
    assert [alarm.labels["subject"] for alarm in made.alarms] == ["income"]
    assert [alert.title for alert in client.alerts.list()] == [
        "car-loan in production: feature income drifted in the week of 2025-06-09"
    ]
    failed = list(client.monitoring.figures(MODEL, verdict=Verdict.FAILED))
    assert {(f.metric, f.subject, f.window.start) for f in failed} == {
        (metric, "income", MONDAY + WEEK) for metric in ("psi", "ks")
    }
    assert [window.verdicts.get("failed", 0) for window in client.monitoring.windows(MODEL)] == [0, 2]
    assert client.monitoring.profiles(MODEL, MONDAY)["1"]["rows"] == 500


def test_a_viewer_reads_but_does_not_configure(world: World, as_user: Callable[..., Client]) -> None:
    viewer = as_user(person("vi", Role.VIEWER))
    assert viewer.monitoring.get(MODEL).model == MODEL
    with pytest.raises(Forbidden):
        viewer.monitoring.configure(MODEL, world.config)
    with pytest.raises(Forbidden):
        viewer.monitoring.run(MODEL)


@pytest.mark.parametrize(
    ("change", "kind", "code"),
    [
        ({"baseline_dataset": ABSENT}, NotFound, "dataset_not_found"),
        ({"baseline_dataset": "nonsense"}, InvalidInput, "bad_digest"),
        ({"features": ("income", "hight")}, InvalidInput, "no_such_column"),
        ({"features": ("income", "income")}, InvalidInput, "bad_features"),
        ({"score_column": "scores"}, InvalidInput, "no_such_column"),
        ({"window": "7 days"}, InvalidInput, "bad_window"),
        ({"false_alarm_rate": 0.0}, InvalidInput, "bad_monitor"),
        ({"psi_floor": -1}, InvalidInput, "bad_monitor"),
        ({"score_column": "city"}, InvalidInput, "column_useless"),
    ],
)
def test_a_bad_configuration_is_refused_and_changes_nothing(
    world: World, client: Client, change: dict[str, Any], kind: type[Exception], code: str
) -> None:
    before = client.monitoring.get(MODEL)
    with pytest.raises(kind) as error:
        client.monitoring.configure(
            MODEL, MonitorConfig(**{"baseline_dataset": world.config.baseline_dataset, **change})
        )
    assert error.value.code == code  # type: ignore[attr-defined]  # every kind here is a ClearanceError
    assert client.monitoring.get(MODEL) == before


def test_unknown_things_are_named(world: World, client: Client) -> None:
    with pytest.raises(NotFound, match="no model 'nobody'"):
        client.monitoring.run("nobody")
    with pytest.raises(NotFound, match="nothing watches car-loan in staging"):
        client.monitoring.run(MODEL, environment="staging")
    with pytest.raises(InvalidInput, match="no cursor"):
        client.http.get(f"/models/{MODEL}/monitors/production/figures", dict, cursor="x")
    with pytest.raises(InvalidInput, match="no cursor"):
        client.http.get(f"/models/{MODEL}/monitors/production/windows", dict, cursor="x")


def test_the_command_line_tells_the_same(world: World, tmp_path: Path) -> None:
    week = table(500, 2, shift=8)
    world.send(events(week, MONDAY))
    world.label(labels(week, MONDAY))
    world.parts.close()

    def run(*words: str) -> Any:
        found = CliRunner().invoke(command_line, ["--home", str(world.parts.settings.home), "monitor", *words])
        assert found.exit_code == 0, found.output
        return found.stdout

    assert "1 window computed, 0 unchanged, 1 alarm\n" in run("run", MODEL)
    assert "0 windows computed, 1 unchanged, 0 alarms" in run("run", MODEL)
    assert json.loads(run("windows", MODEL, "--json"))[0]["events"] == 500
    found = json.loads(run("figures", MODEL, "--metric", "auc", "--json"))
    assert [figure["n"] for figure in found] == [500]
    assert "car-loan" in run("list")
    assert "  - 2025-06-02 psi of income: " in run("figures", MODEL, "--subject", "income")
    assert "by 2 features: age, city" in run(
        "configure", MODEL, "--baseline", "baseline", "--feature", "age", "--feature", "city"
    )
    document = tmp_path / "monitor.yaml"
    document.write_text(f"baseline_dataset: {world.config.baseline_dataset}\nfeatures: [income]\nwindow: P1D\n")
    assert "windows of P1D" in run("configure", MODEL, "--file", str(document))
