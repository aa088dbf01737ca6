"""Pages of risk: what was answered for a model and what followed, and the form to answer anew; and retirement."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from pydantic import ValidationError

from clearance.access.model import Permission, Principal
from clearance.api.core import App
from clearance.delivery import service as delivery
from clearance.errors import InvalidInput
from clearance.registry import questionnaire, templates
from clearance.registry import service as registry
from clearance.registry.model import Lifecycle, ModelChange
from clearance.registry.risk import QUESTIONS, Answers
from clearance.values import parse, plain
from clearance.web.core import back_to, page_needs, render

router = APIRouter(include_in_schema=False)
Reader = Annotated[Principal, page_needs(Permission.READ)]
Keeper = Annotated[Principal, page_needs(Permission.MODEL_WRITE)]


@router.get("/models/{name}/assessment", response_class=HTMLResponse)
def assessment(request: Request, name: str, app: App, caller: Reader) -> HTMLResponse:
    """What was answered for a model, and the questions, with what is usual already chosen."""
    with app.database.read() as tx:
        model = registry.get_model(tx, name)
        history = registry.assessments(tx, name)
    usual: dict[str, Any] = {}
    if history:
        usual = plain(history[0].answers)
    elif model.template:
        usual = plain(templates.get(model.template).answers)
    questions = questionnaire.builtin().questions
    return render(request, "assessment.html", model=model, history=history, questions=questions, usual=usual)


@router.post("/models/{name}/assessment")
async def assess(request: Request, name: str, app: App, caller: Keeper) -> RedirectResponse:
    """Answer the questionnaire; the model's risk follows."""
    form = await request.form()
    given = {question: form[question] for question in QUESTIONS if question in form}
    try:
        answers = parse(Answers, given)
    except ValidationError as error:
        missing = ", ".join(str(fault["loc"][0]).replace("_", " ") for fault in error.errors())
        raise InvalidInput(
            f"no answer, or none of those offered: {missing}", code="answers_missing", hint="answer every question"
        ) from None
    with app.database.write() as tx:
        registry.assess_model(tx, caller, name, answers)
    return back_to(f"/models/{name}/assessment")


@router.post("/models/{name}/retire")
def retire(name: str, app: App, caller: Keeper, reason: Annotated[str, Form()] = "") -> RedirectResponse:
    """Retire a model with all its versions, for good; what still serves stops."""
    with app.database.write() as tx:
        delivery.update_model(tx, caller, app.guards, name, ModelChange(lifecycle=Lifecycle.RETIRED, reason=reason))
    return back_to(f"/models/{name}")
