"""Errors in the words of MLflow's protocol: its codes, their HTTP statuses, and what ours are in them; pure.

Codes and statuses are those of `mlflow/exceptions.py` in 3.17. Its client sends a request again, for minutes, when the
status is 408, 429 or 5xx: what the caller did wrong must not be answered with one of these, even where MLflow's server does.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from clearance.errors import ClearanceError
from clearance.values import plain


class Word(StrEnum):
    """An error code of the protocol."""

    BAD_REQUEST = "BAD_REQUEST"
    INVALID_PARAMETER_VALUE = "INVALID_PARAMETER_VALUE"
    RESOURCE_ALREADY_EXISTS = "RESOURCE_ALREADY_EXISTS"
    UNAUTHENTICATED = "UNAUTHENTICATED"
    PERMISSION_DENIED = "PERMISSION_DENIED"
    RESOURCE_DOES_NOT_EXIST = "RESOURCE_DOES_NOT_EXIST"
    ENDPOINT_NOT_FOUND = "ENDPOINT_NOT_FOUND"
    RESOURCE_CONFLICT = "RESOURCE_CONFLICT"
    REQUEST_LIMIT_EXCEEDED = "REQUEST_LIMIT_EXCEEDED"
    INTERNAL_ERROR = "INTERNAL_ERROR"
    NOT_IMPLEMENTED = "NOT_IMPLEMENTED"
    TEMPORARILY_UNAVAILABLE = "TEMPORARILY_UNAVAILABLE"
    RESOURCE_EXHAUSTED = "RESOURCE_EXHAUSTED"


STATUS: Mapping[Word, int] = {
    Word.BAD_REQUEST: 400,
    Word.INVALID_PARAMETER_VALUE: 400,
    Word.RESOURCE_ALREADY_EXISTS: 400,
    Word.UNAUTHENTICATED: 401,
    Word.PERMISSION_DENIED: 403,
    Word.RESOURCE_DOES_NOT_EXIST: 404,
    Word.ENDPOINT_NOT_FOUND: 404,
    Word.RESOURCE_CONFLICT: 409,
    Word.REQUEST_LIMIT_EXCEEDED: 429,
    Word.INTERNAL_ERROR: 500,
    Word.NOT_IMPLEMENTED: 501,
    Word.TEMPORARILY_UNAVAILABLE: 503,
    Word.RESOURCE_EXHAUSTED: 507,  # its server has no word for a full disk; its client does not send this again
}
_WORD_OF_KIND: Mapping[str, Word] = {
    "invalid_input": Word.INVALID_PARAMETER_VALUE,
    "too_large": Word.INVALID_PARAMETER_VALUE,
    "not_found": Word.RESOURCE_DOES_NOT_EXIST,
    "conflict": Word.RESOURCE_CONFLICT,
    "unauthenticated": Word.UNAUTHENTICATED,
    "forbidden": Word.PERMISSION_DENIED,
    "denied": Word.PERMISSION_DENIED,
    "verification_failed": Word.BAD_REQUEST,
    "unavailable": Word.TEMPORARILY_UNAVAILABLE,
    "storage_full": Word.RESOURCE_EXHAUSTED,
    "rate_limited": Word.REQUEST_LIMIT_EXCEEDED,
}


class ProtocolError(ClearanceError):
    """What MLflow's server would refuse, in its words, so that programs which look at them go on working."""

    def __init__(self, word: Word, message: str, *, code: str = "", details: Mapping[str, Any] | None = None) -> None:
        super().__init__(message, code=code or word.value.lower(), details=details)
        self.word = word


def invalid(message: str) -> ProtocolError:
    """Return the error for a parameter that can't be meant."""
    return ProtocolError(Word.INVALID_PARAMETER_VALUE, message)


def not_found(message: str) -> ProtocolError:
    """Return the error for what does not exist, or no more."""
    return ProtocolError(Word.RESOURCE_DOES_NOT_EXIST, message)


def exists(message: str) -> ProtocolError:
    """Return the error for a name that is taken."""
    return ProtocolError(Word.RESOURCE_ALREADY_EXISTS, message)


def mistake() -> ClearanceError:
    """Return the error for what went wrong here and is nobody's fault but ours."""
    return ClearanceError(
        "this is a mistake in Clearance, not in your request",
        code="internal_error",
        hint="the server's log has the trace",
    )


def body_of(error: ClearanceError) -> tuple[int, dict[str, Any]]:
    """Return HTTP status and body of an error.

    The client shows `error_code` and `message`: a hint of ours is the message's last line. What programs may want to know
    beyond that stands under `clearance`.
    """
    word = error.word if isinstance(error, ProtocolError) else _WORD_OF_KIND.get(error.kind, Word.INTERNAL_ERROR)
    return STATUS[word], {
        "error_code": word.value,
        "message": f"{error.message}\n{error.hint}" if error.hint else error.message,
        "clearance": {"code": error.code, "details": plain(error.details)},
    }
