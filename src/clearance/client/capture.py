"""Capture where a model comes from, on the machine where it is trained: its code's commit and its environment's lock."""

from __future__ import annotations

import platform
import subprocess
from importlib import metadata
from pathlib import Path

from clearance.errors import InvalidInput
from clearance.registry.addresses import without_secret
from clearance.registry.model import Code


def capture_code(folder: Path | str = ".") -> Code | None:
    """Return repository, commit and whether the working tree differs from it (untracked files count); None outside of git.

    The repository is the address of the remote `origin` without any credentials, or the folder's name where there is none.

    Raises:
        InvalidInput: there is a repository, but git can't read it or has no commit yet (`git_failed`).
    """
    here = Path(folder).resolve()
    top = next((parent for parent in (here, *here.parents) if (parent / ".git").exists()), None)
    if top is None:
        return None
    remotes = _git(top, "remote").split()
    address = _git(top, "remote", "get-url", "origin") if "origin" in remotes else top.name
    commit = _git(top, "rev-parse", "--verify", "HEAD")
    dirty = bool(_git(top, "--no-optional-locks", "status", "--porcelain"))
    return Code(repository=without_secret(address), commit=commit, dirty=dirty)


def capture_environment() -> dict[str, str]:
    """Return the lock of this environment: every installed package with its version, and Python's own."""
    found = {"python": platform.python_version()}
    for package in metadata.distributions():
        name = package.metadata["Name"]
        if name:
            found.setdefault(name.lower().replace("_", "-"), package.version)
    return dict(sorted(found.items()))


def _git(folder: Path, *arguments: str) -> str:
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=True, timeout=60
        )
    except FileNotFoundError as error:
        raise InvalidInput(
            "git is not installed, so the commit can't be told", code="git_failed", hint="install git"
        ) from error
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        said = str(error.stderr or error).strip()
        raise InvalidInput(
            f"git can't tell about {folder}: {said[:300]}", code="git_failed", hint="commit the code, then try again"
        ) from error
    return done.stdout.strip()
