"""The questionnaire that comes with Clearance: `questionnaire.yaml`, checked when it is read."""

from __future__ import annotations

from functools import cache
from importlib import resources

from clearance.registry.risk import QUESTIONS, Answers, Exposure, Questionnaire
from clearance.values import digest_of, parse


@cache
def builtin() -> Questionnaire:
    """Return the questionnaire that comes with Clearance."""
    return load((resources.files("clearance.registry") / "questionnaire.yaml").read_text(encoding="utf-8"))


@cache
def builtin_digest() -> str:
    """Return the digest of the questionnaire that comes with Clearance, by which an assessment names what was asked."""
    return digest_of(builtin())


def load(text: str) -> Questionnaire:
    """Read a questionnaire.

    Raises:
        ValueError: it does not ask what `Answers` holds, or concludes from an answer that nobody can give.
    """
    import yaml

    found: Questionnaire = parse(Questionnaire, yaml.safe_load(text))
    asked = tuple(question.id for question in found.questions)
    if asked != QUESTIONS:
        raise ValueError(f"the questions are {asked}, the answers {QUESTIONS}")
    for when in (*(ground.when for ground in found.grounds), found.privacy.when):
        for name, answer in when.items():
            if name not in QUESTIONS or not _possible(name, answer):
                raise ValueError(f"nobody can answer {answer!r} to {name!r}")
    return found


def _possible(name: str, answer: bool | str) -> bool:
    if Answers.__annotations__[name] == "bool":
        return isinstance(answer, bool)
    return answer in set(Exposure)
