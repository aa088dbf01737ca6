"""Says which command brings what a denied decision lacked; pure."""

from __future__ import annotations

import re

from clearance.policy.model import Decision, Outcome
from clearance.statistics.verdicts import Verdict

_ABOUT_SIGNATURES = re.compile(r"\bsign(ed|ature)", re.IGNORECASE)


def remedies(decision: Decision) -> tuple[str, ...]:
    """Return sentences with the commands to run next; none where no command of ours can help."""
    if decision.outcome is not Outcome.DENIED:
        return ()
    version = f"{decision.model} {decision.number}"
    blocking = [rule for rule in decision.rules if rule.blocks]
    found: list[str] = []
    if not decision.facts.signature_valid and any(_ABOUT_SIGNATURES.search(f"{r.id} {r.title}") for r in blocking):
        found.append(f"`clearance evidence sign {version}` signs it")
    if any(rule.verdict is Verdict.NOT_MEASURED for rule in blocking):
        found.append(
            f"`clearance checks run {version} --suite NAME --data ROLE=FILE` measures what is missing; "
            "`clearance checks suites` names the suites"
        )
    return tuple(found)
