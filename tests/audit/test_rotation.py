"""The key of the log changes: endorsed by the old one, found by every process, and never half done."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from clearance.app import Clearance
from clearance.audit import checkpoint, log, proofs, store
from clearance.audit.checkpoint import Verifier
from clearance.audit.events import Event
from clearance.audit.model import Verification
from clearance.client.client import Client
from clearance.errors import Conflict, InvalidInput, NotFound, VerificationFailed
from clearance.settings import Settings, load
from tests.audit.writing import newest, write


def rotate(parts: Clearance, reason: str = "yearly") -> Verifier:
    with parts.database.write() as tx:
        return log.rotate_key(tx, "user:ada", parts.log_keys, reason)


def verified(parts: Clearance, verifier: Verifier) -> Verification:
    with parts.database.read() as tx:
        return log.verify(tx, verifier)


def test_the_checkpoint_of_the_change_carries_both_signatures_and_later_ones_the_new(parts: Clearance) -> None:
    write(parts, 7)
    old = parts.log_verifier
    new = rotate(parts)
    switch = newest(parts)
    assert checkpoint.verify(switch, old) == checkpoint.verify(switch, new)
    write(parts, 300)
    assert parts.log_verifier == new
    checkpoint.verify(newest(parts), new)
    with pytest.raises(VerificationFailed, match="no signature by"):
        checkpoint.verify(newest(parts), old)
    with parts.database.read() as tx:
        (entry,) = log.entries(tx, event=Event.LOG_KEY_ROTATED).items
        keys = log.succession(tx, parts.log_keys)
    assert entry.data == {"from": old.text(), "to": new.text(), "reason": "yearly"}
    assert [(key.since, key.until) for key in keys] == [(0, 8), (8, None)]
    for pinned in (old, new):
        assert verified(parts, pinned).ok, verified(parts, pinned).problems
        assert proofs.check_succession(keys, pinned).newest == new
    stranger = Verifier(old.name, Ed25519PrivateKey.generate().public_key())
    assert not verified(parts, stranger).ok


def test_a_rotation_may_be_the_first_thing_that_happens(parts: Clearance) -> None:
    first = parts.log_verifier
    new = rotate(parts)
    write(parts, 2)
    assert verified(parts, first).ok
    assert parts.log_verifier == new


def test_a_succession_that_was_changed_is_refused(parts: Clearance) -> None:
    write(parts, 3)
    first = parts.log_verifier
    rotate(parts)
    write(parts, 3)
    rotate(parts, "again")
    with parts.database.read() as tx:
        keys = log.succession(tx, parts.log_keys)
    assert len(proofs.check_succession(keys, first).keys) == 3
    thief = Verifier(first.name, Ed25519PrivateKey.generate().public_key()).text()
    for wrong in (
        (*keys[:2], replace(keys[2], verifier=thief)),
        (keys[0], replace(keys[1], endorsement=None), keys[2]),
        (keys[0], replace(keys[1], endorsement=keys[2].endorsement), keys[2]),
        (keys[0], keys[2]),
        (replace(keys[0], verifier=thief), *keys[1:]),
    ):
        with pytest.raises(VerificationFailed):
            proofs.check_succession(wrong, first)


def test_a_checkpoint_from_before_a_rotation_is_compared_with_the_log_whichever_key_is_pinned(parts: Clearance) -> None:
    kept, pins = [], [parts.log_verifier]
    for _ in range(3):
        write(parts, 4)
        kept.append(newest(parts))
        pins.append(rotate(parts))
    write(parts, 4)
    with parts.database.read() as tx:
        keys = log.succession(tx, parts.log_keys)
        for pinned in pins:
            trusted = proofs.check_succession(keys, pinned)
            for note in kept:
                proof = log.prove_consistency(tx, checkpoint.parse(note).size)
                assert proofs.check_consistency(proof, trusted, note)[1].size == 19
            for since in (key.since for key in keys[1:]):
                assert proofs.check_consistency(log.prove_consistency(tx, since), trusted)[0].size == since


def test_a_key_that_was_replaced_signs_no_newer_log(parts: Clearance) -> None:
    old, key = parts.log_verifier, parts.log_keys.signer(parts.log_verifier.text())
    write(parts, 3)
    kept = newest(parts)
    new = rotate(parts)
    write(parts, 3)
    with parts.database.read() as tx:
        keys, proof = log.succession(tx, parts.log_keys), log.prove_consistency(tx, 3)
    forged = replace(proof, newer=checkpoint.sign(checkpoint.parse(proof.newer), key))
    for pinned in (old, new):
        with pytest.raises(VerificationFailed, match="no signature by"):
            proofs.check_consistency(forged, proofs.check_succession(keys, pinned), kept)
    with pytest.raises(VerificationFailed, match="no signature by"):
        proofs.check_succession(keys, new).verify(kept)


@pytest.mark.parametrize(
    ("statement", "problem"),
    [
        (lambda: sa.delete(store.checkpoints).where(store.checkpoints.c.size == 4), "no signature by"),
        (
            lambda: sa.update(store.keys).where(store.keys.c.since == 4).values(verifier="x+y+z"),
            "table of the log's keys",
        ),
        (lambda: sa.delete(store.keys).where(store.keys.c.since == 4), "table of the log's keys"),
    ],
    ids=["its checkpoint is gone", "the table names another", "the table forgets it"],
)
def test_tampering_with_a_rotation_is_found(parts: Clearance, statement: object, problem: str) -> None:
    write(parts, 3)
    rotate(parts)
    write(parts, 5)
    with parts.database.write() as tx:
        tx.execute(statement())  # type: ignore[operator]
    found = verified(parts, parts.log_verifier)
    assert any(problem in each for each in found.problems), found.problems


def test_another_process_finds_the_new_key_at_its_next_commit(parts: Clearance) -> None:
    other = Clearance(parts.settings, parts.clock)
    write(parts, 2)
    write(other, 2)
    new = rotate(parts)
    write(other, 2)
    checkpoint.verify(newest(other), new)
    newer = rotate(other)
    write(parts, 2)
    checkpoint.verify(newest(parts), newer)
    assert verified(parts, newer).ok
    other.close()


def test_a_process_without_the_key_refuses_to_write_and_says_what_it_needs(parts: Clearance, tmp_path: Path) -> None:
    write(parts, 2)
    elsewhere = Clearance(replace(parts.settings, home=tmp_path / "elsewhere"), parts.clock)
    with pytest.raises(VerificationFailed, match="is not in") as refused:
        write(elsewhere, 1)
    assert "every server needs them" in refused.value.hint
    renamed = Clearance(replace(parts.settings, log_origin="bank.example/log"), parts.clock)
    with pytest.raises(Conflict, match=r"called clearance\.local/log since its first leaf"):
        write(renamed, 1)
    assert verified(parts, parts.log_verifier).leaves == 2
    for each in (elsewhere, renamed):
        each.close()


def test_a_change_that_is_rolled_back_leaves_the_old_key_at_work(parts: Clearance) -> None:
    write(parts, 2)
    old = parts.log_verifier

    def fail_halfway() -> None:
        with parts.database.write() as tx:
            log.rotate_key(tx, "user:ada", parts.log_keys, "yearly")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_halfway()
    write(parts, 2)
    assert parts.log_verifier == old
    assert verified(parts, old).ok
    with pytest.raises(InvalidInput, match="say why"):
        rotate(parts, " ")


ROTATES = """
import sys
from pathlib import Path
from clearance.app import Clearance
from clearance.audit import log
from clearance.settings import load
parts = Clearance(load(home=Path(sys.argv[1])))
print("ready", flush=True)
while True:
    with parts.database.write() as tx:
        log.rotate_key(tx, "user:ada", parts.log_keys, "again")
    print("rotated", flush=True)
"""


def test_a_process_killed_while_it_rotates_leaves_a_usable_log(settings: Settings) -> None:
    parts = Clearance(settings)
    write(parts, 3)
    first = parts.log_verifier
    environment = os.environ | {"CLEARANCE_DATABASE_URL": settings.database_url}
    for pause in (0.0, 0.011, 0.023, 0.05):
        process = subprocess.Popen(
            [sys.executable, "-c", ROTATES, str(settings.home)], stdout=subprocess.PIPE, text=True, env=environment
        )
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        assert pause or process.stdout.readline() == "rotated\n", "killed after the first, and in the middle of others"
        time.sleep(pause)
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        write(parts, 1)
        found = verified(parts, first)
        assert found.ok, found.problems
    with parts.database.read() as tx:
        keys = log.succession(tx, parts.log_keys)
    assert len(keys) > 1
    assert proofs.check_succession(keys, first).newest == parts.log_verifier
    parts.close()


def test_the_client_rotates_and_reads_every_key(client: Client, sqlite_parts: Clearance) -> None:
    write(sqlite_parts, 300)
    old = client.audit.key()
    keys = client.audit.rotate_key("yearly")
    assert [key.verifier for key in keys] == [old, client.audit.key()]
    assert client.audit.keys() == keys
    status = client.audit.status()
    assert (status.keys, status.checkpoint, status.witnesses) == (keys, client.audit.checkpoint(), ())
    assert client.audit.read("checkpoint").decode() == status.published
    with pytest.raises(NotFound):
        client.audit.read("tile/0/002")
    with pytest.raises(InvalidInput):
        client.audit.read("etc/passwd")


def test_an_installation_whose_keys_were_lost_says_so(tmp_path: Path) -> None:
    parts = Clearance(load({}, home=tmp_path / "home"))
    write(parts, 2)
    parts.close()
    shutil.rmtree(tmp_path / "home" / "keys")
    again = Clearance(load({}, home=tmp_path / "home"))
    with pytest.raises(VerificationFailed, match="the key that signs this log"):
        write(again, 1)
    again.close()
