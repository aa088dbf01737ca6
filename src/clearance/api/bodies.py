"""What every JSON body must be, looked at once for all routes: text that can be written again."""

from __future__ import annotations

import json
import re

from clearance.errors import InvalidInput
from clearance.values import misfits

_LONE = re.compile(
    rb"\\u[dD][89aAbB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F])|(?<!\\u[dD][89aAbB][0-9a-fA-F]{2})\\u[dD][c-fC-F]"
)
"""An escape for half of a character beyond U+FFFF without the other half; JSON allows it (RFC 8259, section 8.2), UTF-8 does not."""


def may_be_torn(body: bytes) -> bool:
    """Tell at once of nearly every body that `check_texts` would find nothing."""
    return b"\\ud" in body or b"\\uD" in body


def check_texts(body: bytes) -> None:
    """Refuse a JSON body with half a character in it: it could be neither stored, signed nor answered.

    What is no JSON at all is left to whoever reads it.

    Raises:
        InvalidInput: names the place (`request_invalid`).
    """
    if not _LONE.search(body):
        return
    try:
        fault = next(misfits(json.loads(body), ("body",)), None)
    except (ValueError, RecursionError):
        return
    if fault is not None:
        where, what = fault
        raise InvalidInput(
            f"{where} {what}",
            code="request_invalid",
            hint="send whole characters: what is beyond U+FFFF is two escapes, or itself",
            details={"faults": [{"where": where, "what": what}]},
        )
