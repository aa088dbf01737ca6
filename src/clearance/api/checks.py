"""Routes of checks: suites, runs, and what they found."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter

from clearance.access.model import Permission, Principal
from clearance.api.core import App, needs
from clearance.checks import service
from clearance.checks.model import NewRun, StoredResult, SuiteRun, SuiteText
from clearance.values import Page

router = APIRouter(tags=["checks"])
Reader = Annotated[Principal, needs(Permission.READ)]


@router.get("/suites")
def list_suites(caller: Reader) -> Page[SuiteText]:
    """The suites that come with Clearance, with the text they were read from."""
    return Page(items=service.list_suites())


@router.get("/suites/{name}")
def get_suite(name: str, caller: Reader) -> SuiteText:
    """One suite that comes with Clearance."""
    return service.get_suite(name)


@router.post("/models/{model}/versions/{number}/checks", status_code=201)
def run_suite(
    model: str, number: int, body: NewRun, app: App, caller: Annotated[Principal, needs(Permission.CHECK_RUN)]
) -> SuiteRun:
    """Run a suite over a version, and keep each result as a signed statement."""
    with app.database.read() as tx:
        plan = service.plan_suite(tx, model, number, body)
    results = service.run_suite(plan, app.blobs, app.scratch())  # takes long: nobody waits for it
    with app.database.write() as tx:
        return service.store_results(tx, caller, app.keyring, plan, results)


@router.get("/models/{model}/versions/{number}/checks")
def list_results(model: str, number: int, app: App, caller: Reader) -> Page[StoredResult]:
    """The newest trusted result of each check of a version."""
    with app.database.read() as tx:
        return Page(items=service.list_results(tx, model, number))
