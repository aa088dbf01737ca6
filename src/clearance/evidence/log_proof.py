"""Leaves proven to be in a log by one signed checkpoint, from JSON as it travels; pure."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from typing import Any

from clearance.audit import checkpoint, proofs
from clearance.audit.checkpoint import Checkpoint
from clearance.audit.model import Entry
from clearance.errors import VerificationFailed
from clearance.evidence import strict

_FIELDS = {"verifier", "checkpoint", "leaves"}
_LEAF_FIELDS = {"index", "leaf", "path"}


def check(found: Mapping[str, Any]) -> tuple[tuple[Entry, ...], Checkpoint]:
    """Return the entries that are proven, and the checkpoint they are proven by.

    Args:
        found: `{"verifier", "checkpoint", "leaves": [{"index", "leaf", "path"}, …]}`; hashes and leaves in base64.

    Raises:
        InvalidInput: a field is missing, unknown or malformed.
        VerificationFailed: the checkpoint is not signed by the verifier, or a leaf is not in its log.
    """
    if set(found) != _FIELDS:
        raise VerificationFailed(f"the log's part does not have exactly the fields {sorted(_FIELDS)}", code="log_form")
    text = strict.field(found, "verifier", str, "the log's part")
    verifier = checkpoint.parse_verifier(text)
    note = strict.field(found, "checkpoint", str, "the log's part")
    signed = checkpoint.verify(note, verifier)
    if verifier.text() != text or not _is_canonical(note, signed):
        raise VerificationFailed("the verifier or checkpoint has more in it than was signed", code="log_form")
    leaves = strict.field(found, "leaves", list, "the log's part")
    if not leaves:
        raise VerificationFailed("no leaf of the log is here", code="log_form")
    return tuple(_proven(leaf, signed) for leaf in leaves), signed


def _is_canonical(note: str, signed: Checkpoint) -> bool:
    """Tell whether the note is its body and one signature line, in the one spelling of both."""
    match = re.fullmatch(re.escape(f"{signed.body()}\n— {signed.origin} ") + r"([A-Za-z0-9+/]+=*)\n", note)
    return match is not None and base64.b64encode(base64.b64decode(match[1])).decode() == match[1]


def _proven(found: Any, signed: Checkpoint) -> Entry:
    if not isinstance(found, dict) or set(found) != _LEAF_FIELDS:
        raise VerificationFailed(f"a leaf does not have exactly the fields {sorted(_LEAF_FIELDS)}", code="log_form")
    index = strict.field(found, "index", int, "a leaf")
    leaf = strict.unbase64(strict.field(found, "leaf", str, "a leaf"), "a leaf")
    path = [strict.unbase64(each, "the path of a leaf") for each in strict.field(found, "path", list, "a leaf")]
    proofs.check_leaf(index, leaf, path, signed)
    return proofs.entry(index, strict.loads(leaf, f"leaf {index}"))
