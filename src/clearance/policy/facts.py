"""Builds the facts of a decision from what the registry and the evidence hold, and shows them to expressions; pure."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from clearance.evidence import predicates
from clearance.evidence.model import ArtifactSignature, StoredStatement
from clearance.policy.model import CheckFact, Facts, FigureFact, VersionFact, Vote, WaiverFact
from clearance.policy.pack import ApprovalPolicy, Pack
from clearance.registry.completeness import Completeness
from clearance.registry.model import Model, Version
from clearance.statistics.verdicts import Verdict

_DAY = 86_400


def build(
    *,
    now: datetime,
    environment: str,
    model: Model,
    version: Version,
    completeness: Completeness,
    signature: ArtifactSignature | None,
    statements: Sequence[StoredStatement],
    votes: Sequence[Vote] = (),
    waivers: Sequence[WaiverFact] = (),
    onboarding_since: datetime | None = None,
) -> Facts:
    """Return the facts as of now.

    Args:
        now: time that ages are counted to.
        environment: where the version is to serve.
        model, version, completeness: what the registry says.
        signature: over the artifact, by a key that is trusted; None without one.
        statements: those whose signatures hold, check results and others; if its key was revoked, one does not count.
        votes: votes in force, oldest first.
        waivers: waivers in force.
        onboarding_since: when the first version of the model came that is an endpoint or an image; None without one.
    """
    trusted = [statement for statement in statements if statement.revoked_at is None]
    newest = _newest(statement for statement in trusted if statement.predicate_type == predicates.CHECK)
    return Facts(
        environment=environment,
        model={
            "name": model.name,
            "owner": model.owner,
            "team": model.team,
            "on_call": model.on_call,
            "purpose": model.purpose,
            "use_case": model.use_case,
            "risk": model.risk.value,
            "kind": model.kind.value,
            "lifecycle": model.lifecycle.value,
            "assessed_risk": model.assessed_risk.value if model.assessed_risk is not None else "",
        },
        version=VersionFact(
            number=version.number,
            digest=version.digest,
            author=version.created_by,
            status=version.status.value,
            age_days=_days(now, version.created_at),
            has_contract=version.contract is not None,
            code_dirty=version.provenance.code is not None and version.provenance.code.dirty,
            source_kind=version.source.kind.value,
        ),
        signature_valid=signature is not None,
        signer=signature.signer_name if signature is not None else "",
        provenance_complete=completeness.complete,
        provenance_missing=completeness.missing,
        checks={name: _check(now, statement) for name, statement in sorted(newest.items())},
        figures={
            key: figure for name, statement in sorted(newest.items()) for key, figure in _figures(name, statement)
        },
        votes=tuple(votes),
        waivers=tuple(waivers),
        onboarding_age_days=0.0 if onboarding_since is None else _days(now, onboarding_since),
        statements=tuple(sorted({statement.predicate_type for statement in trusted})),
    )


def activation(pack: Pack, facts: Facts) -> dict[str, Any]:
    """Return the variables that expressions see; a number that could not be measured is left out, so that it is missing."""
    figures: dict[str, float] = {}
    for name, figure in facts.figures.items():
        for key, number in ((name, figure.value), (f"{name}.low", figure.low), (f"{name}.high", figure.high)):
            if number is not None:
                figures[key] = float(number)
    risk = facts.model.get("risk", "")
    version = facts.version
    return {
        "environment": facts.environment,
        "model": dict(facts.model),
        "version.number": version.number,
        "version.digest": version.digest,
        "version.author": version.author,
        "version.status": version.status,
        "version.age_days": float(version.age_days),
        "version.has_contract": version.has_contract,
        "version.code_dirty": version.code_dirty,
        "version.source_kind": version.source_kind,
        "signature_valid": facts.signature_valid,
        "signer": facts.signer,
        "provenance_complete": facts.provenance_complete,
        "provenance_missing": list(facts.provenance_missing),
        "onboarding_age_days": float(facts.onboarding_age_days),
        "statements": list(facts.statements),
        "verdicts": {name: check.verdict.value for name, check in facts.checks.items()},
        "reasons": {name: check.reason for name, check in facts.checks.items()},
        "ages": {name: float(check.age_days) for name, check in facts.checks.items() if check.age_days is not None},
        "figures": figures,
        "parameters": {each.name: float(each.values[risk]) for each in pack.parameters if risk in each.values},
        "approvals": [vote.voter for vote in countable_votes(pack.approvals, facts) if vote.approve],
    }


def countable_votes(policy: ApprovalPolicy, facts: Facts) -> tuple[Vote, ...]:
    """Return the newest vote of each person who may vote: in one of the roles, and not on their own version."""
    newest: dict[str, Vote] = {}
    for vote in facts.votes:
        own = policy.exclude_author and vote.voter == facts.version.author
        if not own and set(vote.roles) & set(policy.roles):
            newest[vote.voter] = vote
    return tuple(newest[voter] for voter in sorted(newest))


def _newest(statements: Iterable[StoredStatement]) -> dict[str, StoredStatement]:
    newest: dict[str, StoredStatement] = {}
    for statement in statements:
        name = statement.predicate.get("check")
        if isinstance(name, str) and (name not in newest or _order(statement) >= _order(newest[name])):
            newest[name] = statement
    return newest


def _order(statement: StoredStatement) -> tuple[datetime, datetime, bool, str]:
    """A result is as new as it says, but never newer than its arrival: an old pass sent again does not hide a failure.

    Of two of the same instant the one that did not pass counts; without a time, a result is older than any other.
    """
    finished = _finished(statement) or datetime.min.replace(tzinfo=UTC)
    passed = statement.predicate.get("verdict") == Verdict.PASSED
    return finished, statement.added_at, not passed, statement.id


def _finished(statement: StoredStatement) -> datetime | None:
    try:
        found = datetime.fromisoformat(str(statement.predicate.get("finished_at")))
    except ValueError:
        return None
    return min(found, statement.added_at) if found.tzinfo is not None else None


def _check(now: datetime, statement: StoredStatement) -> CheckFact:
    predicate = statement.predicate
    finished = _finished(statement)
    suite = predicate.get("suite")
    return CheckFact(
        verdict=Verdict(predicate["verdict"]),
        reason=str(predicate.get("reason", "")),
        age_days=None if finished is None else _days(now, finished),
        suite=str(suite.get("name", "")) if isinstance(suite, Mapping) else "",
        signer=statement.signer_name,
        statement=statement.digest,
    )


def _figures(check: str, statement: StoredStatement) -> list[tuple[str, FigureFact]]:
    """Name each figure `check.figure`, then its slice; the group is part of the name only where it tells figures apart.

    Figures that still share a name are left out: which one a rule means could not be told.
    """
    raw = statement.predicate.get("figures")
    named = [found for each in (raw if isinstance(raw, Sequence) else ()) if (found := _figure(check, each))]
    shared = Counter(name for name, _ in named)
    named = [
        (f"{name}.{figure.slice['group']}" if shared[name] > 1 and "group" in figure.slice else name, figure)
        for name, figure in named
    ]
    unique = Counter(name for name, _ in named)
    return sorted(((name, figure) for name, figure in named if unique[name] == 1), key=lambda pair: pair[0])


def _figure(check: str, raw: object) -> tuple[str, FigureFact] | None:
    if not isinstance(raw, Mapping) or not isinstance(raw.get("name"), str):
        return None
    cut = raw.get("slice")
    where = {str(key): str(part) for key, part in sorted(cut.items())} if isinstance(cut, Mapping) else {}
    name = ".".join([check, raw["name"], *(part for key, part in where.items() if key != "group")])
    figure = FigureFact(
        value=_number(raw.get("value")),
        low=_number(raw.get("low")),
        high=_number(raw.get("high")),
        slice=where,
        unit=str(raw.get("unit") or ""),
    )
    return name, figure


def _number(found: object) -> float | None:
    if isinstance(found, bool) or not isinstance(found, int | float) or not math.isfinite(found):
        return None
    return float(found)


def _days(now: datetime, then: datetime) -> float:
    return round(max(0.0, (now - then).total_seconds()) / _DAY, 6)
