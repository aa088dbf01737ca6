"""The second step: an unfair model is denied, with the figure that says so; a better one needs somebody else's consent."""

from __future__ import annotations

from importlib import resources

from clearance.demo import training
from clearance.demo.data import INCOME_LABEL
from clearance.demo.graph import Trained
from clearance.demo.steps.lending import until_served
from clearance.demo.story import Facts, Stage, StepFailed, expect
from clearance.demo.submission import Candidate, Submitted, register_data, show_checks, submit
from clearance.demo.traffic import call
from clearance.errors import Denied, Forbidden
from clearance.policy.model import Decision, Outcome, RuleOutcome
from clearance.registry.model import Dataset, Lifecycle, Risk

TITLE = "Fairness, and the right to say no"
WHY = "Version 1 selects women far less often than men. The rule that says so names the figure, the group and its interval."

MODEL = "income"
FOUR_FIFTHS = "fairness-four-fifths"


def run(stage: Stage, facts: Facts) -> None:
    """Have version 1 denied; mitigate; have version 2 approved by somebody else than its author, and promoted."""
    stage.alice.models.create(
        MODEL,
        owner="alice",
        on_call="olga",
        team="benefits",
        purpose="Tells who earns above 50,000 dollars a year.",
        use_case="income",
        risk=Risk.FULL,
        lifecycle=Lifecycle.PRODUCTION,
    )
    datasets = register_data(stage, MODEL, stage.people)
    with stage.narrator.waiting("training on everything there is, sex and race included"):
        first = training.income_first(stage.people.training)
    _denied(stage, facts, _submit(stage, first, datasets, 1, training.INCOME_TREES))
    with stage.narrator.waiting("training again: never told sex or race, and paying for selecting groups unequally"):
        second = training.income_second(stage.people.training)
    submitted = _submit(stage, second, datasets, 2, training.FAIRNESS)
    decision = _approved(stage, facts, submitted)
    facts["decision"] = {"id": decision.id, "outcome": decision.outcome.value, "approvals": list(decision.approvals)}
    promotion = stage.olga.delivery.promote(MODEL, submitted.version.number)
    expect(promotion.moved, f"{submitted.version.name} was not promoted: {promotion.decision.reason}")
    rows = stage.people.holdout.head(1)
    with stage.installation.http("loan-desk") as http:
        answer = until_served(http, MODEL, call(second.contract, rows, "first-person"))
    facts["served_by"] = answer.version
    expect(answer.version == submitted.version.name, f"{answer.version} answered instead of {submitted.version.name}")
    stage.narrator.say(f"[green]allowed[/] after {', '.join(decision.approvals)} approved; {answer.version} serves")


def _submit(
    stage: Stage, trained: Trained, datasets: tuple[Dataset, Dataset], number: int, parameters: dict[str, float]
) -> Submitted:
    suite = (resources.files("clearance.demo") / "suites" / "income.yaml").read_text("utf-8")
    candidate = Candidate(MODEL, trained, stage.people, INCOME_LABEL, parameters)
    submitted = submit(stage, candidate, datasets, folder=f"income-{number}", document=suite)
    show_checks(stage, submitted)
    return submitted


def _denied(stage: Stage, facts: Facts, submitted: Submitted) -> None:
    decision = _refusal(stage, submitted)
    blocking = [rule for rule in decision.rules if rule.blocks]
    facts["denied_rules"] = [rule.id for rule in blocking]
    rule = next((rule for rule in blocking if rule.id == FOUR_FIFTHS), None)
    if rule is None:
        raise StepFailed(f"{submitted.version.name} was denied by {facts['denied_rules']}, not by {FOUR_FIFTHS}")
    facts["denied_figure"] = _worst(rule)
    facts["denied_message"] = rule.message
    stage.narrator.say(f"[red]denied[/] by {rule.id}: {rule.message}")


def _refusal(stage: Stage, submitted: Submitted) -> Decision:
    """Try to promote what must not be, and return the decision that says no."""
    try:
        promotion = stage.olga.delivery.promote(MODEL, submitted.version.number)
    except Denied as denied:
        return stage.olga.policy.get(denied.details["decision"])
    raise StepFailed(f"{submitted.version.name} is {promotion.decision.outcome.value}; it should have been denied")


def _worst(rule: RuleOutcome) -> dict[str, object]:
    """Return the figure of the rule that is farthest from what it should be."""
    figure = min(rule.figures, key=lambda each: 1.0 if each.value is None else each.value)
    return {
        "name": figure.name,
        "value": figure.value,
        "low": figure.low,
        "high": figure.high,
        "group": figure.slice.get("group", ""),
        "attribute": figure.slice.get("attribute", ""),
    }


def _approved(stage: Stage, facts: Facts, submitted: Submitted) -> Decision:
    number = submitted.version.number
    decision = stage.alice.policy.decide(MODEL, number)
    facts["ratios"] = [
        {"name": figure.name, "slice": dict(figure.slice or {}), "value": figure.value, "low": figure.low}
        for figure in submitted.results["fairness"].result.figures
        if figure.name.startswith("disparate_impact_ratio")
    ]
    if decision.outcome is not Outcome.PENDING or decision.approval_id is None:
        raise StepFailed(f"{submitted.version.name} is {decision.outcome.value}: {decision.reason}")
    facts["own_approval_refused"] = _own_approval(stage, decision.approval_id)
    voted = stage.bob.approvals.approve(
        decision.approval_id, "Women and men, Black and White people are selected alike, within a fifth."
    )
    if voted.decision is None or voted.decision.outcome is not Outcome.ALLOWED:
        raise StepFailed(f"Bob approved, and {submitted.version.name} is still not allowed")
    return voted.decision


def _own_approval(stage: Stage, approval_id: str) -> str:
    """Have the author approve what is hers, and return the code with which that is refused."""
    try:
        stage.alice.approvals.approve(approval_id, "It is mine, and I like it.")
    except Forbidden as refusal:
        expect(
            refusal.code == "own_version", f"the author's approval was refused for another reason: {refusal.message}"
        )
        stage.narrator.say(f"[yellow]refused[/] Alice's own approval: {refusal.message}")
        return refusal.code
    raise StepFailed("the author approved her own version")
