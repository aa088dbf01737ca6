"""The form of MLflow's names, tags and aliases, refused in its words, and the identity that a name leads to; pure."""

from __future__ import annotations

import json
import posixpath
import re
import unicodedata

from clearance.integrations.mlflow.errors import invalid
from clearance.registry.rules import LARGEST_NUMBER

_TAG_KEY = re.compile(r"[/\w.\- :]*")
_ALIAS = re.compile(r"[\w\-]*")
_VERSION_ALIAS = re.compile(r"[vV]\d+")
LATEST = "latest"
"""The alias that nobody can give: the newest version."""
_LONGEST_NAME = 255
_LONGEST_KEY = 250
_LONGEST_VALUE = 100_000
_LONGEST_ALIAS = 255
_LONGEST_SLUG = 80


def check_name(name: str, parameter: str = "name") -> None:
    """Refuse what is no name of a model."""
    if not name.strip():
        raise invalid(f"Missing value for required parameter '{parameter}'.")
    if "/" in name or ":" in name:
        raise invalid(f"Invalid model name '{name}'. Names cannot contain '/' or ':'.")
    _check_path("name", name)


def check_new_name(name: str, parameter: str = "name") -> None:
    """Refuse a name that no model can be given."""
    check_name(name, parameter)
    _check_length(parameter, name, _LONGEST_NAME)
    if any(unicodedata.category(char) in {"Cc", "Cs"} for char in name):
        raise invalid(f"Invalid model name {json.dumps(name)}. Names cannot contain control characters.")


def check_tag(key: str, value: str) -> None:
    """Refuse a tag that can't be set."""
    check_tag_key(key)
    _check_length("key", key, _LONGEST_KEY)
    _check_length("value", value, _LONGEST_VALUE)


def check_tag_key(key: str) -> None:
    """Refuse what is no key of a tag."""
    if not _TAG_KEY.fullmatch(key):
        raise invalid(
            f"Invalid value {json.dumps(key)} for parameter 'key' supplied: Names may only contain alphanumerics, "
            "underscores (_), dashes (-), periods (.), spaces ( ), colon(:) and slashes (/)."
        )
    _check_path("key", key)


def check_alias(alias: str) -> None:
    """Refuse what is no alias."""
    if not _ALIAS.fullmatch(alias):
        raise invalid(
            f"Invalid alias name: '{alias}'. Names may only contain alphanumerics, underscores (_), and dashes (-)."
        )
    _check_length("Registered model alias name", alias, _LONGEST_ALIAS)


def check_free_alias(alias: str) -> None:
    """Refuse an alias that can't be given, for it says something already."""
    check_alias(alias)
    if alias.lower() == LATEST:
        raise invalid("'latest' alias name (case insensitive) is reserved.")
    if _VERSION_ALIAS.fullmatch(alias):
        raise invalid(f"Version alias name '{alias}' is reserved.")


def parse_number(text: str) -> int:
    """Return the number that is meant as a version's."""
    try:
        return int(text)
    except ValueError:
        raise invalid(f"Parameter 'version' must be an integer, got '{text[:100]}'.") from None


def may_exist(number: int) -> bool:
    """Whether a version can have this number."""
    return 0 < number <= LARGEST_NUMBER


def slug(name: str) -> str:
    """Return a model's identity for a name: what of it an identity can have, in lower case; `model` if nothing."""
    letters = unicodedata.normalize("NFKD", name.casefold()).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9._]+", "-", letters).strip("._-")[:_LONGEST_SLUG].rstrip("._-") or "model"


def _check_path(parameter: str, name: str) -> None:
    resolved = posixpath.normpath(name)
    if resolved != name or resolved == "." or resolved.startswith(("..", "/")):
        raise invalid(
            f"Invalid value {json.dumps(name)} for parameter '{parameter}' supplied: Names may be treated as files in "
            f"certain cases, and must not resolve to other names when treated as such. This name would resolve to {resolved!r}"
        )


def _check_length(parameter: str, text: str, limit: int) -> None:
    if len(text) > limit:
        raise invalid(f"'{parameter}' exceeds the maximum length of {limit} characters")
