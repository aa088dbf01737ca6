"""The calls that move what names a version: aliases and stages; one that is guarded moves only if policy lets it."""

from __future__ import annotations

from clearance.access.model import Principal
from clearance.audit import log
from clearance.audit.events import Event
from clearance.delivery import service as delivery
from clearance.delivery.model import NewPromotion, Promotion
from clearance.delivery.refusal import refusal_of
from clearance.errors import ClearanceError, Conflict, Denied
from clearance.integrations.mlflow import names, store
from clearance.integrations.mlflow.context import (
    Answer,
    Asked,
    Context,
    Message,
    find_by_alias,
    find_version,
    locked_model,
    locked_version,
    versions_said,
)
from clearance.integrations.mlflow.errors import invalid
from clearance.integrations.mlflow.model import Stage, VersionRow, parse_stage
from clearance.policy.model import Outcome
from clearance.storage.database import Transaction


def set_alias(tx: Transaction, caller: Principal, context: Context, asked: Asked) -> Answer:
    """Let an alias name a version; a guarded one only if the version is promoted by that."""
    alias = asked["alias"]
    names.check_name(asked["name"])
    names.check_free_alias(alias)
    row = locked_version(tx, asked["name"], asked["version"])
    moved = delivery.set_alias(tx, caller, context.gate, context.guards, row.model, alias, row.number)
    if moved.promotion is not None and (why := _why_not(moved.promotion, row, context)) is not None:
        return why
    return {}


def delete_alias(tx: Transaction, caller: Principal, context: Context, asked: Asked) -> Message:
    """Take an alias away; nothing happens if the model has none of that name."""
    names.check_alias(asked["alias"])
    model = locked_model(tx, asked["name"])
    if any(each.name == asked["alias"] for each in delivery.list_aliases(tx, context.guards, model)):
        delivery.delete_alias(tx, caller, context.guards, model, asked["alias"])
    return {}


def get_by_alias(tx: Transaction, _caller: Principal, context: Context, asked: Asked) -> Message:
    """Answer the version that an alias names; a guarded one names what serves."""
    row = find_by_alias(tx, context, asked["name"], asked["alias"])
    return {"model_version": versions_said(tx, context, [row])[0]}


def transition_stage(tx: Transaction, caller: Principal, context: Context, asked: Asked) -> Answer:
    """Move a version to a stage; Staging and Production are where it serves, and so need a promotion.

    Whatever served there before has the stage None from then on, or Archived if the caller wants that.

    Raises:
        Conflict: the version serves, and would not any more (`version_serves`).
    """
    stage = parse_stage(asked["stage"])
    archive = asked.get("archive_existing_versions", False)
    if archive and stage.environment is None:
        raise invalid(
            f"Model version transition cannot archive existing model versions because '{asked['stage']}' is not an Active "
            "stage. Valid stages are ['Staging', 'Production']"
        )
    row = locked_version(tx, asked["name"], asked["version"])
    refused = _serve(tx, caller, context, row, stage, archive=archive) if stage.environment else None
    if refused is not None:
        return refused
    if stage.environment is None:
        _rest(tx, caller, row, stage)
    store.touch(tx, row.model)
    found = find_version(tx, asked["name"], asked["version"])
    return {"model_version": versions_said(tx, context, [found])[0]}


def _serve(
    tx: Transaction, caller: Principal, context: Context, row: VersionRow, stage: Stage, *, archive: bool
) -> ClearanceError | None:
    """Promote a version; return why it did not come to serve."""
    environment = stage.environment or ""
    before = store.select_names(tx, [row.model])[1][row.model].get(environment)
    wanted = NewPromotion(model=row.model, number=row.number, environment=environment)
    promotion = delivery.promote(tx, caller, context.gate, wanted)
    refused = _why_not(promotion, row, context)
    if promotion.moved:  # what it was before, it is no more, wherever it serves afterwards
        store.change_note(tx, row.model, row.number, stage=Stage.NONE.value)
    if refused is None and archive and before not in {None, row.number}:
        assert before is not None
        _note_stage(tx, caller, row.model, before, Stage.ARCHIVED)
    return refused


def _rest(tx: Transaction, caller: Principal, row: VersionRow, stage: Stage) -> None:
    """Note that a version which serves nowhere rests in a stage."""
    for pointer in delivery.list_pointers(tx, row.model):
        if pointer.stable == row.number:
            raise Conflict(
                f"version {row.number} of {row.title} serves in {pointer.environment}, and so can't become {stage}",
                code="version_serves",
                hint=f"let another version serve there: `clearance promote {row.model} NUMBER --to {pointer.environment}`",
            )
    _note_stage(tx, caller, row.model, row.number, stage)


def _note_stage(tx: Transaction, caller: Principal, model: str, number: int, stage: Stage) -> None:
    store.change_note(tx, model, number, stage=stage.value)
    log.record(
        tx,
        Event.VERSION_UPDATED,
        actor=caller.name,
        subject=f"model/{model}/{number}",
        data={"changed": {"stage": stage.value}},
    )


def _why_not(promotion: Promotion, row: VersionRow, context: Context) -> ClearanceError | None:
    """Return why a version does not serve after a promotion was asked for: denied, or waiting for people."""
    decision = promotion.decision
    if (denied := refusal_of(decision, row.title)) is not None:
        return denied
    if decision.outcome is not Outcome.PENDING:
        return None
    return Denied(
        f"version {row.number} of {row.title} waits for people before it may serve in {decision.environment}: {decision.reason}",
        code="promotion_pending",
        hint=f"approval {decision.approval_id}, at {context.base_url}/approvals; once it is given, send this again",
        details={"decision": decision.id, "approval": decision.approval_id, "url": f"{context.base_url}/approvals"},
    )
