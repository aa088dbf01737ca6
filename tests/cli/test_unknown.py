"""What is asked about something that does not exist: it is said not to, in a listing as everywhere."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pytest
from typer.testing import CliRunner

from clearance.cli.main import app
from clearance.client.client import Client
from clearance.errors import NotFound

OF_A_MODEL: tuple[Callable[[Client, str], Any], ...] = (
    lambda client, model: client.alerts.list(model=model),
    lambda client, model: client.incidents.list(model=model),
    lambda client, model: client.rollouts.list(model),
    lambda client, model: client.policy.decisions(model),
    lambda client, model: client.waivers.list(model),
    lambda client, model: client.lineage.changes(model),
    lambda client, model: client.lineage.completeness(model),
    lambda client, model: client.telemetry.summary(model),
)


def drained(found: Any) -> Any:
    return list(found) if isinstance(found, Iterable) else found


@pytest.mark.parametrize("listing", OF_A_MODEL)
def test_a_listing_of_a_model_that_does_not_exist_says_so(
    client: Client, listing: Callable[[Client, str], Any]
) -> None:
    client.models.create("car-loan", owner="ada")
    drained(listing(client, "car-loan"))
    with pytest.raises(NotFound, match="there is no model 'car-laon'") as refused:
        drained(listing(client, "car-laon"))
    assert refused.value.code == "model_not_found"


@pytest.mark.parametrize("command", [("alerts", "list"), ("incidents", "list"), ("audit", "log")])
@pytest.mark.parametrize("limit", ["0", "-1"])
def test_a_listing_of_nothing_is_wrong_use(command: tuple[str, ...], limit: str) -> None:
    done = CliRunner().invoke(app, [*command, "--limit", limit])
    assert (done.exit_code, "greater than or equal to 1" in done.output) == (2, True), done.output
