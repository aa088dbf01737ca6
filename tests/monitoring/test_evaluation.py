"""Evaluating a monitor over a real lake: figures, verdicts, maturity, alarms, and doing only what is due."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from clearance.app import Clearance
from clearance.errors import InvalidInput, NotFound
from clearance.monitoring import service
from clearance.statistics.profile_json import from_json
from clearance.statistics.verdicts import Verdict
from tests.monitoring.world import MODEL, MONDAY, WEEK, World, events, labels, table

metrics = pytest.importorskip("sklearn.metrics")


@pytest.fixture
def world(parts: Clearance) -> World:
    return World(parts)


def test_a_quiet_week_passes_and_names_its_inputs(world: World) -> None:
    week = table(1_000, 1)
    world.send(events(week, MONDAY))
    made = world.evaluate()
    assert [each.summary.window.start for each in made.windows] == [MONDAY]
    assert (made.alarms, world.raised) == ((), [])
    found = world.figure("psi", "income")
    assert (found.verdict, found.n, found.provisional) == (Verdict.PASSED, 1_000, False)
    assert "within chance" in found.reason
    assert found.inputs.baseline == world.config.baseline_dataset
    assert found.inputs.monitor == world.monitor.digest
    assert found.inputs.tables == world.parts.lake.table_versions()
    assert "clearance" in found.inputs.code
    assert {world.figure("null_rate", name).value for name in ("income", "age", "city", "member")} == {0.0}


def test_a_shift_raises_one_alarm_for_the_feature_and_none_twice(world: World) -> None:
    world.send(events(table(1_000, 1), MONDAY) + events(table(1_000, 2, shift=8), MONDAY + WEEK))
    first = world.evaluate()
    assert [(alarm.kind, alarm.labels["subject"]) for alarm in first.alarms] == [("drift", "income")]
    assert "2025-06-09" in first.alarms[0].summary
    assert world.figure("ks", "income", MONDAY + WEEK).verdict is Verdict.FAILED
    again = world.evaluate()
    assert (again.windows, again.unchanged, again.alarms) == ((), 2, ())
    anew = world.evaluate(recompute=True)
    assert [each.figures for each in anew.windows] == [each.figures for each in first.windows]
    assert (anew.alarms, len(world.raised)) == ((), 1)


def test_a_feature_that_stops_coming_is_an_alarm_of_its_own(world: World) -> None:
    found = events(table(500, 1), MONDAY)
    for event in found:
        del event["features"]["age"]
        event["features"]["income"] = "a lot"
    world.send(found)
    assert {(a.kind, a.labels["subject"]) for a in world.evaluate().alarms} == {
        ("missing_values", "age"),
        ("missing_values", "income"),
    }
    assert world.figure("null_rate", "age").value == 1.0
    assert world.figure("psi", "age").verdict is Verdict.NOT_MEASURED


def test_truth_may_come_as_one_and_zero(world: World) -> None:
    found = events(table(1_000, 1), MONDAY)
    for event in found:
        event["features"]["member"] = float(event["features"]["member"])
    world.send(found)
    world.evaluate()
    assert world.figure("psi", "member").verdict is Verdict.PASSED


def test_a_category_never_seen_before_is_drift(world: World) -> None:
    found = events(table(1_000, 1), MONDAY)
    for event in found[:300]:
        event["features"]["city"] = "Atlantis"
    world.send(found)
    assert [alarm.labels["subject"] for alarm in world.evaluate().alarms] == ["city"]


def test_too_few_events_are_inconclusive_with_the_reason(world: World) -> None:
    world.send(events(table(20, 1, shift=80), MONDAY) + events(table(200, 2), MONDAY + 2 * WEEK))
    assert world.evaluate().alarms == ()
    found = world.figure("psi", "income")
    assert (found.verdict, found.reason) == (Verdict.INCONCLUSIVE, "20 values are too few, a verdict needs 100")
    assert found.value > 0.1
    assert world.figure("psi", "income", MONDAY + WEEK).verdict is Verdict.NOT_MEASURED


def test_quality_is_pending_then_provisional_then_mature(world: World) -> None:
    week = table(1_000, 1)
    world.send(events(week, MONDAY))
    world.evaluate(until=MONDAY + WEEK)
    found = world.figure("auc", version=1)
    assert (found.verdict, found.value, found.provisional) == (Verdict.PENDING, None, True)
    world.label(labels(week, MONDAY, 0.4))
    assert len(world.evaluate(until=MONDAY + 2 * WEEK).windows) == 1
    found = world.figure("auc", version=1)
    assert (found.verdict, found.n, found.provisional) == (Verdict.PASSED, 400, True)
    assert "400 of 1000 rows have a label" in found.reason
    world.label(labels(week, MONDAY))
    world.evaluate(until=MONDAY + 10 * WEEK)
    found = world.figure("auc", version=1)
    assert (found.n, found.provisional) == (1_000, False)
    assert found.value == pytest.approx(metrics.roc_auc_score(week["label"], week["score"]), abs=1e-3)
    right = np.asarray(week["label"]) == np.asarray(week["prediction"])
    assert world.figure("accuracy", version=1).value == pytest.approx(right.mean())


def test_labels_that_never_come_are_not_measured_and_a_fall_is_an_alarm(world: World) -> None:
    silent, worse = table(500, 1), table(500, 2)
    wrong = worse.set_column(worse.column_names.index("label"), "label", pa.array(1 - np.asarray(worse["label"])))
    world.send(events(silent, MONDAY) + events(worse, MONDAY + WEEK))
    world.label(labels(wrong, MONDAY + WEEK))
    raised = world.evaluate().alarms
    assert {(alarm.kind, alarm.labels["subject"]) for alarm in raised} == {("quality", "auc"), ("quality", "accuracy")}
    assert world.figure("auc", version=1).verdict is Verdict.NOT_MEASURED


def test_a_window_that_is_not_over_gives_no_verdict_and_no_alarm(world: World) -> None:
    world.send(events(table(2_000, 1, shift=20), MONDAY))
    made = world.evaluate(until=MONDAY + WEEK / 2)
    assert made.alarms == ()
    found = world.figure("psi", "income")
    assert (found.verdict, found.n, found.provisional) == (Verdict.PENDING, 1_000, True)
    assert "the window ends on 2025-06-09 00:00 UTC" in found.reason
    assert [alarm.labels["subject"] for alarm in world.evaluate().alarms] == ["income"]


def test_only_windows_whose_events_or_labels_grew_are_computed_again(world: World) -> None:
    weeks = [MONDAY + WEEK * n for n in range(6)]
    tables = [table(120, n) for n in range(6)]
    for start, found in zip(weeks, tables, strict=True):
        world.send(events(found, start))
    assert len(world.evaluate().windows) == 6
    world.label(labels(tables[2], weeks[2]))
    world.send(events(table(50, 9), weeks[4], variant="candidate", version=2, request_id="late"))
    made = world.evaluate()
    assert [each.summary.window.start for each in made.windows] == [weeks[2], weeks[4]]
    assert made.unchanged == 4
    assert made.windows[1].summary.versions == (1, 2)


def test_shadows_do_not_count_and_errors_cost_availability_but_rejections_do_not(world: World) -> None:
    found = events(table(200, 1), MONDAY)
    for event in found[:10]:
        event |= {"status": "error", "error": "runtime", "prediction": None, "score": None}
    for event in found[10:50]:
        event |= {"status": "rejected", "error": "contract_violation", "features": None, "score": None}
    shadows = events(table(200, 2, shift=90), MONDAY, variant="shadow", version=2)
    world.send(found + shadows)
    made = world.evaluate()
    assert made.alarms == ()
    assert made.windows[0].summary.versions == (1,)
    assert world.figure("availability", version=1).value == pytest.approx(150 / 160)
    assert world.figure("rejected_rate", version=1).value == pytest.approx(0.2)
    assert world.figure("psi", "income").n == 150
    assert world.figure("latency_p95", version=1).value == pytest.approx(2.0, rel=0.01)


def test_the_profiles_of_a_window_are_kept(world: World) -> None:
    world.send(events(table(150, 1), MONDAY))
    world.evaluate()
    with world.parts.database.read() as tx:
        found = service.profiles(tx, MODEL, "production", MONDAY)
        with pytest.raises(NotFound, match="no evaluated window"):
            service.profiles(tx, MODEL, "production", MONDAY + WEEK)
    assert from_json(found["1"]).rows == 150


def test_pages_of_windows_and_figures_meet_without_gap_or_overlap(world: World) -> None:
    world.send(events(table(10, 1), MONDAY) + events(table(10, 2), MONDAY + WEEK))
    world.evaluate()

    def all_of(read: Any, limit: int) -> list[Any]:
        items: list[Any] = []
        cursor = None
        while True:
            with world.parts.database.read() as tx:
                page = read(tx, MODEL, "production", cursor=cursor, limit=limit)
            items += page.items
            if (cursor := page.next) is None:
                return items

    assert all_of(service.figures, 7) == all_of(service.figures, 1000)
    assert len(all_of(service.windows, 1)) == 2


def test_without_events_there_is_nothing_to_evaluate(world: World) -> None:
    made = world.evaluate()
    assert (made.windows, made.unchanged) == ((), 0)


def test_another_configuration_judges_all_windows_anew(world: World) -> None:
    world.send(events(table(1_000, 1, shift=2), MONDAY))
    assert world.evaluate().alarms == ()
    world.configure(ks_floor=0.05, psi_floor=0.01)
    assert "income" in {alarm.labels["subject"] for alarm in world.evaluate().alarms}


@pytest.mark.parametrize(
    ("until", "code"),
    [
        (MONDAY.replace(tzinfo=None), "zone_missing"),
        (MONDAY + timedelta(days=3650), "future"),
        (datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=5))), "too_early"),
    ],
)
def test_a_moment_without_a_zone_yet_to_come_or_before_all_events_is_refused(
    world: World, until: Any, code: str
) -> None:
    with pytest.raises(InvalidInput) as error:
        world.evaluate(until=until)
    assert error.value.code == code
