"""Templates of use cases: what a model of a kind starts with; read from `templates/*.yaml` and checked when they are read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from functools import cache
from importlib import resources

from clearance.errors import InvalidInput, NotFound
from clearance.registry.model import ModelKind, NewModel
from clearance.registry.risk import Answers
from clearance.values import parse, request


@request
class Slo:
    """A service-level objective to begin with: an indicator, its objective in `unit`, and the days it is counted over."""

    sli: str
    objective: float
    unit: str
    window_days: float
    source: str


@request
class Number:
    """A setting, and why it is what it is."""

    value: float | str
    source: str


@request
class Telemetry:
    """Fields of an event that figures of the use case need beyond the mandatory ones."""

    fields: tuple[str, ...]
    source: str


@request
class Template:
    """What a model of a use case starts with.

    Attributes:
        answers: to the questionnaire, for a person to confirm.
        required: fields of a model that may not be empty.
        pack, suite: the policy pack that the answers lead to, and the checks to run on a version.
        monitor: settings of a monitor that differ from its defaults.
        watch: what the governance guide asks to measure.
    """

    name: str
    title: str
    description: str
    kind: ModelKind
    answers: Answers
    required: tuple[str, ...]
    pack: str
    suite: str
    slos: tuple[Slo, ...]
    telemetry: Telemetry
    monitor: Mapping[str, Number]
    watch: tuple[str, ...]


@cache
def builtins() -> Mapping[str, Template]:
    """Return the templates that come with Clearance, by name, sorted."""
    folder = resources.files("clearance.registry") / "templates"
    files = sorted((file for file in folder.iterdir() if file.name.endswith(".yaml")), key=lambda file: file.name)
    return {made.name: made for made in (load(file.read_text(encoding="utf-8")) for file in files)}


def load(text: str) -> Template:
    """Read a template.

    Raises:
        ValueError: it has not the form of one, or requires what is no field of a model.
    """
    import yaml

    found: Template = parse(Template, yaml.safe_load(text))
    known = {field.name for field in fields(NewModel)}
    if unknown := sorted(set(found.required) - known):
        raise ValueError(f"{found.name}: a model has no field {unknown[0]!r}")
    return found


def get(name: str) -> Template:
    """Return one template.

    Raises:
        NotFound: there is none of that name (`template_not_found`).
    """
    if name not in builtins():
        raise NotFound(
            f"there is no template {name[:100]!r}",
            code="template_not_found",
            hint="there are " + ", ".join(builtins()),
        )
    return builtins()[name]


def fill(template: Template, new: NewModel) -> NewModel:
    """Return a model with what the template knows of it, where it says nothing itself.

    Raises:
        InvalidInput: something is empty that models of the use case must have (`metadata_missing`, all named in the details).
    """
    if missing := [name for name in template.required if not str(getattr(new, name)).strip()]:
        raise InvalidInput(
            f"a model of the use case {template.name} needs {', '.join(missing)}",
            code="metadata_missing",
            hint="give " + " ".join(f"--{name.replace('_', '-')} …" for name in missing),
            details={"missing": missing},
        )
    return replace(
        new,
        use_case=new.use_case or template.name,
        kind=template.kind if new.kind is ModelKind.PREDICTIVE else new.kind,
    )
