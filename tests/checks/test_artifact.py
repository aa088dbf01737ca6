"""Artifact safety: real pickles, archives, secrets and ONNX files; nothing of them is ever run."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import pickle
import pickletools
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib  # type: ignore[import-untyped]
import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper

from clearance.checks import artifact, pickles
from clearance.checks.model import CheckResult
from clearance.checks.parameters import ArtifactSafetyCheck
from clearance.checks.scanning import scan
from clearance.statistics.verdicts import Verdict
from tests.sdk.onnx_models import loan_model


class Malicious:
    """What an attacker pickles."""

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[str]]:
        return os.system, ("touch /tmp/this-must-never-exist",)


def checked(folder: Path, **parameters: Any) -> CheckResult:
    given_parameters = ArtifactSafetyCheck(**parameters)
    files = [path.name for path in folder.rglob("*") if path.is_file()]
    return artifact.check(given_parameters, files, scan(folder, frozenset(given_parameters.operator_domains)))


def test_a_clean_onnx_model_with_notes_passes(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(loan_model())
    (tmp_path / "README.md").write_text("A model. Accuracy 0.9. (Not a pickle.)")
    (tmp_path / "empty.txt").touch()
    (tmp_path / "config.json").write_text('{"threshold": 0.5}')
    found = checked(tmp_path)
    assert found.verdict is Verdict.PASSED, found.reason
    assert "no licence file" in found.reason
    assert checked(tmp_path, require_licence=True).verdict is Verdict.FAILED
    (tmp_path / "LICENSE").write_text("Apache-2.0")
    assert checked(tmp_path, require_licence=True).verdict is Verdict.PASSED


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_pickle_of_any_protocol_is_found_under_any_name_and_what_it_calls_is_named(
    tmp_path: Path, protocol: int
) -> None:
    (tmp_path / "weights.txt").write_bytes(pickle.dumps(Malicious(), protocol=protocol))
    found = checked(tmp_path)
    assert found.verdict is Verdict.FAILED
    assert "weights.txt is a pickle that runs code" in found.reason
    assert "system" in found.reason
    assert not Path("/tmp/this-must-never-exist").exists()


CALL = b"cos\nsystem\n(S'id'\ntR."


@pytest.mark.parametrize(
    "content",
    [
        CALL,
        CALL + b"garbage",
        b"(S'id'\nios\nsystem\n.",
        b"I1\n0" + CALL,
        b"K\x010" + CALL,
        b"U\x02id0" + CALL,
        b"\x880" + CALL,
        b"\x80\x01" + CALL,
        b"\x95\x00\x00\x00\x00\x00\x00\x00\x00" + CALL,
        pickle.dumps(1, 0) + CALL,
        b"\x80\x04\x8c\x02os\x94\x8c\x06system\x94\x8c\x01x\x940h\x00h\x01\x93\x8c\x02id\x85R.",
    ],
)
def test_hand_made_pickles_that_try_not_to_look_like_one_are_found(content: bytes) -> None:
    assert pickles.inspect(io.BytesIO(content), content[:2]) is not None


@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_a_pickle_that_breaks_off_after_its_call_is_found(tmp_path: Path, protocol: int) -> None:
    (tmp_path / "a.bin").write_bytes(pickle.dumps(Malicious(), protocol=protocol)[:-1] + b"\xff garbage")
    assert checked(tmp_path).verdict is Verdict.FAILED


def _zip(data: bytes) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", data)
    return made.getvalue()


@pytest.mark.parametrize("wrap", [gzip.compress, bz2.compress, lzma.compress, _zip])
def test_a_packed_pickle_is_found(tmp_path: Path, wrap: Callable[[bytes], bytes]) -> None:
    (tmp_path / "weights").write_bytes(wrap(pickle.dumps(Malicious())))
    found = checked(tmp_path)
    assert found.verdict is Verdict.FAILED
    assert "system" in found.reason


def test_files_of_joblib_and_numpy_objects_are_found(tmp_path: Path) -> None:
    joblib.dump({"w": np.arange(5.0)}, tmp_path / "model.data")
    np.save(tmp_path / "objects.npy", np.array([{"a": 1}, None], dtype=object), allow_pickle=True)
    np.save(tmp_path / "numbers.npy", np.arange(5.0))
    reason = checked(tmp_path).reason
    assert "model.data is a pickle" in reason
    assert "objects.npy is a NumPy file of objects" in reason
    assert "numbers.npy" not in reason


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("model.pt", b"\x00\x01", "is a .pt file, whose usual loader can run code"),
        ("model.h5", b'\x89HDF\r\n\x1a\n {"class_name": "Lambda"}', "Lambda layer"),
        ("tool", b"\x7fELF\x02\x01", "is a Linux program"),
        ("broken.zip", b"PK\x03\x04 nothing", "is an archive that can't be read"),
        ("broken.gz", b"\x1f\x8b nothing", "is compressed and can't be read"),
        ("id_rsa", b"-----BEGIN OPENSSH PRIVATE KEY-----\nabc", "private key"),
        ("key.txt", b"-----BEGIN PRIVATE KEY-----", "private key"),
        (".env", b"AWS_KEY=AKIAIOSFODNN7EXAMPLE\n", "AWS access key, at byte 8"),
        ("ci.yaml", b"token: ghp_" + b"a1B2" * 9, "GitHub token"),
        ("db.ini", b"url=postgresql://bob:secret123@db.example.com/x", "password in a URL"),
        ("model.onnx", b"not a model", "is not a valid ONNX model"),
    ],
)
def test_unsafe_content_is_found_and_said(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    (tmp_path / name).write_bytes(content)
    found = checked(tmp_path)
    assert found.verdict is Verdict.FAILED
    assert f"{name} " in found.reason
    assert said in found.reason


@pytest.mark.parametrize(
    "text",
    [
        "category,value\n1,2\n",
        "config\nmodel\nname\n",
        "index\nname\nother\n",
        "import os\nimport sys\nprint(1)\n",
        "(see below)\ninner\nlist\n",
        "city\nBonn\nRome\nbest of\n",
        "0.5\n0.7\n",
        "S3 bucket\n",
    ],
)
def test_a_text_is_not_taken_for_a_pickle(tmp_path: Path, text: str) -> None:
    (tmp_path / "notes.txt").write_text(text)
    found = checked(tmp_path)
    assert found.verdict is Verdict.PASSED, found.reason


def test_public_keys_and_certificates_are_no_secrets(tmp_path: Path) -> None:
    (tmp_path / "key.pub").write_text("-----BEGIN PUBLIC KEY-----\nabc\n-----END PUBLIC KEY-----")
    assert checked(tmp_path).verdict is Verdict.PASSED


def test_operators_that_are_not_part_of_onnx_are_found_even_in_a_branch(tmp_path: Path) -> None:
    def graph(name: str, node: Any, inputs: bool) -> Any:
        return helper.make_graph(
            [node],
            name,
            [helper.make_tensor_value_info("c", TensorProto.BOOL, [])] if inputs else [],
            [helper.make_tensor_value_info("y", TensorProto.FLOAT, [])],
        )

    evil = graph("evil", helper.make_node("Shell", [], ["y"], domain="com.evil"), False)
    fine = graph("fine", helper.make_node("Constant", [], ["y"], value_float=1.0), False)
    node = helper.make_node("If", ["c"], ["y"], then_branch=evil, else_branch=fine)
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("com.evil", 1)]
    onnx.save(helper.make_model(graph("main", node, True), opset_imports=opsets), tmp_path / "model.onnx")
    found = checked(tmp_path)
    assert found.verdict is Verdict.FAILED
    assert "'com.evil'" in found.reason
    assert checked(tmp_path, operator_domains=("", "com.evil")).verdict is Verdict.PASSED


def test_an_artifact_without_files_is_not_measured(tmp_path: Path) -> None:
    assert checked(tmp_path).verdict is Verdict.NOT_MEASURED


@given(st.binary(max_size=200))
def test_arbitrary_bytes_never_break_the_pickle_reader(data: bytes) -> None:
    pickles.inspect(io.BytesIO(data), data[:2])


@given(st.recursive(st.none() | st.integers() | st.text() | st.floats(), st.lists, max_leaves=8), st.integers(2, 5))
def test_every_modern_pickle_is_recognised(item: Any, protocol: int) -> None:
    data = pickletools.optimize(pickle.dumps(item, protocol=protocol))
    assert pickles.inspect(io.BytesIO(data), data[:2]) is not None
