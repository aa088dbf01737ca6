"""Says a denied decision as an error; pure."""

from __future__ import annotations

from clearance.errors import Denied
from clearance.policy.model import Decision, Outcome
from clearance.policy.remedies import remedies
from clearance.values import plain


def called(model: str, number: int, title: str | None) -> str:
    """Return what a version is called for people: also by its model's title, where that is not the model's name."""
    name = f"{model}/{number}"
    return f"version {number} of {title} ({name})" if title not in {None, "", model} else name


def refusal_of(decision: Decision, title: str = "") -> Denied | None:
    """Return the error of a decision that denies: one line per rule that failed, and what to run next.

    None when the decision allows or waits. A title that is not the model's name is named with it.
    """
    if decision.outcome is not Outcome.DENIED:
        return None
    failing = [rule for rule in decision.rules if rule.blocks]
    many = "1 rule does not hold" if len(failing) == 1 else f"{len(failing)} rules do not hold"
    head = f"{called(decision.model, decision.number, title)} may not serve in {decision.environment}"
    lines = [f"{head}: {many if failing else decision.reason}", *(f"{rule.id}: {rule.message}" for rule in failing)]
    return Denied(
        "\n".join(lines),
        code="promotion_denied",
        hint="\n".join([*remedies(decision), f"`clearance policy show {decision.id}` explains it rule by rule"]),
        details={"decision": decision.id, "rules": plain(failing)},
    )
