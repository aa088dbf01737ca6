"""Read a value from a YAML or JSON file that a person wrote, or say where it is wrong."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from clearance.cli.core import read_file

T = TypeVar("T")


def read_document(path: Path, kind: type[T]) -> T:
    """Return the value in a YAML (or JSON) file.

    Raises:
        InvalidInput: it can't be read; or, with line and column: it is no YAML, has a key twice, or does not fit.
    """
    from clearance import marked

    text = read_file(path)
    found = marked.read(text, str(path), code="bad_yaml", aliases=True, hint="it must be YAML or JSON")
    return replace(found, code="bad_document").fit(kind, found.data)
