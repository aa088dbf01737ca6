"""A leaf as bytes: canonical JSON (RFC 8785) of what happened, put together from its five parts; pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from clearance.audit.tiles import MAX_LEAF
from clearance.errors import InvalidInput
from clearance.values import canonical_json


def encode(*, at: str, event: str, actor: str, subject: str, data: Mapping[str, Any]) -> bytes:
    """Return the bytes of a leaf.

    Args:
        at: when, RFC 3339 in UTC with microseconds.
        event: a word of the vocabulary.
        actor: who.
        subject: what it happened to.
        data: further facts, JSON values.

    Raises:
        InvalidInput: it is longer than a bundle of leaves can hold.
        ValueError: a fact is no JSON value.
    """
    start, end = _around(at, event, actor, subject)
    encoded = start + canonical_json(data) + end
    if len(encoded) > MAX_LEAF:
        raise InvalidInput(
            f"what is to be said of {subject[:80]} takes {len(encoded):,} bytes, and a leaf of the log holds {MAX_LEAF:,}",
            code="leaf_too_long",
            hint="shorten the longest text, and keep it elsewhere with its digest here",
        )
    return encoded


def says(leaf: bytes, *, at: str, event: str, actor: str, subject: str) -> bool:
    """Tell whether a leaf is of these four, without parsing the facts between; a leaf that an earlier release wrote is, too."""
    start, end = _around(at, event, actor, subject)
    return leaf.startswith(start + b"{") and leaf.endswith(b"}" + end)


def _around(at: str, event: str, actor: str, subject: str) -> tuple[bytes, bytes]:
    """Return what stands before and after the facts: the keys of canonical JSON are sorted."""
    start = f'{{"actor":{_quoted(actor)},"at":"{at}","data":'
    end = f',"event":"{event}","subject":{_quoted(subject)},"v":1}}'
    return start.encode(), end.encode()


def _quoted(text: str) -> str:
    # Python escapes the same characters in the same way as RFC 8785, section 3.2.2.2; a property test holds them together.
    return json.dumps(text, ensure_ascii=False)
