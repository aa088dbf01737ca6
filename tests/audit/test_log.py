"""The log: leaves commit with their change, proofs hold, and every kind of tampering is found."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from clearance.access.store import tokens
from clearance.app import Clearance
from clearance.audit import checkpoint, log, offline, proofs, store, tree
from clearance.audit.events import Event
from clearance.audit.model import Verification
from clearance.audit.proofs import Succession
from clearance.client.client import Client
from clearance.errors import InvalidInput, NotFound, VerificationFailed
from clearance.storage.database import UnauditedChange
from tests.audit.writing import write


def verify(parts: Clearance) -> Verification:
    with parts.database.read() as tx:
        return log.verify(tx, parts.log_verifier)


def test_a_log_of_any_length_verifies_and_every_leaf_is_proven(parts: Clearance) -> None:
    assert verify(parts).ok
    write(parts, 11)
    assert verify(parts) == replace(verify(parts), ok=True, leaves=11, checkpoints=1, problems=())
    with parts.database.read() as tx:
        for index in range(11):
            entry = proofs.check_inclusion(log.prove_inclusion(tx, index), parts.log_verifier)
            assert (entry.subject, entry.data) == (f"model/m{index}", {"key": index})
        with pytest.raises(NotFound, match="no leaf 11"):
            log.prove_inclusion(tx, 11)
        with pytest.raises(NotFound, match="kept at size 4"):
            log.prove_consistency(tx, 3, 4)


def test_a_log_is_shown_to_have_grown_from_any_checkpoint_that_somebody_kept(parts: Clearance) -> None:
    kept: list[str] = []
    for count in (3, 3, 250, 44):
        write(parts, count, batch=count)
        with parts.database.read() as tx:
            kept.append(store.latest_checkpoint(tx) or "")
    keys = Succession((parts.log_verifier,))
    with parts.database.read() as tx:
        for note, size in zip(kept, (3, 6, 256, 300), strict=True):
            proof = log.prove_consistency(tx, size)
            older, newer = proofs.check_consistency(proof, keys, note)
            assert (older.size, newer.size) == (size, 300)
        assert log.prove_consistency(tx, 256).older == kept[2], (
            "where a tile became full, the log keeps the checkpoint itself"
        )
        unkept = log.prove_consistency(tx, 6)
    with pytest.raises(InvalidInput, match="did not keep its checkpoint at size 6"):
        proofs.check_consistency(unkept, keys)
    with pytest.raises(VerificationFailed, match="not shown to begin with the one of 3"):
        proofs.check_consistency(unkept, keys, kept[0])


def test_a_proof_that_was_changed_is_refused(parts: Clearance) -> None:
    write(parts, 9)
    with parts.database.read() as tx:
        proof, other = log.prove_inclusion(tx, 4), log.prove_inclusion(tx, 5)
    for wrong in (
        replace(proof, index=5),
        replace(proof, index=99),
        replace(proof, leaf=other.leaf),
        replace(proof, path=proof.path[1:]),
        replace(proof, path=("!", *proof.path[1:])),
        replace(proof, checkpoint=proof.checkpoint.replace("9", "8", 1)),
    ):
        with pytest.raises(VerificationFailed):
            proofs.check_inclusion(wrong, parts.log_verifier)
    write(parts, 260)
    with parts.database.read() as tx:
        grown = log.prove_consistency(tx, 258)
    for changed in (
        replace(grown, path=grown.path[1:]),
        replace(grown, path=grown.path[::-1]),
        replace(grown, older=grown.newer, newer=grown.older),
    ):
        with pytest.raises(VerificationFailed):
            proofs.check_consistency(changed, Succession((parts.log_verifier,)))


def test_a_change_without_a_leaf_is_not_committed(parts: Clearance) -> None:
    with pytest.raises(UnauditedChange, match="access_tokens"), parts.database.write() as tx:
        tx.execute(sa.delete(tokens))


def test_a_transaction_that_fails_leaves_neither_change_nor_leaf(parts: Clearance) -> None:
    def fail_halfway() -> None:
        with parts.database.write() as tx:
            log.record(tx, Event.TAG_SET, actor="user:ada", subject="model/m", data={"key": "k"})
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_halfway()
    assert verify(parts).leaves == 0


def test_writers_at_once_make_one_tree(parts: Clearance) -> None:
    parts.database  # noqa: B018  # made before the threads start
    threads = [threading.Thread(target=write, args=(parts, 12, 2)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = verify(parts)
    assert (found.ok, found.leaves, found.checkpoints) == (True, 48, 1)


def flip(data: bytes, place: int) -> bytes:
    return data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]


def test_any_changed_byte_of_any_leaf_is_found(sqlite_parts: Clearance) -> None:
    write(sqlite_parts, 4)
    with sqlite_parts.database.read() as tx:
        leaves = [(position, leaf) for position, leaf, *_ in store.all_leaves(tx)]
    for position, leaf in leaves:
        for place in range(len(leaf)):
            with sqlite_parts.database.write() as tx:
                where = store.leaves.c.position == position
                tx.execute(sa.update(store.leaves).where(where).values(leaf=flip(leaf, place)))
            assert not verify(sqlite_parts).ok, (position, place)
        with sqlite_parts.database.write() as tx:
            tx.execute(sa.update(store.leaves).where(store.leaves.c.position == position).values(leaf=leaf))
    assert verify(sqlite_parts).ok


def edit(table: sa.Table, where: sa.ColumnElement[bool], **values: object) -> sa.Update:
    return sa.update(table).where(where).values(**values)


LEAF, TILE = store.leaves.c.position, store.full_tiles.c.position
TAMPERINGS: dict[str, tuple[Callable[[], list[sa.Executable]], str]] = {
    "the last leaf is cut off": (lambda: [sa.delete(store.leaves).where(LEAF == 299)], "truncated"),
    "a leaf in the middle is missing": (lambda: [sa.delete(store.leaves).where(LEAF == 2)], "leaf 2 is missing"),
    "the last leaves are cut off and the head says so": (
        lambda: [sa.delete(store.leaves).where(LEAF >= 290), edit(store.head, store.head.c.id == 1, size=290)],
        "signed for size 300",
    ),
    "the log is cut back to a checkpoint that was kept, but not its tiles": (
        lambda: [sa.delete(store.leaves).where(LEAF >= 200)],
        "leaves that are not here",
    ),
    "an actor column says somebody else": (
        lambda: [edit(store.leaves, LEAF == 1, actor="user:eve")],
        "its actor column says user:eve",
    ),
    "a time column says another time": (
        lambda: [edit(store.leaves, LEAF == 1, at=datetime(2026, 1, 1, tzinfo=UTC))],
        "its at column says 2026-01-01T00:00:00.000000Z",
    ),
    "a leaf and its hash are replaced by those of another": (
        lambda: [
            edit(
                store.leaves,
                LEAF == 270,
                leaf=sa.select(store.leaves.c.leaf).where(LEAF == 3).scalar_subquery(),
                hash=sa.select(store.leaves.c.hash).where(LEAF == 3).scalar_subquery(),
            )
        ],
        "a leaf up to 299 was changed",
    ),
    "a tile of hashes is changed": (
        lambda: [edit(store.full_tiles, TILE == 0, hashes=bytes(8192))],
        "tile/0/000 is not the tile of the leaves from 0 on",
    ),
    "the tile of a tile is changed": (lambda: [edit(store.full_tiles, TILE == 0, root=bytes(32))], "tile/0/000 is not"),
    "what the next leaf is appended to is changed": (
        lambda: [edit(store.head, store.head.c.id == 1, peaks=bytes(32 * 4))],
        "the next leaf would be appended to a log of 300 leaves that is not the one",
    ),
    "the newest checkpoint is gone": (
        lambda: [edit(store.head, store.head.c.id == 1, note="")],
        "no checkpoint was signed at that size",
    ),
    "the newest checkpoint was edited": (
        lambda: [edit(store.head, store.head.c.id == 1, note=sa.func.replace(store.head.c.note, "\n300\n", "\n301\n"))],
        "signature is wrong",
    ),
    "a kept checkpoint was edited": (
        lambda: [
            sa.update(store.checkpoints).values(note=sa.func.replace(store.checkpoints.c.note, "\n258\n", "\n257\n"))
        ],
        "signature is wrong",
    ),
    "a kept checkpoint is said to be of another size": (
        lambda: [sa.update(store.checkpoints).values(size=257)],
        "checkpoint at size 257 is signed for size 258",
    ),
}


@pytest.mark.parametrize("name", TAMPERINGS)
def test_tampering_is_found_and_named(parts: Clearance, name: str) -> None:
    write(parts, 300)
    statements, message = TAMPERINGS[name]
    assert verify(parts).ok
    with parts.database.write() as tx:
        for statement in statements():
            tx.execute(statement)
    found = verify(parts)
    assert not found.ok
    assert any(message in problem for problem in found.problems), found.problems


def test_a_log_signed_by_another_key_does_not_verify(parts: Clearance) -> None:
    write(parts, 2)
    other = checkpoint.Verifier(parts.settings.log_origin, Ed25519PrivateKey.generate().public_key())
    with parts.database.read() as tx:
        assert not log.verify(tx, other).ok
        proof = log.prove_inclusion(tx, 0)
    with pytest.raises(VerificationFailed, match="no signature by"):
        proofs.check_inclusion(proof, other)
    with pytest.raises(VerificationFailed, match=r"of the log 'clearance\.local/log'"):
        proofs.check_inclusion(proof, replace(other, name="elsewhere"))


def test_a_verifier_survives_its_text_and_a_bad_one_is_refused(parts: Clearance) -> None:
    text = parts.log_verifier.text()
    assert checkpoint.parse_verifier(text).text() == text
    for bad in ("", "x", text[:-4] + "AAAA", text.replace("+", "-"), "other" + text):
        with pytest.raises(InvalidInput, match="not a log verifier"):
            checkpoint.parse_verifier(bad)


def test_the_signed_note_is_what_the_format_says() -> None:
    # c2sp.org/signed-note: text, empty line, em dash, key name, base64 of key id (4 bytes) and signature (64 bytes).
    key = Ed25519PrivateKey.from_private_bytes(bytes(32))
    note = checkpoint.sign(checkpoint.Checkpoint("example.com/log", 0, tree.empty_root()), key)
    lines = note.split("\n")
    assert lines[:2] == ["example.com/log", "0"]
    assert (lines[3], lines[5]) == ("", "")
    assert lines[4].startswith("\u2014 example.com/log ")


def test_entries_come_newest_first_in_pages_and_by_subject(client: Client, sqlite_parts: Clearance) -> None:
    write(sqlite_parts, 7)
    assert [entry.index for entry in client.audit.entries(limit=2)] == [6, 5, 4, 3, 2, 1, 0]
    assert [entry.index for entry in client.audit.entries(subject="model/m3")] == [3]
    assert list(client.audit.entries(event=Event.TOKEN_ISSUED)) == []
    assert client.audit.verify().ok
    assert client.audit.checkpoint().startswith(sqlite_parts.settings.log_origin)


def test_a_copy_of_the_file_verifies_with_nothing_but_the_pinned_key(sqlite_parts: Clearance, tmp_path: Path) -> None:
    write(sqlite_parts, 5)
    pinned = sqlite_parts.log_verifier
    source = sqlite_parts.settings.home / "clearance.db"
    for suffix in ("", "-wal"):
        shutil.copyfile(f"{source}{suffix}", tmp_path / f"copy.db{suffix}")
    assert offline.verify_file(tmp_path / "copy.db", pinned).leaves == 5
    with sqlite_parts.database.write() as tx:
        tx.execute(sa.update(store.leaves).where(store.leaves.c.position == 4).values(leaf=b"{}"))
    sqlite_parts.close()
    assert not offline.verify_file(source, pinned).ok
    (tmp_path / "other.db").write_text("not a database")
    with pytest.raises(InvalidInput, match="holds no audit log"):
        offline.verify_file(tmp_path / "other.db", pinned)
    with pytest.raises(InvalidInput, match="can't be read"):
        offline.verify_file(tmp_path / "none.db", pinned)
