"""The identity of a version, and how complete its story is."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearance.registry.completeness import completeness
from clearance.registry.model import Code, Dataset, DatasetRole, DatasetUse, File, Manifest, Provenance
from clearance.values import sha256

TRAINING, TEST = sha256(b"training"), sha256(b"test")
FULL = Provenance(
    datasets=(
        DatasetUse(role=DatasetRole.TRAINING, digest=TRAINING),
        DatasetUse(role=DatasetRole.TEST, digest=TEST, name="holdout"),
    ),
    code=Code(repository="https://example.org/loans", commit="a" * 40),
    parameters={"depth": 3},
    environment={"numpy": "2.1.0"},
    trainer="alice",
    metrics={"auc": 0.97},
)


def dataset(digest: str) -> Dataset:
    return Dataset(
        digest=digest,
        name="d",
        rows=1,
        columns=(),
        time_column=None,
        first_at=None,
        last_at=None,
        size=1,
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
        created_by="user:ada",
    )


KNOWN = (dataset(TRAINING), dataset(TEST))


@given(st.permutations([File(path=name, size=len(name), sha256=sha256(name.encode())) for name in "abcde"]))
def test_the_order_of_files_makes_no_other_version(files: list[File]) -> None:
    ordered = Manifest(files=tuple(sorted(files, key=lambda file: file.path)))
    assert Manifest(files=tuple(files)).digest == ordered.digest
    assert Manifest(files=tuple(files)).size == 5


def test_the_digest_of_a_manifest_stays_what_it_was() -> None:
    manifest = Manifest(files=(File(path="model.onnx", size=3, sha256=sha256(b"abc")),))
    text = b'[{"path":"model.onnx","sha256":"%s","size":3}]' % sha256(b"abc").encode()
    assert manifest.digest == sha256(text)


@pytest.mark.parametrize(
    "other",
    [
        File(path="b", size=1, sha256=sha256(b"a")),
        File(path="a", size=2, sha256=sha256(b"a")),
        File(path="a", size=1, sha256=sha256(b"b")),
    ],
)
def test_another_path_size_or_content_is_another_version(other: File) -> None:
    file = File(path="a", size=1, sha256=sha256(b"a"))
    assert Manifest(files=(file,)).digest != Manifest(files=(other,)).digest


def test_a_full_story_is_complete() -> None:
    found = completeness(FULL, KNOWN)
    assert (found.complete, found.fraction, found.missing, found.flags) == (True, 1.0, (), ())


def test_no_story_is_not_complete_at_all() -> None:
    found = completeness(Provenance(), ())
    assert (found.complete, found.fraction) == (False, 0.0)
    assert len(found.missing) == 8


@pytest.mark.parametrize(
    ("provenance", "missing"),
    [
        (replace(FULL, code=None), "code commit"),
        (replace(FULL, code=Code(repository="r", commit="")), "code commit"),
        (replace(FULL, parameters={}), "parameters"),
        (replace(FULL, environment={}), "environment lock"),
        (replace(FULL, trainer=""), "trainer"),
        (replace(FULL, metrics={}), "metrics"),
        (replace(FULL, datasets=FULL.datasets[:1]), "test or validation dataset"),
        (replace(FULL, datasets=FULL.datasets[1:]), "training dataset"),
    ],
)
def test_what_is_missing_is_named(provenance: Provenance, missing: str) -> None:
    found = completeness(provenance, KNOWN)
    assert (found.complete, found.missing, found.fraction) == (False, (missing,), 0.875)


def test_a_dataset_that_is_not_registered_is_missing_by_name() -> None:
    assert completeness(FULL, KNOWN[:1]).missing == ("registration of holdout",)


def test_a_dirty_tree_is_flagged_and_not_missing() -> None:
    found = completeness(replace(FULL, code=Code(repository="r", commit="a" * 40, dirty=True)), KNOWN)
    assert found.complete
    assert found.flags == ("dirty tree: the code was changed after its commit",)
