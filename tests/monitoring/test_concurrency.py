"""What happens while an evaluation computes: nobody waits for it, and it never keeps what is out of date."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from clearance.app import Clearance
from clearance.errors import Conflict
from clearance.monitoring import service
from clearance.registry import service as registry
from clearance.registry.model import NewModel
from clearance.statistics.verdicts import Verdict
from clearance.telemetry.lake import Lake
from tests.monitoring.world import ADA, MONDAY, WEEK, World, events, labels, table


class InterruptedLake(Lake):
    """The lake itself, which lets something happen before a window's events are read."""

    def __init__(self, lake: Lake, meanwhile: Callable[[int], None]) -> None:
        super().__init__(lake.folder)
        self.meanwhile = meanwhile
        self.read = 0

    def joined(self, *arguments: Any, **options: Any) -> Any:
        self.read += 1
        self.meanwhile(self.read)
        return super().joined(*arguments, **options)


@pytest.fixture
def world(parts: Clearance) -> World:
    made = World(parts)
    made.send(events(table(1_000, 1), MONDAY) + events(table(1_000, 2, shift=8), MONDAY + WEEK))
    return made


def test_others_write_while_windows_are_computed(world: World) -> None:
    waited: list[float] = []

    def write(_read: int) -> None:
        begun = time.monotonic()
        with world.parts.database.write() as tx:
            registry.create_model(tx, ADA, NewModel(name=f"other-{len(waited)}", owner="user:ada"))
        waited.append(time.monotonic() - begun)

    made = world.evaluate(InterruptedLake(world.parts.lake, write))
    assert (len(made.windows), len(waited)) == (2, 2)
    assert max(waited) < 5, "an evaluation in a transaction would keep it waiting for ever"


def test_a_monitor_configured_meanwhile_is_the_one_that_counts(world: World) -> None:
    lake = InterruptedLake(
        world.parts.lake, lambda read: world.configure(ks_floor=0.9, psi_floor=9) if read == 2 else None
    )
    made = world.evaluate(lake)
    assert (lake.read, made.alarms) == (4, ())
    assert {each.summary.inputs.monitor for each in made.windows} == {world.monitor.digest}
    assert world.figure("ks", "income", MONDAY + WEEK).verdict is Verdict.PASSED


def test_two_evaluations_at_once_raise_one_alarm_and_keep_the_newer_figures(world: World) -> None:
    def overtake(read: int) -> None:
        if read == 2:
            world.label(labels(table(1_000, 1), MONDAY))
            assert len(world.evaluate().windows) == 2

    made = world.evaluate(InterruptedLake(world.parts.lake, overtake))
    assert (made.windows, made.unchanged, made.alarms) == ((), 2, ())
    assert [alarm.labels["subject"] for alarm in world.raised] == ["income"]
    assert world.figure("accuracy", version=1).n == 1_000


def test_an_evaluation_that_is_always_overtaken_says_so(world: World) -> None:
    def overtake(read: int) -> None:
        world.send(events(table(5, read), MONDAY, request_id=f"late-{read}"))
        world.evaluate()

    lake = InterruptedLake(world.parts.lake, overtake)
    with pytest.raises(Conflict, match="changed by others") as error:
        world.evaluate(lake, recompute=True)
    assert error.value.code == "monitor_busy"


def test_windows_of_another_length_take_the_place_of_the_earlier_ones(world: World) -> None:
    world.evaluate()
    world.configure(window="P1D", minimum_events=50)
    assert len(world.evaluate().windows) == 14
    world.configure()
    assert [each.summary.window.start for each in world.evaluate().windows] == [MONDAY, MONDAY + WEEK]
    with world.parts.database.read() as tx:
        assert len(service.windows(tx, "car-loan", "production").items) == 2


def test_a_label_that_was_corrected_is_noticed_and_the_rest_left_alone(world: World) -> None:
    week = labels(table(1_000, 1), MONDAY)
    world.label(week)
    world.evaluate()
    before = world.figure("accuracy", version=1)
    corrected = [{**each, "label": 1 - each["label"], "at": each["at"] + WEEK} for each in week[:100]]
    world.label(corrected)
    made = world.evaluate()
    assert [each.summary.window.start for each in made.windows] == [MONDAY]
    after = world.figure("accuracy", version=1)
    assert (after.n, after.inputs.labels_version) == (before.n, before.inputs.labels_version + 1)
    assert after.value != before.value
    world.label(corrected)
    assert world.evaluate().windows == ()


def test_a_few_changed_windows_cost_less_than_all(sqlite_parts: Clearance) -> None:
    world = World(sqlite_parts)
    weeks = [MONDAY + WEEK * n for n in range(20)]
    for n, start in enumerate(weeks):
        world.send(events(table(300, n), start))
    lake = InterruptedLake(sqlite_parts.lake, lambda _read: None)
    world.evaluate(lake)
    assert lake.read == 20
    world.send(events(table(10, 99), weeks[7], request_id="late"))
    lake.read = 0
    assert len(world.evaluate(lake).windows) == lake.read == 1
