"""Wrong use ends with 2 and one error: for people on standard error, with --json as the one document on standard output."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import IO

import pytest

from clearance.client.tree import appear


def run(*words: str | bytes, home: Path, stdout: int | IO[str] = subprocess.PIPE) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "clearance", "--home", str(home), *words]
    return subprocess.run(
        command,
        stdout=stdout,
        stderr=subprocess.PIPE,
        timeout=60,
        check=False,
        env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "HOME": str(home)},
    )


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("models", "create"), "Missing"),
        (("versions", "show", "car-loan", "abc"), "number"),
        (("models", "list", "--kind", "nope"), "--kind"),
        (("models", "lisst"), "lisst"),
        (("--nope", "models", "list"), "--nope"),
        (("models", "show", ""), "there is no model ''"),
        (("models", "list", "--owner", b"\xff"), "utf-8"),
    ],
)
def test_with_json_every_error_is_one_document(tmp_path: Path, words: tuple[str | bytes, ...], says: str) -> None:
    done = run(*words, "--json", home=tmp_path)
    error = json.loads(done.stdout)["error"]
    assert (done.returncode, says in error["message"], set(error)) == (
        2,
        True,
        {"kind", "code", "message", "hint", "details"},
    )
    assert done.stderr
    assert b"Traceback" not in done.stderr


def test_without_json_nothing_is_printed_for_programs(tmp_path: Path) -> None:
    done = run("models", "create", home=tmp_path)
    assert (done.returncode, done.stdout, b"Missing" in done.stderr) == (2, b"", True)


@pytest.mark.parametrize(
    "words",
    [
        ("--home", "", "models", "list"),
        ("--home", "", "demo"),
        ("demo", "--home", ""),
        ("audit", "publish", ""),
        ("audit", "witness", "w", "--log", "x", "--folder", ""),
        ("versions", "register", "car-loan", ""),
        ("versions", "pin", "car-loan", "1", ""),
    ],
)
def test_an_empty_folder_is_not_the_one_we_are_in(
    tmp_path: Path, words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    done = run(*words, home=tmp_path / "home")
    assert (done.returncode, b"is empty" in done.stderr) == (2, True), done.stderr
    assert not list((tmp_path / "here").iterdir())


def test_what_the_system_refuses_is_one_error(tmp_path: Path) -> None:
    home, long = tmp_path / "home", str(tmp_path / ("a" * 300))
    (tmp_path / "model.bin").write_bytes(b"model")
    assert run("models", "create", "car-loan", "--owner", "ada", home=home).returncode == 0
    assert run("versions", "register", "car-loan", str(tmp_path / "model.bin"), home=home).returncode == 0
    refused: tuple[tuple[str, ...], ...] = (
        ("passport", "export", "car-loan", "1", str(tmp_path)),
        ("passport", "export", "car-loan", "1", str(tmp_path / "model.bin" / "x")),
        ("models", "report", "car-loan", str(tmp_path)),
        ("versions", "register", "car-loan", long),
        ("versions", "download", "car-loan", "1", long),
        ("versions", "download", "car-loan", "1", str(tmp_path / "model.bin" / "x")),
        ("versions", "pin", "car-loan", "1", long),
        ("db", "backup", long),
        ("monitor", "configure", "car-loan", "--baseline", long),
        ("demo", "--home", "/dev/null/x"),
        ("mlflow", "import", "http://127.0.0.1:9", "--server-token", "Ü"),
    )
    for words in refused:
        done = run(*words, home=home)
        assert (done.returncode, done.stderr.count(b"error ")) == (2, 1), (words, done.stderr)
        assert b"Traceback" not in done.stderr, words


def test_a_name_of_the_longest_length_can_be_downloaded_to(tmp_path: Path) -> None:
    with appear(tmp_path / ("a" * 255)) as making:
        making.mkdir()
    assert [len(each.name) for each in tmp_path.iterdir()] == [255]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device here that is always full")
@pytest.mark.parametrize(
    "words", [("templates", "list", "--json"), ("templates", "list"), ("models", "show", "nope", "--json")]
)
def test_a_full_disk_under_the_output_is_an_error_and_no_denial(tmp_path: Path, words: tuple[str, ...]) -> None:
    with Path("/dev/full").open("w") as full:
        done = run(*words, home=tmp_path, stdout=full)
    assert done.returncode == 2
    assert done.stderr.startswith(b"error ")
    assert b"Traceback" not in done.stderr


@pytest.mark.parametrize("words", [("templates", "list", "--json"), ("templates", "list"), ("--version",)])
def test_a_command_whose_output_is_closed_does_its_work(tmp_path: Path, words: tuple[str, ...]) -> None:
    command = ["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", sys.executable, "-m", "clearance", "--home", str(tmp_path)]
    assert subprocess.run([*command, *words], timeout=60, check=False).returncode == 0
