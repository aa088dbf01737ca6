"""Artifacts as MLflow's clients see them: paths that name bytes, and the addresses that lead to them; pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from urllib.parse import unquote, urlsplit

from clearance.errors import InvalidInput
from clearance.registry import rules
from clearance.registry.model import File
from clearance.values import value

SERVICE = "/api/2.0/mlflow-artifacts"
"""Where the routes begin; MLflow's clients know them by this path."""
VERSIONS = "versions"
"""First part of the paths under which the files of registered versions are read; nobody writes there."""
_LONGEST_PATH = 1024  # bytes: what an index of PostgreSQL takes, with room to spare
_LOGGED_MODEL = re.compile(r"(?:.*/)?models/(m-[0-9a-f]{32})/artifacts/.*", re.DOTALL)
_LOGGED_MODEL_URI = re.compile(r"models:/(m-[0-9a-f]{32})")


@value
class Artifact:
    """Bytes under a path, until others are put there."""

    path: str
    size: int
    sha256: str
    at: datetime
    by: str


@value
class FileInfo:
    """An entry of a folder, as MLflow's protocol has it; `file_size` in bytes, None of a folder."""

    path: str
    is_dir: bool
    file_size: int | None = None


@value
class FileInfos:
    """The entries of a folder, by name."""

    files: tuple[FileInfo, ...]


@value
class VersionPath:
    """A place among the files of a registered version."""

    model: str
    number: int
    path: str


def check_path(path: str) -> str:
    """Return the path if bytes may lie under it.

    What an MLflow client would read as another path is refused too, however often it is percent-encoded: it checks what it
    is told by decoding it.

    Raises:
        InvalidInput: code `bad_path`.
    """
    rules.check_path(path)
    if any("#" in read or read.startswith("file:") for read in rules.readings(path)):
        raise _bad(path, "MLflow's clients take it for something else")
    if len(path.encode()) > _LONGEST_PATH:
        raise _bad(path, f"it has more than {_LONGEST_PATH} bytes")
    return path


def check_writable(path: str) -> str:
    """Return the path if a caller may put bytes there. Errors as `check_path`."""
    if check_path(path).split("/")[0] == VERSIONS:
        raise _bad(path, "the files of registered versions lie there, and they never change")
    return path


def logged_model_of(path: str) -> str | None:
    """Return the id of the logged model (`m-…`) whose file lies under a path; MLflow's tracking servers choose such paths."""
    found = _LOGGED_MODEL.fullmatch(path)
    return found[1] if found else None


def logged_model_named(uri: str) -> str | None:
    """Return the id of the logged model that `models:/m-…` names; None if it is another address."""
    found = _LOGGED_MODEL_URI.fullmatch(uri.rstrip("/"))
    return found[1] if found else None


def path_of(uri: str, hosts: Iterable[str]) -> str | None:
    """Return the path here that an address leads to; None if it leads elsewhere.

    Args:
        uri: `mlflow-artifacts:/PATH`, `mlflow-artifacts://HOST/PATH` or `http(s)://HOST/api/2.0/mlflow-artifacts/artifacts/PATH`.
        hosts: what this server is called, each with its port where that is not the scheme's own.
    """
    try:
        parsed = urlsplit(uri)
    except ValueError:
        return None
    here = parsed.netloc.rpartition("@")[2] in set(hosts)
    prefix, path = f"{SERVICE}/artifacts/", parsed.path
    if parsed.scheme == "mlflow-artifacts" and (here or not parsed.netloc):
        return unquote(path.removeprefix(prefix)).strip("/")
    if parsed.scheme in {"http", "https"} and here and path.startswith(prefix):
        return unquote(path.removeprefix(prefix)).strip("/")
    return None


def version_path(path: str) -> VersionPath | None:
    """Return the place among a version's files that a path leads to; None if it does not begin with `versions/`.

    What may lie there is what a version may have, which is more than what may be put by this protocol.

    Raises:
        InvalidInput: it names no version (`bad_version_name`), or no place in a tree of files (`bad_path`).
    """
    first, _, rest = path.partition("/")
    if first != VERSIONS:
        return None
    model, _, rest = rest.partition("/")
    number, _, inside = rest.partition("/")
    name, of = rules.parse_version_name(f"{model}/{number}")
    if inside:
        rules.check_path(inside)
    return VersionPath(model=name, number=of, path=inside)


def location(model: str, number: int) -> str:
    """Return the path under which the files of a registered version are read."""
    return f"{VERSIONS}/{model}/{number}"


def entries(files: Iterable[File], folder: str) -> tuple[FileInfo, ...]:
    """Return what lies directly in a folder of a tree of files, by name."""
    found: dict[str, FileInfo] = {}
    prefix = f"{folder}/" if folder else ""
    for file in files:
        if file.path.startswith(prefix):
            name, slash, _ = file.path.removeprefix(prefix).partition("/")
            found[name] = FileInfo(path=name, is_dir=bool(slash), file_size=None if slash else file.size)
    return tuple(found[name] for name in sorted(found))


def _bad(path: str, why: str) -> InvalidInput:
    return InvalidInput(
        f"nothing can lie under {path[:200]!r}: {why}",
        code="bad_path",
        hint="a relative path with / between its parts, such as 1/models/weights.onnx",
    )
