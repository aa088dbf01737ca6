"""Use cases of risk: answer the questionnaire for a model, look back at the answers, let it be governed less for a while."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from clearance.access.model import Principal
from clearance.audit import log
from clearance.audit.events import Event
from clearance.errors import Conflict, Forbidden, InvalidInput
from clearance.registry import assessment_store, questionnaire, rules, store
from clearance.registry.lookup import get_model
from clearance.registry.model import Lifecycle, LoweredRisk, Model
from clearance.registry.risk import Answers, Assessment, NewLowering, below, judge
from clearance.storage.database import Transaction


def assess_model(tx: Transaction, caller: Principal, model: str, answers: Answers) -> Assessment:
    """Answer the questionnaire for a model; its risk is from now on what follows, and a lowering of before is over.

    Raises:
        NotFound: no such model.
        Conflict: it is retired (`model_retired`).
    """
    present = get_model(tx, model, lock=True)
    if present.lifecycle is Lifecycle.RETIRED:
        raise Conflict(f"{model} was retired: {present.lifecycle_reason}", code="model_retired")
    found = judge(questionnaire.builtin(), answers)
    made = Assessment(
        model=model,
        position=assessment_store.last_position(tx, model) + 1,
        answers=answers,
        level=found.level,
        privacy=found.privacy,
        reasons=found.reasons,
        questionnaire=questionnaire.builtin_digest(),
        assessed_at=tx.now,
        assessed_by=caller.name,
    )
    assessment_store.insert(tx, made)
    governed = replace(present, risk=made.level, assessed_risk=made.level, privacy=made.privacy, lowered=None)
    store.update_model(tx, governed)
    facts = {
        "answers": answers,
        "level": made.level,
        "privacy": made.privacy,
        "reasons": made.reasons,
        "questionnaire": made.questionnaire,
        "risk": {"from": present.risk, "to": governed.risk},
    }
    log.record(tx, Event.MODEL_ASSESSED, actor=caller.name, subject=f"model/{model}", data=facts)
    return made


def assessments(tx: Transaction, model: str) -> tuple[Assessment, ...]:
    """Return every assessment of a model, newest first; the first counts.

    Raises:
        NotFound: no such model.
    """
    get_model(tx, model)
    return assessment_store.select(tx, model)


def lower_risk(tx: Transaction, caller: Principal, model: str, new: NewLowering) -> Model:
    """Let a model be governed less than its answers say, for some days; then the answers count again by themselves.

    Raises:
        NotFound: no such model.
        InvalidInput: no reason, or more days than a lowering from that level may last (`bad_expiry`).
        Conflict: nobody answered (`not_assessed`), or that is no lowering (`not_lower`).
        Forbidden: the caller, or who made their token, answered the questionnaire (`own_assessment`): an exception takes a
            second person.
    """
    rules.check_reason(new.reason)
    present = get_model(tx, model, lock=True)
    if present.assessed_risk is None:
        raise Conflict(
            f"nobody answered the questionnaire for {model}, so there is nothing to lower",
            code="not_assessed",
            hint=f"`clearance models assess {model}`, or `clearance models update {model} --risk {new.risk}`",
        )
    if not below(new.risk, present.assessed_risk):
        raise Conflict(
            f"{new.risk} is not below {present.assessed_risk}, which the answers ask for",
            code="not_lower",
            hint=f"`clearance models update {model} --risk {new.risk}` needs no exception",
        )
    answered_by = assessment_store.select(tx, model)[0].assessed_by
    if caller.stands_for(answered_by):
        raise Forbidden(
            f"{caller.voice_of(answered_by)} answered the questionnaire for {model}, and nobody lowers what their own answers ask for",
            code="own_assessment",
            hint="somebody else who may waive has to do it",
        )
    longest = questionnaire.builtin().lowering.longest_days[present.assessed_risk]
    if not 0 < new.days <= longest:
        raise InvalidInput(
            f"a model can't be governed less for {new.days:g} days",
            code="bad_expiry",
            hint=f"more than 0, at most {longest:g} for {present.assessed_risk}; then it can be granted anew",
        )
    lowered = LoweredRisk(reason=new.reason.strip(), by=caller.name, at=tx.now, until=tx.now + timedelta(days=new.days))
    made = replace(present, risk=new.risk, lowered=lowered)
    store.update_model(tx, made)
    facts = {"from": present.assessed_risk, "to": new.risk, "reason": lowered.reason, "until": lowered.until}
    log.record(tx, Event.RISK_LOWERED, actor=caller.name, subject=f"model/{model}", data=facts)
    return made
