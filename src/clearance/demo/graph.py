"""From a trained scikit-learn pipeline to an ONNX model with one named input per feature, checked to answer the same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from clearance.errors import VerificationFailed
from clearance.registry.contract import Datatype, ModelContract

if TYPE_CHECKING:
    import pandas as pd

OPSET = {"": 18, "ai.onnx.ml": 3}
TOLERANCE = 1e-5
"""Largest difference of a probability that conversion may make: ONNX computes in single precision."""
_NUMPY = {Datatype.FP32: np.float32, Datatype.INT64: np.int64, Datatype.BOOL: np.bool_, Datatype.BYTES: np.object_}


@dataclass(frozen=True)
class Rule:
    """A hand-made rule behind the model: where `number` exceeds `above` and `flag` is true, the probability is scaled."""

    number: str
    above: float
    flag: str
    factor: float


@dataclass(frozen=True)
class Trained:
    """A pipeline that gives probabilities, the contract of what it takes, and how a probability becomes a label."""

    pipeline: Any
    contract: ModelContract
    threshold: float = 0.5
    rule: Rule | None = None

    def probability(self, rows: pd.DataFrame) -> NDArray[np.float64]:
        """Return P(positive) of N rows, [N]."""
        found: NDArray[np.float64] = self.pipeline.predict_proba(self.inputs(rows))[:, 1]
        if self.rule is None:
            return found
        hit = (rows[self.rule.number] > self.rule.above) & rows[self.rule.flag]
        return found * np.where(hit, self.rule.factor, 1.0)

    def inputs(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Return the columns that the contract names, in single precision where it says so."""
        singles = {field.name: "float32" for field in self.contract.inputs if field.datatype is Datatype.FP32}
        return rows[[field.name for field in self.contract.inputs]].astype(singles)


def columns(contract: ModelContract, rows: pd.DataFrame) -> Mapping[str, NDArray[Any]]:
    """Return the rows as tensors [N, 1], one per input."""
    return {
        field.name: rows[field.name].to_numpy().astype(_NUMPY[field.datatype]).reshape(-1, 1)
        for field in contract.inputs
    }


def export(trained: Trained, path: Path, witnesses: pd.DataFrame) -> None:
    """Write the model as ONNX and make sure that it answers as the pipeline does.

    Inputs are [N, 1] tensors named as in the contract; outputs `label` (INT64) and `probability` (FP32), both [N, 1].

    Args:
        trained: what to convert.
        path: the `.onnx` file to write.
        witnesses: rows on which both must agree.

    Raises:
        VerificationFailed: the converted model answers differently somewhere.
    """
    model = _convert(trained)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(model.SerializeToString())
    compare(trained, path, witnesses)


def compare(trained: Trained, path: Path, witnesses: pd.DataFrame) -> float:
    """Return the largest difference of a probability between pipeline and ONNX model.

    Raises:
        VerificationFailed: it exceeds TOLERANCE, or a label differs where rounding can't explain it.
    """
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    label, probability = session.run(["label", "probability"], dict(columns(trained.contract, witnesses)))
    wanted = trained.probability(witnesses)
    gap = float(np.abs(probability[:, 0] - wanted).max(initial=0.0))
    differing = (label[:, 0] == 1) != (wanted >= trained.threshold)
    explained = np.abs(wanted - trained.threshold) <= TOLERANCE
    if gap > TOLERANCE or bool((differing & ~explained).any()):
        raise VerificationFailed(
            f"the converted model {path.name} differs from what was trained: probabilities by up to {gap:.2g}, "
            f"{int(differing.sum())} of {len(witnesses)} labels",
            code="conversion_differs",
            hint="use an estimator that skl2onnx converts exactly",
        )
    return gap


def _convert(trained: Trained) -> Any:
    """Convert the pipeline, then put label and probability in place of scikit-learn's outputs."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper
    from skl2onnx import to_onnx

    model = to_onnx(
        trained.pipeline,
        initial_types=[(field.name, _tensor_type(field.datatype)) for field in trained.contract.inputs],
        options={id(trained.pipeline): {"zipmap": False}},
        target_opset=OPSET,
    )
    graph = model.graph
    both = graph.output[1].name  # [N, 2]: P(negative), P(positive)
    constants: dict[str, NDArray[Any]] = {
        "column": np.array([1], np.int64),
        "threshold": np.array([[trained.threshold]], np.float32),
    }
    nodes = [helper.make_node("Gather", [both, "column"], ["score"], axis=1)]
    last = "score"
    if trained.rule is not None:
        more, last = _rule_nodes(trained.rule, constants)
        nodes += more
    nodes += [
        helper.make_node("Identity", [last], ["probability"]),
        helper.make_node("GreaterOrEqual", [last, "threshold"], ["positive"]),
        helper.make_node("Cast", ["positive"], ["decided"], to=TensorProto.INT64),
    ]
    del graph.output[:]
    _rename(graph, "label", "sklearn_label")
    nodes.append(helper.make_node("Identity", ["decided"], ["label"]))
    graph.node.extend(nodes)
    graph.initializer.extend(numpy_helper.from_array(array, name) for name, array in constants.items())
    graph.output.extend(
        [
            helper.make_tensor_value_info("label", TensorProto.INT64, [None, 1]),
            helper.make_tensor_value_info("probability", TensorProto.FLOAT, [None, 1]),
        ]
    )
    onnx.checker.check_model(model, full_check=True)
    return model


def _rule_nodes(rule: Rule, constants: dict[str, NDArray[Any]]) -> tuple[list[Any], str]:
    from onnx import TensorProto, helper

    constants |= {
        "rule_above": np.array([[rule.above]], np.float32),
        "rule_factor": np.array([[rule.factor]], np.float32),
        "rule_one": np.array([[1]], np.float32),
    }
    return [
        helper.make_node("Cast", [rule.number], ["rule_number"], to=TensorProto.FLOAT),
        helper.make_node("Greater", ["rule_number", "rule_above"], ["rule_exceeds"]),
        helper.make_node("And", ["rule_exceeds", rule.flag], ["rule_hit"]),
        helper.make_node("Where", ["rule_hit", "rule_factor", "rule_one"], ["rule_scale"]),
        helper.make_node("Mul", ["score", "rule_scale"], ["ruled"]),
    ], "ruled"


def _rename(graph: Any, old: str, new: str) -> None:
    for node in graph.node:
        for names in (node.input, node.output):
            for at, name in enumerate(names):
                if name == old:
                    names[at] = new


def _tensor_type(datatype: Datatype) -> Any:
    from skl2onnx.common import data_types

    kind = {
        Datatype.FP32: data_types.FloatTensorType,
        Datatype.INT64: data_types.Int64TensorType,
        Datatype.BOOL: data_types.BooleanTensorType,
        Datatype.BYTES: data_types.StringTensorType,
    }[datatype]
    return kind([None, 1])
