"""Says a denied decision as an error; pure."""

from __future__ import annotations

from clearance.errors import Denied
from clearance.policy.model import Decision, Outcome
from clearance.values import plain


def refusal_of(decision: Decision) -> Denied | None:
    """Return the error of a decision that denies, with the rules that failed; None when it allows or waits."""
    if decision.outcome is not Outcome.DENIED:
        return None
    failing = [rule for rule in decision.rules if rule.blocks]
    said = "".join(f"; {rule.message}" for rule in failing)
    return Denied(
        f"{decision.model}/{decision.number} may not serve in {decision.environment}: {decision.reason}{said}",
        code="promotion_denied",
        hint=f"`clearance policy show {decision.id}` explains it rule by rule",
        details={"decision": decision.id, "rules": plain(failing)},
    )
