"""The driver of monitors: evaluates what something came for, and leaves the rest alone; one failure blinds nobody."""

from __future__ import annotations

from datetime import timedelta

import pytest

from clearance.app import Clearance
from clearance.clock import FixedClock
from clearance.monitoring import service
from clearance.monitoring.driver import Driver
from clearance.registry import dataset_file
from clearance.registry import service as registry
from clearance.registry.model import NewModel
from clearance.response import service as response
from tests.monitoring.world import ADA, MODEL, MONDAY, WEEK, World, events, labels, parquet, table


@pytest.fixture
def world(sqlite_parts: Clearance) -> World:
    return World(sqlite_parts)


@pytest.fixture
def driver(world: World) -> Driver:
    return world.parts.monitor_driver


def computed(parts: Clearance, model: str = MODEL) -> int:
    with parts.database.read() as tx:
        return len(service.windows(tx, model, "production").items)


def test_a_monitor_is_evaluated_when_the_lake_the_monitor_or_the_time_brings_something(
    world: World, driver: Driver, clock: FixedClock
) -> None:
    now = clock.now()
    monday = now - timedelta(days=now.weekday(), hours=now.hour)
    week = table(500, 1)
    assert driver.turn() == 1
    assert driver.turn() == 0
    world.send([event for event in events(week, monday) if event["ts"] < now])
    assert (driver.turn(), driver.turn(), computed(world.parts)) == (1, 0, 1)
    world.label([{**label, "at": now} for label in labels(week, monday)])
    assert (driver.turn(), driver.turn()) == (1, 0)
    world.configure(ks_floor=0.5)
    assert (driver.turn(), driver.turn()) == (1, 0)
    assert world.figure("psi", "income", monday).provisional
    clock.advance(WEEK)
    assert (driver.turn(), driver.turn()) == (1, 0)
    assert not world.figure("psi", "income", monday).provisional
    assert world.figure("accuracy", "", monday, 1).provisional
    clock.advance(timedelta(days=31))
    assert driver.turn() == 1
    assert not world.figure("accuracy", "", monday, 1).provisional


def test_drift_becomes_one_alert_however_often_it_is_evaluated(world: World, driver: Driver) -> None:
    world.send(events(table(500, 2, shift=8), MONDAY))
    driver.turn()
    world.send(events(table(5, 3), MONDAY, request_id="late"))
    driver.turn()
    with world.parts.database.read() as tx:
        alerts = response.list_alerts(tx).items
    assert [(alert.labels["subject"], alert.changed_by, alert.seen) for alert in alerts] == [
        ("income", "system:clearance", 1)
    ]


def test_a_monitor_that_fails_is_told_of_once_and_does_not_blind_the_others(
    world: World, driver: Driver, caplog: pytest.LogCaptureFixture
) -> None:
    parts = world.parts
    other, _ = parts.blobs.put([parquet(table(1_000, 9))])
    with parts.database.write() as tx:
        registry.create_model(tx, ADA, NewModel(name="another", owner="user:ada"))
        registry.register_dataset(tx, ADA, dataset_file.inspect(parts.blobs, other), name="another")
    config = world.config
    service.configure_monitor(
        parts.database, ADA, parts.blobs, "another", "production", type(config)(baseline_dataset=other)
    )
    parts.blobs.path(other).unlink()
    rows = events(table(200, 1), MONDAY)
    world.send(rows + [{**row, "model": "another"} for row in rows])
    assert driver.turn() == 2
    assert driver.turn() == 1, "what failed is tried again"
    assert (computed(parts), computed(parts, "another")) == (1, 0)
    told = [record.getMessage() for record in caplog.records if "could not be evaluated" in record.getMessage()]
    assert len(told) == 1
    assert told[0].startswith("another in production could not be evaluated")
