"""Move pointers: promote a version, go back to the last good one, and say what serves."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import fields, replace

from clearance.access.model import Principal
from clearance.delivery import last_good, store
from clearance.delivery.model import (
    Action,
    Environment,
    Move,
    MoveKind,
    NewPromotion,
    Pointer,
    Promotion,
    Rollback,
    RollbackRequest,
    Serving,
)
from clearance.delivery.ports import Admissions, Gate
from clearance.delivery.rollout import command
from clearance.delivery.transitions import carry_out, record_move
from clearance.errors import Conflict, InvalidInput, NotFound
from clearance.policy.model import Outcome
from clearance.policy.pack import ENVIRONMENTS
from clearance.registry import service as registry
from clearance.registry.model import Model
from clearance.registry.rules import check_has_bytes
from clearance.registry.stopped import check_usable
from clearance.storage.database import Transaction
from clearance.values import Page


def promote(tx: Transaction, caller: Principal, gate: Gate, new: NewPromotion) -> Promotion:
    """Decide on a version, and let it serve all traffic of the environment if it is allowed.

    The decision stands whatever its outcome: the answer carries it, and nothing is raised when it is denied or waits.
    A version that serves already and still may stays as it is, with the decision that admits it: nothing is written. One that
    serves but may no more is decided on anew, and its pointer does not move.

    Raises:
        NotFound: no such version.
        InvalidInput: no such environment.
        Conflict: the version was stopped (`bad_status`), whatever a policy says of it; a rollout is under way, or the model is
            a prompt (`model_is_prompt`).
    """
    check_environment(new.environment)
    found = lock(tx, new.model, new.environment)
    check_has_bytes(found)
    check_usable(found, registry.get_version(tx, new.model, new.number))
    present = store.pointer(tx, new.model, new.environment)
    if present is not None:
        _check_free(present, new)
    serves = present is not None and present.stable == new.number
    admission = gate.admission(tx, new.model, new.number, new.environment) if serves else None
    if admission is not None and admission.allowed and admission.decision_id is not None:
        return Promotion(decision=gate.decision(tx, admission.decision_id), moved=False, pointer=present)
    decision = gate.decide(tx, caller, new.model, new.number, new.environment)
    if serves or decision.outcome is not Outcome.ALLOWED:
        return Promotion(decision=decision, moved=False, pointer=present)
    moved = record_move(
        tx,
        caller,
        Pointer(
            model=new.model,
            environment=new.environment,
            stable=new.number,
            candidate=None,
            weight=0.0,
            previous=present.stable if present else None,
            moved_at=tx.now,
            decision_id=decision.id,
            rollout_id=None,
        ),
        kind=MoveKind.PROMOTION,
        reason=decision.reason,
    )
    return Promotion(decision=decision, moved=True, pointer=moved)


def rollback(tx: Transaction, caller: Principal, gate: Gate, model: str, wanted: RollbackRequest) -> Rollback:
    """Go back to the last good version: the newest earlier one whose admission holds and whose inputs are today's.

    While a rollout is under way the last good version is the stable one: the candidate is taken out of traffic.

    Raises:
        NotFound: nothing serves there.
        Conflict: no version can be gone back to; `details` says why for each.
    """
    reason = _given(wanted.reason)
    lock(tx, model, wanted.environment)
    present = get_pointer(tx, model, wanted.environment)
    if present.rollout_id is not None and wanted.to in {None, present.stable}:
        return _stop_rollout(tx, caller, present, reason)
    if present.rollout_id is not None:
        present = _stop_rollout(tx, caller, present, reason).pointer
    to, decision_id, passed_over = _choose(tx, gate, present, wanted.to)
    pointer = record_move(
        tx,
        caller,
        replace(present, stable=to, previous=present.stable, moved_at=tx.now, decision_id=decision_id),
        kind=MoveKind.ROLLBACK,
        reason=reason,
    )
    return Rollback(
        pointer=pointer, from_number=present.stable, to_number=to, stopped=None, passed_over=tuple(passed_over)
    )


def serving(tx: Transaction, environment: str = "production") -> tuple[Pointer, ...]:
    """Return what is asked for in an environment, by model; whether it may serve, `judged` says."""
    return store.select_pointers(tx, environment=environment)


def list_pointers(tx: Transaction, model: str) -> tuple[Pointer, ...]:
    """Return what is asked for of a model, by environment; whether it may serve, `judged` says.

    Raises:
        NotFound: no such model.
    """
    registry.get_model(tx, model)
    return store.select_pointers(tx, model=model)


def all_pointers(tx: Transaction) -> tuple[Pointer, ...]:
    """Return what is asked for in every environment, in the order of promotion."""
    return tuple(pointer for name in ENVIRONMENTS for pointer in serving(tx, name))


def environments(tx: Transaction, gate: Gate) -> tuple[Environment, ...]:
    """Return the environments in the order of promotion, with what is asked for in each and whether that may serve."""
    return tuple(Environment(name=name, pointers=judged(tx, gate, serving(tx, name))) for name in ENVIRONMENTS)


def judged(tx: Transaction, gate: Admissions, pointers: Iterable[Pointer]) -> tuple[Serving, ...]:
    """Return pointers, each with how the versions that it asks for stand now."""
    found = tuple(pointers)
    for environment in {pointer.environment for pointer in found}:
        gate.look_up(
            tx,
            [each for pointer in found if pointer.environment == environment for each in _asked(pointer)],
            environment,
        )
    return tuple(_judged(tx, gate, pointer) for pointer in found)


def _asked(pointer: Pointer) -> Iterator[tuple[str, int]]:
    """Yield the versions that a pointer asks for."""
    yield from ((pointer.model, number) for number in (pointer.stable, pointer.candidate) if number is not None)


def _judged(tx: Transaction, gate: Admissions, pointer: Pointer) -> Serving:
    stable = gate.admission(tx, pointer.model, pointer.stable, pointer.environment)
    candidate = (
        gate.admission(tx, pointer.model, pointer.candidate, pointer.environment)
        if pointer.candidate is not None
        else None
    )
    return Serving(
        **{field.name: getattr(pointer, field.name) for field in fields(Pointer)},
        stable_admission=stable,
        candidate_admission=candidate,
    )


def history(tx: Transaction, model: str, environment: str = "production") -> Page[Move]:
    """Return the moves of a pointer, newest first."""
    registry.get_model(tx, model)
    return Page(items=store.select_moves(tx, model, check_environment(environment)))


def get_pointer(tx: Transaction, model: str, environment: str) -> Pointer:
    """Return what serves for a model in an environment.

    Raises:
        NotFound: nothing.
    """
    registry.get_model(tx, model)
    found = store.pointer(tx, model, check_environment(environment))
    if found is None:
        raise NotFound(
            f"nothing serves for {model} in {environment}",
            code="pointer_not_found",
            hint=f"`clearance promote {model} NUMBER --to {environment}` is how a first version gets there",
        )
    return found


def check_environment(name: str) -> str:
    """Return the name of an environment that exists.

    Raises:
        InvalidInput: there is none of that name.
    """
    if name not in ENVIRONMENTS:
        raise InvalidInput(
            f"there is no environment {name[:100]!r}",
            code="unknown_environment",
            hint="environments: " + ", ".join(ENVIRONMENTS),
        )
    return name


def lock(tx: Transaction, model: str, environment: str) -> Model:
    """Let one change of a pointer at a time go on, and nobody stop a version of the model meanwhile.

    Raises:
        NotFound: no such model.
    """
    found = registry.get_model(
        tx, model, lock=True
    )  # always before the pointer's own lock: two orders would wait for ever
    tx.lock(f"delivery {model} {environment}")
    return found


def _check_free(present: Pointer, new: NewPromotion) -> None:
    if present.rollout_id is not None:
        raise Conflict(
            f"rollout {present.rollout_id} of {new.model}/{present.candidate} is under way in {new.environment}",
            code="rollout_active",
            hint=f"let it end, or `clearance rollouts abort {present.rollout_id}`",
        )


def _stop_rollout(tx: Transaction, caller: Principal, present: Pointer, reason: str) -> Rollback:
    found = store.rollout(tx, present.rollout_id or "")
    assert found is not None, "a pointer's rollout exists"
    carry_out(tx, caller, found, command(found, Action.ROLL_BACK, reason), found.analysis)
    return Rollback(
        pointer=get_pointer(tx, present.model, present.environment),
        from_number=found.candidate,
        to_number=found.stable,
        stopped=found.id,
        passed_over=(),
    )


def _choose(tx: Transaction, gate: Gate, present: Pointer, wanted: int | None) -> tuple[int, str, list[str]]:
    """Return the version to go back to, the decision that admits it, and why newer ones were passed over."""
    today = registry.get_version(tx, present.model, present.stable).contract
    moves = store.select_moves(tx, present.model, present.environment)
    choices = (wanted,) if wanted is not None else last_good.earlier(moves, present.stable)
    passed_over: list[str] = []
    for number in choices:
        version = registry.get_version(tx, present.model, number)
        admission = gate.admission(tx, present.model, number, present.environment)
        why = last_good.unfit(version, today) if admission.allowed else admission.reason
        if number == present.stable:
            why = "it serves already"
        if not why and admission.decision_id is not None:
            return number, admission.decision_id, passed_over
        passed_over.append(f"{present.model}/{number}: {why}")
    if wanted is None:
        given_up = last_good.given_up(moves, present.stable)
        passed_over += [f"{present.model}/{each}: it was rolled back from, and not promoted since" for each in given_up]
    raise Conflict(
        f"{present.model} has no version to go back to in {present.environment}"
        + (": " + "; ".join(passed_over) if passed_over else ": no other version has served there as the stable one"),
        code="no_good_version",
        hint="`clearance promote` brings a newer version, if one is allowed",
        details={"passed_over": passed_over},
    )


def _given(reason: str) -> str:
    if not reason.strip():
        raise InvalidInput("the reason is empty", code="reason_empty", hint="say in a sentence why")
    return reason.strip()
