"""The command line as a whole: starts light, prints JSON everywhere, ends with the right code."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

import clearance
from clearance.cli.core import fail
from clearance.cli.main import COMMANDS
from clearance.errors import InvalidInput

HEAVY = {"fastapi", "sqlalchemy", "numpy", "pyarrow", "pandas", "onnxruntime", "httpx", "pydantic", "alembic", "dbos"}
NO_JSON = {"serve", "audit witness"}
"""Commands that do not end."""


def run(*words: str, home: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "clearance", "--home", str(home), *words]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=60, check=False, env={"PATH": "/usr/bin:/bin"}
    )


def commands() -> Iterator[tuple[str, Any]]:
    for name, (module, _) in COMMANDS.items():
        command = typer.main.get_command(importlib.import_module(module).app)
        children = getattr(command, "commands", None)
        if children is None:
            yield name, command
        else:
            yield from ((f"{name} {child}", found) for child, found in children.items())


def test_help_loads_nothing_heavy() -> None:
    script = (
        "import sys; sys.argv = ['clearance', '--help']\n"
        "from clearance.cli.main import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        f"print('loaded:', sorted({HEAVY!r} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert "loaded: []" in done.stdout


def test_a_command_on_the_installation_here_loads_nothing_that_it_does_not_need(tmp_path: Path) -> None:
    needed = {"fastapi", "sqlalchemy", "httpx", "pydantic"}
    unneeded = (HEAVY - needed) | {"jinja2", "sqlalchemy.dialects.postgresql"}
    run("models", "list", home=tmp_path)  # the first makes the database, with alembic
    script = (
        f"import sys; sys.argv = ['clearance', '--home', {str(tmp_path)!r}, 'models', 'list', '--json']\n"
        "from clearance.cli.main import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        f"print('loaded:', sorted({unneeded!r} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert "loaded: []" in done.stdout


def test_every_command_says_what_it_does_and_what_its_arguments_and_options_are_for() -> None:
    for name, command in commands():
        assert command.help, name
        for parameter in command.params:
            assert parameter.help, f"{name} {parameter.opts[-1]}"


def test_every_command_prints_json_for_programs() -> None:
    for name, command in commands():
        if name not in NO_JSON:
            assert any("--json" in parameter.opts for parameter in command.params), name


def test_an_error_is_told_to_people_on_stderr_and_to_programs_as_json(tmp_path: Path) -> None:
    done = run("models", "show", "nothing", "--json", home=tmp_path)
    assert done.returncode == 2
    assert json.loads(done.stdout)["error"]["code"] == "model_not_found"
    assert "error" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_version_is_told_without_a_command(tmp_path: Path) -> None:
    assert run("--version", home=tmp_path).stdout == f"clearance {clearance.__version__}\n"


def test_a_package_that_the_light_installation_lacks_is_named_with_what_to_do(tmp_path: Path) -> None:
    script = "import sys; sys.modules['fastapi'] = None; from clearance.cli.main import main; main()"
    command = [sys.executable, "-c", script, "--home", str(tmp_path), "models", "list"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert "pip install 'clearance[server]'" in done.stderr


def test_an_unknown_setting_is_refused_by_name(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "clearance", "--home", str(tmp_path), "models", "list"]
    environment = {"PATH": "/usr/bin:/bin", "CLEARANCE_DATABSE_URL": "x"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=environment)
    assert (done.returncode, "CLEARANCE_DATABSE_URL" in done.stderr) == (2, True)


def test_a_server_that_is_not_there_is_said_to_be_so(tmp_path: Path) -> None:
    done = run("--url", "http://127.0.0.1:9", "models", "list", home=tmp_path)
    assert done.returncode == 2
    assert "can't be reached" in done.stderr


@pytest.mark.parametrize("change", ["leaf", "note"])
def test_audit_verify_ends_with_one_when_anything_was_changed(tmp_path: Path, change: str) -> None:
    import sqlite3

    assert run("models", "create", "m", "--owner", "ada", home=tmp_path).returncode == 0
    assert run("audit", "verify", home=tmp_path).returncode == 0
    with sqlite3.connect(tmp_path / "clearance.db") as connection:
        if change == "leaf":
            leaf = connection.execute("select leaf from audit_leaves where position = 0").fetchone()[0]
            connection.execute("update audit_leaves set leaf = ? where position = 0", (leaf[:-2] + b" }",))
        else:
            connection.execute("update audit_head set note = replace(note, 'clearance', 'klearance')")
    connection.close()
    done = run("audit", "verify", "--json", home=tmp_path)
    assert done.returncode == 1
    assert json.loads(done.stdout)["ok"] is False


def test_a_proof_of_the_log_is_checked_on_this_side(tmp_path: Path) -> None:
    other = "clearance.local/log+" + "649d0e11+Acm8d+T3W+7y+pwMOeprESvfLyNbbMOIqaBdBO61nZGq"
    kept = tmp_path / "kept.txt"
    for name in ("a", "b", "c"):
        assert run("models", "create", name, "--owner", "ada", home=tmp_path).returncode == 0
        if name == "a":
            kept.write_text(run("audit", "checkpoint", home=tmp_path).stdout, "utf-8")
    newest = json.loads(run("audit", "checkpoint", "--json", home=tmp_path).stdout)
    assert (newest["size"], newest["note"]) == (3, run("audit", "checkpoint", home=tmp_path).stdout)
    key = run("audit", "key", home=tmp_path).stdout.strip()
    proven = run("audit", "prove", "1", "--pin", key, home=tmp_path)
    assert (proven.returncode, "leaf 1 is in the log of 3 leaves" in proven.stdout) == (0, True), proven.stderr
    assert ("model/b" in proven.stdout, "by the key you pinned" in proven.stdout) == (True, True)
    grown = run("audit", "consistency", str(kept), "--json", home=tmp_path)
    assert (grown.returncode, json.loads(grown.stdout)["newer"], json.loads(grown.stdout)["verifier"]) == (0, 3, key)
    assert f"--pin '{key}'" in run("audit", "consistency", str(kept), "3", home=tmp_path).stdout
    for words in (("prove", "1"), ("consistency", str(kept))):
        assert run("audit", *words, "--pin", other, home=tmp_path).returncode == 1
    assert run("audit", "prove", "9", home=tmp_path).returncode == 2
    assert "give the checkpoint that you kept" in run("audit", "consistency", "2", home=tmp_path).stderr
    assert run("audit", "consistency", "3", "1", home=tmp_path).returncode == 2


def test_proofs_are_checked_without_a_database() -> None:
    script = f"import sys, clearance.audit.proofs; print('loaded:', sorted({HEAVY!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert "loaded: []" in done.stdout


def test_groups_do_not_offer_completion(tmp_path: Path) -> None:
    for words in (("models", "--help"), ("promote", "--help"), ("policy", "decide", "--help")):
        shown = run(*words, home=tmp_path)
        assert (shown.returncode, "completion" in shown.stdout) == (0, False), shown.stdout


def test_further_lines_of_an_error_stand_under_the_first(capsys: pytest.CaptureFixture[str]) -> None:
    assert fail(InvalidInput("a file\nis wrong", code="x", hint="ab > c\n   ^")) == 2
    assert capsys.readouterr().err.splitlines() == [
        "error a file",
        "      is wrong",
        "hint  ab > c",
        "         ^",
    ]
