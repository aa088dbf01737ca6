"""A denial as an error: one rule a line, and what to run next."""

from __future__ import annotations

from clearance.app import Clearance
from clearance.delivery.refusal import refusal_of
from tests.policy.registered import decide, ready, register


def test_a_denial_has_one_line_per_rule_and_the_commands_that_help(sqlite_parts: Clearance) -> None:
    decision = decide(sqlite_parts, register(sqlite_parts))
    denied = refusal_of(decision)
    assert denied is not None
    blocking = [rule for rule in decision.rules if rule.blocks]
    head, *lines = denied.message.splitlines()
    assert head == f"car-loan/1 may not serve in production: {len(blocking)} rules do not hold"
    assert lines == [f"{rule.id}: {rule.message}" for rule in blocking]
    assert "evidence-fresh: no check has been run" in lines
    sign_it, check_it, explain = denied.hint.splitlines()
    assert "`clearance evidence sign car-loan 1`" in sign_it
    assert "`clearance checks run car-loan 1 --suite" in check_it
    assert f"`clearance policy show {decision.id}`" in explain


def test_a_denial_names_the_title_that_somebody_knows_the_model_by(sqlite_parts: Clearance) -> None:
    denied = refusal_of(decide(sqlite_parts, register(sqlite_parts)), "Car loan")
    assert denied is not None
    assert denied.message.startswith("version 1 of Car loan (car-loan/1) may not serve in production: ")


def test_what_is_allowed_is_not_refused(sqlite_parts: Clearance) -> None:
    assert refusal_of(decide(sqlite_parts, ready(sqlite_parts))) is None
