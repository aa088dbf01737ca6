"""The run that a model was logged in, as the description that MLflow puts beside its files (`MLmodel`) says."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

import yaml

from clearance.registry.model import File
from clearance.storage.blobs import BlobStore

_DESCRIPTION = "MLmodel"
_LONGEST = 1 << 20  # bytes; MLflow writes some thousand
_RUN_ID = re.compile(r"[a-zA-Z0-9][\w\-]{0,255}")  # mlflow/utils/validation.py
_LOADER: Any = getattr(yaml, "CBaseLoader", yaml.BaseLoader)


def run_in(description: bytes) -> str:
    """Return the run that a description names; empty if it names none, or is none."""
    try:
        run = next(_values_of("run_id", description), "")
    except yaml.YAMLError:  # a file of that name which somebody else wrote
        return ""
    return run if _RUN_ID.fullmatch(run) else ""


def run_of(blobs: BlobStore, files: Iterable[File]) -> str:
    """Return the run that a version's files were logged in; empty if they do not say.

    Raises:
        NotFound, VerificationFailed, Unavailable: the description is not in the store, is damaged, or can't be read.
    """
    for file in files:
        if file.path == _DESCRIPTION and file.size <= _LONGEST:
            return run_in(b"".join(blobs.open(file.sha256)))
    return ""


def _values_of(key: str, description: bytes) -> Iterator[str]:
    """Yield the texts that a key of the outermost mapping has.

    They are taken from YAML's events: nothing is built of the rest, however deep it goes.
    """
    depth, before, is_key = 0, None, True
    for event in yaml.parse(description, _LOADER):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth == 1 and isinstance(event, yaml.ScalarEvent | yaml.AliasEvent | yaml.CollectionEndEvent):
            text = event.value if isinstance(event, yaml.ScalarEvent) else None
            if not is_key and before == key and text is not None:
                yield text
            before, is_key = text, not is_key
        elif depth == 1 and isinstance(event, yaml.SequenceStartEvent):
            return  # no mapping
