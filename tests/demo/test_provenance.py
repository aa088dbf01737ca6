"""Where the demo says its models come from."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import clearance
from clearance.demo import provenance
from clearance.demo.installation import environment

CODE = "from clearance.demo.provenance import code; found = code(); print(found.commit, found.dirty, found.repository)"


def code_of(folder: Path) -> list[str]:
    """Return what a copy of the package in another place says of its code."""
    variables = environment() | {"PYTHONPATH": str(folder)}
    done = subprocess.run(
        [sys.executable, "-B", "-c", CODE], capture_output=True, text=True, check=True, env=variables, cwd=folder
    )
    return done.stdout.split(maxsplit=2)


def copy_to(folder: Path) -> Path:
    shutil.copytree(Path(clearance.__file__).parent, folder / "clearance", ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    done = subprocess.run(["git", "-C", str(folder), *identity, *arguments], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_every_named_source_is_there() -> None:
    assert all((Path(provenance.__file__).parent / name).is_file() for name in provenance.SOURCES)


def test_without_git_the_digest_of_the_files_is_the_commit(tmp_path: Path) -> None:
    commit, dirty, repository = code_of(copy_to(tmp_path))
    assert (len(commit), dirty) == (64, "False")
    assert repository.startswith(f"clearance {clearance.__version__}")


def test_a_changed_source_has_another_digest(tmp_path: Path) -> None:
    first = code_of(copy_to(tmp_path / "a"))
    other = copy_to(tmp_path / "b")
    with (other / "clearance" / "demo" / "training.py").open("a") as file:
        file.write("# changed\n")
    assert code_of(other)[0] != first[0]


def test_a_clean_checkout_names_its_commit_and_a_changed_one_does_not(tmp_path: Path) -> None:
    folder = copy_to(tmp_path)
    git(folder, "init", "-q")
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "all of it")
    assert code_of(folder)[0] == git(folder, "rev-parse", "HEAD")
    (folder / "clearance" / "demo" / "training.py").write_text(
        (folder / "clearance" / "demo" / "training.py").read_text() + "# changed\n"
    )
    assert len(code_of(folder)[0]) == 64


def test_a_package_installed_below_somebody_elses_repository_does_not_name_their_commit(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    (tmp_path / "theirs.txt").touch()
    git(tmp_path, "add", "theirs.txt")
    git(tmp_path, "commit", "-q", "-m", "theirs")
    assert code_of(copy_to(tmp_path))[0] != git(tmp_path, "rev-parse", "HEAD")
