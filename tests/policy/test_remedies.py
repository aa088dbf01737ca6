"""What to run next after a denial: only commands that help."""

from __future__ import annotations

from clearance.app import Clearance
from clearance.policy.model import Outcome
from clearance.policy.remedies import remedies
from tests.policy.registered import decide, measure, ready, register, sign


def test_a_bare_version_is_told_to_be_signed_and_checked(sqlite_parts: Clearance) -> None:
    version = register(sqlite_parts)
    denied = decide(sqlite_parts, version)
    sign_it, check_it = remedies(denied)
    assert "`clearance evidence sign car-loan 1`" in sign_it
    assert "`clearance checks run car-loan 1 --suite NAME --data ROLE=FILE`" in check_it
    fresh = next(rule for rule in denied.rules if rule.id == "evidence-fresh")
    assert fresh.message == "no check has been run"
    sign(sqlite_parts, version)
    assert remedies(decide(sqlite_parts, version)) == (check_it,)


def test_what_no_command_helps_has_no_remedy(sqlite_parts: Clearance) -> None:
    version = ready(sqlite_parts)
    assert remedies(decide(sqlite_parts, version)) == ()
    measure(sqlite_parts, version, ["data"], verdict="failed")
    denied = decide(sqlite_parts, version)
    assert (denied.outcome, remedies(denied)) == (Outcome.DENIED, ())
