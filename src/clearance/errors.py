"""The few kinds of errors, each with a stable code, a sentence for a tired person, and a hint what to do next."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class ClearanceError(Exception):
    """Base of every error that Clearance raises on purpose.

    Args:
        message: what is wrong and where, in one sentence.
        code: stable, machine-readable word (`model_not_found`); never changes once released.
        hint: what to do about it; may be empty.
        details: further machine-readable facts (JSON values only).
    """

    kind = "error"

    def __init__(self, message: str, *, code: str, hint: str = "", details: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.hint = hint
        self.details: dict[str, Any] = dict(details or {})


class InvalidInput(ClearanceError):
    """What was sent can't be understood or breaks a rule of its form."""

    kind = "invalid_input"


class TooLarge(ClearanceError):
    """What was sent is larger than the limit in the settings."""

    kind = "too_large"


class NotFound(ClearanceError):
    """The thing named does not exist, or not for this caller."""

    kind = "not_found"


class Conflict(ClearanceError):
    """The request is understood but does not fit the present state."""

    kind = "conflict"


class Unauthenticated(ClearanceError):
    """Nobody is known to be calling: no token, or one that is unknown, expired or revoked."""

    kind = "unauthenticated"


class Forbidden(ClearanceError):
    """The caller is known but may not do this."""

    kind = "forbidden"


class Denied(ClearanceError):
    """A policy decided against it; the message carries the rules that failed."""

    kind = "denied"


class VerificationFailed(ClearanceError):
    """A digest, signature or proof does not match: the bytes are not what they claim to be."""

    kind = "verification_failed"


class Unavailable(ClearanceError):
    """Something that is needed can't be reached now; trying again later may help."""

    kind = "unavailable"


class StorageFull(Unavailable):
    """There is no room left to write to; somebody has to make some first."""

    kind = "storage_full"


class RateLimited(ClearanceError):
    """Too much of this came in too short a time; `details["retry_after_seconds"]` says when to try again."""

    kind = "rate_limited"


KINDS: tuple[type[ClearanceError], ...] = (
    InvalidInput,
    TooLarge,
    NotFound,
    Conflict,
    Unauthenticated,
    Forbidden,
    Denied,
    VerificationFailed,
    Unavailable,
    StorageFull,
    RateLimited,
)
