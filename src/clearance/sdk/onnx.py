"""Verified loading of ONNX models with one named input per feature, and predictions as plain arrays."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clearance.errors import InvalidInput, VerificationFailed
from clearance.sdk.tensors import Tensor, to_input

LABELS = ("label", "output_label")
SCORES = ("probability", "probabilities", "output_probability")
"""Names under which skl2onnx and its kin write the two outputs, the wanted spelling first."""

_DATATYPES: dict[str, str] = {
    "tensor(float)": "FP32",
    "tensor(double)": "FP64",
    "tensor(int64)": "INT64",
    "tensor(int32)": "INT32",
    "tensor(bool)": "BOOL",
    "tensor(string)": "BYTES",
}
"""ONNX type → datatype of the Open Inference Protocol v2."""


@dataclass(frozen=True, slots=True)
class Predictions:
    """What a model answers for N rows: `label` [N], and `score` [N], the probability of the positive class (FP32)."""

    label: NDArray[Any]
    score: NDArray[np.float32]


class OnnxModel:
    """A binary classifier in ONNX Runtime on the CPU; one instance may be used by several threads at once."""

    def __init__(self, session: Any) -> None:
        self._session = session
        self.inputs = tuple(_tensor(each, "input") for each in session.get_inputs())
        outputs = {each.name: each for each in session.get_outputs()}
        self._label = _pick(outputs, LABELS, "label")
        self._score = _pick(outputs, SCORES, "probability")
        self.outputs = tuple(_tensor(outputs[name], "output") for name in (self._label, self._score))
        if self.outputs[1].width > 2:
            raise InvalidInput(
                f"output {self._score!r} has {self.outputs[1].width} columns: only binary classifiers can be loaded",
                code="onnx_not_binary",
                hint="export a model with two classes; its probability is [N], [N,1] or [N,2]",
            )

    def predict(self, columns: Mapping[str, NDArray[Any]]) -> Predictions:
        """Return label and score of each row.

        Args:
            columns: one array [N] (or [N,1]; [N,w] where the input has w columns) for every input; others are ignored.

        Raises:
            InvalidInput: a column is missing, does not fit its input's type or length, or the model refuses a value.
        """
        feeds = {each.name: to_input(each, _column(columns, each.name)) for each in self.inputs}
        lengths = {name: len(array) for name, array in feeds.items()}
        if len(set(lengths.values())) > 1:
            raise InvalidInput(
                f"the columns have different lengths: {lengths}",
                code="columns_unequal",
                hint="send every feature for every row",
            )
        try:
            label, score = self._session.run([self._label, self._score], feeds)
        except Exception as error:  # ONNX Runtime has a dozen exception types and no common base but this
            raise InvalidInput(
                f"the model refuses these rows: {error}",
                code="inference_failed",
                hint="a category it was not trained on is the usual cause",
            ) from error
        return Predictions(np.asarray(label).reshape(-1), _positive(np.asarray(score)))


def load(path: Path, digest: str | None = None) -> OnnxModel:
    """Load a model file.

    Args:
        path: the `.onnx` file; weights in files beside it are read unless a digest is given.
        digest: `sha256:…` that the file's bytes must have; the checked bytes are the ones loaded.

    Raises:
        VerificationFailed: the bytes have another digest.
        InvalidInput: it is no ONNX model, or one with other inputs or outputs than a binary classifier has.
    """
    import onnxruntime

    source: bytes | str = str(path)
    if digest is not None:
        source = path.read_bytes()
        found = "sha256:" + hashlib.sha256(source).hexdigest()
        if found != digest:
            raise VerificationFailed(
                f"{path.name} is {found}, not {digest}: it was changed after it was registered",
                code="artifact_digest_mismatch",
                hint="do not serve it; restore the file or register a new version",
            )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 4
    try:
        session = onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # as above: no common base
        raise InvalidInput(
            f"{path.name} can't be loaded by ONNX Runtime: {error}",
            code="onnx_unreadable",
            hint="export the model again; only operators of ONNX and ai.onnx.ml are available",
        ) from error
    return OnnxModel(session)


def find(folder: Path) -> Path:
    """Return the model file of an artifact tree: `model.onnx`, or the only `.onnx` file there is.

    Raises:
        InvalidInput: there is none, or there are several and none is called `model.onnx`.
    """
    found = sorted(folder.rglob("*.onnx"))
    named = [path for path in found if path.name == "model.onnx"]
    if len(chosen := named or found) == 1:
        return chosen[0]
    names = ", ".join(str(path.relative_to(folder)) for path in found)
    raise InvalidInput(
        f"the artifact has several ONNX files ({names})" if found else "the artifact has no ONNX file",
        code="onnx_ambiguous" if found else "onnx_missing",
        hint="call the one that serves model.onnx",
    )


def _column(columns: Mapping[str, NDArray[Any]], name: str) -> NDArray[Any]:
    if name not in columns:
        raise InvalidInput(
            f"field {name!r} is missing: the model needs it",
            code="column_missing",
            hint="it was given: " + (", ".join(sorted(columns)) or "nothing"),
            details={"field": name},
        )
    return columns[name]


def _tensor(node: Any, role: str) -> Tensor:
    if node.type not in _DATATYPES:
        zipmap = node.type.startswith("seq(map")
        raise InvalidInput(
            f"{role} {node.name!r} is {node.type}"
            + (", a ZipMap: a list of dictionaries instead of a tensor" if zipmap else ""),
            code="onnx_zipmap" if zipmap else "onnx_type",
            hint="convert with options={'zipmap': False}" if zipmap else "supported: " + ", ".join(_DATATYPES),
        )
    shape = list(node.shape)
    width = shape[1] if len(shape) == 2 and isinstance(shape[1], int) else 1
    return Tensor(name=node.name, datatype=_DATATYPES[node.type], width=width, rank=len(shape))


def _pick(outputs: Mapping[str, Any], names: tuple[str, ...], what: str) -> str:
    for name in names:
        if name in outputs:
            return name
    raise InvalidInput(
        f"the model has no {what} output: it has {', '.join(outputs)}",
        code="onnx_output_missing",
        hint=f"name it {names[0]!r}",
    )


def _positive(score: NDArray[Any]) -> NDArray[np.float32]:
    if score.ndim == 2 and score.shape[1] == 2:
        score = score[:, 1]
    elif score.ndim > 1 and score.shape[1] != 1:
        raise InvalidInput(
            f"the model answered probabilities of shape {list(score.shape)}: only binary classifiers can be used",
            code="onnx_not_binary",
        )
    return np.ascontiguousarray(score.reshape(-1), dtype=np.float32)
