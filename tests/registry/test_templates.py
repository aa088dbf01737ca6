"""Templates of use cases name only what exists, and fill in what a model of theirs needs."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import pytest

from clearance.app import Clearance
from clearance.checks import service as checks
from clearance.checks import suites
from clearance.checks.model import NewRun
from clearance.client.client import Client
from clearance.errors import InvalidInput, NotFound
from clearance.monitoring.model import MonitorConfig, Rules
from clearance.monitoring.rules import rules
from clearance.policy import packs
from clearance.policy.pack import InstalledPack
from clearance.registry import questionnaire, templates
from clearance.registry.model import ModelKind, Risk
from clearance.registry.risk import judge
from clearance.registry.templates import Template
from clearance.sdk.events import FIELDS
from clearance.values import digest_of

SEED = {
    "lending",
    "fraud",
    "recommendations",
    "healthcare",
    "moderation",
    "pricing",
    "autonomous",
    "chatbot",
    "marketing",
    "forecasting",
}
"""The use cases of the governance guide."""
EACH = pytest.mark.parametrize("template", templates.builtins().values(), ids=lambda template: template.name)


def test_there_is_a_template_for_each_use_case_of_the_guide() -> None:
    assert set(templates.builtins()) == SEED


@EACH
def test_a_template_names_a_suite_and_the_pack_that_its_answers_lead_to(template: Template) -> None:
    level = judge(questionnaire.builtin(), template.answers).level
    known = [InstalledPack(pack=pack, digest=digest_of(pack)) for pack in packs.builtin().values()]
    chosen = packs.choose(known, level, "production")
    assert chosen is not None
    assert template.pack == chosen.pack.name
    assert template.suite in suites.builtins()


@EACH
def test_the_settings_of_a_template_are_ones_that_a_monitor_takes(template: Template) -> None:
    given = {name: number.value for name, number in template.monitor.items()}
    assert given.keys() <= {field.name for field in fields(Rules)}
    judged = rules(MonitorConfig(baseline_dataset="", **given))  # type: ignore[arg-type]
    assert {name: getattr(judged, name) for name in given} == given


@EACH
def test_a_template_asks_for_fields_that_events_have_and_every_number_has_a_source(template: Template) -> None:
    assert set(template.telemetry.fields) <= set(FIELDS)
    assert all(number.source for number in template.monitor.values())
    assert all(slo.source for slo in template.slos)
    assert template.watch


def test_a_model_from_a_template_gets_what_it_fills_in_and_is_not_assessed_yet(client: Client) -> None:
    made = client.models.create(
        "bot", owner="ada", on_call="bob", team="care", purpose="Answers customers", template="chatbot"
    )
    assert (made.use_case, made.kind, made.risk, made.template) == (
        "chatbot",
        ModelKind.GENERATIVE,
        Risk.STANDARD,
        "chatbot",
    )
    assert made.assessed_risk is None
    stricter = client.models.create(
        "bot-2",
        owner="ada",
        on_call="bob",
        team="care",
        purpose="Answers",
        template="chatbot",
        risk=Risk.FULL,
        use_case="faq",
    )
    assert (stricter.risk, stricter.use_case) == (Risk.FULL, "faq")


def test_the_suite_and_the_monitor_of_a_model_are_those_of_its_template(
    client: Client, sqlite_parts: Clearance, tmp_path: Path
) -> None:
    for name, template in (("cards", "fraud"), ("plain", "")):
        client.models.create(name, owner="ada", on_call="bob", team="pay", purpose="Stops frauds", template=template)
        (tmp_path / name).write_bytes(name.encode())
        client.versions.register(name, tmp_path / name)
    with sqlite_parts.database.read() as tx:
        plan = checks.plan_suite(tx, "cards", 1, NewRun(only=("artifact_safety",)))
        with pytest.raises(InvalidInput) as caught:
            checks.plan_suite(tx, "plain", 1, NewRun())
    assert plan.document.suite.name == "fraud"
    assert caught.value.code == "suite_ambiguous"
    (tmp_path / "base.csv").write_text("amount\n" + "\n".join(map(str, range(50))))
    digest = client.datasets.register(tmp_path / "base.csv", name="base").digest
    config = MonitorConfig(baseline_dataset=digest)
    assert client.monitoring.configure("cards", config).rules.window == "P1D"
    assert client.monitoring.configure("plain", config).rules.window == "P7D"
    assert client.monitoring.configure("cards", replace(config, window="PT6H")).rules.window == "PT6H"


def test_what_a_template_requires_may_not_be_empty(client: Client) -> None:
    with pytest.raises(InvalidInput) as caught:
        client.models.create("loans", owner="ada", team=" ", template="lending")
    assert caught.value.code == "metadata_missing"
    assert caught.value.details["missing"] == ["on_call", "team", "purpose"]
    with pytest.raises(NotFound, match="there is no template 'loan'"):
        client.models.create("loans", owner="ada", template="loan")
    assert list(client.models.list()) == []


def test_templates_are_listed_and_shown(client: Client) -> None:
    assert [each.name for each in client.templates.list()] == sorted(SEED)
    assert client.templates.get("fraud").suite == "fraud"
    with pytest.raises(NotFound):
        client.templates.get("nothing")


@pytest.mark.parametrize(
    ("good", "bad", "says"),
    [
        ("required: [", "required: [colour, ", "no field 'colour'"),
        ("exposure: substantial", "exposure: huge", "exposure"),
        ("regulated: true", "", "regulated"),
        ("suite: lending", "suites: lending", "suite"),
    ],
)
def test_a_template_that_is_none_is_refused(good: str, bad: str, says: str) -> None:
    text = (Path(templates.__file__).parent / "templates/lending.yaml").read_text()
    assert good in text
    with pytest.raises(ValueError, match=says):
        templates.load(text.replace(good, bad, 1))
