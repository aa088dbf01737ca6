"""Decides: a pure function of a pack and facts, with every pack compiled once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Any

from clearance.policy import messages, verdict
from clearance.policy.expressions import Answer, Expression
from clearance.policy.facts import activation, countable_votes
from clearance.policy.model import Conclusion, Facts, FigureFact, FigureUsed, RuleOutcome
from clearance.policy.pack import Each, Over, Pack, Rule
from clearance.statistics.verdicts import Verdict
from clearance.values import digest_of

_WEAK = (Verdict.NOT_MEASURED, Verdict.INCONCLUSIVE, Verdict.PENDING)
_WORST_FIRST = (Verdict.FAILED, *_WEAK, Verdict.PASSED, Verdict.NOT_APPLICABLE)


@dataclass(frozen=True, slots=True)
class _Compiled:
    rule: Rule
    expression: Expression
    applies: Expression | None
    figures: tuple[str, ...]
    """Names of figures, or of their bounds, that the expression or a message looks up."""


class Engine:
    """Compiled packs by digest. It holds nothing else: the same pack and facts always give the same conclusion."""

    def __init__(self) -> None:
        self._compiled: dict[str, tuple[_Compiled, ...]] = {}

    def decide(self, pack: Pack, facts: Facts, *, digest: str | None = None) -> Conclusion:
        """Return what the pack says about the facts.

        Args:
            pack: the rules.
            facts: all there is to know; ages are in it, so the answer never depends on when it is asked.
            digest: the pack's digest, where it is known already.
        """
        data = activation(pack, facts)
        outcomes = tuple(_judge(rule, facts, data) for rule in self._rules(pack, digest or digest_of(pack)))
        return verdict.conclude(pack.approvals, outcomes, countable_votes(pack.approvals, facts))

    def _rules(self, pack: Pack, digest: str) -> tuple[_Compiled, ...]:
        if digest not in self._compiled:
            self._compiled[digest] = tuple(_compile(rule) for rule in pack.rules)
        return self._compiled[digest]


def _compile(rule: Rule) -> _Compiled:
    expression = Expression(rule.expression, rule.each.over if rule.each else None)
    named = (*expression.lookups, *messages.lookups(rule.message), *messages.lookups(rule.found))
    return _Compiled(
        rule,
        expression,
        Expression(rule.applies) if rule.applies else None,
        tuple(dict.fromkeys(lookup.key for lookup in named if lookup.map == "figures")),
    )


def _judge(compiled: _Compiled, facts: Facts, data: Mapping[str, Any]) -> RuleOutcome:
    rule = compiled.rule
    if compiled.applies is not None:
        applies = compiled.applies.ask(data)
        if applies.verdict is Verdict.FAILED:
            return _outcome(rule, Verdict.NOT_APPLICABLE, _applies(rule), ())
        if applies.verdict is not Verdict.PASSED:
            return _outcome(rule, applies.verdict, f"whether it applies is not known: {applies.reason}", ())
    judged = _each(compiled, facts, data) if rule.each else _once(compiled, facts, data)
    waiver = None if judged.holds else _waiver(rule, facts)
    return judged if waiver is None else replace(judged, waiver=waiver)


def _applies(rule: Rule) -> str:
    """Say what a rule is for, where it is not for this."""
    return (
        f"applies to {' '.join(rule.applies_to.split())}" if rule.applies_to else f"does not apply here: {rule.applies}"
    )


def _once(compiled: _Compiled, facts: Facts, data: Mapping[str, Any]) -> RuleOutcome:
    rule = compiled.rule
    used = {name: _used(name, fact) for name, fact in _figures_of(compiled.figures, facts).items()}
    answer = _softened(compiled.expression.ask(data), [facts.checks[c].verdict for c in _checks_of(compiled, facts)])
    return _outcome(rule, answer.verdict, _message(rule, answer, data, used), tuple(used.values()))


def _each(compiled: _Compiled, facts: Facts, data: Mapping[str, Any]) -> RuleOutcome:
    rule = compiled.rule
    assert rule.each is not None
    named: Mapping[str, Any] = facts.figures if rule.each.over is Over.FIGURES else facts.checks
    names = sorted(name for name in named if fnmatchcase(name, rule.each.like))
    if not names:
        return _outcome(rule, Verdict.NOT_MEASURED, _nothing(rule.each), ())
    found = [_one(compiled, facts, data, name) for name in names]
    worst = min((one.verdict for one in found), key=_WORST_FIRST.index)
    telling = found if worst is Verdict.PASSED else [one for one in found if one.verdict is not Verdict.PASSED]
    text = "; ".join(dict.fromkeys(one.message for one in telling))
    return _outcome(rule, worst, text, tuple(figure for one in telling for figure in one.figures))


def _nothing(each: Each) -> str:
    """Say that there is nothing to ask a rule for."""
    if each.over is Over.FIGURES:
        return f"could not measure: there is no figure named {each.like}"
    return "no check has been run" if each.like == "*" else f"no check named {each.like} has been run"


def _one(compiled: _Compiled, facts: Facts, data: Mapping[str, Any], name: str) -> RuleOutcome:
    rule = compiled.rule
    assert rule.each is not None
    if rule.each.over is Over.CHECKS:
        check = facts.checks[name]
        age = {} if check.age_days is None else {"check.age_days": float(check.age_days)}
        seen = {**data, "check.name": name, "check.verdict": check.verdict.value, "check.reason": check.reason, **age}
        answer = _softened(
            compiled.expression.ask(seen), [check.verdict] if "check.verdict" in compiled.expression.variables else []
        )
        return _outcome(rule, answer.verdict, _message(rule, answer, seen, {}), ())
    figure = facts.figures[name]
    used = _used(name, figure)
    bounds = {"figure.value": figure.value, "figure.low": figure.low, "figure.high": figure.high}
    seen = {
        **data,
        "figure.name": name,
        "figure.attribute": figure.slice.get("attribute", ""),
        "figure.group": figure.slice.get("group", ""),
        **{key: float(number) for key, number in bounds.items() if number is not None},
    }
    answer = compiled.expression.ask(seen)
    about = f" of {name}" if answer.verdict is Verdict.NOT_MEASURED else ""
    return _outcome(rule, answer.verdict, _message(rule, answer, seen, {"": used}) + about, (used,))


def _message(rule: Rule, answer: Answer, data: Mapping[str, Any], figures: Mapping[str, FigureUsed]) -> str:
    if answer.verdict is Verdict.PASSED:
        return messages.fill(rule.found, data, figures) if rule.found else rule.title
    if answer.reason:
        return f"could not measure: {answer.reason}"
    return messages.fill(rule.message, data, figures)


def _softened(answer: Answer, verdicts: list[Verdict]) -> Answer:
    """Let a rule that fails only because a check could not say anything end with that check's word."""
    wrong = [word for word in verdicts if word is not Verdict.PASSED]
    if answer.verdict is Verdict.FAILED and wrong and all(word in _WEAK for word in wrong):
        return Answer(min(wrong, key=_WORST_FIRST.index))
    return answer


def _figures_of(keys: tuple[str, ...], facts: Facts) -> dict[str, FigureFact]:
    """Return the figures that are meant by their name, or by that of a bound (`performance.auc.low`)."""
    names = [key if key in facts.figures else key.rpartition(".")[0] for key in keys]
    return {name: facts.figures[name] for name in names if name in facts.figures}


def _checks_of(compiled: _Compiled, facts: Facts) -> list[str]:
    return [found.key for found in compiled.expression.lookups if found.map == "verdicts" and found.key in facts.checks]


def _waiver(rule: Rule, facts: Facts) -> str | None:
    if not rule.waivable:
        return None
    return next((waiver.id for waiver in facts.waivers if waiver.rule == rule.id), None)


def _used(name: str, fact: FigureFact) -> FigureUsed:
    return FigureUsed(name=name, value=fact.value, low=fact.low, high=fact.high, slice=dict(fact.slice), unit=fact.unit)


def _outcome(rule: Rule, found: Verdict, message: str, figures: tuple[FigureUsed, ...]) -> RuleOutcome:
    return RuleOutcome(
        id=rule.id,
        title=rule.title,
        severity=rule.severity,
        verdict=found,
        message=message,
        figures=figures,
        sources=rule.sources,
    )
