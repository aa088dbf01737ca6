"""How strictly a model is governed follows from answers; less takes a second person and a date."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from datetime import timedelta
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearance.access.model import Principal, Role
from clearance.app import Clearance
from clearance.audit import log
from clearance.client.client import Client
from clearance.clock import FixedClock
from clearance.errors import Conflict, Forbidden, InvalidInput, NotFound
from clearance.registry import questionnaire, service
from clearance.registry.model import Lifecycle, Model, ModelChange, NewModel, Risk
from clearance.registry.risk import Answers, Exposure, NewLowering, below, judge, strictest
from tests.conftest import person
from tests.registry.test_commands import Shell

ADA, BOB = person("ada"), person("bob")
RESEARCH = Answers(
    exposure=Exposure.RESEARCH,
    financial_or_legal=False,
    user_safety=False,
    personal_data=False,
    shared_across_teams=False,
    customer_facing=False,
    regulated=False,
)
LENDING = replace(RESEARCH, exposure=Exposure.SUBSTANTIAL, financial_or_legal=True, personal_data=True, regulated=True)
FLAGS = tuple(field.name for field in fields(Answers) if field.name != "exposure")
BUILTIN = questionnaire.builtin()


def everything() -> Iterator[Answers]:
    for exposure, flags in product(Exposure, product((False, True), repeat=len(FLAGS))):
        yield Answers(exposure=exposure, **dict(zip(FLAGS, flags, strict=True)))


@pytest.fixture
def parts(parts: Clearance) -> Clearance:
    with parts.database.write() as tx:
        service.create_model(tx, ADA, NewModel(name="car-loan", owner="ada"))
    return parts


def assess(parts: Clearance, answers: Answers) -> Model:
    with parts.database.write() as tx:
        service.assess_model(tx, ADA, "car-loan", answers)
        return service.get_model(tx, "car-loan")


def lower(parts: Clearance, risk: Risk, days: float = 10, reason: str = "a pilot") -> Model:
    with parts.database.write() as tx:
        return service.lower_risk(tx, BOB, "car-loan", NewLowering(risk=risk, reason=reason, days=days))


def present(parts: Clearance) -> Model:
    with parts.database.read() as tx:
        return service.get_model(tx, "car-loan")


@pytest.mark.parametrize(
    ("changed", "level"),
    [
        ({}, Risk.LIGHT),
        ({"shared_across_teams": True}, Risk.STANDARD),
        ({"customer_facing": True}, Risk.STANDARD),
        ({"exposure": Exposure.LIMITED}, Risk.STANDARD),
        ({"exposure": Exposure.SUBSTANTIAL}, Risk.STANDARD),
        ({"financial_or_legal": True}, Risk.STANDARD),
        ({"user_safety": True, "exposure": Exposure.LIMITED}, Risk.STANDARD),
        ({"financial_or_legal": True, "user_safety": True}, Risk.FULL),
        ({"exposure": Exposure.SUBSTANTIAL, "user_safety": True}, Risk.FULL),
        ({"regulated": True, "financial_or_legal": True}, Risk.FULL),
    ],
)
def test_the_guides_checklist_and_materiality_give_the_level(changed: dict[str, object], level: Risk) -> None:
    found = judge(BUILTIN, replace(RESEARCH, **changed))  # type: ignore[arg-type]
    assert found.level is level
    assert found.reasons


def test_every_way_to_answer_fits_a_line_of_the_table() -> None:
    for answers in everything():
        assert "nothing that was answered" not in judge(BUILTIN, answers).reasons[0]


def test_a_table_where_no_line_fits_asks_for_full_governance() -> None:
    assert judge(replace(BUILTIN, grounds=()), RESEARCH).level is Risk.FULL


def test_personal_data_asks_for_privacy_whatever_the_level() -> None:
    for answers in everything():
        assert judge(BUILTIN, answers).privacy is answers.personal_data


@given(st.sampled_from(list(everything())), st.sampled_from([*FLAGS, "exposure"]))
def test_a_graver_answer_never_gives_a_laxer_level(answers: Answers, name: str) -> None:
    order = list(Exposure)
    graver = replace(answers, **{name: order[-1] if name == "exposure" else True})  # type: ignore[arg-type]
    assert not below(judge(BUILTIN, graver).level, judge(BUILTIN, answers).level)


def test_the_strictest_of_levels_is_none_of_those_below() -> None:
    assert strictest(Risk.LIGHT, Risk.FULL, Risk.STANDARD) is Risk.FULL
    assert [below(one, two) for one, two in product(Risk, Risk)].count(True) == 3


@pytest.mark.parametrize(
    ("good", "bad", "says"),
    [
        ("id: exposure", "id: exposures", "the questions are"),
        ("{exposure: substantial}", "{exposure: huge}", "nobody can answer 'huge'"),
        ("{user_safety: true}", "{user_safety: research}", "nobody can answer 'research'"),
        ("{customer_facing: true}", "{customers: true}", "'customers'"),
        ("level: light", "level: none", "grounds"),
        ("because: its field is regulated", "why: it is", "because"),
    ],
)
def test_a_questionnaire_that_nobody_could_answer_is_refused(good: str, bad: str, says: str) -> None:
    text = (Path(questionnaire.__file__).parent / "questionnaire.yaml").read_text()
    assert good in text
    with pytest.raises(ValueError, match=says):
        questionnaire.load(text.replace(good, bad, 1))


def test_the_risk_follows_the_answers_and_every_assessment_stays_in_the_history(parts: Clearance) -> None:
    assert (present(parts).risk, present(parts).assessed_risk) == (Risk.STANDARD, None)
    assert assess(parts, LENDING).risk is Risk.FULL
    model = assess(parts, RESEARCH)
    assert (model.risk, model.assessed_risk, model.privacy) == (Risk.LIGHT, Risk.LIGHT, False)
    with parts.database.read() as tx:
        history = service.assessments(tx, "car-loan")
        leaves = [entry for entry in log.entries(tx, subject="model/car-loan").items if entry.event == "model.assessed"]
    assert [(each.position, each.level, each.assessed_by) for each in history] == [
        (2, Risk.LIGHT, "user:ada"),
        (1, Risk.FULL, "user:ada"),
    ]
    assert history[1].answers == LENDING
    assert leaves[0].data["answers"]["exposure"] == "research"
    assert leaves[0].data["risk"] == {"from": "full", "to": "light"}


def test_a_stricter_level_by_hand_is_free_and_a_laxer_one_refused(parts: Clearance) -> None:
    assess(parts, replace(RESEARCH, customer_facing=True))
    with parts.database.write() as tx:
        assert service.update_model(tx, ADA, "car-loan", ModelChange(risk=Risk.FULL)).risk is Risk.FULL
        assert service.update_model(tx, ADA, "car-loan", ModelChange(risk=Risk.STANDARD)).risk is Risk.STANDARD
        with pytest.raises(Conflict) as caught:
            service.update_model(tx, ADA, "car-loan", ModelChange(risk=Risk.LIGHT))
    assert caught.value.code == "risk_below_answers"
    assert "lower-risk" in caught.value.hint


def test_without_answers_the_risk_is_set_by_hand(parts: Clearance) -> None:
    with parts.database.write() as tx:
        assert service.update_model(tx, ADA, "car-loan", ModelChange(risk=Risk.LIGHT)).risk is Risk.LIGHT
    with pytest.raises(Conflict, match="nobody answered"):
        lower(parts, Risk.LIGHT)


def test_a_lowering_counts_until_its_day_and_then_the_answers_count_by_themselves(
    parts: Clearance, clock: FixedClock
) -> None:
    assess(parts, LENDING)
    made = lower(parts, Risk.LIGHT, days=10)
    assert made.lowered is not None
    assert (made.risk, made.lowered.by, made.lowered.reason) == (Risk.LIGHT, "user:bob", "a pilot")
    clock.advance(timedelta(days=10) - timedelta(seconds=1))
    assert present(parts).risk is Risk.LIGHT
    clock.advance(timedelta(seconds=1))
    assert (present(parts).risk, present(parts).lowered) == (Risk.FULL, None)
    with parts.database.write() as tx:  # a change of something else does not bring it back
        assert service.update_model(tx, ADA, "car-loan", ModelChange(team="credit")).risk is Risk.FULL


def test_new_answers_and_a_stricter_level_end_a_lowering(parts: Clearance) -> None:
    assess(parts, LENDING)
    lower(parts, Risk.LIGHT)
    with parts.database.write() as tx:
        assert service.update_model(tx, ADA, "car-loan", ModelChange(risk=Risk.FULL)).lowered is None
    lower(parts, Risk.STANDARD)
    assert assess(parts, LENDING).lowered is None


@pytest.mark.parametrize(
    ("risk", "days", "reason", "code"),
    [
        (Risk.LIGHT, 31, "a pilot", "bad_expiry"),
        (Risk.LIGHT, 0, "a pilot", "bad_expiry"),
        (Risk.LIGHT, float("nan"), "a pilot", "bad_expiry"),
        (Risk.LIGHT, 10, "  ", "no_reason"),
        (Risk.FULL, 10, "a pilot", "not_lower"),
    ],
)
def test_a_lowering_that_is_none_is_refused(parts: Clearance, risk: Risk, days: float, reason: str, code: str) -> None:
    assess(parts, LENDING)
    with pytest.raises((InvalidInput, Conflict)) as caught:
        lower(parts, risk, days, reason)
    assert caught.value.code == code
    assert present(parts).risk is Risk.FULL


def test_nobody_lowers_what_their_own_answers_ask_for(parts: Clearance) -> None:
    assess(parts, LENDING)
    with parts.database.write() as tx, pytest.raises(Forbidden) as caught:
        service.lower_risk(tx, ADA, "car-loan", NewLowering(risk=Risk.LIGHT, reason="a pilot", days=1))
    assert caught.value.code == "own_assessment"
    assert caught.value.message.startswith("user:ada answered the questionnaire")
    theirs = Principal(name="user:w2", roles=(Role.APPROVER,), issued_by=ADA.name)
    with parts.database.write() as tx, pytest.raises(Forbidden) as caught:
        service.lower_risk(tx, theirs, "car-loan", NewLowering(risk=Risk.LIGHT, reason="a pilot", days=1))
    assert caught.value.message.startswith("user:ada, who made this token of user:w2, answered the questionnaire")


def test_a_retired_model_is_assessed_no_more(parts: Clearance) -> None:
    with parts.database.write() as tx:
        service.update_model(tx, ADA, "car-loan", ModelChange(lifecycle=Lifecycle.RETIRED, reason="old"))
        with pytest.raises(Conflict, match="retired"):
            service.assess_model(tx, ADA, "car-loan", LENDING)


def test_over_the_wire_a_developer_answers_and_only_who_may_waive_lowers(as_user: Callable[..., Client]) -> None:
    developer = as_user(person("dev", Role.DEVELOPER))
    approver = as_user(person("boss", Role.APPROVER))
    developer.models.create("car-loan", owner="dev")
    assert developer.models.assess("car-loan", LENDING).level is Risk.FULL
    assert developer.models.assessments("car-loan")[0].answers == LENDING
    assert developer.models.questionnaire().questions[0].id == "exposure"
    with pytest.raises(Forbidden):
        developer.models.lower_risk("car-loan", Risk.LIGHT, reason="a pilot", days=1)
    assert approver.models.lower_risk("car-loan", Risk.LIGHT, reason="a pilot", days=1).risk is Risk.LIGHT
    with pytest.raises(NotFound):
        developer.models.assess("unknown", LENDING)


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shell:
    for name in ("CLEARANCE_URL", "CLEARANCE_TOKEN", "CLEARANCE_DATABASE_URL"):
        monkeypatch.delenv(name, raising=False)
    return Shell(tmp_path / "home")


def test_a_model_is_assessed_by_command_from_options_a_file_or_its_template(shell: Shell, tmp_path: Path) -> None:
    shell.text("models", "create", "scores", "--owner", "ada")
    assert "not assessed" in shell.text("models", "list", "--no-assessed")
    assert shell.error("models", "assess", "scores").code == "answers_missing"
    assert shell.error("models", "assess", "scores", "--confirm").code == "no_template"
    no = ("financial-or-legal", "user-safety", "personal-data", "shared-across-teams", "customer-facing", "regulated")
    said = shell.text("models", "assess", "scores", "--exposure", "research", *(f"--no-{name}" for name in no))
    assert "governed as light" in said
    (tmp_path / "answers.yaml").write_text(
        "\n".join(f"{name}: {getattr(LENDING, name)}" for name in ("exposure", *FLAGS))
    )
    assert shell.json("models", "assess", "scores", "--answers", str(tmp_path / "answers.yaml"))["level"] == "full"
    assert shell.error("models", "assess", "scores", "--answers", "x.yaml", "--regulated").code == "answers_twice"
    assert "exposure substantial, financial or legal" in shell.text("models", "assessments", "scores")
    assert "No model fits" in shell.text("models", "list", "--no-assessed")
