"""The commands of models, versions and datasets, as a person types them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from clearance.cli.main import app
from clearance.errors import ClearanceError, InvalidInput


class Shell:
    """Runs commands on a home folder of its own."""

    def __init__(self, home: Path) -> None:
        self._home = home

    def run(self, *words: str) -> Result:
        return CliRunner().invoke(app, ["--home", str(self._home), *words], env={"COLUMNS": "100"})

    def text(self, *words: str) -> str:
        result = self.run(*words)
        assert result.exception is None, result.output
        return result.output

    def json(self, *words: str) -> Any:
        return json.loads(self.text(*words, "--json"))

    def error(self, *words: str) -> ClearanceError:
        found = self.run(*words).exception
        assert isinstance(found, ClearanceError), found
        return found


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shell:
    for name in ("CLEARANCE_URL", "CLEARANCE_TOKEN", "CLEARANCE_DATABASE_URL"):
        monkeypatch.delenv(name, raising=False)
    return Shell(tmp_path / "home")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    folder = tmp_path / "tree"
    folder.mkdir()
    (folder / "model.onnx").write_bytes(b"model" * 1000)
    return folder


def test_empty_listings_say_what_to_do_next(shell: Shell) -> None:
    assert "clearance models create" in shell.text("models", "list")
    assert "clearance datasets register" in shell.text("datasets", "list")
    shell.text("models", "create", "car-loan", "--owner", "alice")
    assert "clearance versions register car-loan" in shell.text("versions", "list", "car-loan")
    assert shell.json("versions", "list", "car-loan") == []


def test_a_model_is_created_updated_shown_and_retired(shell: Shell) -> None:
    shell.text("models", "create", "car-loan", "--owner", "alice", "--risk", "full", "--purpose", "Grant [bold] loans")
    shell.text("models", "update", "car-loan", "--team", "credit")
    shown = shell.text("models", "show", "car-loan")
    assert "Grant [bold] loans" in shown
    assert "credit" in shown
    assert "full" in shell.text("models", "list")
    shell.text("models", "retire", "car-loan", "--reason", "replaced")
    assert shell.json("models", "show", "car-loan")["lifecycle_reason"] == "replaced"
    assert shell.error("models", "show", "unknown").code == "model_not_found"


def test_a_version_goes_in_and_comes_out_with_its_story(shell: Shell, tree: Path, tmp_path: Path) -> None:
    (tmp_path / "loans.csv").write_text("at,amount\n2026-01-01 00:00:00,1\n")
    (tmp_path / "contract.yaml").write_text("inputs:\n  - {name: amount, datatype: FP32, minimum: 0}\n")
    (tmp_path / "provenance.yaml").write_text("trainer: alice\nparameters: {depth: 3}\nmetrics: {auc: 0.97}\n")
    data = shell.json("datasets", "register", str(tmp_path / "loans.csv"), "--name", "loans", "--time-column", "at")
    shell.text("models", "create", "car-loan", "--owner", "alice")
    made = shell.json(
        *("versions", "register", "car-loan", str(tree), "--environment"),
        *("--contract", str(tmp_path / "contract.yaml"), "--provenance", str(tmp_path / "provenance.yaml")),
        *("--dataset", f"training={data['digest']}", "--dataset", f"test={data['digest']}"),
    )
    assert made["contract"]["inputs"][0]["minimum"] == 0
    assert "numpy" in made["provenance"]["environment"]
    shown = shell.text("versions", "show", "car-loan", "1")
    for fact in (made["digest"], data["digest"], "88% complete", "code commit", "depth=3", "auc=0.97", "model.onnx"):
        assert fact in shown
    assert "car-loan/1" in shell.text("versions", "list", "car-loan")
    assert "loans" in shell.text("versions", "lineage", "car-loan", "1")
    assert data["digest"] in shell.text("datasets", "list")
    assert "2026-01-01 00:00:00 UTC" in shell.text("datasets", "show", data["digest"])
    shell.text("versions", "download", "car-loan", "1", str(tmp_path / "out"))
    assert (tmp_path / "out/model.onnx").read_bytes() == b"model" * 1000
    shell.text("datasets", "download", data["digest"], str(tmp_path / "copy.csv"))
    assert (tmp_path / "copy.csv").read_bytes() == (tmp_path / "loans.csv").read_bytes()


def test_a_version_is_stopped_by_command(shell: Shell, tree: Path) -> None:
    shell.text("models", "create", "car-loan", "--owner", "alice")
    shell.text("versions", "register", "car-loan", str(tree))
    assert "may not be used" in shell.text("versions", "quarantine", "car-loan", "1", "--reason", "odd")
    assert "(odd)" in shell.text("versions", "show", "car-loan", "1")
    assert "it may be used" in shell.text("versions", "release", "car-loan", "1", "--reason", "fine")
    assert "retired" in shell.text("versions", "retire", "car-loan", "1", "--reason", "old")


@pytest.mark.parametrize(
    ("document", "says"),
    [
        ("inputs: [\n  {name: a", r"document.yaml:2:"),
        ("inputs:\n  - {name: a, datatype: FP99}\n", "document.yaml:2:25: inputs[0].datatype: "),
        ("inputs:\n  - {name: a, datatype: FP32, colour: red}\n", "document.yaml:2:39: inputs[0].colour: "),
        ("inputs:\n  - {name: a, datatype: FP32, name: b}\n", "document.yaml:2:31: `name` is there twice"),
        ('{"inputs": [],\n "inputs": []}', "document.yaml:2:2: `inputs` is there twice"),
        ("inputs:\n  - {datatype: FP32}\n", "document.yaml:2:5: inputs[0]: `name` is missing"),
        ("", "document.yaml is empty"),
        ("[" * 20_000, "document.yaml:1:21: nested deeper than 20"),
        ("- 1", "document"),
        ("\x00", "document.yaml is not text"),
    ],
)
def test_a_wrong_document_is_refused_with_the_place(
    shell: Shell, tree: Path, tmp_path: Path, document: str, says: str
) -> None:
    (tmp_path / "document.yaml").write_text(document)
    error = shell.error("versions", "register", "car-loan", str(tree), "--contract", str(tmp_path / "document.yaml"))
    assert isinstance(error, InvalidInput)
    assert says in error.message


def test_an_error_of_a_dataset_names_its_file(shell: Shell, tmp_path: Path) -> None:
    bad, good = tmp_path / "bad.csv", tmp_path / "good.csv"
    bad.write_bytes(b"\x89PNG\r\n\x1a\n\x00\x00\x00abc\n\xff\xfe\n")
    good.write_text("amount\n1\n")
    assert shell.error("datasets", "register", str(bad), "--name", "x").message.startswith(
        f"{bad}: the dataset sha256:"
    )
    for column, says in (("at", "has no column 'at'"), ("amount", "is not a time")):
        error = shell.error("datasets", "register", str(good), "--name", "x", "--time-column", column)
        assert (error.message.startswith(f"{good}: "), says in error.message) == (True, True)


def test_the_same_data_again_changes_nothing_and_another_name_for_it_is_refused(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("amount\n1\n")
    words = ("datasets", "register", str(tmp_path / "a.csv"), "--name")
    assert shell.json(*words, "loans") == shell.json(*words, "loans")
    error = shell.error(*words, "other")
    assert error.message == "these bytes are registered as 'loans', without a time column"


@pytest.mark.parametrize("command", ["send", "labels"])
@pytest.mark.parametrize("text", ["{", "{}"])
def test_an_error_of_events_and_labels_names_their_file(shell: Shell, tmp_path: Path, command: str, text: str) -> None:
    (tmp_path / "bad.json").write_text(text)
    assert shell.error("telemetry", command, str(tmp_path / "bad.json")).message.startswith(f"{tmp_path}/bad.json is ")


def test_a_dataset_is_named_by_its_file_its_name_or_the_start_of_its_digest(
    shell: Shell, tree: Path, tmp_path: Path
) -> None:
    for name, rows in (("a", "1"), ("b", "2"), ("c", "3")):
        (tmp_path / f"{name}.csv").write_text(f"amount\n{rows}\n")
    shell.text("models", "create", "car-loan", "--owner", "alice")
    one = shell.json("datasets", "register", str(tmp_path / "a.csv"), "--name", "loans")["digest"]
    other = shell.json("datasets", "register", str(tmp_path / "b.csv"), "--name", "tests")["digest"]
    words = [
        f"training={one[:15]}",
        "test=tests",
        f"validation={tmp_path / 'c.csv'}",
        f"reference={tmp_path / 'a.csv'}",
    ]
    made = shell.json(
        "versions", "register", "car-loan", str(tree), *(part for word in words for part in ("--dataset", word))
    )
    uses = {use["role"]: use["digest"] for use in made["provenance"]["datasets"]}
    assert (uses["training"], uses["test"], uses["reference"]) == (one, other, one)
    assert shell.json("datasets", "show", "c")["digest"] == uses["validation"]
    (tmp_path / "d.csv").write_text("amount\n4\n")
    shell.text("datasets", "register", str(tmp_path / "d.csv"), "--name", "loans")
    found = shell.error("versions", "register", "car-loan", str(tree), "--dataset", "training=loans")
    assert found.code == "dataset_ambiguous"
    assert one in found.hint
    found = shell.error("datasets", "show", one[:14])  # seven digits
    assert found.code == "dataset_unknown"
    assert {each["name"] for each in found.details["candidates"]} == {"loans", "tests", "c"}


def test_one_file_is_called_one_file(shell: Shell, tree: Path) -> None:
    shell.text("models", "create", "car-loan", "--owner", "alice")
    assert "1 file," in shell.text("versions", "register", "car-loan", str(tree))


def test_a_dataset_use_is_role_and_data(shell: Shell, tree: Path) -> None:
    for text in ("training", "eating=sha256:1", "test="):
        assert shell.error("versions", "register", "m", str(tree), "--dataset", text).code == "bad_dataset_use"
    assert shell.error("versions", "register", "m", str(tree), "--code", "/").code == "no_repository"


def test_a_version_that_refers_elsewhere_is_pinned_tagged_named_and_deleted(shell: Shell, tree: Path) -> None:
    shell.text("models", "create", "car-loan", "--owner", "alice")
    made = shell.json("versions", "register", "car-loan", str(tree))
    assert made["source"]["kind"] == "files"
    assert shell.json("tags", "set", "car-loan", "area/team", "credit") == {"area/team": "credit"}
    assert shell.json("tags", "set", "car-loan", "checked", "yes", "--version", "1") == {"checked": "yes"}
    assert "credit" in shell.text("tags", "list", "car-loan")
    assert shell.json("tags", "delete", "car-loan", "area/team") == {}
    assert shell.error("tags", "delete", "car-loan", "area/team").code == "tag_not_found"
    assert "shadow is car-loan/1" in shell.text("aliases", "set", "car-loan", "shadow", "1")
    assert shell.json("aliases", "show", "car-loan", "shadow")["number"] == 1
    assert shell.error("aliases", "set", "car-loan", "champion", "1").code == "promotion_denied"
    assert "shadow" in shell.text("aliases", "list", "car-loan")
    assert shell.json("aliases", "delete", "car-loan", "shadow") == []
    assert shell.error("versions", "pin", "car-loan", "1", str(tree)).code == "version_pinned"
    shell.text("versions", "delete", "car-loan", "1", "--reason", "wrong file")
    assert shell.json("versions", "show", "car-loan", "1")["status"] == "deleted"
    shell.text("models", "delete", "car-loan", "--reason", "a mistake")
    assert shell.json("models", "show", "car-loan")["title"] is None
