"""The four models are what the story needs them to be, by the product's own checks and comparisons."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources
from pathlib import Path

import numpy as np
import pytest

from clearance.checks import runner, suites
from clearance.checks.model import CheckResult
from clearance.demo import contracts, data, graph
from clearance.demo.data import Split
from clearance.demo.graph import Trained
from clearance.demo.traffic import by_day
from clearance.registry.contract import ModelContract, check_contract, violations
from clearance.statistics.sequential import Arm, difference_bounds
from clearance.statistics.verdicts import Verdict

LIMIT, ALPHA = 0.1, 0.05 / 6
"""Of the positive rate, in the canary strategy: six sequential comparisons share its alpha."""


def checked(trained: Trained, rows: Split, suite: suites.SuiteDocument, folder: Path) -> Mapping[str, CheckResult]:
    graph.export(trained, folder / "model.onnx", rows.holdout)
    files = {"holdout": rows.holdout_file, "training": rows.training_file}
    subject = runner.Subject(folder, trained.contract, files, suite.suite)
    return {result.check: result for result in runner.run(subject)}


def income_suite() -> suites.SuiteDocument:
    return suites.parse((resources.files("clearance.demo") / "suites" / "income.yaml").read_text("utf-8"))


@pytest.mark.parametrize("name", ["good", "bad"])
def test_both_car_loan_versions_pass_every_offline_check(
    name: str, loans: Split, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    found = checked(request.getfixturevalue(name), loans, suites.builtin("lending"), tmp_path)
    assert {result.verdict for result in found.values()} == {Verdict.PASSED}, found


def test_income_version_1_fails_fairness_and_nothing_else(unfair: Trained, people: Split, tmp_path: Path) -> None:
    found = checked(unfair, people, income_suite(), tmp_path)
    assert [name for name, result in found.items() if result.verdict is not Verdict.PASSED] == ["fairness"]
    ratios = [figure for figure in found["fairness"].figures if figure.name == "disparate_impact_ratio"]
    assert all(figure.high is not None and figure.high < 0.8 for figure in ratios)


def test_income_version_2_passes_the_four_fifths_rule_with_its_whole_interval(
    mitigated: Trained, people: Split, tmp_path: Path
) -> None:
    found = checked(mitigated, people, income_suite(), tmp_path)
    assert {result.verdict for result in found.values()} == {Verdict.PASSED}, found
    ratios = [figure for figure in found["fairness"].figures if figure.name == "disparate_impact_ratio"]
    assert {(figure.slice or {})["attribute"] for figure in ratios} == {"sex", "race"}
    assert all(figure.low is not None and figure.low >= 0.8 for figure in ratios)


def test_income_version_2_never_asks_for_sex_or_race(mitigated: Trained) -> None:
    assert not {field.name for field in mitigated.contract.inputs} & set(data.PROTECTED)


def test_a_tenth_of_the_drifted_traffic_shows_the_bad_candidate_within_its_first_step(
    good: Trained, bad: Trained
) -> None:
    """200 requests of 4 rows are the first step's minimum: the comparison must have failed by then."""
    live = data.live_traffic()
    drifted = live[live["timestamp"] >= "2019-04-01"]
    stable, candidate = (trained.probability(drifted) >= 0.5 for trained in (good, bad))
    generator = np.random.default_rng(0)
    for _ in range(20):
        order = generator.permutation(len(drifted))
        first = Arm(n=800, total=float(candidate[order[:800]].sum()))
        second = Arm(n=7_200, total=float(stable[order[800:8_000]].sum()))
        bounds = difference_bounds(first, second, ALPHA)
        assert bounds.high < -LIMIT


@pytest.mark.parametrize("contract", [contracts.CAR_LOAN, contracts.INCOME_TOLD, contracts.INCOME_BLIND])
def test_the_contracts_can_be_meant(contract: ModelContract) -> None:
    check_contract(contract)


def test_all_live_traffic_keeps_the_contract() -> None:
    live = data.live_traffic()
    columns = {field.name: live[field.name].tolist() for field in contracts.CAR_LOAN.inputs}
    assert violations(contracts.CAR_LOAN, columns) == ()


def test_the_replay_has_every_loan_once_in_the_order_of_time() -> None:
    live = data.live_traffic()
    calls = list(by_day(contracts.CAR_LOAN, live, "loans"))
    assert [loan for call in calls for loan in call.loans] == live["id"].tolist()
    assert len({call.request_id for call in calls}) == len(calls)
