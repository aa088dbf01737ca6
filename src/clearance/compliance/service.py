"""Use cases of reports: gather what is known of a version, and record that a report of it was written."""

from __future__ import annotations

from collections.abc import Container, Iterable

from clearance.access.model import Principal
from clearance.audit import log, store
from clearance.audit.checkpoint import Verifier
from clearance.audit.events import Event
from clearance.compliance import leaves, production, serving
from clearance.compliance.model import Leaves, Production, Report
from clearance.delivery import service as delivery
from clearance.delivery.model import Move, Rollout
from clearance.errors import NotFound
from clearance.evidence import predicates
from clearance.evidence import service as evidence
from clearance.evidence.model import ArtifactSignature, StoredStatement
from clearance.policy import service as policy
from clearance.policy.consent import ApprovalRequest, Waiver
from clearance.registry import service as registry
from clearance.registry.model import Dataset, Version
from clearance.response import service as response
from clearance.response.model import Alert
from clearance.storage.database import Transaction
from clearance.values import sha256

_MOST = 1000


def gather(
    tx: Transaction,
    caller: Principal,
    verifier: Verifier,
    model: str,
    number: int,
    *,
    environment: str = "production",
) -> Report:
    """Return everything that a report says of a version.

    Raises:
        NotFound: no such model or version.
        VerificationFailed: stored evidence was changed.
    """
    version = registry.get_version(tx, model, number)
    claims = evidence.statements(tx, model, number)
    signature = evidence.artifact_signature(tx, model, number)
    alerts = response.list_alerts(tx, model=model, limit=_MOST).items
    moves = delivery.history(tx, model, environment).items
    rollouts = _rollouts(tx, version, environment)
    seen = production.read(tx, model, environment)
    datasets = _datasets(tx, version, seen)
    pointer = next((each for each in delivery.list_pointers(tx, model) if each.environment == environment), None)
    refused = serving.refused(tx, [pointer] if pointer else [])
    instead_of = refused.instead_of(model, environment, number)
    return Report(
        at=tx.now,
        by=caller.name,
        environment=environment,
        model=registry.get_model(tx, model),
        version=version,
        completeness=registry.completeness(tx, model, number),
        datasets=datasets,
        decision=policy.newest_decision(tx, model, number, environment),
        signature=signature,
        checks=tuple(claim for claim in claims if claim.predicate_type == predicates.CHECK),
        others=tuple(claim for claim in claims if claim.predicate_type != predicates.CHECK),
        approvals=_approvals(tx, caller, version),
        waivers=_waivers(tx, version),
        pointer=pointer,
        admission=policy.admission(tx, model, number, environment),
        refused=refused.of(model, environment, number),
        instead_of=instead_of,
        moves=_moves(moves, number),
        rollouts=rollouts,
        production=seen,
        alerts=alerts,
        incidents=response.list_incidents(tx, model=model, limit=_MOST).items,
        leaves=_leaves(
            tx, version, datasets, claims, signature, alerts, rollouts, {each.leaf for _, each in instead_of}
        ),
        checkpoint=store.latest_checkpoint(tx) or "",
        verifier=verifier.text(),
    )


def record(tx: Transaction, caller: Principal, report: Report, html: str) -> str:
    """Note in the log that a report was written, and return the digest of its text, which the leaf names."""
    digest = sha256(html.encode())
    log.record(
        tx,
        Event.REPORT_WRITTEN,
        actor=caller.name,
        subject=f"model/{report.version.name}",
        data={"digest": digest, "environment": report.environment, "as_of": report.at},
    )
    return digest


def _datasets(tx: Transaction, version: Version, seen: Production | None) -> dict[str, Dataset]:
    named = [use.digest for use in version.provenance.datasets]
    found = {}
    for digest in [*named, *([seen.monitor.config.baseline_dataset] if seen else [])]:
        try:
            found[digest] = registry.get_dataset(tx, digest)
        except NotFound:  # the report says that it is not registered
            continue
    return found


def _approvals(tx: Transaction, caller: Principal, version: Version) -> tuple[ApprovalRequest, ...]:
    return policy.list_approvals(tx, caller, version=(version.model, version.number), limit=_MOST).items


def _waivers(tx: Transaction, version: Version) -> tuple[Waiver, ...]:
    found = policy.list_waivers(tx, version.model).items
    return tuple(each for each in found if each.number in {None, version.number})


def _moves(moves: Iterable[Move], number: int) -> tuple[Move, ...]:
    return tuple(move for move in moves if number in {move.from_number, move.to_number})


def _rollouts(tx: Transaction, version: Version, environment: str) -> tuple[Rollout, ...]:
    found = delivery.list_rollouts(tx, model=version.model, limit=_MOST).items
    return tuple(
        each for each in found if version.number in {each.stable, each.candidate} and each.environment == environment
    )


def _leaves(
    tx: Transaction,
    version: Version,
    datasets: Iterable[str],
    claims: Iterable[StoredStatement],
    signature: ArtifactSignature | None,
    alerts: Iterable[Alert],
    rollouts: Iterable[Rollout],
    named: Container[int],
) -> Leaves:
    """Return every leaf about what the report speaks of, each once; of other versions only moves, and those `named` by index."""
    signers = {claim.signer for claim in claims} | ({signature.signer} if signature else set())
    subjects = [
        f"model/{version.model}",
        *(f"dataset/{digest}" for digest in datasets),
        *(f"key/{signer}" for signer in sorted(signers)),
        *(f"alert/{alert.id}" for alert in alerts),
        *(f"incident/{incident}" for incident in sorted({alert.incident for alert in alerts if alert.incident})),
        *(f"rollout/{rollout.id}" for rollout in rollouts),
    ]
    entries = {entry.index: entry for subject in subjects for entry in leaves.every(tx, subject=subject)}
    other_versions = f"model/{version.model}/"
    return Leaves(
        entries=tuple(
            entries[index]
            for index in sorted(entries)
            if not entries[index].subject.startswith(other_versions)
            or entries[index].subject == f"model/{version.name}"
            or entries[index].event == Event.POINTER_MOVED
            or index in named
        )
    )
