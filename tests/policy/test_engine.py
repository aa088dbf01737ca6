"""Decisions are pure, explained, and fail closed."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clearance.access.model import Role
from clearance.policy import packs, verdict
from clearance.policy.engine import Engine
from clearance.policy.model import Conclusion, Facts, Outcome, RuleOutcome
from clearance.policy.pack import Each, Over, Parameter, Rule, Severity
from clearance.statistics.verdicts import Verdict
from clearance.values import canonical_json
from tests.policy.samples import check, figure, good_facts, pack, rule, vote, waiver, with_fairness

ENGINE = Engine()
STANDARD, FULL = packs.builtin()["standard"], packs.builtin()["full"]
UNFAIR = {"fairness.disparate_impact_ratio.sex": figure(0.357, 0.331, 0.389, attribute="sex", group="Female")}
FAIR = {"fairness.disparate_impact_ratio.sex": figure(0.91, 0.84, 0.97, attribute="sex", group="Female")}


def outcome_of(conclusion: Conclusion, name: str) -> RuleOutcome:
    return next(found for found in conclusion.rules if found.id == name)


def failing(conclusion: Conclusion) -> set[str]:
    return {found.id for found in conclusion.rules if found.blocks}


def test_a_version_that_has_everything_is_allowed() -> None:
    conclusion = ENGINE.decide(STANDARD, good_facts())
    assert conclusion.outcome is Outcome.ALLOWED
    assert outcome_of(conclusion, "fairness-four-fifths").verdict is Verdict.NOT_APPLICABLE


def test_unfair_figures_are_denied_with_rule_figure_group_and_interval() -> None:
    conclusion = ENGINE.decide(FULL, with_fairness(good_facts("full"), UNFAIR))
    assert conclusion.outcome is Outcome.DENIED
    assert failing(conclusion) == {"fairness-four-fifths", "fairness-four-fifths-observed"}
    told = outcome_of(conclusion, "fairness-four-fifths")
    assert told.message == "disparate impact ratio for sex is 0.357 [0.331, 0.389], group Female, below 0.8"
    used = told.figures[0]
    assert (used.name, used.value, used.low, used.high) == ("fairness.disparate_impact_ratio.sex", 0.357, 0.331, 0.389)
    assert used.slice == {"attribute": "sex", "group": "Female"}


@pytest.mark.parametrize(
    ("low", "value", "high", "standard", "full"),
    [
        (0.84, 0.91, 0.97, set(), set()),
        (0.70, 0.78, 0.86, set(), {"fairness-four-fifths-observed"}),  # may be chance: full gives no benefit of doubt
        (0.60, 0.70, 0.79, {"fairness-four-fifths"}, {"fairness-four-fifths", "fairness-four-fifths-observed"}),
        (0.30, 0.85, 1.00, {"fairness-precise"}, {"fairness-precise"}),  # too few rows to say anything
    ],
)
def test_the_four_fifths_rule_goes_by_the_upper_bound_and_asks_for_a_narrow_interval(
    low: float, value: float, high: float, standard: set[str], full: set[str]
) -> None:
    figures = {"fairness.disparate_impact_ratio.sex": figure(value, low, high, attribute="sex", group="Female")}
    assert failing(ENGINE.decide(STANDARD, with_fairness(good_facts(), figures))) == standard
    assert failing(ENGINE.decide(FULL, with_fairness(good_facts("full"), figures))) == full


def test_the_rule_looks_at_every_attribute_and_tells_only_of_those_that_fail() -> None:
    race = {"fairness.disparate_impact_ratio.race": figure(0.85, 0.81, 0.9, attribute="race", group="Black")}
    told = outcome_of(
        ENGINE.decide(FULL, with_fairness(good_facts("full"), {**UNFAIR, **race})), "fairness-four-fifths"
    )
    assert [used.name for used in told.figures] == ["fairness.disparate_impact_ratio.sex"]
    assert "race" not in told.message


def test_crossed_attributes_warn_and_do_not_block() -> None:
    crossed = {
        "fairness.disparate_impact_ratio.sex & race": figure(0.3, 0.1, 0.5, attribute="sex & race", group="a & b")
    }
    conclusion = ENGINE.decide(FULL, with_fairness(good_facts("full"), {**FAIR, **crossed}))
    assert conclusion.outcome is Outcome.PENDING
    assert outcome_of(conclusion, "fairness-intersections").verdict is Verdict.FAILED


def test_a_fairness_check_without_its_figures_is_denied_as_not_measured() -> None:
    for figures in ({}, {"fairness.disparate_impact_ratio.sex": figure(None, attribute="sex")}):
        conclusion = ENGINE.decide(STANDARD, with_fairness(good_facts(), figures))
        assert conclusion.outcome is Outcome.DENIED
        assert outcome_of(conclusion, "fairness-four-fifths").verdict is Verdict.NOT_MEASURED


def test_models_that_decide_about_people_need_fairness_at_full_risk_and_a_warning_below() -> None:
    people = {"use_case": "lending"}
    full = good_facts("full")
    assert failing(ENGINE.decide(FULL, replace(full, model={**full.model, **people}))) == {"fairness-measured"}
    standard = good_facts()
    conclusion = ENGINE.decide(STANDARD, replace(standard, model={**standard.model, **people}))
    assert conclusion.outcome is Outcome.ALLOWED
    assert outcome_of(conclusion, "fairness-measured").verdict is Verdict.FAILED


@pytest.mark.parametrize(
    ("change", "rules"),
    [
        ({"signature_valid": False}, {"artifact-signed"}),
        ({"provenance_complete": False, "provenance_missing": ("code commit",)}, {"provenance-complete"}),
        ({"figures": {"performance.auc": figure(0.75, 0.69, 0.8)}}, {"auc-floor"}),
        ({"figures": {"performance.auc": figure(0.75)}}, {"auc-floor"}),
        ({"figures": {}}, {"auc-floor"}),
    ],
)
def test_a_lacking_fact_denies_by_its_rule(change: dict[str, Any], rules: set[str]) -> None:
    assert failing(ENGINE.decide(STANDARD, good_facts(**change))) == rules


@pytest.mark.parametrize("name", ["data", "performance", "artifact_safety", "contract", "latency"])
def test_a_check_that_is_missing_denies_naming_it(name: str) -> None:
    facts = good_facts()
    without = replace(facts, checks={key: found for key, found in facts.checks.items() if key != name})
    conclusion = ENGINE.decide(STANDARD, without)
    told = next(found for found in conclusion.rules if found.blocks)
    assert (conclusion.outcome, told.verdict) == (Outcome.DENIED, Verdict.NOT_MEASURED)
    assert told.message == f"could not measure: verdicts['{name}'] is missing"


@pytest.mark.parametrize("word", [Verdict.INCONCLUSIVE, Verdict.NOT_MEASURED, Verdict.PENDING, Verdict.FAILED])
def test_a_rule_ends_with_the_word_of_the_check_it_waits_for(word: Verdict) -> None:
    facts = good_facts()
    conclusion = ENGINE.decide(STANDARD, replace(facts, checks={**facts.checks, "data": check(word)}))
    assert (conclusion.outcome, outcome_of(conclusion, "data-passed").verdict) == (Outcome.DENIED, word)


def test_old_evidence_denies_by_tier() -> None:
    facts = good_facts("light")
    old = replace(facts, checks={**facts.checks, "latency": check(age_days=100.0)})
    assert failing(ENGINE.decide(STANDARD, old)) == set()
    standard = replace(old, model={**old.model, "risk": "standard"})
    told = outcome_of(ENGINE.decide(STANDARD, standard), "evidence-fresh")
    assert told.message == "the latency check is 100 days old, more than 90"
    undated = replace(facts, checks={**facts.checks, "latency": check(age_days=None)})
    assert outcome_of(ENGINE.decide(STANDARD, undated), "evidence-fresh").verdict is Verdict.NOT_MEASURED


@pytest.mark.parametrize("status", ["quarantined", "retired"])
def test_a_stopped_version_is_denied_and_no_waiver_helps(status: str) -> None:
    facts = good_facts(waivers=(waiver("version-usable"),))
    assert failing(ENGINE.decide(STANDARD, replace(facts, version=replace(facts.version, status=status)))) == {
        "version-usable"
    }


def test_a_dirty_tree_warns_at_standard_risk_and_blocks_at_full() -> None:
    facts = good_facts()
    dirty = replace(facts, version=replace(facts.version, code_dirty=True))
    conclusion = ENGINE.decide(STANDARD, dirty)
    assert (conclusion.outcome, outcome_of(conclusion, "code-committed").verdict) == (Outcome.ALLOWED, Verdict.FAILED)
    assert failing(ENGINE.decide(FULL, replace(dirty, model={**dirty.model, "risk": "full"}))) == {"code-committed"}


def test_a_waiver_of_the_rule_by_name_lets_it_pass_and_is_shown() -> None:
    facts = good_facts(provenance_complete=False, waivers=(waiver("provenance-complete"), waiver("data-passed", "w2")))
    conclusion = ENGINE.decide(STANDARD, facts)
    assert (conclusion.outcome, conclusion.waivers) == (Outcome.ALLOWED, ("wvr_1",))
    told = outcome_of(conclusion, "provenance-complete")
    assert (told.verdict, told.waiver) == (Verdict.FAILED, "wvr_1")


@pytest.mark.parametrize(
    ("votes", "outcome", "approvals"),
    [
        ((), Outcome.PENDING, ()),
        ((vote("user:bo"),), Outcome.ALLOWED, ("user:bo",)),
        ((vote("user:ada"),), Outcome.PENDING, ()),  # the author's own
        ((vote("user:bo", roles=(Role.DEVELOPER,)),), Outcome.PENDING, ()),
        ((vote("user:bo"), vote("user:bo", approve=False, comment="no")), Outcome.DENIED, ()),
        ((vote("user:bo"), vote("user:cy", approve=False)), Outcome.DENIED, ("user:bo",)),
        ((vote("user:ada", approve=False), vote("user:bo")), Outcome.ALLOWED, ("user:bo",)),
    ],
)
def test_votes_count_once_a_person_in_the_right_role_and_never_for_the_author(
    votes: tuple[Any, ...], outcome: Outcome, approvals: tuple[str, ...]
) -> None:
    conclusion = ENGINE.decide(FULL, good_facts("full", votes=votes))
    assert (conclusion.outcome, conclusion.approvals) == (outcome, approvals)


def test_the_same_person_twice_is_one_approval_of_two() -> None:
    facts = good_facts(votes=(vote("user:bo"), vote("user:bo")))
    two = pack(rule("signature_valid"), count=2)
    assert ENGINE.decide(two, facts).outcome is Outcome.PENDING
    assert ENGINE.decide(two, replace(facts, votes=(*facts.votes, vote("user:cy")))).outcome is Outcome.ALLOWED


def test_failing_rules_deny_before_anybody_is_asked() -> None:
    assert ENGINE.decide(FULL, good_facts("full", signature_valid=False)).outcome is Outcome.DENIED


def test_nothing_is_allowed_when_no_blocking_rule_holds() -> None:
    for rules in (
        (rule(severity=Severity.WARN),),
        (rule(applies="false"),),
        (rule("false"),),
        (),
    ):
        conclusion = ENGINE.decide(pack(*rules), good_facts(waivers=(waiver("one"),)))
        assert conclusion.outcome is Outcome.DENIED


def test_a_parameter_that_the_tier_lacks_is_a_missing_fact() -> None:
    own = pack(
        rule("figures['performance.auc'] > parameters['x']"),
        parameters=[Parameter(name="x", values={"full": 0.1}, source="a test")],
    )
    told = ENGINE.decide(own, good_facts()).rules[0]
    assert (told.verdict, told.message) == (Verdict.NOT_MEASURED, "could not measure: parameters['x'] is missing")


def test_an_error_while_evaluating_denies() -> None:
    conclusion = ENGINE.decide(pack(rule("1 / (version.number - 1) == 1")), good_facts())
    assert conclusion.rules[0].verdict is Verdict.NOT_MEASURED
    assert "divide by zero" in conclusion.rules[0].message


SNIPPETS = (
    "true",
    "false",
    "signature_valid",
    "figures['performance.auc'] > 0.5",
    "figures['nowhere'] > 0.5",
    "verdicts['data'] == 'passed'",
    "verdicts['nowhere'] == 'passed'",
    "ages['data'] < 30.0",
    "approvals.exists(who, who == 'user:bo')",
)
RULES = st.lists(
    st.builds(
        lambda expression, severity, applies, waivable: rule(
            expression, severity=severity, applies=applies, waivable=waivable
        ),
        st.sampled_from(SNIPPETS),
        st.sampled_from(Severity),
        st.sampled_from(("", "true", "false", "signature_valid", "figures['nowhere'] > 0.5")),
        st.booleans(),
    ),
    min_size=1,
    max_size=5,
).map(lambda rules: tuple(replace(one, id=f"r{index}") for index, one in enumerate(rules)))
FACTS = st.builds(
    lambda signed, votes, waived: good_facts(
        signature_valid=signed, votes=votes, waivers=tuple(waiver(name) for name in waived)
    ),
    st.booleans(),
    st.lists(
        st.builds(
            lambda voter, approve: vote(voter, approve=approve),
            st.sampled_from(("user:ada", "user:bo", "user:cy")),
            st.booleans(),
        ),
        max_size=3,
    ).map(tuple),
    st.lists(st.sampled_from(("r0", "r1", "r2")), max_size=2, unique=True),
)


@settings(deadline=None, max_examples=150)
@given(rules=RULES, facts=FACTS, count=st.integers(0, 2), seed=st.integers())
def test_the_order_of_rules_does_not_matter(rules: tuple[Rule, ...], facts: Facts, count: int, seed: int) -> None:
    mixed = random.Random(seed).sample(rules, len(rules))
    one, other = (Engine().decide(pack(*each, count=count), facts) for each in (rules, mixed))
    assert replace(one, rules=()) == replace(other, rules=())
    assert {each.id: each for each in one.rules} == {each.id: each for each in other.rules}


@settings(deadline=None, max_examples=150)
@given(rules=RULES, facts=FACTS, count=st.integers(0, 2), where=st.integers(0, 5))
def test_a_further_blocking_rule_that_fails_denies_whatever_else_there_is(
    rules: tuple[Rule, ...], facts: Facts, count: int, where: int
) -> None:
    bad = rule("false", "bad")
    conclusion = Engine().decide(pack(*rules[:where], bad, *rules[where:], count=count), facts)
    assert conclusion.outcome is Outcome.DENIED


@settings(deadline=None, max_examples=100)
@given(rules=RULES, facts=FACTS, count=st.integers(0, 2))
def test_deciding_again_gives_the_same_bytes(rules: tuple[Rule, ...], facts: Facts, count: int) -> None:
    own = pack(*rules, count=count)
    assert canonical_json(Engine().decide(own, facts)) == canonical_json(Engine().decide(own, facts))


@settings(deadline=None, max_examples=100)
@given(
    rules=RULES,
    facts=FACTS,
    drop=st.sampled_from(("checks", "figures", "votes", "waivers", "signature")),
)
def test_losing_facts_never_turns_a_denial_into_an_allowance(rules: tuple[Rule, ...], facts: Facts, drop: str) -> None:
    # Rejections are facts that speak against; losing only those may of course help.
    facts = replace(facts, votes=tuple(one for one in facts.votes if one.approve))
    less = {
        "checks": replace(facts, checks={}),
        "figures": replace(facts, figures={}),
        "votes": replace(facts, votes=()),
        "waivers": replace(facts, waivers=()),
        "signature": replace(facts, signature_valid=False),
    }[drop]
    own = pack(*[replace(one, applies="") for one in rules])
    if Engine().decide(own, facts).outcome is Outcome.DENIED:
        assert Engine().decide(own, less).outcome is not Outcome.ALLOWED


def test_each_over_checks_sees_their_names_verdicts_and_ages() -> None:
    own = pack(
        rule(
            "check.verdict == 'passed' && check.age_days < 2.0 && check.name != ''",
            each=Each(over=Over.CHECKS, like="*"),
            message="{check.name} says {check.verdict}",
        )
    )
    facts = good_facts()
    assert ENGINE.decide(own, facts).outcome is Outcome.ALLOWED
    worse = replace(
        facts, checks={**facts.checks, "data": check(Verdict.INCONCLUSIVE), "latency": check(Verdict.FAILED)}
    )
    told = ENGINE.decide(own, worse).rules[0]
    assert (told.verdict, told.message) == (Verdict.FAILED, "data says inconclusive; latency says failed")


def test_what_was_found_is_said_of_a_rule_that_holds_with_its_figure_and_bound() -> None:
    conclusion = ENGINE.decide(STANDARD, good_facts())
    assert outcome_of(conclusion, "auc-floor").message == "AUC is 0.97 [0.96, 0.98]; its lower bound reaches 0.7"
    assert outcome_of(conclusion, "latency-passed").message == "as it was measured"
    assert outcome_of(conclusion, "provenance-complete").message == "missing: none"
    silent = outcome_of(ENGINE.decide(pack(rule("true")), good_facts()), "one")
    assert silent.message == silent.title


def test_a_rule_that_does_not_apply_says_in_words_to_what_it_does() -> None:
    conclusion = ENGINE.decide(STANDARD, good_facts())
    idle = [found for found in conclusion.rules if found.verdict is Verdict.NOT_APPLICABLE]
    assert idle
    assert all(found.message.startswith("applies to ") and "['" not in found.message for found in idle)
    told = outcome_of(ENGINE.decide(pack(rule(applies="false", applies_to="cars")), good_facts()), "one")
    untold = outcome_of(ENGINE.decide(pack(rule(applies="false")), good_facts()), "one")
    assert (told.message, untold.message) == ("applies to cars", "does not apply here: false")


ENDS = {
    "holds": outcome_of(ENGINE.decide(pack(rule("true")), good_facts()), "one"),
    "fails": outcome_of(ENGINE.decide(pack(rule("false")), good_facts()), "one"),
    "idle": outcome_of(ENGINE.decide(pack(rule(applies="false")), good_facts()), "one"),
}
ENDS["holds, warns only"] = replace(ENDS["holds"], severity=Severity.WARN)
ENDS["warns"] = replace(ENDS["fails"], severity=Severity.WARN)
ENDS["waived"] = replace(ENDS["fails"], waiver="wvr_1")


@pytest.mark.parametrize(
    ("ended", "said"),
    [
        (["holds"] * 11 + ["idle"] * 10, "11 blocking rules hold, 10 do not apply"),
        (["holds", "idle"], "1 blocking rule holds, 1 does not apply"),
        (["holds", "waived", "fails", "fails"], "1 blocking rule holds, 1 is waived, 2 do not hold"),
        (["holds, warns only", "warns"], "1 that only warns holds, 1 warns"),
        ([], "there are no rules"),
    ],
)
def test_rules_are_counted_by_how_they_ended_and_those_that_do_not_apply_hold_nothing(
    ended: list[str], said: str
) -> None:
    assert verdict.tally([ENDS[one] for one in ended]) == said


@given(st.lists(st.sampled_from(sorted(ENDS))))
def test_every_rule_is_counted_once(ended: list[str]) -> None:
    said = verdict.tally([ENDS[one] for one in ended])
    assert sum(int(word) for word in said.split() if word.isdigit()) == len(ended)
