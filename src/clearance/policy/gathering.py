"""Gather the facts of a decision from the registry, the evidence and the people."""

from __future__ import annotations

import re

from clearance.errors import InvalidInput
from clearance.evidence import predicates
from clearance.evidence import service as evidence
from clearance.policy import consent_store, facts
from clearance.policy.model import Facts, WaiverFact
from clearance.registry import service as registry
from clearance.registry.model import Version
from clearance.storage.database import Transaction

_CONCLUSIONS = (predicates.VSA, predicates.APPROVAL)
"""What decisions and people said of the version: one for each of them, and no facts of a decision."""
_ENVIRONMENT = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")


def gather(tx: Transaction, model: str, number: int, environment: str) -> Facts:
    """Return the facts about a version as of this transaction.

    Raises:
        NotFound: no such model or version.
        InvalidInput: the environment's name is none.
        VerificationFailed: stored evidence was changed.
    """
    if not _ENVIRONMENT.fullmatch(environment):
        raise InvalidInput(
            f"{environment[:80]!r} is not the name of an environment",
            code="bad_environment",
            hint="lower-case letters, digits and -, at most 63, for example production",
        )
    version = registry.get_version(tx, model, number)
    return facts.build(
        now=tx.now,
        environment=environment,
        model=registry.get_model(tx, model),
        version=version,
        completeness=registry.completeness(tx, model, number),
        signature=evidence.artifact_signature(tx, model, number),
        statements=evidence.statements(tx, model, number, without=_CONCLUSIONS),
        votes=consent_store.votes_in_force(tx, model, number, environment),
        waivers=_waivers(tx, version, environment),
        onboarding_since=registry.black_box_since(tx, model),
    )


def _waivers(tx: Transaction, version: Version, environment: str) -> tuple[WaiverFact, ...]:
    """Return the waivers in force; one that the version's own author granted does not count."""
    return tuple(
        WaiverFact(
            id=waiver.id,
            rule=waiver.rule,
            reason=waiver.reason,
            granted_by=waiver.granted_by,
            expires_at=waiver.expires_at,
        )
        for waiver in consent_store.list_waivers(tx, version.model)
        if waiver.in_force(tx.now)
        and waiver.environment == environment
        and waiver.number in {None, version.number}
        and waiver.granted_by != version.created_by
    )
