"""What a training machine can say of its code and environment, with a real git."""

from __future__ import annotations

import subprocess
from importlib import metadata
from pathlib import Path

import pytest

from clearance.client.capture import capture_code, capture_environment
from clearance.errors import InvalidInput


def git(folder: Path, *arguments: str) -> str:
    who = ("-c", "user.name=Ada", "-c", "user.email=ada@example.org", "-c", "init.defaultBranch=main")
    done = subprocess.run(["git", "-C", str(folder), *who, *arguments], capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "loans"
    (folder / "src").mkdir(parents=True)
    git(folder, "init", "-q")
    (folder / "src/train.py").write_text("fit()")
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", "first")
    return folder


def test_a_clean_tree_is_its_commit(repository: Path) -> None:
    code = capture_code(repository / "src")
    assert code is not None
    assert (code.commit, code.dirty, code.repository) == (git(repository, "rev-parse", "HEAD"), False, "loans")


@pytest.mark.parametrize("file", ["src/train.py", "src/untracked.py"])
def test_a_changed_or_untracked_file_makes_the_tree_dirty(repository: Path, file: str) -> None:
    (repository / file).write_text("changed()")
    code = capture_code(repository)
    assert code is not None
    assert code.dirty


def test_the_address_of_the_origin_is_kept_without_credentials(repository: Path) -> None:
    git(repository, "remote", "add", "origin", "https://ada:secret@example.org/loans.git")
    code = capture_code(repository)
    assert code is not None
    assert code.repository == "https://example.org/loans.git"
    git(repository, "remote", "set-url", "origin", "git@example.org:loans.git")
    again = capture_code(repository)
    assert again is not None
    assert again.repository == "git@example.org:loans.git"


def test_outside_of_git_nothing_is_claimed(tmp_path: Path) -> None:
    assert capture_code(tmp_path) is None


def test_a_repository_without_a_commit_is_said_to_be_one(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    with pytest.raises(InvalidInput) as caught:
        capture_code(tmp_path)
    assert caught.value.code == "git_failed"


def test_the_environment_is_every_package_with_its_version() -> None:
    found = capture_environment()
    assert found["numpy"] == metadata.version("numpy")
    assert found["python"].startswith("3.")
    assert list(found) == sorted(found)
