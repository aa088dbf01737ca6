"""How strictly a model is governed: the questionnaire's answers, and the level and reasons that follow from them; pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from datetime import datetime
from enum import StrEnum

from clearance.registry.model import Risk
from clearance.values import request, value

_RANK = {Risk.LIGHT: 0, Risk.STANDARD: 1, Risk.FULL: 2}


class Exposure(StrEnum):
    """How much hangs on a model's output."""

    RESEARCH = "research"
    LIMITED = "limited"
    SUBSTANTIAL = "substantial"


@request
class Answers:
    """What was answered to the questionnaire, field by field; `questionnaire.yaml` has the questions."""

    exposure: Exposure
    financial_or_legal: bool
    user_safety: bool
    personal_data: bool
    shared_across_teams: bool
    customer_facing: bool
    regulated: bool


QUESTIONS = tuple(field.name for field in fields(Answers))


@request
class Question:
    """One question: a choice between words, or yes and no where there are no `choices` (word → what it means)."""

    id: str
    text: str
    source: str
    choices: Mapping[str, str] | None = None


@request
class Ground:
    """A level that follows when all of these answers were given."""

    id: str
    when: Mapping[str, bool | str]
    level: Risk
    because: str
    source: str


@request
class Privacy:
    """When privacy and access controls are added."""

    when: Mapping[str, bool | str]
    because: str
    source: str


@request
class Lowering:
    """For how many days a model of a level may be governed less than its answers say."""

    source: str
    longest_days: Mapping[Risk, float]


@request
class Questionnaire:
    """The questions and what follows from the answers; read from YAML by `questionnaire.load`."""

    version: str
    questions: tuple[Question, ...]
    grounds: tuple[Ground, ...]
    privacy: Privacy
    lowering: Lowering


@value
class Reasoned:
    """The level that answers lead to, whether privacy is asked for too, and why."""

    level: Risk
    privacy: bool
    reasons: tuple[str, ...]


@value
class Assessment:
    """Answers as they were given for a model, and what followed; `questionnaire` is the digest of what was asked.

    `position` counts a model's assessments from 1; the last one counts, the others are its history.
    """

    model: str
    position: int
    answers: Answers
    level: Risk
    privacy: bool
    reasons: tuple[str, ...]
    questionnaire: str
    assessed_at: datetime
    assessed_by: str


@request
class NewLowering:
    """Ask that a model be governed less than its answers say, for some days."""

    risk: Risk
    reason: str
    days: float


def judge(questionnaire: Questionnaire, answers: Answers) -> Reasoned:
    """Return the strictest level that the answers lead to, and the reasons that led there; full where none fits."""
    fitting = [ground for ground in questionnaire.grounds if _holds(ground.when, answers)]
    level = strictest(*(ground.level for ground in fitting)) if fitting else Risk.FULL
    reasons = tuple(ground.because for ground in fitting if ground.level is level)
    privacy = _holds(questionnaire.privacy.when, answers)
    return Reasoned(
        level=level,
        privacy=privacy,
        reasons=(
            *(reasons or ("nothing that was answered allows less",)),
            *([questionnaire.privacy.because] * privacy),
        ),
    )


def strictest(*levels: Risk) -> Risk:
    """Return the strictest of some levels."""
    return max(levels, key=_RANK.__getitem__)


def below(level: Risk, other: Risk) -> bool:
    """Whether a level is less strict than another."""
    return _RANK[level] < _RANK[other]


def _holds(when: Mapping[str, bool | str], answers: Answers) -> bool:
    return all(getattr(answers, name) == wanted for name, wanted in when.items())
