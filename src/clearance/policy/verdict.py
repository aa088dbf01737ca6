"""Turns the outcomes of rules, votes and waivers into one conclusion; pure, and it fails closed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from clearance.policy.model import Conclusion, Outcome, RuleOutcome, Vote
from clearance.policy.pack import ApprovalPolicy, Severity
from clearance.statistics.verdicts import Verdict


def conclude(policy: ApprovalPolicy, outcomes: Sequence[RuleOutcome], votes: Sequence[Vote]) -> Conclusion:
    """Return the conclusion.

    Args:
        policy: how many approvals are needed.
        outcomes: how each rule ended, waivers taken in. Their order does not change the outcome.
        votes: the newest vote of each person whose vote counts.
    """
    approvals = tuple(sorted(vote.voter for vote in votes if vote.approve))
    outcome, reason = _outcome(policy, outcomes, votes, approvals)
    return Conclusion(
        outcome=outcome,
        reason=reason,
        rules=tuple(outcomes),
        approvals=approvals,
        approvals_needed=policy.count,
        waivers=tuple(sorted({rule.waiver for rule in outcomes if rule.waiver is not None})),
    )


def tally(rules: Sequence[RuleOutcome]) -> str:
    """Say how many rules ended how, each counted once: `11 blocking rules hold, 10 do not apply`."""
    held = Counter(rule.severity for rule in rules if rule.verdict is Verdict.PASSED)
    broken = [rule for rule in rules if not rule.holds]
    waived = sum(rule.waiver is not None for rule in broken)
    blocking = sum(rule.blocks for rule in broken)
    idle = sum(rule.verdict is Verdict.NOT_APPLICABLE for rule in rules)
    counted = (
        (held[Severity.BLOCK], "blocking rule holds", "blocking rules hold"),
        (waived, "is waived", "are waived"),
        (blocking, "does not hold", "do not hold"),
        (held[Severity.WARN], "that only warns holds", "that only warn hold"),
        (len(broken) - waived - blocking, "warns", "warn"),
        (idle, "does not apply", "do not apply"),
    )
    return ", ".join(f"{n} {one if n == 1 else many}" for n, one, many in counted if n) or "there are no rules"


def _outcome(
    policy: ApprovalPolicy, outcomes: Sequence[RuleOutcome], votes: Sequence[Vote], approvals: Sequence[str]
) -> tuple[Outcome, str]:
    if blocking := sorted(rule.id for rule in outcomes if rule.blocks):
        many = "1 rule does" if len(blocking) == 1 else f"{len(blocking)} rules do"
        return Outcome.DENIED, f"{many} not hold: {', '.join(blocking)}"
    held = [rule for rule in outcomes if rule.severity is Severity.BLOCK and rule.verdict is Verdict.PASSED]
    if not held:
        return Outcome.DENIED, "no blocking rule was found to hold, so nothing speaks for this version"
    if rejected := [vote for vote in votes if not vote.approve]:
        said = f": {rejected[0].comment}" if rejected[0].comment else ""
        return Outcome.DENIED, f"{rejected[0].voter} rejected it{said}"
    if len(approvals) < policy.count:
        roles = " or ".join(policy.roles)
        return Outcome.PENDING, f"the rules hold; {len(approvals)} of {policy.count} approvals by {roles} are there"
    waived = sum(rule.waiver is not None and rule.severity is Severity.BLOCK for rule in outcomes)
    by_waiver = f", {waived} more by waiver" if waived else ""
    return Outcome.ALLOWED, f"{len(held)} blocking rules hold{by_waiver}"
