"""Read a value from a YAML or JSON file that a person wrote, or say where it is wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

from clearance.cli.core import read_file
from clearance.errors import InvalidInput
from clearance.values import parse

T = TypeVar("T")


def read_document(path: Path, kind: type[T]) -> T:
    """Return the value in a YAML (or JSON) file.

    Raises:
        InvalidInput: it can't be read, is no YAML (with line and column), or does not fit (naming the field).
    """
    import yaml
    from pydantic import ValidationError

    try:
        content: Any = yaml.safe_load(read_file(path))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f"{path}:{mark.line + 1}:{mark.column + 1}" if mark else str(path)
        raise InvalidInput(f"{where}: {error.problem}", code="bad_yaml", hint="it must be YAML or JSON") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InvalidInput(f"{path} is not text: {error}", code="bad_yaml", hint="it must be YAML or JSON") from error
    try:
        return parse(kind, content)
    except ValidationError as error:
        fault = error.errors()[0]
        where = ".".join(map(str, fault["loc"])) or "the document"
        raise InvalidInput(f"{path}: {where}: {fault['msg']}", code="bad_document") from error
