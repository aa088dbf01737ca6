"""Use cases of models: take one in, change what may change, list them."""

from __future__ import annotations

from dataclasses import fields, replace

import sqlalchemy as sa

from clearance.access.model import Principal
from clearance.audit import log
from clearance.audit.events import Event
from clearance.errors import Conflict
from clearance.registry import questionnaire, rules, store, summaries, templates
from clearance.registry.lookup import get_model
from clearance.registry.model import Lifecycle, LoweredRisk, Model, ModelChange, NewModel, Risk, VersionStatus
from clearance.registry.risk import below, judge
from clearance.registry.versions import set_status
from clearance.storage.database import Transaction
from clearance.values import Page, bad_cursor


def create_model(tx: Transaction, caller: Principal, new: NewModel) -> Model:
    """Take a model into the inventory.

    Raises:
        InvalidInput: a name that is none, no owner, a text that can't be one, or one that the template asks for is empty.
        NotFound: no such template (`template_not_found`).
        Conflict: the name is taken (`model_exists`), or the model would begin retired.
    """
    rules.check_model_name(new.name)
    _check_texts(new)
    if new.lifecycle == Lifecycle.RETIRED:
        raise Conflict("a model can't begin retired", code="bad_lifecycle")
    new, risk = _filled(new)
    made = Model(
        **{field.name: getattr(new, field.name) for field in fields(new)}
        | {"title": new.title or new.name, "risk": risk},
        created_at=tx.now,
        created_by=caller.name,
    )
    taken = Conflict(
        f"there is a model {new.name} already", code="model_exists", hint=f"`clearance models show {new.name}`"
    )
    if store.find_model(tx, new.name) is not None:
        raise taken
    _check_title(tx, made)
    try:
        store.insert_model(tx, made)
    except sa.exc.IntegrityError as error:  # someone else created it since we looked
        raise taken from error
    summaries.begin(tx, made)
    facts = {name: getattr(made, name) for name in ("owner", "team", "risk", "kind", "lifecycle", "template")}
    log.record(tx, Event.MODEL_CREATED, actor=caller.name, subject=f"model/{made.name}", data=facts)
    return made


def update_model(tx: Transaction, caller: Principal, name: str, change: ModelChange) -> Model:
    """Change what is given; retiring a model retires all its versions, so that none can serve.

    Raises:
        NotFound: no such model.
        InvalidInput: a text that can't be one, or no reason for retiring.
        Conflict: a move that the lifecycle does not have, a prompt that would become a model or a model a prompt (`bad_kind`),
            or a risk below what the answers say (`risk_below_answers`).
    """
    present = get_model(tx, name, lock=True)
    _check_texts(change)
    given = {
        field.name: getattr(change, field.name)
        for field in fields(change)
        if field.name != "reason" and getattr(change, field.name) is not None
    }
    changed = {key: found for key, found in given.items() if found != getattr(present, key)}
    if not changed:
        return present
    if "lifecycle" in changed:
        rules.check_lifecycle(present.lifecycle, changed["lifecycle"], change.reason)
        changed["lifecycle_reason"] = change.reason
    if "kind" in changed:
        rules.check_kind(present.kind, changed["kind"])
    if "risk" in changed:
        changed |= _risk_by_hand(present, changed["risk"])
    made = replace(present, **changed)
    if "title" in changed:
        if present.title is None:
            raise Conflict(f"{name} was deleted", code="model_retired", hint="create a new model")
        _check_title(tx, made)
    store.update_model(tx, made)
    summaries.reword(tx, present, made)
    retired = changed.get("lifecycle") == Lifecycle.RETIRED
    log.record(
        tx,
        Event.MODEL_RETIRED if retired else Event.MODEL_UPDATED,
        actor=caller.name,
        subject=f"model/{name}",
        data={"changed": changed},
    )
    if retired:
        for version in reversed(store.list_versions(tx, name, before=None, limit=store.last_number(tx, name))):
            if VersionStatus.RETIRED in rules.STATUS_MOVES[version.status]:
                set_status(tx, caller, version, VersionStatus.RETIRED, f"the model was retired: {change.reason}")
    return made


def delete_model(tx: Transaction, caller: Principal, name: str, reason: str) -> Model:
    """Retire a model and let its title go, so that another model can be called so; name, versions and history stay.

    Raises:
        NotFound: no such model.
        InvalidInput: no reason.
        Conflict: it is deleted already (`model_retired`).
    """
    rules.check_reason(reason)
    present = update_model(tx, caller, name, ModelChange(lifecycle=Lifecycle.RETIRED, reason=reason))
    if present.title is None:
        raise Conflict(f"{name} was deleted", code="model_retired")
    made = replace(present, title=None)
    store.update_model(tx, made)
    summaries.reword(tx, present, made)
    facts = {"changed": {"title": None}, "title": present.title, "reason": reason}
    log.record(tx, Event.MODEL_DELETED, actor=caller.name, subject=f"model/{name}", data=facts)
    return made


def find_by_title(tx: Transaction, title: str) -> Model | None:
    """Return the model that is called so now, None without one."""
    return store.find_title(tx, title)


def namesake(tx: Transaction, name: str) -> Model | None:
    """Return the living model that is called by the name of a deleted one, and so is meant by it now; None without one."""
    deleted = store.find_model(tx, name) if rules.is_model_name(name) else None
    return store.find_title(tx, name) if deleted is not None and deleted.title is None else None


def list_models(tx: Transaction, *, cursor: str | None = None, limit: int = 100) -> Page[Model]:
    """Return a page of models, by name."""
    if cursor is not None and not rules.is_model_name(cursor):
        raise bad_cursor(cursor)
    found = store.list_models(tx, after=cursor, limit=limit + 1)
    return Page(items=tuple(found[:limit]), next=found[limit - 1].name if len(found) > limit else None)


def _filled(new: NewModel) -> tuple[NewModel, Risk]:
    """Return what a model begins with, and the risk that counts until somebody answers the questionnaire."""
    if not new.template:
        return new, new.risk or Risk.STANDARD
    template = templates.get(new.template)
    usual = judge(questionnaire.builtin(), template.answers).level
    return templates.fill(template, new), new.risk or usual


def _risk_by_hand(present: Model, wanted: Risk) -> dict[str, LoweredRisk | None]:
    """Return what else changes with the risk: a stricter level is free, and ends a lowering; a laxer one is no plain change."""
    if present.assessed_risk is not None and below(wanted, present.assessed_risk):
        raise Conflict(
            f"the answers for {present.name} ask for {present.assessed_risk} governance, not {wanted}",
            code="risk_below_answers",
            hint=f"answer anew: `clearance models assess {present.name}`; or somebody who may waive lowers it for some days: "
            f"`clearance models lower-risk {present.name} {wanted} --days DAYS --reason WHY`",
            details={"assessed": present.assessed_risk.value, "wanted": wanted.value},
        )
    return {} if present.lowered is None else {"lowered": None}


def _check_title(tx: Transaction, model: Model) -> None:
    tx.lock("registry titles")
    other = store.find_title(tx, model.title or model.name)
    if other is not None and other.name != model.name:
        raise Conflict(
            f"the model {other.name} has the title {model.title!r} already",
            code="title_taken",
            hint="choose another title, or rename that model first",
        )


def _check_texts(given: NewModel | ModelChange) -> None:
    if given.title:
        rules.check_title(given.title)
    if given.owner is not None:
        rules.check_text("the owner", given.owner, least=1, most=255)
    short = (("on-call", given.on_call), ("the team", given.team), ("the use case", given.use_case))
    rules.check_texts(short, most=255)
    long = (("the purpose", given.purpose), ("the description", given.description))
    rules.check_texts(long, most=rules.LONGEST_DESCRIPTION)
