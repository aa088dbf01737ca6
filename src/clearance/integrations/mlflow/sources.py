"""What a client says a version's source is: what may be said, what it refers to, and in which words it is refused; pure.

MLflow's server refuses sources by which a caller could make it read files that are none of theirs. Clearance reads none of
them: it only tells them back. What it can't check, for it has no runs, it takes as it was said.
"""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass
from urllib.parse import unquote_plus, urlsplit

from clearance.integrations.mlflow.errors import ProtocolError, invalid

PROMPT_PLACEHOLDERS = frozenset({"dummy-source", "prompt-template"})
"""What MLflow's client gives as the source of a prompt, which has none."""
_LONGEST = 4096


@dataclass(frozen=True, slots=True)
class ModelUri:
    """What a `models:/…` address names: a logged model by its id, or a model by name with a version, stage or alias."""

    model_id: str = ""
    name: str = ""
    number: str = ""
    stage: str = ""
    alias: str = ""


def check_prompt_source(source: str) -> None:
    """Refuse a source of a prompt that is no placeholder."""
    if source not in PROMPT_PLACEHOLDERS:
        raise invalid(f"Invalid prompt source: '{source}'. Prompt sources must use an MLflow placeholder.")


def check_source(source: str, run_id: str, model_id: str) -> None:
    """Refuse a source that can't be meant, or that does not belong to the run or logged model that is named with it."""
    if len(source) > _LONGEST:
        raise invalid(f"'source' exceeds the maximum length of {_LONGEST} characters")
    parts = urlsplit(source)
    if parts.scheme in {"", "file"}:
        if run_id or model_id:
            return
        raise invalid(
            f"Invalid model version source: '{source}'. To use a local path as a model version source, the run_id request "
            "parameter has to be specified and the local path has to be contained within the artifact directory of the run "
            "specified by the run_id."
        )
    _check_absolute(source)
    if parts.scheme == "runs":
        run = parts.path.lstrip("/").partition("/")[0]
        if model_id:
            raise _foreign(source, "model_id")
        if parts.netloc or not run_id or run != run_id:
            raise _foreign(source, "run_id")
    if parts.scheme == "models" and parse_model_uri(source).model_id != model_id:
        raise _foreign(source, "model_id")


def parse_model_uri(source: str) -> ModelUri:
    """Return what a `models:/…` address names."""
    parts = urlsplit(source, allow_fragments=False)
    words = parts.path.lstrip("/").split("/")
    if parts.netloc:
        raise invalid(
            f"Invalid model version source: '{source}'. Registered model sources must use the active model registry."
        )
    if not parts.path.startswith("/") or len(words) > 2 or not all(word.strip() for word in words):
        raise _foreign(source, "model_id")
    if len(words) == 2:
        name, suffix = words
        if suffix.isdigit():
            return ModelUri(name=name, number=suffix)
        return ModelUri(name=name, stage="" if suffix.lower() == "latest" else suffix)
    name, at, alias = words[0].rpartition("@")
    if at and not alias.strip():
        raise _foreign(source, "model_id")
    return ModelUri(name=name, alias=alias) if at else ModelUri(model_id=words[0])


def _check_absolute(source: str) -> None:
    plain = source
    while (less := unquote_plus(plain)) != plain:
        plain = less
    path = re.sub(r"/+", "/", urlsplit(plain).path.rstrip("/"))
    if "\x00" in plain or ".." in plain.split("/") or posixpath.normpath(path) != path:
        raise invalid(
            f"Invalid model version source: '{source}'. If supplying a source as an http, https, local file path, ftp, "
            "objectstore, or mlflow-artifacts uri, an absolute path must be provided without relative path references "
            "present. Please provide an absolute path."
        )


def _foreign(source: str, parameter: str) -> ProtocolError:
    return invalid(
        f"Invalid model version source: '{source}'. The {parameter} request parameter must identify the resource that "
        "contains the source."
    )
