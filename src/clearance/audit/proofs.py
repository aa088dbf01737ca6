"""Checks proofs of the log with nothing but its key: what an outsider does; pure."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic_core import from_json

from clearance.audit import checkpoint, tree
from clearance.audit.checkpoint import Checkpoint, Verifier
from clearance.audit.events import Event
from clearance.audit.model import ConsistencyProof, Entry, InclusionProof, LogKey
from clearance.errors import InvalidInput, VerificationFailed


def check_inclusion(proof: InclusionProof, verifier: Verifier) -> Entry:
    """Return the entry that a proof shows to be in the log.

    Raises:
        VerificationFailed: the checkpoint's signature or the path is wrong.
    """
    return check_under(proof, checkpoint.verify(proof.checkpoint, verifier))


def check_under(proof: InclusionProof, signed: Checkpoint) -> Entry:
    """Return the entry that a proof shows to be in the log of a checkpoint that is verified already.

    Raises:
        VerificationFailed: the path is wrong.
    """
    leaf = _bytes(proof.leaf)
    check_leaf(proof.index, leaf, [_bytes(each) for each in proof.path], signed)
    return read_leaf(proof.index, leaf)


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


@dataclass(frozen=True, slots=True)
class Succession:
    """The keys of a log, each of which is shown to be named by the one before it.

    Attributes:
        keys: oldest first.
        until: the size until which each signed, of all but the last.
        pinned: which of them is trusted to begin with.
    """

    keys: tuple[Verifier, ...]
    until: tuple[int, ...] = ()
    pinned: int = 0

    @property
    def newest(self) -> Verifier:
        """Return the key that signs now."""
        return self.keys[-1]

    def verify(self, note: str) -> Checkpoint:
        """Return a checkpoint of the log as it is now, once it is signed by the key of its size, from the pinned one on.

        Raises:
            VerificationFailed: it is not.
        """
        return checkpoint.verify(note, self.keys[max(self._signed_at(note), self.pinned)])

    def verify_kept(self, note: str) -> Checkpoint:
        """Return a checkpoint that somebody kept, once it is signed by the key of its size, if also before the pinned one.

        The pinned key signed the leaf that names the one before it. Such a checkpoint is compared with the log, and says
        nothing about it by itself.

        Raises:
            VerificationFailed: it is not.
        """
        return checkpoint.verify(note, self.keys[self._signed_at(note)])

    def _signed_at(self, note: str) -> int:
        size = checkpoint.parse(note).size
        return sum(until < size for until in self.until)


def check_consistency(
    proof: ConsistencyProof, keys: Succession, kept: str | None = None
) -> tuple[Checkpoint, Checkpoint]:
    """Return the older and the newer checkpoint, once the proof shows that the log only grew between them.

    Args:
        proof: as the log gave it.
        keys: the log's.
        kept: the older checkpoint, a signed note that was kept; needed where the log did not keep its own.

    Raises:
        VerificationFailed: a checkpoint's signature or the path is wrong.
        InvalidInput: there is no older checkpoint to compare with.
    """
    note = kept or proof.older
    if not note:
        raise InvalidInput(
            f"the log did not keep its checkpoint at size {proof.size}, so there is nothing to compare it with",
            code="checkpoint_missing",
            hint="give the checkpoint that you kept, as a file",
        )
    older, newer = keys.verify_kept(note), keys.verify(proof.newer)
    path = [_bytes(each) for each in proof.path]
    if not tree.is_consistent(older.size, older.root, newer.size, newer.root, path):
        raise VerificationFailed(
            f"the log of {newer.size} leaves is not shown to begin with the one of {older.size}",
            code="consistency_invalid",
            hint="keep both checkpoints and the proof: the log may have been rewritten",
        )
    return older, newer


def check_succession(keys: Sequence[LogKey], pinned: Verifier) -> Succession:
    """Return a log's keys, the pinned one among them, once each is shown to be named by the one before it.

    A key is named by a leaf under a checkpoint that both the old and the new key signed.

    Raises:
        VerificationFailed: the pinned key is not among them, or a step is not proven.
    """
    texts = [key.verifier for key in keys]
    if pinned.text() not in texts:
        raise VerificationFailed(
            f"the log is signed by {texts[-1] if texts else 'nobody'}, and nothing leads there from the key you pinned",
            code="log_key_differs",
            hint="somebody replaced the log or its key: keep what you have, and compare it with others' copies",
        )
    trusted, until = [checkpoint.parse_verifier(texts[0])], []
    for key in keys[1:]:
        successor = checkpoint.parse_verifier(key.verifier)
        if key.endorsement is None:
            raise _not_endorsed(key.verifier)
        named = check_inclusion(key.endorsement, trusted[-1])
        until.append(checkpoint.verify(key.endorsement.checkpoint, successor).size)
        facts = (named.event, named.data.get("from"), named.data.get("to"))
        if facts != (Event.LOG_KEY_ROTATED, trusted[-1].text(), key.verifier):
            raise _not_endorsed(key.verifier)
        trusted.append(successor)
    return Succession(tuple(trusted), tuple(until), texts.index(pinned.text()))


def read_leaf(index: int, leaf: bytes) -> Entry:
    """Return a leaf's bytes as an entry.

    Raises:
        VerificationFailed: they are not those of a leaf.
    """
    try:
        return entry(index, from_json(leaf))
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise VerificationFailed(f"leaf {index} can't be read", code="leaf_form") from error


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


def _not_endorsed(verifier: str) -> VerificationFailed:
    return VerificationFailed(f"the key before it did not name {verifier}", code="log_key_unproven")


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise VerificationFailed("the proof is not base64", code="proof_form") from error
