"""Start, steer and reconcile rollouts."""

from __future__ import annotations

from dataclasses import replace

from clearance.access.model import Principal
from clearance.audit import log
from clearance.audit.events import Event
from clearance.clock import id_before
from clearance.delivery import store, strategy, strategy_source
from clearance.delivery.model import (
    ACTIVE,
    Action,
    Analysis,
    NewRollout,
    Observation,
    Pointer,
    Rollout,
    RolloutState,
    Strategy,
)
from clearance.delivery.ports import Gate, RaiseAlarm
from clearance.delivery.promotion import get_pointer, lock
from clearance.delivery.rollout import command, decide_next
from clearance.delivery.transitions import alarm_of, carry_out
from clearance.errors import Conflict, Denied, InvalidInput, NotFound
from clearance.registry import service as registry
from clearance.registry.model import Reason
from clearance.storage.database import Transaction
from clearance.values import Page, digest_of


def start_rollout(tx: Transaction, caller: Principal, gate: Gate, new: NewRollout) -> Rollout:
    """Give a candidate its first share of traffic.

    Raises:
        NotFound: no such version or strategy, or nothing serves there yet.
        InvalidInput: a strategy of one's own that can't be used, impossible steps, or no such environment.
        Denied: no decision that holds admits the candidate to the environment (`not_admitted`).
        Conflict: it serves already, or another rollout is under way.
    """
    plan = _plan(new)
    if new.events_from is not None and new.events_from.tzinfo is None:
        raise InvalidInput("events_from has no zone", code="bad_time", hint="for example 2026-01-05T09:00:00Z")
    registry.get_version(tx, new.model, new.candidate)
    lock(tx, new.model, new.environment)
    present = get_pointer(tx, new.model, new.environment)
    _check_free(present, new)
    rollout = Rollout(
        id=tx.new_id("rol"),
        model=new.model,
        environment=new.environment,
        stable=present.stable,
        candidate=new.candidate,
        strategy=plan,
        state=RolloutState.RUNNING,
        weight=plan.steps[0].weight,
        step=0,
        step_started_at=tx.now,
        step_requests_before=0,
        burn_requests_before=0,
        burn_errors_before=0,
        events_from=new.events_from or tx.now,
        reason=f"started at {plan.steps[0].weight:g}% of traffic",
        started_at=tx.now,
        started_by=caller.name,
        changed_at=tx.now,
        ended_at=None,
        decision_id=_admitting(tx, gate, new),
    )
    store.insert_rollout(tx, rollout)
    store.put_pointer(tx, replace(present, candidate=new.candidate, weight=rollout.weight, rollout_id=rollout.id))
    log.record(
        tx,
        Event.ROLLOUT_STARTED,
        actor=caller.name,
        subject=f"rollout/{rollout.id}",
        data={
            "model": rollout.model,
            "environment": rollout.environment,
            "stable": rollout.stable,
            "candidate": rollout.candidate,
            "strategy": f"{plan.name} {plan.version}",
            "strategy_digest": digest_of(plan),
            "weight": rollout.weight,
            "decision": rollout.decision_id,
        },
    )
    return rollout


def reconcile(
    tx: Transaction, caller: Principal, gate: Gate, raise_alarm: RaiseAlarm, rollout_id: str, observation: Observation
) -> Rollout:
    """Do what follows from what is stored and what was observed; doing it twice changes nothing more.

    On a rollback or pause the alarm is raised in the same transaction.

    Raises:
        NotFound: no such rollout.
    """
    rollout = _locked(tx, rollout_id)
    if rollout.state not in ACTIVE:
        return rollout
    seen = replace(observation, refusal=_refusal(tx, gate, rollout))
    transition = decide_next(rollout, seen, tx.now)
    if seen.analysis is not None and _is_news(rollout.analysis, seen.analysis, transition.action):
        store.add_analysis(tx, rollout.id, seen.analysis)
    changed = carry_out(tx, caller, rollout, transition, seen.analysis)
    alarm = alarm_of(rollout, transition, seen.analysis)
    if alarm is not None:
        raise_alarm(tx, caller, alarm)
    return replace(changed, analysis=seen.analysis or rollout.analysis)


def pause_rollout(tx: Transaction, caller: Principal, rollout_id: str, said: Reason) -> Rollout:
    """Keep a rollout at its weight; it still rolls back by itself.

    Raises:
        NotFound: no such rollout.
        Conflict: it is not running.
    """
    return _steer(tx, caller, rollout_id, Action.PAUSE, said)


def resume_rollout(tx: Transaction, caller: Principal, rollout_id: str, said: Reason) -> Rollout:
    """Let a paused rollout go on; its burn rate is counted anew.

    Raises:
        NotFound: no such rollout.
        Conflict: it is not paused.
    """
    return _steer(tx, caller, rollout_id, Action.RESUME, said)


def abort_rollout(tx: Transaction, caller: Principal, rollout_id: str, said: Reason) -> Rollout:
    """Take the candidate out of traffic.

    Raises:
        NotFound: no such rollout.
        Conflict: it has ended.
    """
    return _steer(tx, caller, rollout_id, Action.ABORT, said)


def get_rollout(tx: Transaction, rollout_id: str) -> Rollout:
    """Return a rollout with its newest analysis.

    Raises:
        NotFound: no such rollout.
    """
    found = store.rollout(tx, rollout_id)
    if found is None:
        raise NotFound(
            f"there is no rollout {rollout_id[:80]}",
            code="rollout_not_found",
            hint="`clearance rollouts list` shows them",
        )
    return found


def list_rollouts(
    tx: Transaction,
    *,
    model: str | None = None,
    active: bool = False,
    cursor: str | None = None,
    limit: int = 100,
) -> Page[Rollout]:
    """Return rollouts, newest first.

    Raises:
        NotFound: no such model.
    """
    registry.check_named(tx, model)
    found = store.select_rollouts(tx, model=model, active=active, before=id_before("rol", cursor), limit=limit + 1)
    return Page(items=found[:limit], next=found[limit - 1].id if len(found) > limit else None)


def list_analyses(tx: Transaction, rollout_id: str) -> Page[Analysis]:
    """Return every look at a rollout's arms that saw something new, oldest first."""
    get_rollout(tx, rollout_id)
    return Page(items=store.select_analyses(tx, rollout_id))


def _plan(new: NewRollout) -> Strategy:
    """Return the strategy; the rollout keeps all of it, so that what it did can be computed again."""
    found = strategy.load(new.strategy) if isinstance(new.strategy, str) else strategy_source.read(new.strategy)
    return found if new.steps is None else strategy.with_steps(found, new.steps)


def _steer(tx: Transaction, caller: Principal, rollout_id: str, action: Action, said: Reason) -> Rollout:
    if not said.reason.strip():
        raise InvalidInput("the reason is empty", code="reason_empty", hint="say in a sentence why")
    rollout = _locked(tx, rollout_id)
    return carry_out(tx, caller, rollout, command(rollout, action, said.reason.strip()), rollout.analysis)


def _locked(tx: Transaction, rollout_id: str) -> Rollout:
    found = get_rollout(tx, rollout_id)
    lock(tx, found.model, found.environment)
    return get_rollout(tx, rollout_id)


def _is_news(before: Analysis | None, now: Analysis, action: Action) -> bool:
    """Whether a look is worth keeping: the tables moved on, or something followed from it."""
    return before is None or action is not Action.STAY or before.table_versions != now.table_versions


def _refusal(tx: Transaction, gate: Gate, rollout: Rollout) -> str:
    admission = gate.admission(tx, rollout.model, rollout.candidate, rollout.environment)
    return "" if admission.allowed else admission.reason


def _admitting(tx: Transaction, gate: Gate, new: NewRollout) -> str:
    admission = gate.admission(tx, new.model, new.candidate, new.environment)
    if not admission.allowed or admission.decision_id is None:
        raise Denied(
            f"{new.model}/{new.candidate} may not serve in {new.environment}: {admission.reason}",
            code="not_admitted",
            hint=f"`clearance policy decide {new.model} {new.candidate}` decides on what is known of it now",
        )
    return admission.decision_id


def _check_free(present: Pointer, new: NewRollout) -> None:
    if present.rollout_id is not None:
        raise Conflict(
            f"rollout {present.rollout_id} of {new.model}/{present.candidate} is under way in {new.environment}",
            code="rollout_active",
            hint=f"let it end, or `clearance rollouts abort {present.rollout_id}`",
        )
    if present.stable == new.candidate:
        raise Conflict(
            f"{new.model}/{new.candidate} serves all traffic of {new.environment} already", code="already_serving"
        )
