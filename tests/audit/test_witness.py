"""Witnesses vouch for a log that only grows, over real HTTP; the log asks them beside its commits."""

from __future__ import annotations

import base64
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from clearance import server
from clearance.access import service as access
from clearance.access.model import NewToken, Role
from clearance.app import Clearance
from clearance.audit import checkpoint, log, monitor, publishing, store, tree
from clearance.audit.checkpoint import WITNESS, Checkpoint, Verifier
from clearance.audit.events import Event
from clearance.audit.model import Suspicion
from clearance.audit.monitor import Watch
from clearance.audit.sources import Folder
from clearance.audit.witness import Request, Witness, parse_request, serve
from clearance.audit.witnessing import Outside, Witnesses, parse_witnesses
from clearance.cli.main import app as cli
from clearance.errors import InvalidInput, Unavailable, VerificationFailed
from clearance.settings import load
from tests.audit.writing import Served, newest, size, write
from tests.conftest import person

NOW = 1_767_600_000


class Outsider:
    """A witness at work on a port of its own."""

    def __init__(self, name: str, parts: Clearance, folder: Path) -> None:
        self.witness = Witness(
            name, Ed25519PrivateKey.generate(), (parts.log_verifier,), folder / f"{name}.json", lambda: NOW
        )
        self.server = serve(self.witness, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def asked(self) -> Outside:
        return Outside(self.witness.verifier, self.url)

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def outsiders(parts: Clearance, tmp_path: Path) -> Iterator[tuple[Outsider, Outsider]]:
    write(parts, 5)
    both = Outsider("one", parts, tmp_path), Outsider("two", parts, tmp_path)
    yield both
    for each in both:
        each.close()


def test_the_published_checkpoint_is_the_newest_that_enough_witnesses_vouched_for(
    parts: Clearance, outsiders: tuple[Outsider, Outsider]
) -> None:
    one, two = outsiders
    witnesses = Witnesses(parts.database, [one.asked, two.asked], 0)
    verifiers = [one.witness.verifier, two.witness.verifier]
    watch = Watch(pinned=parts.log_verifier, witnesses=verifiers, quorum=2)

    class Published(Served):
        def read(self, path: str) -> bytes:
            with self.parts.database.read() as tx:
                return log.published_file(tx, self.parts.log_keys, path, witnesses.quorum)

    found = monitor.look(Published(parts), watch).sighting
    assert [finding.kind for finding in found.findings] == [Suspicion.WITNESSES]
    witnesses.turn()
    seen = monitor.look(Published(parts), watch)
    assert seen.sighting.ok, seen.sighting.findings
    assert seen.sighting.cosigned == {"one": NOW, "two": NOW}
    two.close()
    write(parts, 300)
    witnesses.turn()
    assert checkpoint.parse(monitor.look(Published(parts), watch).note).size == 5, "the second witness is away"
    with parts.database.read() as tx:
        assert log.published_checkpoint(tx, 1).startswith(newest(parts)), "for one witness the newest will do"
        status = witnesses.status(tx, parts.log_keys)
        assert log.verify(tx, parts.log_verifier).ok
    assert [(each.witness, each.size) for each in status.cosignatures] == [("one", 305), ("two", 5)]


def test_what_no_witness_vouched_for_yet_is_told_by_publishing_status_and_monitor(
    parts: Clearance, outsiders: tuple[Outsider, Outsider], tmp_path: Path
) -> None:
    one, two = outsiders
    witnesses = Witnesses(parts.database, [one.asked, two.asked], 0)
    watch = Watch(pinned=parts.log_verifier, witnesses=[one.witness.verifier, two.witness.verifier], quorum=2)

    class Published(Served):
        def read(self, path: str) -> bytes:
            with self.parts.database.read() as tx:
                return log.published_file(tx, self.parts.log_keys, path, witnesses.quorum)

    witnesses.turn()
    two.close()
    done = publishing.publish(Published(parts), Folder(tmp_path / "public"))
    assert (done.size, done.waiting, done.waiting_since) == (5, 0, None)
    write(parts, 300)
    witnesses.turn()
    done = publishing.publish(Published(parts), Folder(tmp_path / "public"))
    with parts.database.read() as tx:
        status = witnesses.status(tx, parts.log_keys)
        (first,) = log.following(tx, 5, Event, 1)
    assert (done.size, done.waiting, done.waiting_since) == (5, 300, first.at)
    assert (status.waiting, status.waiting_since, status.behind) == (300, first.at, ("two",))
    sighting = monitor.look(Folder(tmp_path / "public"), watch).sighting
    assert (sighting.ok, sighting.size, sighting.waiting) == (True, 5, 300), sighting.findings
    (tmp_path / "public" / "newest").write_text(newest(parts).replace("305", "306"))
    (finding,) = monitor.look(Folder(tmp_path / "public"), watch).sighting.findings
    assert (finding.kind, finding.path) == (Suspicion.SIGNATURE, "newest")
    (tmp_path / "public" / "newest").unlink()
    assert monitor.look(Folder(tmp_path / "public"), watch).sighting.waiting == 0, "other publishers need not tell"


def test_the_command_and_the_console_say_who_did_not_vouch_and_since_when(tmp_path: Path) -> None:
    first = Clearance(load({}, home=tmp_path / "home"))
    write(first, 5)
    away = Outsider("away", first, tmp_path)
    first.close()
    environment = {"CLEARANCE_LOG_WITNESSES": f"{away.witness.verifier.text()} {away.url}"}
    parts = Clearance(load(environment, home=tmp_path / "home"))
    parts.witnesses.turn()
    away.close()
    with parts.database.write() as tx:
        token = access.issue_token(tx, person("ada"), NewToken(name="ada", roles=(Role.ADMIN,))).secret
    words = ["--home", str(tmp_path / "home"), "audit", "publish", str(tmp_path / "public")]
    done = CliRunner().invoke(cli, words, env=environment, catch_exceptions=False)
    said = " ".join(done.stdout.split())
    assert "5 leaves published" in said
    assert "1 leaf is not vouched for yet, since 20" in said
    assert "away did not cosign" in said
    with TestClient(server.create(parts), base_url="https://console") as client:
        client.post("/login", data={"token": token})
        page = client.get("/audit").text
    assert "not vouched for yet, since 20" in page
    assert "away did not cosign" in page
    parts.close()


def test_a_witness_vouches_for_nothing_but_growth(parts: Clearance, outsiders: tuple[Outsider, Outsider]) -> None:
    witness = outsiders[0].witness
    note = newest(parts)
    vouched = witness.add_checkpoint(Request(0, (), note).text())
    assert vouched.status is HTTPStatus.OK
    assert checkpoint.cosignatures(note + vouched.text, [witness.verifier]) == {"one": NOW}
    again = witness.add_checkpoint(Request(0, (), note).text())
    assert (again.status, again.text, again.content_type) == (HTTPStatus.CONFLICT, "5\n", "text/x.tlog.size")
    assert witness.add_checkpoint(Request(5, (), note).text()).status is HTTPStatus.OK, (
        "the same once more is no growth to deny"
    )

    key = parts.log_keys.signer(parts.log_verifier.text())
    origin = parts.log_verifier.name
    forked = checkpoint.sign(Checkpoint(origin, 5, tree.leaf_hash(b"x")), key)
    assert witness.add_checkpoint(Request(5, (), forked).text()).status is HTTPStatus.CONFLICT
    grown = checkpoint.sign(Checkpoint(origin, 9, tree.leaf_hash(b"x")), key)
    assert witness.add_checkpoint(Request(5, (), grown).text()).status is HTTPStatus.UNPROCESSABLE_ENTITY
    assert witness.add_checkpoint(Request(5, (bytes(32),) * 3, grown).text()).status is HTTPStatus.UNPROCESSABLE_ENTITY
    assert witness.add_checkpoint(Request(10, (), grown).text()).status is HTTPStatus.BAD_REQUEST
    stranger = checkpoint.sign(Checkpoint(origin, 9, tree.leaf_hash(b"x")), Ed25519PrivateKey.generate())
    assert witness.add_checkpoint(Request(5, (), stranger).text()).status is HTTPStatus.FORBIDDEN
    elsewhere = checkpoint.sign(Checkpoint("elsewhere", 9, tree.leaf_hash(b"x")), key)
    assert witness.add_checkpoint(Request(0, (), elsewhere).text()).status is HTTPStatus.NOT_FOUND
    write(parts, 4)
    with parts.database.read() as tx:
        path = tuple(log.consistency_path(tx, 5, 9))
    assert witness.add_checkpoint(Request(5, path, newest(parts)).text()).status is HTTPStatus.OK


def test_a_witness_that_is_behind_or_ahead_of_what_the_log_knows_is_understood(
    parts: Clearance, outsiders: tuple[Outsider, Outsider]
) -> None:
    one, _ = outsiders
    witnesses = Witnesses(parts.database, [one.asked], 0)
    one.witness.add_checkpoint(Request(0, (), newest(parts)).text())
    write(parts, 2)
    assert witnesses.ask(one.asked), "it says at which size it is, and is asked again from there"
    assert not witnesses.ask(one.asked), "and not again for the same"
    write(parts, 1)
    key = parts.log_keys.signer(parts.log_verifier.text())
    with parts.database.read() as tx:
        grown = tree.RollingRoot(8, store.read_head(tx).peaks)
        path = log.consistency_path(tx, 7, 8)
    grown.add(b"restored without this one")
    far = checkpoint.sign(Checkpoint(parts.log_verifier.name, 9, grown.root()), key)
    path = [*_proof(parts, 7, grown)] or path
    assert one.witness.add_checkpoint(Request(7, tuple(path), far).text()).status is HTTPStatus.OK
    with pytest.raises(VerificationFailed, match="it has seen 9 leaves of this log, and there are 8"):
        witnesses.ask(one.asked)


def _proof(parts: Clearance, older: int, grown: tree.RollingRoot) -> list[bytes]:
    """Return the proof of growth to a log that has one leaf more than the database."""
    with parts.database.read() as tx:
        hashes = store.hashes_below(tx, 0, 0, 8)
    hashes.append(tree.leaf_hash(b"restored without this one"))

    def read(level: int, index: int) -> bytes:
        part = tree.RollingRoot()
        for each in hashes[index << level : (index + 1) << level]:
            part.add_hash(each)
        return part.root()

    assert tree.root(read, 9) == grown.root()
    return tree.consistency_proof(read, older, 9)


def test_one_witness_that_is_away_or_lies_keeps_no_other(
    parts: Clearance, outsiders: tuple[Outsider, Outsider], caplog: pytest.LogCaptureFixture
) -> None:
    one, two = outsiders
    away = Outside(Verifier("away", Ed25519PrivateKey.generate().public_key(), WITNESS), "http://127.0.0.1:9")
    liar = Outside(Verifier("liar", Ed25519PrivateKey.generate().public_key(), WITNESS), one.url)
    witnesses = Witnesses(parts.database, [away, liar, two.asked], 1)
    for _ in range(2):
        witnesses.turn()
    told = [record.getMessage() for record in caplog.records]
    assert len(told) == 2, "the same complaint is told once"
    assert "away did not vouch" in told[0]
    assert "its cosignature is wrong" in told[1]
    with parts.database.read() as tx:
        assert store.cosigned_sizes(tx) == {"two": 5}
    with pytest.raises(Unavailable):
        witnesses.ask(away)


def test_commits_do_not_wait_for_witnesses_and_a_server_asks_them_by_itself(tmp_path: Path) -> None:
    from tests.server.process import Server

    key = Ed25519PrivateKey.generate()
    other = Server(tmp_path / "home", log_public="1")
    asked = Outsider.__new__(Outsider)
    asked.witness = Witness("w", key, (other.parts.log_verifier,), tmp_path / "w.json", lambda: NOW)
    asked.server = serve(asked.witness, "127.0.0.1", 0)
    threading.Thread(target=asked.server.serve_forever, daemon=True).start()
    other.environment["CLEARANCE_LOG_WITNESSES"] = (
        f"{asked.witness.verifier.text()} http://127.0.0.1:{asked.server.server_port}"
    )
    other.start()
    try:
        deadline = 200
        while deadline:
            public = httpx.get(f"{other.url}/api/v1/audit/tlog/checkpoint")
            assert public.status_code == HTTPStatus.OK, "public, as it is set"
            if checkpoint.cosignatures(public.text, [asked.witness.verifier]):
                break
            threading.Event().wait(0.1)
            deadline -= 1
        assert deadline, "the server asked its witness by itself"
        assert httpx.get(f"{other.url}/api/v1/audit/tlog/tile/0/000.p/1").headers["cache-control"] == "no-cache"
        assert httpx.get(f"{other.url}/api/v1/audit/tlog/tile/0/000").status_code == HTTPStatus.NOT_FOUND
        assert httpx.get(f"{other.url}/api/v1/audit/checkpoint").status_code == HTTPStatus.UNAUTHORIZED
    finally:
        other.close()
        asked.close()


def test_a_witness_killed_at_any_moment_never_vouches_for_two_histories(
    sqlite_parts: Clearance, tmp_path: Path
) -> None:
    write(sqlite_parts, 5)
    command = [sys.executable, "-m", "clearance", "audit", "witness", "w/1", "--port", "0"]
    command += ["--log", sqlite_parts.log_verifier.text(), "--folder", str(tmp_path / "w")]
    key = sqlite_parts.log_keys.signer(sqlite_parts.log_verifier.text())
    names: set[str] = set()
    for round_ in range(3):
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ | {"COLUMNS": "200"}
        )
        assert process.stdout
        assert process.stderr
        names.add(process.stdout.readline())
        url = process.stderr.readline().split()[2].rstrip(";")
        forked = checkpoint.sign(Checkpoint(sqlite_parts.log_verifier.name, 5, tree.leaf_hash(b"x")), key)
        honest = httpx.post(
            f"{url}/add-checkpoint", content=Request(5 if round_ else 0, (), newest(sqlite_parts)).text()
        )
        assert honest.status_code == HTTPStatus.OK
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        process.stderr.close()
        again = Witness(
            "w/1", Ed25519PrivateKey.generate(), (sqlite_parts.log_verifier,), tmp_path / "w/witness.json", lambda: NOW
        )
        for old in (0, 5):
            assert again.add_checkpoint(Request(old, (), forked).text()).status is HTTPStatus.CONFLICT
    assert len(names) == 1, "its key stays"
    (tmp_path / "w/witness.json").write_text("{")
    with pytest.raises(InvalidInput, match="is not what a witness remembers"):
        again.add_checkpoint(Request(0, (), newest(sqlite_parts)).text())


@given(
    st.integers(0, 10**12), st.lists(st.binary(min_size=32, max_size=32), max_size=63), st.text("abc\n", max_size=20)
)
def test_a_request_survives_its_text(old: int, path: list[bytes], note: str) -> None:
    asked = Request(old, tuple(path), note)
    assert parse_request(asked.text()) == asked


@pytest.mark.parametrize(
    "text", ["", "old", "old 1", "old x\n\nn", "old 01\n\nn", "new 1\n\nn", "old 1\n!\n\nn", f"old {'9' * 5000}\n\nn"]
)
def test_what_is_no_request_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match=r"not a request|not base64"):
        parse_request(text)


def test_a_cosignature_is_what_the_format_says() -> None:
    # c2sp.org/tlog-cosignature: key id of type 0x04, eight bytes of time, signature over the header, the time and the note.
    key = Ed25519PrivateKey.from_private_bytes(bytes(32))
    note = checkpoint.sign(Checkpoint("example.com/log", 0, tree.empty_root()), key)
    line = checkpoint.cosign(note, "witness.example/w1", key, 1_700_000_000)
    assert line.startswith("\u2014 witness.example/w1 ")
    blob = base64.b64decode(line.split(" ")[2])
    assert (len(blob), blob[4:12]) == (76, (1_700_000_000).to_bytes(8))
    key.public_key().verify(blob[12:], b"cosignature/v1\ntime 1700000000\n" + note.split("\n\n")[0].encode() + b"\n")
    verifier = Verifier("witness.example/w1", key.public_key(), WITNESS)
    assert blob[:4] == verifier.key_id
    assert checkpoint.parse_verifier(verifier.text(), WITNESS) == verifier
    assert checkpoint.cosignatures(note + line.replace("w1", "w2"), [verifier]) == {}
    with pytest.raises(InvalidInput, match="not a log verifier"):
        checkpoint.parse_verifier(verifier.text())


def test_a_setting_that_names_no_witness_is_refused() -> None:
    key = Verifier("w", Ed25519PrivateKey.generate().public_key(), WITNESS).text()
    assert [each.url for each in parse_witnesses(f"{key} https://one.example/ , ")] == ["https://one.example"]
    for bad in (key, f"{key} ftp://x", f"x+y {key}", f"{key} http://a, {key} http://b"):
        with pytest.raises(InvalidInput):
            parse_witnesses(bad)


def test_the_log_has_as_many_leaves_after_being_vouched_for(
    parts: Clearance, outsiders: tuple[Outsider, Outsider]
) -> None:
    before = size(parts)
    Witnesses(parts.database, [each.asked for each in outsiders], 0).turn()
    assert size(parts) == before, "a cosignature is no leaf, else each would need another"
