"""Commands of models."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from clearance.cli.assess import assess, assessments, governance, lower_risk
from clearance.cli.core import Json, connect, say, show, table
from clearance.cli.facts import facts
from clearance.cli.report import report
from clearance.policy.model import Onboarding
from clearance.registry.model import Lifecycle, Model, ModelChange, ModelKind, Risk
from clearance.registry.search_filter import ModelFilter
from clearance.values import takes_fields

app = typer.Typer(no_args_is_help=True, help="Keep the inventory of models.")
app.command("report")(report)
app.command("assess")(assess)
app.command("assessments")(assessments)
app.command("lower-risk")(lower_risk)
Name = Annotated[str, typer.Argument(help="The model, for example car-loan.")]


@app.command("list")
@takes_fields(ModelFilter, lambda about: typer.Option(help=about))
def listing(ctx: typer.Context, json: Json = False, **given: Any) -> None:
    """List models: all, or those that fit."""
    wanted = ModelFilter(**given)
    empty = (
        "No models yet. `clearance models create NAME --owner WHO` makes one."
        if wanted == ModelFilter(sort=wanted.sort)
        else "No model fits. `clearance models list` shows all."
    )
    client = connect(ctx)
    if wanted.incomplete and not json:
        _render_incomplete(list(client.models.onboarding(wanted)))
        return
    show(list(client.models.list(wanted)), json, lambda models: _render_all(models, empty))


@app.command("show")
def one(ctx: typer.Context, name: Name, json: Json = False) -> None:
    """Show one model."""
    show(connect(ctx).models.get(name), json, _render)


@app.command("create")
def create(
    ctx: typer.Context,
    name: Name,
    owner: Annotated[str, typer.Option(help="Who answers for it.")],
    on_call: Annotated[str, typer.Option(help="Who is called when it fails.")] = "",
    team: Annotated[str, typer.Option(help="Team it belongs to.")] = "",
    purpose: Annotated[str, typer.Option(help="What it is for, in a sentence.")] = "",
    kind: Annotated[ModelKind, typer.Option(help="What sort of model it is.")] = ModelKind.PREDICTIVE,
    use_case: Annotated[str, typer.Option(help="Its use case; the template's, when left out.")] = "",
    template: Annotated[str, typer.Option(help="Template of its use case: `clearance templates list`.")] = "",
    risk: Annotated[Risk | None, typer.Option(help="Governance level, until the questionnaire is answered.")] = None,
    lifecycle: Annotated[Lifecycle, typer.Option(help="Where it stands.")] = Lifecycle.DEVELOPMENT,
    description: Annotated[str, typer.Option(help="Anything further.")] = "",
    json: Json = False,
) -> None:
    """Take a model into the inventory."""
    made = connect(ctx).models.create(
        name,
        owner=owner,
        on_call=on_call,
        team=team,
        purpose=purpose,
        kind=kind,
        use_case=use_case,
        risk=risk,
        lifecycle=lifecycle,
        description=description,
        template=template,
    )
    show(made, json, _render_created)


@app.command("update")
def update(
    ctx: typer.Context,
    name: Name,
    owner: Annotated[str | None, typer.Option(help="Who answers for it.")] = None,
    on_call: Annotated[str | None, typer.Option(help="Who is called when it fails.")] = None,
    team: Annotated[str | None, typer.Option(help="Team it belongs to.")] = None,
    purpose: Annotated[str | None, typer.Option(help="What it is for.")] = None,
    kind: Annotated[ModelKind | None, typer.Option(help="What sort of model it is.")] = None,
    use_case: Annotated[str | None, typer.Option(help="Its use case.")] = None,
    risk: Annotated[Risk | None, typer.Option(help="Governance level.")] = None,
    lifecycle: Annotated[Lifecycle | None, typer.Option(help="Where it stands.")] = None,
    description: Annotated[str | None, typer.Option(help="Anything further.")] = None,
    reason: Annotated[str, typer.Option(help="Why; needed to retire it.")] = "",
    json: Json = False,
) -> None:
    """Change what is given; the rest stays."""
    change = ModelChange(
        owner=owner,
        on_call=on_call,
        team=team,
        purpose=purpose,
        kind=kind,
        use_case=use_case,
        risk=risk,
        lifecycle=lifecycle,
        description=description,
        reason=reason,
    )
    show(connect(ctx).models.update(name, change), json, _render)


@app.command("delete")
def delete(
    ctx: typer.Context,
    name: Name,
    reason: Annotated[str, typer.Option(help="Why, for whoever asks in a year.")],
    json: Json = False,
) -> None:
    """Retire a model of which nothing serves and let its title go to another; its name, versions and history stay."""
    show(
        connect(ctx).models.delete(name, reason),
        json,
        lambda m: say(f"{m.name} is deleted; what is known of it stays."),
    )


@app.command("retire")
def retire(
    ctx: typer.Context,
    name: Name,
    reason: Annotated[str, typer.Option(help="Why, for whoever asks in a year.")],
    json: Json = False,
) -> None:
    """Retire a model with all its versions, for good."""
    client = connect(ctx)

    def render(made: Model) -> None:
        say(f"{made.name} is retired, with all its versions.")
        for pointer in client.delivery.pointers(name):
            say(
                f"{pointer.environment} asked for {name}/{pointer.stable}, which can't serve any more: requests are refused."
            )

    show(client.models.retire(name, reason), json, render)


def _render_incomplete(found: list[Onboarding]) -> None:
    table(
        "Models whose newest version lacks part of its story",
        ("version", "source", "known", "by", "missing"),
        [
            (
                f"{each.model}/{each.number}",
                each.source_kind,
                f"{each.fraction:.0%}",
                _by(each),
                ", ".join(each.missing),
            )
            for each in found
        ],
        empty="No model that fits lacks any of it.",
    )


def _by(found: Onboarding) -> str:
    if found.due_at is None:
        return "before it serves"
    return f"{found.due_at:%Y-%m-%d}{', overdue' if found.overdue else ''}"


def _render_created(model: Model) -> None:
    assess = f"clearance models assess {model.name}{' --confirm' if model.template else ''}"
    say(f"{model.name} is in the inventory, governed as {model.risk} until `{assess}` says otherwise.")
    say(f"Next: `clearance versions register {model.name} FOLDER`")


def _render_all(models: list[Model], empty: str) -> None:
    """Show models; their titles too if one of them has another than its name."""
    titled = any(_title(model) for model in models)
    table(
        "Models",
        ("name", *(["title"] if titled else []), "owner", "team", "kind", "governance", "lifecycle", "created"),
        [
            (
                m.name,
                *([_title(m)] if titled else []),
                *(m.owner, m.team, m.kind, governance(m), m.lifecycle, f"{m.created_at:%Y-%m-%d}"),
            )
            for m in models
        ],
        empty=empty,
    )


def _title(model: Model) -> str:
    """Return what people and MLflow's clients call a model, where that is not its name."""
    return model.title if model.title is not None and model.title != model.name else ""


def _render(model: Model) -> None:
    facts(
        model.name,
        [
            ("title", _title(model)),
            ("owner", model.owner),
            ("on call", model.on_call),
            ("team", model.team),
            ("purpose", model.purpose),
            ("kind", model.kind),
            ("use case", model.use_case),
            ("template", model.template),
            ("governance", governance(model)),
            ("lifecycle", f"{model.lifecycle} {model.lifecycle_reason and f'({model.lifecycle_reason})'}"),
            ("created", f"{model.created_at:%Y-%m-%d %H:%M} UTC by {model.created_by}"),
            ("description", model.description),
        ],
    )
