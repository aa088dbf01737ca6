"""A whole suite over a real model: figures equal to scikit-learn's, and not_measured wherever something is missing."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import accuracy_score, roc_auc_score

from clearance.checks import runner
from clearance.checks.model import CheckResult
from clearance.checks.suites import parse
from clearance.registry.contract import Datatype, Field, ModelContract
from clearance.statistics.verdicts import Verdict
from tests.checks.loans import CONTRACT, SUITE, artifact, frame
from tests.sdk.onnx_models import loans, pipeline

Run = Callable[..., dict[str, CheckResult]]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Return a function that runs a suite over the loan model and two tables."""

    def results(
        holdout: pd.DataFrame | None,
        training: pd.DataFrame | None = None,
        *,
        contract: ModelContract | None = CONTRACT,
        suite: str = SUITE,
    ) -> dict[str, CheckResult]:
        paths: dict[str, Path] = {}
        for role, table in (("holdout", holdout), ("training", training)):
            if table is not None:
                paths[role] = tmp_path / f"{role}.parquet"
                table.to_parquet(paths[role], index=False)
        subject = runner.Subject(artifact(tmp_path / "artifact"), contract, paths, parse(suite).suite)
        return {result.check: result for result in runner.run(subject)}

    return results


def figures(result: CheckResult, name: str) -> list[Any]:
    return [figure for figure in result.figures if figure.name == name]


def test_a_good_model_on_good_data_passes_every_check(run: Run) -> None:
    found = run(frame(600, 8), frame())
    assert {name: result.verdict for name, result in found.items()} == dict.fromkeys(found, Verdict.PASSED), found


def test_performance_figures_equal_those_of_scikit_learn_overall_and_by_slice(run: Run) -> None:
    holdout = frame(600, 8)
    found = run(holdout, frame())["performance"]
    scores = pipeline().predict_proba(holdout)[:, 1]
    predicted = pipeline().predict(holdout)
    assert figures(found, "auc")[0].value == pytest.approx(roc_auc_score(holdout["repaid"], scores), abs=1e-6)
    north = (holdout["region"] == "north").to_numpy()
    by_slice = {figure.slice["group"]: figure for figure in figures(found, "accuracy") if figure.slice}
    expected = accuracy_score(holdout["repaid"][north], predicted[north])
    assert by_slice["north"].value == pytest.approx(expected)
    assert by_slice["north"].slice == {"attribute": "region", "group": "north"}
    assert set(by_slice) == {"north", "south", "west"}


def test_an_unfair_model_fails_and_the_reason_names_figure_interval_bound_and_groups(run: Run) -> None:
    holdout = frame(600, 8)
    predicted = pipeline().predict(holdout)
    holdout["sex"] = np.where(predicted == 1, "male", "female")
    holdout.loc[holdout.index[::4], "sex"] = "female"
    found = run(holdout, frame())["fairness"]
    assert found.verdict is Verdict.FAILED
    assert "demographic parity difference by sex is" in found.reason
    assert "above 0.2: selection rate" in found.reason
    assert "for female, 1 for male" in found.reason
    disparity = figures(found, "demographic_parity_difference")[0]
    assert disparity.slice == {"attribute": "sex", "group": "female"}
    assert disparity.low < disparity.value < disparity.high


def test_a_group_below_the_minimum_is_reported_but_not_judged(run: Run) -> None:
    holdout = frame(600, 8)
    holdout["sex"] = ["other"] * 12 + list(holdout["sex"][12:])
    found = run(holdout, frame())["fairness"]
    assert found.verdict is Verdict.PASSED
    assert "too small to judge by sex: other (12 rows)" in found.reason
    rates = {figure.slice["group"]: figure for figure in figures(found, "selection_rate") if figure.slice}
    assert rates["other"].value is not None


def test_without_two_groups_that_are_large_enough_fairness_is_not_measured(run: Run) -> None:
    found = run(frame(150, 8), frame())["fairness"]
    assert found.verdict is Verdict.NOT_MEASURED
    assert "fewer than two groups have 100 rows" in found.reason


@pytest.mark.parametrize(
    ("spoil", "checks", "reason"),
    [
        (
            lambda table: table.drop(columns="terms"),
            {"performance", "fairness", "contract", "latency"},
            "'terms' is missing|no column 'terms'",
        ),
        (lambda table: table.drop(columns="repaid"), {"performance", "fairness", "data"}, "no column 'repaid'"),
        (lambda table: table.assign(repaid=None), {"performance", "fairness", "data"}, "'repaid' is empty"),
        (
            lambda table: table.assign(repaid=range(len(table))),
            {"performance", "fairness", "data"},
            "expected 1 and one other",
        ),
        (lambda table: table.drop(columns="sex"), {"fairness"}, "no column 'sex'"),
        (
            lambda table: table.assign(terms="many"),
            {"performance", "fairness", "contract", "latency"},
            "field 'terms', row 0: 'many'",
        ),
        (
            lambda table: table.assign(region="atlantis"),
            {"performance", "fairness", "contract", "latency"},
            "the model refuses these rows",
        ),
    ],
)
def test_what_can_not_be_measured_says_so_and_is_never_passed(
    run: Run, spoil: Callable[[pd.DataFrame], pd.DataFrame], checks: set[str], reason: str
) -> None:
    found = run(spoil(frame(600, 8)), frame())
    for name in checks:
        assert found[name].verdict is Verdict.NOT_MEASURED, name
    assert any(re.search(reason, found[name].reason) for name in checks)
    assert found["artifact_safety"].verdict is Verdict.PASSED


def test_without_its_dataset_a_check_says_how_to_give_it(run: Run) -> None:
    found = run(None)
    assert found["performance"].verdict is Verdict.NOT_MEASURED
    assert found["performance"].reason == (
        "could not measure: the dataset 'holdout' is not given (give it: --data holdout=FILE)"
    )


def test_one_label_only_leaves_auc_not_measured(run: Run) -> None:
    found = run(frame(600, 8).assign(repaid=1), frame())["performance"]
    assert found.verdict is Verdict.NOT_MEASURED
    assert "AUC needs rows of both classes" in found.reason


def test_rows_without_a_label_are_left_out(run: Run) -> None:
    holdout = frame(600, 8)
    holdout["repaid"] = holdout["repaid"].astype("float64")
    holdout.loc[:99, "repaid"] = np.nan
    found = run(holdout, frame())
    assert figures(found["performance"], "rows")[0].value == 500


@pytest.mark.parametrize(
    ("spoil", "verdict", "reason"),
    [
        (lambda t: t.assign(amount=1e6), Verdict.FAILED, "breaks the contract 600 times, first: amount, row 0"),
        (lambda t: t.assign(terms=t["terms"].astype(float)), Verdict.FAILED, "is not INT64"),
        (lambda t: t.assign(extra=[None] * 300 + [1.0] * 300), Verdict.FAILED, "50.0% of extra is missing"),
        (lambda t: pd.concat([t, t.head(60)]), Verdict.FAILED, "60 rows are copies"),
        (lambda t: pd.concat([t, frame().head(3)]), Verdict.FAILED, r"3 rows \(0.50%\) are also in training"),
        (lambda t: t.assign(repaid=[1] * 598 + [0] * 2), Verdict.FAILED, "99.7% of the labels are 1, outside"),
        (lambda t: t.head(20), Verdict.NOT_MEASURED, "20 rows are too few"),
    ],
)
def test_bad_data_is_found(
    run: Run, spoil: Callable[[pd.DataFrame], pd.DataFrame], verdict: Verdict, reason: str
) -> None:
    found = run(spoil(frame(600, 8)), frame())["data"]
    assert found.verdict is verdict, found.reason
    assert re.search(reason, found.reason), found.reason


def test_leakage_without_the_training_data_is_not_measured(run: Run) -> None:
    found = run(frame(600, 8))["data"]
    assert found.verdict is Verdict.NOT_MEASURED
    assert "could not measure leakage: the dataset 'training' is not given" in found.reason


@pytest.mark.parametrize(
    ("contract", "verdict", "reason"),
    [
        (None, Verdict.NOT_MEASURED, "the version has no contract"),
        (replace(CONTRACT, inputs=CONTRACT.inputs[:3]), Verdict.FAILED, "needs the input region"),
        (
            replace(CONTRACT, inputs=(*CONTRACT.inputs, Field(name="age", datatype=Datatype.FP32))),
            Verdict.FAILED,
            "declares the input age, which the model does not take",
        ),
        (
            replace(CONTRACT, inputs=(replace(CONTRACT.inputs[0], datatype=Datatype.FP64), *CONTRACT.inputs[1:])),
            Verdict.FAILED,
            "amount: the contract declares FP64, the model takes FP32",
        ),
        (
            replace(CONTRACT, inputs=(replace(CONTRACT.inputs[0], shape=(-1, 2)), *CONTRACT.inputs[1:])),
            Verdict.FAILED,
            "amount: the contract declares 2 values a row, the model takes 1",
        ),
        (
            replace(CONTRACT, outputs=(Field(name="label", datatype=Datatype.BYTES),)),
            Verdict.FAILED,
            "output label: the contract declares BYTES, the model gives INT64",
        ),
        (
            replace(CONTRACT, outputs=(Field(name="price", datatype=Datatype.FP32),)),
            Verdict.FAILED,
            "declares the output price",
        ),
    ],
)
def test_a_contract_that_the_model_does_not_keep_fails(
    run: Run, contract: ModelContract | None, verdict: Verdict, reason: str
) -> None:
    found = run(frame(600, 8), frame(), contract=contract)["contract"]
    assert found.verdict is verdict
    assert reason in found.reason


def test_latency_above_its_limit_fails_and_is_given_in_milliseconds(run: Run) -> None:
    found = run(frame(600, 8), frame(), suite=SUITE.replace("maximum_p95_ms: 500", "maximum_p50_ms: 0.000001"))[
        "latency"
    ]
    assert found.verdict is Verdict.FAILED
    assert "ms, above 1e-06 ms" in found.reason
    units = {figure.name: figure.unit for figure in found.figures}
    assert units == {"p50": "ms", "p95": "ms", "p99": "ms", "throughput": "requests/s"}
    p50, p95, p99 = (figures(found, name)[0].value for name in ("p50", "p95", "p99"))
    assert 0 < p50 <= p95 <= p99


def test_the_order_of_rows_changes_no_performance_or_fairness_figure(run: Run) -> None:
    holdout = frame(600, 8)
    one, other = run(holdout, frame()), run(holdout.sample(frac=1, random_state=1), frame())
    for name in ("performance", "fairness"):
        assert one[name].verdict == other[name].verdict
        for left, right in zip(one[name].figures, other[name].figures, strict=True):
            assert (left.name, left.slice) == (right.name, right.slice)
            for end in ("value", "low", "high"):
                found, wanted = getattr(left, end), getattr(right, end)
                assert found == (None if wanted is None else pytest.approx(wanted))


def test_a_word_as_positive_label_is_one_in_the_models_numbers(run: Run) -> None:
    words = frame(600, 8)
    words["repaid"] = np.where(words["repaid"] == 1, ">50K", "<=50K")
    found = run(words, frame(), suite=SUITE.replace("positive: 1", 'positive: ">50K"'))["performance"]
    assert found.verdict is Verdict.PASSED
    assert figures(found, "auc")[0].value == figures(run(frame(600, 8), frame())["performance"], "auc")[0].value


def test_an_artifact_without_a_model_leaves_only_its_safety_measured(tmp_path: Path) -> None:
    (tmp_path / "artifact").mkdir()
    (tmp_path / "artifact" / "notes.txt").write_text("no model here")
    loans().to_parquet(tmp_path / "holdout.parquet")
    subject = runner.Subject(
        tmp_path / "artifact", CONTRACT, {"holdout": tmp_path / "holdout.parquet"}, parse(SUITE).suite
    )
    found = {result.check: result for result in runner.run(subject)}
    assert found["performance"].reason.startswith("could not measure: the artifact has no ONNX file")
    assert found["artifact_safety"].verdict is Verdict.PASSED
