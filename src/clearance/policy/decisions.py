"""Use cases of decisions: decide, and look back."""

from __future__ import annotations

from collections.abc import Mapping

from clearance.access.model import Principal
from clearance.audit import log
from clearance.audit.events import Event
from clearance.errors import Conflict, NotFound
from clearance.evidence import predicates, statement, vsa
from clearance.evidence import service as evidence
from clearance.evidence.keyring import Keyring
from clearance.policy import consent_store, installation, store
from clearance.policy.asking import request_approval
from clearance.policy.consent import ApprovalRequest
from clearance.policy.engine import Engine
from clearance.policy.gathering import gather
from clearance.policy.model import Conclusion, Decision, Facts, Outcome
from clearance.policy.pack import InstalledPack, Pack
from clearance.registry import service as registry
from clearance.registry.model import Version
from clearance.registry.stopped import check_usable
from clearance.storage.database import Transaction
from clearance.values import Page, digest_of, plain, position_of

VERIFIER = "https://clearance.dev/verifier"
"""Who decides, as verification summaries name it."""


def decide(
    tx: Transaction, caller: Principal, engine: Engine, keyring: Keyring, model: str, number: int, environment: str
) -> Decision:
    """Decide whether a version may serve in an environment; the decision is stored, explained, and signed as a VSA.

    A decision that only lacks approvals is pending, and asks for them.

    Raises:
        NotFound: no such model or version.
        InvalidInput: the environment's name is none.
        Denied: the version has no digest yet (`version_unpinned`).
        Conflict: no pack applies to the model's risk tier there (code `no_pack`): nothing is allowed by default. Or the version
            was stopped (`bad_status`), and the pack would not deny it.
    """
    lock(tx, model, number, environment)
    version = registry.get_pinned(tx, model, number)
    found = gather(tx, model, number, environment)
    used = _pack_for(tx, found)
    store.keep_pack(tx, used)
    pack, pack_digest = used.pack, used.digest
    conclusion = _conclude(tx, engine, used, version, found)
    decision_id = tx.new_id("dec")
    waiting = (
        request_approval(tx, caller, pack, version, environment, decision_id)
        if conclusion.outcome is Outcome.PENDING
        else consent_store.settled_request(tx, model, number, environment)
    )
    summary = _summary(tx, caller, keyring, version, pack, pack_digest, found, conclusion)
    decision = _decision(tx, caller, version, pack, pack_digest, found, conclusion, decision_id, waiting, summary)
    store.insert_decision(tx, decision, conclusion)
    log.record(
        tx,
        Event.DECISION_MADE,
        actor=caller.name,
        subject=f"model/{version.name}",
        data={
            "decision": decision.id,
            "environment": environment,
            "outcome": decision.outcome,
            "reason": decision.reason,
            "rules": [rule.id for rule in decision.rules if rule.blocks],
            "pack": pack_digest,
            "facts": decision.facts_digest,
            "conclusion": digest_of(conclusion),
            "waivers": decision.waivers,
        },
    )
    return decision


def preview(tx: Transaction, caller: Principal, engine: Engine, model: str, number: int, environment: str) -> Decision:
    """Return the decision that would be made now: without an id or a summary; stores nothing, asks nobody, admits nothing.

    Its `approval_id` is that of the request that is open or settled already, if there is one. Errors as `decide`.
    """
    version = registry.get_pinned(tx, model, number)
    found = gather(tx, model, number, environment)
    used = _pack_for(tx, found)
    conclusion = _conclude(tx, engine, used, version, found)
    known = consent_store.open_request if conclusion.outcome is Outcome.PENDING else consent_store.settled_request
    waiting = known(tx, model, number, environment)
    return _decision(tx, caller, version, used.pack, used.digest, found, conclusion, "", waiting, {})


def lock(tx: Transaction, model: str, number: int, environment: str) -> None:
    """Let one decision or vote at a time past this point for a version in an environment."""
    tx.lock(f"decision {model}/{number} {environment}")


def get_decision(tx: Transaction, decision_id: str) -> Decision:
    """Return a decision.

    Raises:
        NotFound: there is none of that id.
    """
    found = store.find_decision(tx, decision_id)
    if found is None:
        raise NotFound(
            f"there is no decision {decision_id[:80]}",
            code="decision_not_found",
            hint="`clearance policy list` shows them",
        )
    return found


def newest_decision(tx: Transaction, model: str, number: int, environment: str = "production") -> Decision | None:
    """Return the decision that stands, None before the first."""
    return store.newest_decision(tx, model, number, environment)


def list_decisions(
    tx: Transaction,
    *,
    model: str | None = None,
    number: int | None = None,
    environment: str | None = None,
    cursor: str | None = None,
    limit: int = 100,
) -> Page[Decision]:
    """Return decisions, newest first.

    Raises:
        NotFound: no such model.
        InvalidInput: no page gave that cursor.
    """
    registry.check_named(tx, model)
    found = store.list_decisions(
        tx, model=model, number=number, environment=environment, before=position_of(cursor), limit=limit + 1
    )
    items = tuple(decision for _, decision in found[:limit])
    return Page(items=items, next=str(found[limit - 1][0]) if len(found) > limit else None)


def _conclude(tx: Transaction, engine: Engine, used: InstalledPack, version: Version, found: Facts) -> Conclusion:
    """Return what follows; a version that was stopped can be denied, by rules that say why, and nothing else."""
    conclusion = engine.decide(used.pack, found, digest=used.digest)
    if conclusion.outcome is not Outcome.DENIED:
        check_usable(registry.get_model(tx, version.model), version)
    return conclusion


def _pack_for(tx: Transaction, found: Facts) -> InstalledPack:
    pack = installation.pack_for(tx, found.model["risk"], found.environment)
    if pack is None:
        raise Conflict(
            f"no pack applies to models of {found.model['risk']} risk in {found.environment}",
            code="no_pack",
            hint="`clearance policy packs` shows those there are",
        )
    return pack


def _summary(
    tx: Transaction,
    caller: Principal,
    keyring: Keyring,
    version: Version,
    pack: Pack,
    pack_digest: str,
    found: Facts,
    conclusion: Conclusion,
) -> Mapping[str, object]:
    predicate = vsa.verification_summary(
        verifier=VERIFIER,
        at=tx.now,
        model=version.model,
        number=version.number,
        policy_uri=f"clearance:pack/{pack.name}",
        policy_digest=pack_digest,
        inputs=[check.statement for check in found.checks.values()],
        passed=conclusion.outcome is Outcome.ALLOWED,
        levels=[vsa.level_of(found.environment)],
    )
    claim = statement.about(version.model, version.number, version.digest, predicates.VSA, predicate)
    envelope: Mapping[str, object] = plain(evidence.sign_and_add(tx, caller, keyring, claim).envelope)
    return envelope


def _decision(
    tx: Transaction,
    caller: Principal,
    version: Version,
    pack: Pack,
    pack_digest: str,
    found: Facts,
    conclusion: Conclusion,
    decision_id: str,
    waiting: ApprovalRequest | None,
    summary: Mapping[str, object],
) -> Decision:
    return Decision(
        id=decision_id,
        model=version.model,
        number=version.number,
        digest=version.digest,
        environment=found.environment,
        outcome=conclusion.outcome,
        reason=conclusion.reason,
        rules=conclusion.rules,
        approvals=conclusion.approvals,
        approvals_needed=conclusion.approvals_needed,
        approval_id=waiting.id if waiting is not None else None,
        waivers=conclusion.waivers,
        pack=pack.name,
        pack_version=pack.version,
        pack_digest=pack_digest,
        facts=found,
        facts_digest=digest_of(found),
        made_at=tx.now,
        made_by=caller.name,
        vsa=summary,
    )
