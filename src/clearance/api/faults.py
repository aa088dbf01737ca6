"""What is wrong with a request, in words for whoever sent it: pydantic's are for whoever writes Python. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from clearance.errors import InvalidInput

_WORDS = {
    "missing": "is missing, and it is needed",
    "missing_argument": "is missing, and it is needed",
    "unexpected_keyword_argument": "unknown field",
    "extra_forbidden": "unknown field",
    "dataclass_type": "must be an object",
    "dataclass_exact_type": "must be an object",
    "model_type": "must be an object",
    "model_attributes_type": "must be an object",
    "dict_type": "must be an object",
    "mapping_type": "must be an object",
    "list_type": "must be a list",
    "tuple_type": "must be a list",
    "set_type": "must be a list",
    "frozen_set_type": "must be a list",
    "string_type": "must be a text",
    "string_unicode": "must be a text in UTF-8",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_parsing_size": "must be a whole number of 64 bits",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "finite_number": "must be a finite number",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "datetime_type": "must be an RFC 3339 time, such as 2026-01-05T09:00:00Z",
    "datetime_parsing": "must be an RFC 3339 time, such as 2026-01-05T09:00:00Z",
    "datetime_from_date_parsing": "must be an RFC 3339 time, such as 2026-01-05T09:00:00Z",
    "timezone_aware": "must be a time with a zone, such as 2026-01-05T09:00:00Z",
}
"""What to say of pydantic's kinds of errors (docs.pydantic.dev/latest/errors/validation_errors)."""
_NO_JSON = {"dataclass_type", "dict_type", "list_type", "tuple_type", "model_attributes_type", "mapping_type"}


def refusal(errors: Sequence[Mapping[str, Any]], content_type: str) -> InvalidInput:
    """Return the error for a request that does not fit its route.

    Args:
        errors: as pydantic lists them.
        content_type: what the request says its body is; empty if it does not.
    """
    first = errors[0] if errors else {"loc": ("request",), "type": "", "msg": "can't be read"}
    if tuple(first["loc"]) == ("body",) and first["type"] in _NO_JSON and not _is_json(content_type):
        return InvalidInput(
            f"the body is {content_type or 'of no type'}, not JSON",
            code="content_type",
            hint="send the header `content-type: application/json`; curl: -H 'content-type: application/json'",
        )
    faults = [{"where": _where(each), "what": _what(each)} for each in errors]
    return InvalidInput(
        f"{_where(first)}: {_what(first)}",
        code="request_invalid",
        hint="/docs shows what this route takes",
        details={"faults": faults},
    )


def unreadable() -> InvalidInput:
    """Return the error for a body that can't even be taken apart."""
    return InvalidInput(
        "the body can't be read: it is not JSON in UTF-8, or nested too deep",
        code="request_invalid",
        hint="/docs shows what this route takes",
    )


def _where(error: Mapping[str, Any]) -> str:
    place = error["loc"][:1] if error["type"] == "json_invalid" else error["loc"]
    return ".".join(map(str, place))


def _what(error: Mapping[str, Any]) -> str:
    context = error.get("ctx") or {}
    if error["type"] == "json_invalid":
        return f"is not JSON at character {error['loc'][-1]}: {context.get('error', error['msg'])}"
    if error["type"] in {"enum", "literal_error"}:
        return f"must be {context['expected']}"
    said = _WORDS.get(error["type"]) or str(error["msg"]).removeprefix("Value error, ")
    return re.sub(r"^Input should ", "must ", said)


def _is_json(content_type: str) -> bool:
    kind = content_type.partition(";")[0].strip().lower()
    return kind == "application/json" or (kind.startswith("application/") and kind.endswith("+json"))
