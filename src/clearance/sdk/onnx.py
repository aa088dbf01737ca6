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

LABELS = ("label", "output_label")
SCORES = ("probability", "probabilities", "output_probability")
"""Names under which skl2onnx and its kin write the two outputs, the wanted spelling first."""

_DATATYPES: dict[str, tuple[str, type[np.generic]]] = {
    "tensor(float)": ("FP32", np.float32),
    "tensor(double)": ("FP64", np.float64),
    "tensor(int64)": ("INT64", np.int64),
    "tensor(int32)": ("INT32", np.int32),
    "tensor(bool)": ("BOOL", np.bool_),
    "tensor(string)": ("BYTES", np.object_),
}
"""ONNX type → (datatype of the Open Inference Protocol, NumPy type); strings travel as objects."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tensor:
    """One input or output: its name, its datatype in OIP words, and how many columns it has beside the batch."""

    name: str
    datatype: str
    width: int
    rank: int


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


def to_input(tensor: Tensor, column: NDArray[Any]) -> NDArray[Any]:
    """Return a table column as the array that an input takes: its exact type, shape [N,w] or [N].

    Integers become floats, booleans numbers, and None in floats NaN; beyond the precision of FP32 nothing is rounded,
    and nothing is guessed: text never becomes a number.

    Raises:
        InvalidInput: a value does not fit; the message names the field, the row (from 0) and the value.
    """
    array = np.asarray(column)
    made: NDArray[Any] = _CONVERT[tensor.datatype](tensor.name, array if array.ndim == 1 else array.reshape(-1))
    if made.size % tensor.width or array.ndim > 2 or (array.ndim == 2 and array.shape[1] != tensor.width):
        raise InvalidInput(
            f"field {tensor.name!r} has shape {list(array.shape)}, the model wants [N,{tensor.width}]",
            code="column_shape",
            details={"field": tensor.name},
        )
    return made if tensor.rank == 1 else made.reshape(-1, tensor.width)


def _floats(kind: type[np.floating[Any]]) -> Any:
    def convert(name: str, array: NDArray[Any]) -> NDArray[Any]:
        if array.dtype.kind in "iub":
            return array.astype(kind)
        if array.dtype.kind != "f":
            values = [np.nan if each is None else each for each in _objects(array)]
            _refuse(name, values, lambda each: isinstance(each, int | float | np.number | np.bool_), "a number")
            array = np.asarray(values, dtype=np.float64)
        with np.errstate(over="ignore"):
            made = array.astype(kind, copy=False)
        _refuse_overflow(name, array, made)
        return made

    return convert


def _integers(kind: type[np.signedinteger[Any]]) -> Any:
    bounds = np.iinfo(kind)

    def fits(each: Any) -> bool:
        if isinstance(each, bool | np.bool_):
            return True
        if not isinstance(each, int | float | np.number):
            return False
        return bool(np.isfinite(each) and bounds.min <= each <= bounds.max and float(each).is_integer())

    def convert(name: str, array: NDArray[Any]) -> NDArray[Any]:
        if array.dtype.kind == "b" or (array.dtype.kind in "iu" and np.can_cast(array.dtype, kind)):
            return array.astype(kind, copy=False)
        values = _objects(array)
        _refuse(name, values, fits, f"a whole number of {bounds.bits} bits")
        return np.asarray([int(each) for each in values], dtype=kind)

    return convert


def _booleans(name: str, array: NDArray[Any]) -> NDArray[Any]:
    if array.dtype.kind != "b":
        values = _objects(array)
        _refuse(
            name,
            values,
            lambda each: isinstance(each, int | float | np.number | np.bool_) and each in {0, 1},
            "a boolean",
        )
        return np.asarray([bool(each) for each in values], dtype=np.bool_)
    return array


def _strings(name: str, array: NDArray[Any]) -> NDArray[Any]:
    values = [_text(each) for each in _objects(array)]
    _refuse(name, values, lambda each: isinstance(each, str), "text (UTF-8)")
    made = np.empty(len(values), dtype=np.object_)
    made[:] = values
    return made


def _text(item: Any) -> Any:
    if not isinstance(item, bytes):
        return item
    try:
        return item.decode()
    except UnicodeDecodeError:
        return item  # refused, and shown, by the caller


_CONVERT: dict[str, Any] = {
    "FP32": _floats(np.float32),
    "FP64": _floats(np.float64),
    "INT64": _integers(np.int64),
    "INT32": _integers(np.int32),
    "BOOL": _booleans,
    "BYTES": _strings,
}


def _objects(array: NDArray[Any]) -> list[Any]:
    found: list[Any] = array.tolist()
    return found


def _refuse(name: str, values: list[Any], fits: Any, wanted: str) -> None:
    for row, each in enumerate(values):
        if not fits(each):
            raise InvalidInput(
                f"field {name!r}, row {row}: {each!r} is not {wanted}",
                code="column_type",
                hint="send the type that the model's contract declares",
                details={"field": name, "row": row},
            )


def _refuse_overflow(name: str, given: NDArray[Any], made: NDArray[Any]) -> None:
    beyond = np.flatnonzero(np.isinf(made) & np.isfinite(given))
    if beyond.size:
        row = int(beyond[0])
        raise InvalidInput(
            f"field {name!r}, row {row}: {given[row]!r} is too large for {made.dtype}",
            code="column_type",
            details={"field": name, "row": row},
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
    return Tensor(name=node.name, datatype=_DATATYPES[node.type][0], width=width, rank=len(shape))


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
