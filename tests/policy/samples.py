"""Facts and packs that tests start from: a good version, and a pack of one's own rules."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from clearance.access.model import Role
from clearance.policy.model import CheckFact, Facts, FigureFact, VersionFact, Vote, WaiverFact
from clearance.policy.pack import ApprovalPolicy, Pack, Parameter, Rule, Severity
from clearance.statistics.verdicts import Verdict

AT = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
CHECKS = ("data", "performance", "artifact_safety", "contract", "latency")


def check(verdict: Verdict = Verdict.PASSED, age_days: float | None = 1.0) -> CheckFact:
    return CheckFact(
        verdict=verdict,
        reason="as it was measured",
        age_days=age_days,
        suite="credit",
        signer="ci",
        statement="sha256:0",
    )


def figure(value: float | None, low: float | None = None, high: float | None = None, **where: str) -> FigureFact:
    return FigureFact(value=value, low=low, high=high, slice=where)


def good_facts(risk: str = "standard", **changes: Any) -> Facts:
    """Facts of a version that has everything, and needs no fairness."""
    facts = Facts(
        environment="production",
        model={
            "name": "car-loan",
            "owner": "olga",
            "team": "credit",
            "on_call": "credit-on-call",
            "purpose": "decide on car loans",
            "use_case": "pricing",
            "risk": risk,
            "kind": "predictive",
            "lifecycle": "development",
        },
        version=VersionFact(
            number=1,
            digest="sha256:" + "1" * 64,
            author="user:ada",
            status="registered",
            age_days=2.0,
            has_contract=True,
            code_dirty=False,
        ),
        signature_valid=True,
        signer="clearance",
        provenance_complete=True,
        provenance_missing=(),
        checks={name: check() for name in CHECKS},
        figures={"performance.auc": figure(0.97, 0.96, 0.98)},
    )
    return replace(facts, **changes)


def with_fairness(facts: Facts, figures: Mapping[str, FigureFact], verdict: Verdict = Verdict.PASSED) -> Facts:
    return replace(facts, checks={**facts.checks, "fairness": check(verdict)}, figures={**facts.figures, **figures})


def vote(voter: str, *, approve: bool = True, roles: tuple[Role, ...] = (Role.APPROVER,), comment: str = "") -> Vote:
    return Vote(voter=voter, roles=roles, approve=approve, comment=comment, at=AT)


def waiver(rule: str, name: str = "wvr_1") -> WaiverFact:
    return WaiverFact(id=name, rule=rule, reason="a pilot", granted_by="user:bo", expires_at=AT)


def rule(expression: str = "true", name: str = "one", severity: Severity = Severity.BLOCK, **more: Any) -> Rule:
    return Rule(
        id=name,
        title="it holds",
        severity=severity,
        expression=expression,
        message=more.pop("message", "it does not hold"),
        sources=("M1",),
        **more,
    )


def pack(*rules: Rule, count: int = 0, parameters: Iterable[Parameter] = ()) -> Pack:
    return Pack(
        name="own",
        version="1",
        description="of a test",
        environments=("*",),
        risks=("light", "standard", "full"),
        parameters=tuple(parameters),
        rules=rules,
        approvals=ApprovalPolicy(
            count=count, roles=(Role.APPROVER,), exclude_author=True, valid_days=90, request_days=14
        ),
        longest_waiver_days=30,
    )


YAML = """\
name: own
version: "1"
description: of a test
environments: [production]
risks: [standard]
parameters:
  floor: {source: a test, values: {standard: 0.8}}
approvals: {count: 0}
longest_waiver_days: 30
rules:
  - id: one
    title: The AUC is high
    severity: block
    expression: figures['performance.auc'] >= parameters['floor']
    message: AUC is {figures['performance.auc']}
    sources: [M1]
"""
