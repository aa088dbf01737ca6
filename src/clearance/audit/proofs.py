"""Checks proofs of the log with nothing but its key: what an outsider does; pure."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from clearance.audit import checkpoint, tree
from clearance.audit.checkpoint import Checkpoint, Verifier
from clearance.audit.model import ConsistencyProof, Entry, InclusionProof
from clearance.errors import VerificationFailed


def check_inclusion(proof: InclusionProof, verifier: Verifier) -> Entry:
    """Return the entry that a proof shows to be in the log.

    Raises:
        VerificationFailed: the checkpoint's signature or the path is wrong.
    """
    signed = checkpoint.verify(proof.checkpoint, verifier)
    leaf = _bytes(proof.leaf)
    check_leaf(proof.index, leaf, [_bytes(each) for each in proof.path], signed)
    try:
        return entry(proof.index, json.loads(leaf))
    except (ValueError, KeyError, TypeError) as error:
        raise VerificationFailed(f"leaf {proof.index} is in the log, but can't be read", code="leaf_form") from error


def check_leaf(index: int, leaf: bytes, path: Sequence[bytes], signed: Checkpoint) -> None:
    """Check that a leaf is in the log that a checkpoint, verified already, was signed over.

    Raises:
        VerificationFailed: it is not.
    """
    try:
        root = tree.root_from_inclusion(tree.leaf_hash(leaf), index, signed.size, path)
    except ValueError as error:
        raise VerificationFailed(f"leaf {index} is not proven: {error}", code="inclusion_invalid") from error
    if root != signed.root:
        raise VerificationFailed(f"leaf {index} is not in the log of the checkpoint", code="inclusion_invalid")


def check_consistency(proof: ConsistencyProof, verifier: Verifier) -> tuple[Checkpoint, Checkpoint]:
    """Return the older and the newer checkpoint, once the proof shows that the log only grew between them.

    Raises:
        VerificationFailed: a checkpoint's signature or the path is wrong.
    """
    older, newer = (checkpoint.verify(note, verifier) for note in (proof.older, proof.newer))
    path = [_bytes(each) for each in proof.path]
    if not tree.is_consistent(older.size, older.root, newer.size, newer.root, path):
        raise VerificationFailed(
            f"the log of {newer.size} leaves is not shown to begin with the one of {older.size}",
            code="consistency_invalid",
            hint="keep both checkpoints and the proof: the log may have been rewritten",
        )
    return older, newer


def entry(index: int, found: Mapping[str, Any]) -> Entry:
    """Return a leaf's JSON as an entry.

    Raises:
        KeyError, TypeError, ValueError: it is not the JSON of a leaf.
    """
    return Entry(
        index=index,
        at=datetime.fromisoformat(found["at"]),
        event=found["event"],
        actor=found["actor"],
        subject=found["subject"],
        data=found["data"],
    )


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise VerificationFailed("the proof is not base64", code="proof_form") from error
