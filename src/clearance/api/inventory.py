"""Routes of the inventory: the questionnaire and its answers, templates, what is missing and by when."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter

from clearance.access.model import Permission, Principal
from clearance.api.core import App, Cursor, Limit, needs
from clearance.api.wanted import Wanted
from clearance.compliance import onboarding
from clearance.compliance.onboarding import OnboardingPage
from clearance.policy import service as policy
from clearance.policy.model import Onboarding
from clearance.registry import capture as capturing
from clearance.registry import questionnaire, service, templates
from clearance.registry.captured import Capture, NewCapture
from clearance.registry.contract import ModelContract
from clearance.registry.model import Model, Provenance, Version
from clearance.registry.risk import Answers, Assessment, NewLowering, Questionnaire
from clearance.registry.templates import Template
from clearance.values import Page

router = APIRouter(tags=["inventory"])
Reader = Annotated[Principal, needs(Permission.READ)]
Keeper = Annotated[Principal, needs(Permission.MODEL_WRITE)]
Registrar = Annotated[Principal, needs(Permission.VERSION_REGISTER)]
Waiver = Annotated[Principal, needs(Permission.WAIVE)]


@router.get("/questionnaire")
def get_questionnaire(caller: Reader) -> Questionnaire:
    """The questions that decide how strictly a model is governed, and what follows from the answers."""
    return questionnaire.builtin()


@router.post("/models/{model}/assessments", status_code=201)
def assess_model(model: str, body: Answers, app: App, caller: Keeper) -> Assessment:
    """Answer the questionnaire for a model; its risk follows."""
    with app.database.write() as tx:
        return service.assess_model(tx, caller, model, body)


@router.get("/models/{model}/assessments")
def list_assessments(model: str, app: App, caller: Reader) -> Page[Assessment]:
    """Every assessment of a model, newest first; the first counts."""
    with app.database.read() as tx:
        return Page(items=service.assessments(tx, model))


@router.post("/models/{model}/lowerings", status_code=201)
def lower_risk(model: str, body: NewLowering, app: App, caller: Waiver) -> Model:
    """Let a model be governed less than its answers say, for some days."""
    with app.database.write() as tx:
        return service.lower_risk(tx, caller, model, body)


@router.get("/onboarding")
def list_onboarding(
    app: App,
    caller: Reader,
    wanted: Wanted,
    cursor: Cursor = None,
    limit: Limit = 100,
) -> OnboardingPage:
    """What is missing of the newest versions of the models that fit, and by when; those that lack nothing are left out."""
    with app.database.read() as tx:
        return onboarding.list_onboarding(tx, wanted, cursor=cursor, limit=limit)


@router.get("/models/{model}/versions/{number}/onboarding")
def get_onboarding(model: str, number: int, app: App, caller: Reader) -> Onboarding:
    """What is missing of a version, and by when it must be there."""
    with app.database.read() as tx:
        return policy.onboarding(tx, model, number)


@router.put("/models/{model}/versions/{number}/contract")
def set_contract(model: str, number: int, body: ModelContract, app: App, caller: Registrar) -> Version:
    """Give a version that was registered without a contract one, once."""
    with app.database.write() as tx:
        return service.set_contract(tx, caller, model, number, body)


@router.patch("/models/{model}/versions/{number}/provenance")
def fill_provenance(model: str, number: int, body: Provenance, app: App, caller: Registrar) -> Version:
    """Add to a version's provenance what it does not say yet; what it says stays."""
    with app.database.write() as tx:
        return service.fill_provenance(tx, caller, model, number, body)


@router.post("/models/{model}/versions/{number}/captures")
def capture(model: str, number: int, body: NewCapture, app: App, caller: Registrar) -> Capture:
    """Infer a contract and a baseline from captured inputs and outputs; stored only when asked to."""
    with app.database.read() as tx:
        present = service.get_version(tx, model, number)
    if body.digest:
        with app.blobs.local_file(body.digest) as path:
            records = capturing.read_records(path)
    else:
        columns = ["features", "prediction", "score"]
        events = app.lake.events(model, environment=body.environment, version_number=number, columns=columns)
        records = capturing.of_events(events)
    inferred = capturing.infer(records, body.outputs)
    if body.accept:
        return service.accept_capture(app.database, caller, app.blobs, model, number, inferred)
    contract = present.contract or inferred.contract
    return Capture(model=model, number=number, rows=inferred.rows, contract=contract, dataset="", accepted=False)


@router.get("/templates")
def list_templates(caller: Reader) -> Page[Template]:
    """Templates of use cases, by name."""
    return Page(items=tuple(templates.builtins().values()))


@router.get("/templates/{name}")
def get_template(name: str, caller: Reader) -> Template:
    """One template, with the source of every number."""
    return templates.get(name)
