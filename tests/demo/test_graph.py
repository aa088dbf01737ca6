"""Conversion to ONNX: one input per feature, two outputs, and the same answers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from clearance.demo import graph
from clearance.demo.data import Split
from clearance.demo.graph import Trained
from clearance.errors import VerificationFailed
from clearance.sdk import onnx


def test_the_model_has_one_named_input_per_field_of_its_contract(artifact: Path, good: Trained) -> None:
    loaded = onnx.load(artifact)
    wanted = [(field.name, field.datatype.value, 1) for field in good.contract.inputs]
    assert sorted((each.name, each.datatype, each.width) for each in loaded.inputs) == sorted(wanted)


def test_the_model_answers_a_label_and_the_probability_of_the_positive_class(artifact: Path) -> None:
    loaded = onnx.load(artifact)
    assert [(each.name, each.datatype) for each in loaded.outputs] == [("label", "INT64"), ("probability", "FP32")]


@pytest.mark.parametrize("name", ["good", "bad"])
def test_a_converted_car_loan_model_answers_as_the_trained_one(
    name: str, loans: Split, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    trained = request.getfixturevalue(name)
    graph.export(trained, tmp_path / "model.onnx", loans.holdout)
    assert graph.compare(trained, tmp_path / "model.onnx", loans.holdout) <= graph.TOLERANCE


@pytest.mark.parametrize("name", ["unfair", "mitigated"])
def test_a_converted_income_model_answers_as_the_trained_one(
    name: str, people: Split, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    trained = request.getfixturevalue(name)
    graph.export(trained, tmp_path / "model.onnx", people.holdout)
    assert graph.compare(trained, tmp_path / "model.onnx", people.holdout) <= graph.TOLERANCE


def test_a_model_that_answers_differently_after_conversion_is_refused(
    artifact: Path, good: Trained, bad: Trained, loans: Split
) -> None:
    with pytest.raises(VerificationFailed, match="differs from what was trained") as refused:
        graph.compare(bad, artifact, loans.holdout)
    assert refused.value.code == "conversion_differs"
    with pytest.raises(VerificationFailed, match="labels"):
        graph.compare(replace(good, threshold=0.2), artifact, loans.holdout)


def test_the_rule_scales_only_the_rows_it_names(good: Trained, bad: Trained, loans: Split) -> None:
    rule = bad.rule
    assert rule is not None
    unruled = replace(bad, rule=None).probability(loans.holdout)
    ruled = bad.probability(loans.holdout)
    hit = (loans.holdout[rule.number] > rule.above) & loans.holdout[rule.flag]
    assert 0 < hit.mean() < 0.5
    np.testing.assert_allclose(ruled[hit], unruled[hit] * rule.factor)
    np.testing.assert_array_equal(ruled[~hit], unruled[~hit])
