"""Expressions are typed, bounded, and never true without their facts."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearance.policy import messages, references
from clearance.policy.expressions import MAX_LENGTH, Expression, ExpressionError
from clearance.policy.model import FigureUsed
from clearance.policy.pack import Over
from clearance.statistics.verdicts import Verdict


@pytest.mark.parametrize(
    ("text", "line", "column", "says"),
    [
        ("", 1, 1, "Syntax error"),
        ("figures['a'] > 1", 1, 14, "write 2.0 instead of 2"),
        ("signature_valid &&\n  nothing", 2, 3, "no fact `nothing`"),
        ("version.numbr == 1", 1, 8, "no fact `version.numbr`"),
        ("figure.value > 1.0", 1, 7, "no fact `figure.value`"),
        ("figures", 1, 1, "must give true or false"),
        ("signature_valid == 'yes'", 1, 17, "`==` can't take bool and string"),
        ("true" + " && true" * 200, 1, 1, f"more than {MAX_LENGTH}"),
        ("approvals.all(a, approvals\n.exists(b, a == b))", 2, 2, "second comprehension"),
        ("approvals.all(a, true) // .all(\n && approvals. all (b, true)", 1, 28, "second comprehension"),
    ],
)
def test_what_is_wrong_is_refused_at_its_position(text: str, line: int, column: int, says: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        Expression(text)
    assert says in caught.value.message
    assert (caught.value.line, caught.value.column) == (line, column)


@pytest.mark.parametrize(
    ("text", "missing"),
    [
        ("figures['a'] > 1.0", "figures['a'] is missing"),
        ("ages.data < 1.0", "ages['data'] is missing"),
        ("signature_valid", "signature_valid is missing"),
        ("verdicts['x' + 'y'] == 'passed'", "'xy' is missing"),
        ("signature_valid && figures['a'] > 1.0", "is missing"),
    ],
)
def test_a_missing_fact_is_named_and_never_true(text: str, missing: str) -> None:
    answer = Expression(text).ask({"figures": {}, "ages": {}, "verdicts": {}})
    assert answer.verdict is Verdict.NOT_MEASURED
    assert missing in answer.reason


def test_figures_and_checks_are_seen_only_by_rules_that_ask_for_each() -> None:
    assert Expression("figure.value > 1.0", Over.FIGURES).ask({"figure.value": 2.0}).verdict is Verdict.PASSED
    with pytest.raises(ExpressionError):
        Expression("figure.value > 1.0", Over.CHECKS)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("figures['performance.auc'] > 0.5", [("figures", "performance.auc")]),
        ('verdicts [ "data" ] == model.risk', [("verdicts", "data"), ("model", "risk")]),
        ("'figures[\"a\"]' == signer", []),
        ("figures.all(name, figures[name] > 0.0)", []),
        ("'a' in figures", []),
        ("ages.data < 3.0", [("ages", "data")]),
    ],
)
def test_lookups_are_found_in_the_text(text: str, found: list[tuple[str, str]]) -> None:
    assert [(lookup.map, lookup.key) for lookup in references.lookups(text)] == found


@given(st.text(max_size=80))
def test_any_text_is_either_an_expression_or_an_expression_error(text: str) -> None:
    with contextlib.suppress(ExpressionError):
        Expression(text)


@given(st.text(max_size=80))
def test_any_text_is_either_a_message_or_refused(text: str) -> None:
    try:
        messages.check(text, None, set())
    except ValueError:
        return
    messages.fill(text, {}, {})


def test_messages_show_figures_with_their_interval() -> None:
    auc = FigureUsed(name="performance.auc", value=0.97123, low=0.96, high=0.98, slice={}, unit="")
    data = {"figures": {"performance.auc": 0.97123}, "signature_valid": True, "provenance_missing": ["a", "b"]}
    template = "{figures['performance.auc']} {signature_valid} {provenance_missing} {figures['x']} {parameters['n']}"
    filled = messages.fill(template, data | {"parameters": {"n": 12345.6}}, {"performance.auc": auc})
    assert filled == "0.971 [0.96, 0.98] yes a, b (not measured) 12,346"
