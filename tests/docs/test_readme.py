"""The README's two commands: they are the ones that exist, and what they run is what it says."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def commands() -> list[str]:
    """Return what stands in the README's shell blocks."""
    blocks = (ROOT / "README.md").read_text().split("```sh\n")[1:]
    return [line for block in blocks for line in block.split("```")[0].splitlines() if line]


def planned(command: str) -> str:
    """Return what make would run, as if the environment were new."""
    program, *words = command.split()
    outside = {
        name: text for name, text in os.environ.items() if not name.startswith("MAKE")
    }  # of the make we run under
    done = subprocess.run(
        [program, "-n", "-B", *words], cwd=ROOT, capture_output=True, text=True, check=True, env=outside
    )
    return done.stdout


def test_the_two_commands_are_there_and_nothing_else() -> None:
    assert commands() == ["make demo", "make test"]


def test_the_demo_command_makes_its_environment_from_locked_requirements_and_tells_the_story() -> None:
    plan = planned("make demo")
    assert "--no-deps --require-hashes -r requirements/demo.txt" in plan  # whole, so nothing newer can break it
    assert plan.strip().endswith("bin/clearance demo")


def test_the_test_command_runs_all_tests() -> None:
    last = planned("make test").strip().splitlines()[-1]
    assert "-m pytest" in last
    assert " -m " not in last.split("-m pytest")[1]  # no marker leaves anything out


def test_no_lock_names_a_registry() -> None:
    for lock in (ROOT / "requirements").glob("*.txt"):
        text = lock.read_text()
        assert "--hash=sha256:" in text
        assert "://" not in text, lock.name
        assert "--index" not in text, lock.name


def test_the_makefile_asks_for_a_python_that_is_new_enough() -> None:
    assert f"{sys.version_info.major}.{sys.version_info.minor}" >= "3.11"
    assert "(3, 11)" in (ROOT / "Makefile").read_text()
