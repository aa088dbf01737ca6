"""The form of what may be registered."""

from __future__ import annotations

import math
from pathlib import PurePosixPath
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearance.errors import ClearanceError, Conflict, InvalidInput
from clearance.registry import rules
from clearance.registry.model import DatasetRole, DatasetUse, File, Lifecycle, Provenance, VersionStatus
from clearance.values import sha256

DIGEST = sha256(b"")


def files(*paths: str) -> tuple[File, ...]:
    return tuple(File(path=path, size=0, sha256=DIGEST) for path in paths)


@pytest.mark.parametrize("path", ["model.onnx", "a/b/c.json", ".hidden", "with space", "日本/模型.onnx", "..."])
def test_a_plain_relative_path_is_taken(path: str) -> None:
    rules.check_files(files(path))


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("", "is empty"),
        ("/etc/passwd", "is absolute"),
        ("C:/windows", "is absolute"),
        ("../up", "leaves its folder"),
        ("a/../../up", "leaves its folder"),
        ("a/..", "leaves its folder"),
        ("a//b", "empty part"),
        ("./a", "dot for one"),
        ("a/", "empty part"),
        ("a\\..\\b", "backslash"),
        ("a\x00b", "control"),
        ("a\nb", "control"),
        ("a\ud800", "control"),
        ("%2e%2e/up", "leaves its folder"),
        ("a/%252E%252e/up", "leaves its folder"),
        ("%2fetc/passwd", "is absolute"),
        ("a%00b", "control"),
        ("a" * 256, "255 bytes"),
        ("a/" * 600 + "a", "1024 characters"),
    ],
)
def test_a_path_that_could_leave_the_tree_or_confuse_is_refused(path: str, says: str) -> None:
    with pytest.raises(InvalidInput, match=says) as caught:
        rules.check_files(files(path))
    assert caught.value.code == "bad_path"


@pytest.mark.parametrize(
    "paths", [("a", "b", "a"), ("Model.onnx", "model.onnx"), ("a", "a/b"), ("A/b", "a"), ("caf\u00e9", "cafe\u0301")]
)
def test_paths_that_would_be_one_file_are_refused(paths: tuple[str, ...]) -> None:
    with pytest.raises(InvalidInput) as caught:
        rules.check_files(files(*paths))
    assert caught.value.code == "duplicate_path"


@pytest.mark.parametrize(
    ("given_files", "code"),
    [
        ((), "no_files"),
        ((File(path="a", size=-1, sha256=DIGEST),), "bad_size"),
        ((File(path="a", size=0, sha256="a" * 64),), "bad_digest"),
    ],
)
def test_a_manifest_has_files_with_sizes_and_digests(given_files: tuple[File, ...], code: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        rules.check_files(given_files)
    assert caught.value.code == code


@given(st.text(max_size=30) | st.lists(st.sampled_from(["..", ".", "", "a", "b", "C:", "\\"])).map("/".join))
def test_a_path_that_is_taken_stays_in_its_folder(path: str) -> None:
    try:
        rules.check_files(files(path))
    except InvalidInput:
        return
    parts = PurePosixPath(path).parts
    assert not PurePosixPath(path).is_absolute()
    assert ".." not in parts
    assert "/".join(parts) == path


@pytest.mark.parametrize(
    ("name", "good"),
    [
        *((name, True) for name in ("car-loan", "a", "1.x_y-z", "a" * 100)),
        *((name, False) for name in ("", "Car", "-a", "a b", "a/b", "a" * 101, "a\n")),
    ],
)
def test_model_names_are_plain(name: str, good: bool) -> None:
    assert rules.is_model_name(name) is good
    if not good:
        with pytest.raises(InvalidInput):
            rules.check_model_name(name)


@pytest.mark.parametrize("name", ["car-loan", "car-loan/", "car-loan/0", "car-loan/01", "/1", "a/1/2", "a/1\n", "a/-1"])
def test_what_names_no_version_is_refused(name: str) -> None:
    with pytest.raises(InvalidInput):
        rules.parse_version_name(name)


def test_a_version_name_is_model_and_number() -> None:
    assert rules.parse_version_name("car-loan/12") == ("car-loan", 12)


@pytest.mark.parametrize(
    "provenance",
    [
        Provenance(metrics={"auc": math.nan}),
        Provenance(parameters={"seed": 2**60}),
        Provenance(parameters={"name": "\ud800"}),
        Provenance(datasets=(DatasetUse(role=DatasetRole.TRAINING, digest="x"),)),
        Provenance(parents=("car-loan",)),
        Provenance(trainer="a\x00b"),
    ],
)
def test_provenance_that_cannot_be_written_exactly_is_refused(provenance: Provenance) -> None:
    with pytest.raises(InvalidInput):
        rules.check_provenance(provenance)


def test_provenance_nested_without_end_is_refused() -> None:
    deep: Any = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(InvalidInput):
        rules.check_provenance(Provenance(parameters={"deep": deep}))


_S = VersionStatus
STATUS = {(_S.REGISTERED, _S.QUARANTINED), (_S.REGISTERED, _S.RETIRED), (_S.QUARANTINED, _S.REGISTERED)}
STATUS |= {(_S.QUARANTINED, _S.RETIRED)}
STATUS |= {(present, _S.DELETED) for present in _S if present is not _S.DELETED}


@pytest.mark.parametrize("present", VersionStatus)
@pytest.mark.parametrize("wanted", VersionStatus)
def test_a_status_moves_only_as_listed_and_retirement_is_final(present: VersionStatus, wanted: VersionStatus) -> None:
    if (present, wanted) in STATUS:
        rules.check_status("m/1", present, wanted, "because")
    else:
        with pytest.raises(Conflict):
            rules.check_status("m/1", present, wanted, "because")


_L = Lifecycle


@pytest.mark.parametrize(
    ("present", "wanted", "reason", "kind"),
    [
        (_L.IDEA, _L.DEVELOPMENT, "", None),
        (_L.DEVELOPMENT, _L.PRODUCTION, "", None),
        (_L.PRODUCTION, _L.DEVELOPMENT, "", None),
        (_L.PRODUCTION, _L.IDEA, "", Conflict),
        (_L.PRODUCTION, _L.RETIRED, "replaced", None),
        (_L.PRODUCTION, _L.RETIRED, " ", InvalidInput),
        (_L.RETIRED, _L.DEVELOPMENT, "again", Conflict),
        (_L.RETIRED, _L.RETIRED, "", None),
    ],
)
def test_a_lifecycle_ends_in_retirement_with_a_reason(
    present: Lifecycle, wanted: Lifecycle, reason: str, kind: type[ClearanceError] | None
) -> None:
    if kind is None:
        rules.check_lifecycle(present, wanted, reason)
    else:
        with pytest.raises(kind):
            rules.check_lifecycle(present, wanted, reason)
