"""The commands of risk: answer the questionnaire for a model, see its answers, let it be governed less for a while."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from clearance.cli.core import Json, connect, say, show, table
from clearance.client.client import Client
from clearance.errors import InvalidInput
from clearance.registry.model import Model, Risk
from clearance.registry.risk import QUESTIONS, Answers, Assessment, Exposure, Question

Name = Annotated[str, typer.Argument(help="The model, for example car-loan.")]
YesNo = bool | None


def assess(
    ctx: typer.Context,
    name: Name,
    answers: Annotated[Path | None, typer.Option(help="YAML or JSON: an answer to every question.")] = None,
    confirm: Annotated[
        bool, typer.Option("--confirm", help="Take the answers of the model's template as yours.")
    ] = False,
    exposure: Annotated[Exposure | None, typer.Option(help="How much hangs on its output.")] = None,
    financial_or_legal: Annotated[YesNo, typer.Option(help="Affects money, contracts or rights.")] = None,
    user_safety: Annotated[YesNo, typer.Option(help="A wrong output can hurt somebody.")] = None,
    personal_data: Annotated[YesNo, typer.Option(help="Made from data about persons, or sees it.")] = None,
    shared_across_teams: Annotated[YesNo, typer.Option(help="Other teams build on it.")] = None,
    customer_facing: Annotated[YesNo, typer.Option(help="Customers or the public see its output.")] = None,
    regulated: Annotated[YesNo, typer.Option(help="A law or regulator asks for control of it.")] = None,
    json: Json = False,
) -> None:
    """Answer the questionnaire for a model: how strictly it is governed follows. Asks what no option answers."""
    options = (
        exposure,
        financial_or_legal,
        user_safety,
        personal_data,
        shared_across_teams,
        customer_facing,
        regulated,
    )
    given = {key: said for key, said in zip(QUESTIONS, options, strict=True) if said is not None}
    client = connect(ctx)
    if answers is not None:
        from clearance.cli.documents import read_document

        if given or confirm:
            raise InvalidInput("answer by file or by options, not by both", code="answers_twice")
        said = read_document(answers, Answers)
    else:
        usual = _usual(client, name, needed=confirm)
        said = Answers(**({**usual, **given} if confirm else _asked(client, given, usual)))
    show(client.models.assess(name, said), json, _render)


def assessments(ctx: typer.Context, name: Name, json: Json = False) -> None:
    """List what was answered for a model, newest first; the first counts."""
    show(
        connect(ctx).models.assessments(name),
        json,
        lambda found: table(
            f"Assessments of {name}",
            ("#", "level", "privacy", "by", "at", "answers that are yes", "because"),
            [
                (
                    each.position,
                    each.level,
                    "yes" if each.privacy else "no",
                    each.assessed_by,
                    f"{each.assessed_at:%Y-%m-%d %H:%M}",
                    ", ".join((f"exposure {each.answers.exposure}", *_affirmed(each.answers))),
                    "; ".join(each.reasons),
                )
                for each in found
            ],
            empty=f"Nobody answered yet. `clearance models assess {name}` asks.",
        ),
    )


def lower_risk(
    ctx: typer.Context,
    name: Name,
    risk: Annotated[Risk, typer.Argument(help="The level to govern it by meanwhile.")],
    days: Annotated[float, typer.Option(help="For how many days.")],
    reason: Annotated[str, typer.Option(help="Why, for whoever asks in a year.")],
    json: Json = False,
) -> None:
    """Let a model be governed less than its answers say, for some days; takes somebody who may waive."""

    def render(made: Model) -> None:
        until = f"{made.lowered.until:%Y-%m-%d %H:%M} UTC" if made.lowered else "now"
        say(f"{made.name} is governed as {made.risk} instead of {made.assessed_risk} until {until}.")

    show(connect(ctx).models.lower_risk(name, risk, reason=reason, days=days), json, render)


def governance(model: Model) -> str:
    """Return how strictly a model is governed, and why it is what it is."""
    if model.assessed_risk is None:
        return f"{model.risk} (not assessed)"
    privacy = ", with privacy and access controls" if model.privacy else ""
    if model.lowered is not None:
        until = f"{model.lowered.until:%Y-%m-%d}"
        return f"{model.risk} instead of {model.assessed_risk} until {until}, by {model.lowered.by}: {model.lowered.reason}{privacy}"
    above = "" if model.risk is model.assessed_risk else f" (the answers ask for {model.assessed_risk})"
    return f"{model.risk}{above}{privacy}"


def _usual(client: Client, name: str, *, needed: bool) -> dict[str, Any]:
    """Return the answers of the model's template; none without one.

    Raises:
        InvalidInput: they are needed, and there is no template.
    """
    template = client.models.get(name).template
    if not template:
        if needed:
            raise InvalidInput(
                f"{name} was made from no template, so there are no answers to confirm",
                code="no_template",
                hint=f"`clearance models assess {name}` asks, or give --answers FILE",
            )
        return {}
    return asdict(client.templates.get(template).answers)


def _asked(client: Client, given: dict[str, Any], usual: dict[str, Any]) -> dict[str, Any]:
    """Ask at the terminal what is not given; what is usual is proposed."""
    if len(given) == len(QUESTIONS):
        return given
    if not sys.stdin.isatty():
        missing = [name for name in QUESTIONS if name not in given]
        raise InvalidInput(
            f"nobody is here to answer {', '.join(missing)}",
            code="answers_missing",
            hint="give --answers FILE, or " + " ".join(f"--{name.replace('_', '-')}" for name in missing),
            details={"missing": missing},
        )
    questions = client.models.questionnaire().questions
    return {each.id: given[each.id] if each.id in given else _ask(each, usual.get(each.id)) for each in questions}


def _ask(question: Question, usual: Any) -> Any:
    if question.choices is None:
        return typer.confirm(question.text, default=usual)
    say(question.text)
    for word, meaning in question.choices.items():
        say(f"  {word}: {meaning}")
    words = list(question.choices)
    while (said := typer.prompt(f"One of {', '.join(words)}", default=usual)) not in words:
        say(f"{said!r} is none of {', '.join(words)}.")
    return Exposure(said)


def _affirmed(answers: Answers) -> tuple[str, ...]:
    return tuple(name.replace("_", " ") for name in QUESTIONS if getattr(answers, name) is True)


def _render(made: Assessment) -> None:
    privacy = ", with privacy and access controls" if made.privacy else ""
    say(f"{made.model} is governed as [bold]{made.level}[/]{privacy}, because")
    for reason in made.reasons:
        say(f"  {reason}")
