"""Loading of ONNX models: the same predictions as the trainer, and clear errors for everything that does not fit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from clearance.errors import InvalidInput, VerificationFailed
from clearance.sdk.onnx import OnnxModel, find, load
from clearance.sdk.tensors import Tensor, to_input
from clearance.values import sha256
from tests.sdk.onnx_models import loan_model, loans, pipeline


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "model.onnx"
    file.write_bytes(loan_model())
    return file


def columns(rows: int = 50) -> dict[str, Any]:
    return {str(name): series.to_numpy() for name, series in loans().head(rows).items()}


def tiny(shape: list[Any], name: str = "probability") -> bytes:
    """Return a model that hands its input x (FP32) through as the score, with the given output shape."""
    graph = helper.make_graph(
        [
            helper.make_node("Identity", ["x"], [name]),
            helper.make_node("Cast", ["x"], ["label"], to=TensorProto.INT64),
        ],
        "tiny",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [
            helper.make_tensor_value_info("label", TensorProto.INT64, shape),
            helper.make_tensor_value_info(name, TensorProto.FLOAT, shape),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def loaded(tmp_path: Path, data: bytes) -> OnnxModel:
    file = tmp_path / "tiny.onnx"
    file.write_bytes(data)
    return load(file)


def test_it_predicts_what_the_trained_pipeline_predicts(path: Path) -> None:
    model = load(path, sha256(loan_model()))
    found = model.predict(columns())
    frame = loans().head(50).astype({"employed": np.int64})
    np.testing.assert_allclose(found.score, pipeline().predict_proba(frame)[:, 1], atol=1e-5)
    np.testing.assert_array_equal(found.label, pipeline().predict(frame))
    assert found.score.dtype == np.float32
    assert [(each.name, each.datatype, each.width) for each in model.inputs] == [
        ("amount", "FP32", 1),
        ("terms", "INT64", 1),
        ("employed", "INT64", 1),
        ("region", "BYTES", 1),
    ]
    assert [each.name for each in model.outputs] == ["label", "probabilities"]


def test_a_file_with_another_digest_is_not_loaded(path: Path) -> None:
    data = bytearray(loan_model())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(VerificationFailed, match="was changed") as caught:
        load(path, sha256(loan_model()))
    assert caught.value.code == "artifact_digest_mismatch"


def test_a_zipmap_output_is_refused_with_the_cure(path: Path) -> None:
    path.write_bytes(loan_model(zipmap=True))
    with pytest.raises(InvalidInput, match="ZipMap") as caught:
        load(path)
    assert "'zipmap': False" in caught.value.hint


def test_bytes_that_are_no_model_are_refused(path: Path) -> None:
    path.write_bytes(b"not a model")
    with pytest.raises(InvalidInput) as caught:
        load(path)
    assert caught.value.code == "onnx_unreadable"


def test_a_column_is_missing(path: Path) -> None:
    given = columns()
    del given["terms"]
    with pytest.raises(InvalidInput, match="'terms' is missing"):
        load(path).predict(given)


def test_columns_of_different_length_are_refused(path: Path) -> None:
    with pytest.raises(InvalidInput) as caught:
        load(path).predict({**columns(), "terms": np.array([1, 2])})
    assert caught.value.code == "columns_unequal"


def test_an_unknown_category_is_an_error_about_the_input_not_a_crash(path: Path) -> None:
    with pytest.raises(InvalidInput) as caught:
        load(path).predict({**columns(1), "region": np.array(["atlantis"], dtype=object)})
    assert caught.value.code == "inference_failed"


@pytest.mark.parametrize(("shape", "given"), [([None, 1], [[0.25], [0.75]]), ([None], [0.25, 0.75])])
def test_scores_of_one_column_or_none_are_taken_as_they_are(tmp_path: Path, shape: list[Any], given: Any) -> None:
    found = loaded(tmp_path, tiny(shape)).predict({"x": np.array(given)})
    assert found.score.tolist() == [0.25, 0.75]
    assert found.label.tolist() == [0, 0]


def test_the_second_column_of_two_is_the_positive_class(tmp_path: Path) -> None:
    model = loaded(tmp_path, tiny([None, 2], "output_probability"))
    assert model.predict({"x": np.array([[0.25, 0.75]])}).score.tolist() == [0.75]


def test_more_than_two_classes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput) as caught:
        loaded(tmp_path, tiny([None, 3]))
    assert caught.value.code == "onnx_not_binary"


def test_a_model_without_a_probability_is_refused_naming_its_outputs(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="no probability output: it has label, variable"):
        loaded(tmp_path, tiny([None, 1], "variable"))


@pytest.mark.parametrize(
    ("datatype", "given", "wanted"),
    [
        ("FP32", [1, 2], [1.0, 2.0]),
        ("FP32", [True, False], [1.0, 0.0]),
        ("INT64", [1.0, 2.0], [1, 2]),
        ("INT64", [True, False], [1, 0]),
        ("INT32", [7], [7]),
        ("BOOL", [1, 0], [True, False]),
        ("BYTES", ["a", b"b"], ["a", "b"]),
    ],
)
def test_columns_become_what_the_input_takes(datatype: str, given: list[Any], wanted: list[Any]) -> None:
    column = np.array(given, dtype=object)
    made = to_input(Tensor(name="x", datatype=datatype, width=1, rank=2), column)
    assert made.shape == (len(given), 1)
    assert made[:, 0].tolist() == wanted


def test_a_null_in_floats_becomes_nan() -> None:
    made = to_input(Tensor(name="x", datatype="FP32", width=1, rank=2), np.array([1.5, None], dtype=object))
    assert made[0, 0] == 1.5
    assert np.isnan(made[1, 0])


@pytest.mark.parametrize(
    ("datatype", "given"),
    [
        ("FP32", [1.0, "2"]),
        ("FP32", [1.0, 1e300]),
        ("INT64", [1, 2.5]),
        ("INT64", [1, None]),
        ("INT64", [1, float("nan")]),
        ("INT64", [1, 2**63]),
        ("INT32", [1, 2**31]),
        ("BOOL", [True, 2]),
        ("BYTES", ["a", 1]),
        ("BYTES", ["a", None]),
        ("BYTES", ["a", b"\xff"]),
    ],
)
def test_what_does_not_fit_is_refused_naming_field_and_row(datatype: str, given: list[Any]) -> None:
    with pytest.raises(InvalidInput, match="field 'x', row 1") as caught:
        to_input(Tensor(name="x", datatype=datatype, width=1, rank=2), np.array(given, dtype=object))
    assert caught.value.details == {"field": "x", "row": 1}


def test_a_column_of_the_wrong_width_is_refused() -> None:
    with pytest.raises(InvalidInput, match=r"shape \[2, 3\], the model wants \[N,1\]"):
        to_input(Tensor(name="x", datatype="FP32", width=1, rank=2), np.zeros((2, 3)))


def test_the_model_file_of_a_tree_is_the_only_one_or_the_one_called_model(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="no ONNX file"):
        find(tmp_path)
    (tmp_path / "a.onnx").touch()
    assert find(tmp_path).name == "a.onnx"
    (tmp_path / "b.onnx").touch()
    with pytest.raises(InvalidInput, match=r"several ONNX files \(a.onnx, b.onnx\)"):
        find(tmp_path)
    (tmp_path / "model.onnx").touch()
    assert find(tmp_path).name == "model.onnx"
