"""Carries out what the state machine decided: rollout, pointer and audit leaf change in one transaction."""

from __future__ import annotations

from dataclasses import replace

from clearance.access.model import Principal
from clearance.alarm import Alarm, Severity
from clearance.audit import log
from clearance.audit.events import Event
from clearance.delivery import store
from clearance.delivery.model import Action, Analysis, Move, MoveKind, Pointer, Rollout, Transition
from clearance.delivery.rollout import apply
from clearance.storage.database import Transaction
from clearance.values import plain

_EVENTS = {
    Action.ADVANCE: Event.ROLLOUT_ADVANCED,
    Action.PAUSE: Event.ROLLOUT_PAUSED,
    Action.RESUME: Event.ROLLOUT_RESUMED,
    Action.COMPLETE: Event.ROLLOUT_COMPLETED,
    Action.ROLL_BACK: Event.ROLLOUT_ROLLED_BACK,
    Action.ABORT: Event.ROLLOUT_ABORTED,
}


def carry_out(
    tx: Transaction, caller: Principal, rollout: Rollout, transition: Transition, analysis: Analysis | None
) -> Rollout:
    """Store a transition and what follows from it for the pointer; `stay` changes nothing.

    The caller holds the lock of the model and environment, and has read the rollout under it.
    """
    changed = apply(rollout, transition, analysis, tx.now)
    if transition.action is Action.STAY:
        return changed
    store.update_rollout(tx, changed)
    log.record(
        tx,
        _EVENTS[transition.action],
        actor=caller.name,
        subject=f"rollout/{rollout.id}",
        data={
            "model": rollout.model,
            "environment": rollout.environment,
            "stable": rollout.stable,
            "candidate": rollout.candidate,
            "step": changed.step,
            "weight": changed.weight,
            "reason": transition.reason,
            "breached": None if transition.breached is None else plain(transition.breached),
            "requests": None if analysis is None else [analysis.candidate_requests, analysis.stable_requests],
        },
    )
    present = store.pointer(tx, rollout.model, rollout.environment)
    assert present is not None, "a rollout starts from a pointer and keeps it"
    _follow(tx, caller, present, changed, transition)
    return changed


def _follow(tx: Transaction, caller: Principal, present: Pointer, rollout: Rollout, transition: Transition) -> None:
    if transition.action is Action.ADVANCE:
        store.put_pointer(tx, replace(present, weight=rollout.weight))
    elif transition.action in {Action.ROLL_BACK, Action.ABORT}:
        store.put_pointer(tx, replace(present, candidate=None, weight=0.0, rollout_id=None))
    elif transition.action is Action.COMPLETE:
        record_move(
            tx,
            caller,
            replace(
                present,
                stable=rollout.candidate,
                candidate=None,
                weight=0.0,
                previous=present.stable,
                moved_at=tx.now,
                decision_id=rollout.decision_id,
                rollout_id=None,
            ),
            kind=MoveKind.ROLLOUT,
            reason=transition.reason,
            rollout_id=rollout.id,
        )


def record_move(
    tx: Transaction, caller: Principal, to: Pointer, *, kind: MoveKind, reason: str, rollout_id: str | None = None
) -> Pointer:
    """Store a pointer whose stable version changed, with its history and its leaf; the caller holds the lock."""
    found = Move(
        id=tx.new_id("mov"),
        model=to.model,
        environment=to.environment,
        kind=kind,
        from_number=to.previous,
        to_number=to.stable,
        at=tx.now,
        by=caller.name,
        reason=reason,
        decision_id=to.decision_id,
        rollout_id=rollout_id,
    )
    store.put_pointer(tx, to)
    store.insert_move(tx, found)
    log.record(
        tx,
        Event.POINTER_MOVED,
        actor=caller.name,
        subject=f"model/{to.model}/{to.stable}",
        data={
            "environment": to.environment,
            "kind": kind,
            "from": to.previous,
            "to": to.stable,
            "decision": to.decision_id,
            "rollout": rollout_id,
            "reason": reason,
        },
    )
    return to


def alarm_of(rollout: Rollout, transition: Transition, analysis: Analysis | None) -> Alarm | None:
    """Return what to raise for a transition that the analysis made: a page for a rollback, a ticket for a pause."""
    if transition.action not in {Action.ROLL_BACK, Action.PAUSE}:
        return None
    stopped = transition.action is Action.ROLL_BACK
    metric = transition.breached.metric.value if transition.breached else "admission"
    what = transition.breached.metric.words if transition.breached else "admission"
    version = f"{rollout.model}/{rollout.candidate}"
    return Alarm(
        kind="rollout_rolled_back" if stopped else "rollout_paused",
        model=rollout.model,
        environment=rollout.environment,
        severity=Severity.PAGE if stopped else Severity.TICKET,
        title=f"{version} was {'rolled back' if stopped else 'paused'} in {rollout.environment}: {what}",
        summary=transition.reason,
        subject=f"rollout/{rollout.id}",
        labels={"metric": metric, "candidate": str(rollout.candidate), "rollout": rollout.id},
        details={
            "breached": None if transition.breached is None else plain(transition.breached),
            "analysis": None if analysis is None else plain(analysis),
            "weight": rollout.weight,
            "step": rollout.step,
            "stable": rollout.stable,
        },
    )
