"""The first step: a good model earns its way to production."""

from __future__ import annotations

import time

import httpx

from clearance.demo import contracts, data, training
from clearance.demo.data import CAR_LOAN_LABEL
from clearance.demo.story import Facts, Stage, expect
from clearance.demo.submission import Candidate, register_data, show_checks, submit
from clearance.demo.traffic import Answer, Call, by_day, send
from clearance.errors import ClearanceError
from clearance.policy.verdict import tally
from clearance.registry.model import Lifecycle, Risk

TITLE = "A model earns its clearance"
WHY = "Nothing serves on somebody's word: data, code, checks and signatures come first, then a policy decides on them."

MODEL = "car-loan"
PREFIX = "loans"
"""What the ids of the replay's requests begin with."""
_SERVES_WITHIN_SECONDS = 15.0


def run(stage: Stage, facts: Facts) -> None:
    """Train car-loan version 1, register it with everything known about it, have it decided on, promoted and asked."""
    narrator = stage.narrator
    stage.alice.models.create(
        MODEL,
        owner="alice",
        on_call="olga",
        team="lending",
        purpose="Forecasts which car loans will be repaid, for the provision for losses.",
        use_case="forecasting",
        risk=Risk.STANDARD,
        lifecycle=Lifecycle.PRODUCTION,
    )
    with narrator.waiting("training on the oldest loans, keeping the younger ones to judge"):
        trained = training.car_loan_first(stage.loans.training)
    datasets = register_data(stage, MODEL, stage.loans, time_column="timestamp")
    stage.left["car_loan_data"] = datasets
    candidate = Candidate(MODEL, trained, stage.loans, CAR_LOAN_LABEL, training.CAR_LOAN_TREES)
    stage.left["car_loan_first"] = trained
    submitted = submit(stage, candidate, datasets, folder="car-loan-1", suite="lending")
    show_checks(stage, submitted)
    version = submitted.version
    auc = submitted.figure("performance", "auc")
    facts |= {
        "version": version.name,
        "digest": version.digest,
        "datasets": [
            {"name": d.name, "digest": d.digest, "rows": d.rows, "first_at": d.first_at, "last_at": d.last_at}
            for d in datasets
        ],
        "commit": version.provenance.code.commit if version.provenance.code else "",
        "verdicts": submitted.verdicts(),
        "auc": {"value": auc.value, "low": auc.low, "high": auc.high},
    }
    completeness = stage.alice.versions.completeness(MODEL, version.number)
    facts["provenance_complete"] = completeness.complete
    expect(completeness.complete, f"the provenance lacks {', '.join(completeness.missing)}")
    promotion = stage.olga.delivery.promote(MODEL, version.number)
    facts["decision"] = {
        "id": promotion.decision.id,
        "outcome": promotion.decision.outcome.value,
        "pack": f"{promotion.decision.pack} {promotion.decision.pack_version}",
        "rules": tally(promotion.decision.rules),
    }
    expect(promotion.moved, f"{version.name} was not promoted: {promotion.decision.reason}")
    answer = _first_answer(stage)
    facts["served_by"] = answer.version
    expect(answer.version == version.name, f"{answer.version} answered instead of {version.name}")
    facts["statements"] = sum(1 for _ in stage.alice.evidence.statements(MODEL, version.number))
    narrator.say(
        f"[green]allowed[/]: {facts['decision']['rules']}; {answer.version} serves, and gives the first loan "
        f"{answer.probabilities[0]:.0%} to be repaid"
    )


def _first_answer(stage: Stage) -> Answer:
    """Ask the gateway until it knows the new pointer, which takes it a moment."""
    with stage.installation.http("loan-desk") as http:
        return until_served(http, MODEL, first_day())


def first_day() -> Call:
    """Return the first request of the replay to come; however often it is sent, its events count once."""
    return next(by_day(contracts.CAR_LOAN, data.live_traffic(), PREFIX))


def until_served(http: httpx.Client, model: str, request: Call) -> Answer:
    """Send a request until the gateway answers it, for it looks at the pointers only now and then.

    Raises:
        ClearanceError: it still refuses after _SERVES_WITHIN_SECONDS.
    """
    deadline = time.monotonic() + _SERVES_WITHIN_SECONDS
    while True:
        try:
            return send(http, model, request)
        except ClearanceError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)
