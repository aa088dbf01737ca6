"""A monitor has nothing but the published files and the pinned key, and the operator of the log cheats."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from clearance.app import Clearance
from clearance.audit import checkpoint, log, monitor, store, tiles, tree
from clearance.audit.checkpoint import Checkpoint, Verifier
from clearance.audit.model import Sighting, Suspicion
from clearance.audit.monitor import Watch
from clearance.audit.sources import Folder, Web, open_source, open_target
from clearance.clock import FixedClock
from clearance.errors import Conflict, InvalidInput, NotFound, Unavailable
from clearance.settings import load
from tests.audit.writing import Served, newest, publish, write

AT = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)


class World:
    """A log, where it is published, and a monitor that looked at it once."""

    def __init__(self, parts: Clearance, folder: Path) -> None:
        self.parts = parts
        self.public = folder / "public"
        self.state = folder / "monitor" / "state.json"
        self.evidence = folder / "evidence"
        self.pinned = parts.log_verifier

    def look(self, **asked: object) -> Sighting:
        watch = Watch(pinned=self.pinned, **asked)  # type: ignore[arg-type]  # of the test's own choice
        return monitor.monitor(Folder(self.public), watch, self.state, self.evidence, AT)

    def publish(self) -> None:
        publish(self.parts, self.public)

    def sign(self, size: int, root: bytes) -> str:
        """Sign whatever the operator likes, with the real key."""
        key = self.parts.log_keys.signer(self.pinned.text())
        return checkpoint.sign(Checkpoint(self.pinned.name, size, root), key)

    def replace(self, path: str, content: bytes | str) -> None:
        (self.public / path).write_bytes(content if isinstance(content, bytes) else content.encode())


@pytest.fixture
def world(sqlite_parts: Clearance, tmp_path: Path) -> World:
    made = World(sqlite_parts, tmp_path)
    write(sqlite_parts, 600, batch=60)
    made.publish()
    first = made.look()
    assert (first.ok, first.before, first.size, first.checked) == (True, 0, 600, 600)
    return made


@pytest.fixture
def other(sqlite_parts: Clearance, tmp_path: Path) -> Iterator[Clearance]:
    """Another history, signed with the same key."""
    shutil.copytree(sqlite_parts.settings.keys, tmp_path / "other" / "keys")
    made = Clearance(load({}, home=tmp_path / "other"), FixedClock(AT))
    yield made
    made.close()


def kinds(found: Sighting) -> list[str]:
    return [finding.kind for finding in found.findings]


def test_an_honest_log_is_found_good_however_it_grows(world: World) -> None:
    for count in (1, 167, 1, 300, 0):
        write(world.parts, count)
        world.publish()
        found = world.look()
        assert found.ok, found.findings
        assert found.checked == count
    assert world.look(everything=True).checked == 1069
    assert not world.evidence.exists()


def test_a_fork_of_the_same_size_is_found_and_both_checkpoints_are_kept(world: World, other: Clearance) -> None:
    known = (world.public / "checkpoint").read_bytes()
    write(other, 600, batch=60, word="other")
    shutil.rmtree(world.public)
    publish(other, world.public)
    found = world.look()
    assert kinds(found) == [Suspicion.FORKED]
    (kept,) = world.evidence.iterdir()
    assert kept.name.endswith("-forked")
    assert (kept / "kept-checkpoint").read_bytes() == known
    assert (kept / "checkpoint").read_bytes() == newest(other).encode()
    assert json.loads((kept / "sighting.json").read_text())["findings"][0]["kind"] == "forked"


def test_a_log_that_grew_from_another_past_is_found_again_and_again(world: World, other: Clearance) -> None:
    write(other, 900, batch=60, word="other")
    shutil.rmtree(world.public)
    publish(other, world.public)
    assert kinds(world.look()) == [Suspicion.REWRITTEN]
    assert kinds(world.look()) == [Suspicion.REWRITTEN], "a bad log does not become the remembered one"


def test_a_log_that_was_cut_off_is_found(world: World, other: Clearance) -> None:
    write(other, 590, batch=59)
    shutil.rmtree(world.public)
    publish(other, world.public)
    found = world.look()
    assert kinds(found) == [Suspicion.TRUNCATED]
    assert "had 600 leaves and has 590 now" in found.findings[0].message


def test_a_log_set_back_to_a_checkpoint_that_was_good_once_is_found(world: World) -> None:
    then = shutil.copytree(world.public, world.public.with_name("then"))
    write(world.parts, 40)
    world.publish()
    assert world.look().ok
    shutil.rmtree(world.public)
    then.rename(world.public)
    assert kinds(world.look()) == [Suspicion.TRUNCATED]


def edited(path: str) -> Callable[[World], None]:
    def cheat(world: World) -> None:
        content = (world.public / path).read_bytes()
        middle = len(content) // 2
        world.replace(path, content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :])

    return cheat


CHEATS: dict[str, tuple[Callable[[World], None], Suspicion]] = {
    "a leaf among the new ones": (edited("tile/entries/002.p/188"), Suspicion.EDITED),
    "a leaf of long ago": (edited("tile/entries/000"), Suspicion.EDITED),
    "a hash of the new ones": (edited("tile/0/002.p/188"), Suspicion.EDITED),
    "a hash of a tile of tiles": (edited("tile/1/000.p/2"), Suspicion.REWRITTEN),
    "a tile cut short": (lambda world: world.replace("tile/0/001", b"short"), Suspicion.EDITED),
    "a bundle cut short": (lambda world: world.replace("tile/entries/002.p/188", b"\0"), Suspicion.EDITED),
    "a bundle gone": (lambda world: (world.public / "tile/entries/002.p/188").unlink(), Suspicion.MISSING),
    "the checkpoint gone": (lambda world: (world.public / "checkpoint").unlink(), Suspicion.MISSING),
    "no note at all": (lambda world: world.replace("checkpoint", b"\xff\xfe"), Suspicion.SIGNATURE),
    "a checkpoint nobody signed": (
        lambda world: world.replace("checkpoint", newest(world.parts).replace("\n700\n", "\n699\n")),
        Suspicion.SIGNATURE,
    ),
    "a signed checkpoint over other leaves": (
        lambda world: world.replace("checkpoint", world.sign(700, tree.leaf_hash(b"x"))),
        Suspicion.REWRITTEN,
    ),
    "no keys": (lambda world: world.replace("keys.json", "[]"), Suspicion.KEY),
    "keys that can't be read": (lambda world: world.replace("keys.json", '{"a":'), Suspicion.KEY),
}


@pytest.mark.parametrize("name", CHEATS)
def test_whatever_is_done_to_the_files_is_found(world: World, name: str) -> None:
    write(world.parts, 100)
    world.publish()
    cheat, kind = CHEATS[name]
    cheat(world)
    found = world.look(everything=True)
    assert kinds(found) == [kind], found.findings
    (kept,) = world.evidence.iterdir()
    path = found.findings[0].path
    assert kind is Suspicion.MISSING or (kept / path).read_bytes() == (world.public / path).read_bytes()


def test_a_leaf_edited_in_the_database_is_found_in_what_is_published(world: World) -> None:
    with world.parts.database.write() as tx:
        forged = (store.leaf(tx, 590) or b"").replace(b"user:ada", b"user:eve")
        tx.execute(sa.update(store.leaves).where(store.leaves.c.position == 590).values(leaf=forged))
    shutil.rmtree(world.public)
    world.publish()
    found = world.look(everything=True)
    assert kinds(found) == [Suspicion.EDITED]
    assert found.findings[0].message.startswith("leaf 590 is not the one that was appended")


def test_a_checkpoint_shown_to_somebody_else_must_be_of_the_same_log(world: World, other: Clearance) -> None:
    honest = newest(world.parts)
    write(world.parts, 100)
    world.publish()
    assert world.look(seen=[honest]).ok
    write(other, 300, word="other")
    assert kinds(world.look(seen=[honest, newest(other)])) == [Suspicion.FORKED]
    assert kinds(world.look(seen=[world.sign(800, tree.leaf_hash(b"x"))])) == [Suspicion.TRUNCATED]
    write(other, 600, word="other")
    assert "somebody was shown a log of 900" in world.look(seen=[newest(other)]).findings[0].message


def test_the_monitor_follows_a_rotation_of_the_key_from_the_pinned_one(world: World) -> None:
    seen = newest(world.parts)
    for reason in ("yearly", "the machine was sold"):
        with world.parts.database.write() as tx:
            log.rotate_key(tx, "user:ada", world.parts.log_keys, reason)
        write(world.parts, 5)
    world.publish()
    found = world.look()
    assert found.ok, found.findings
    assert found.verifier == world.parts.log_verifier.text() != world.pinned.text()
    world.pinned, world.state = world.parts.log_verifier, world.state.with_name("later.json")
    found = world.look(seen=[seen])
    assert found.ok, found.findings


def test_a_key_that_the_old_one_did_not_name_is_found(world: World, tmp_path: Path) -> None:
    foreign = Clearance(load({}, home=tmp_path / "foreign"), FixedClock(AT))
    write(foreign, 700, batch=70)
    shutil.rmtree(world.public)
    publish(foreign, world.public)
    assert kinds(world.look()) == [Suspicion.KEY]
    keys = json.loads((world.public / "keys.json").read_text())
    keys = [{**keys[0], "verifier": world.pinned.text()}, {**keys[0], "since": 600, "endorsement": None}]
    world.replace("keys.json", json.dumps(keys))
    assert kinds(world.look()) == [Suspicion.KEY]
    foreign.close()


def test_an_old_key_signs_nothing_after_its_successor_took_over(world: World) -> None:
    with world.parts.database.write() as tx:
        log.rotate_key(tx, "user:ada", world.parts.log_keys, "stolen")
    write(world.parts, 10)
    world.publish()
    root = checkpoint.parse(newest(world.parts)).root
    world.replace("checkpoint", world.sign(611, root))
    found = world.look()
    assert kinds(found) == [Suspicion.SIGNATURE]
    assert "no signature by" in found.findings[0].message


def test_a_log_that_is_away_is_no_finding_and_changes_nothing(world: World) -> None:
    before = world.state.read_bytes()
    with pytest.raises(Unavailable, match="can't be reached"):
        monitor.look(Web("http://127.0.0.1:9/log", timeout=2), Watch(pinned=world.pinned))
    assert world.state.read_bytes() == before


def test_a_state_that_is_damaged_or_of_another_log_is_refused(world: World, other: Clearance) -> None:
    foreign = World(world.parts, world.public.parent)
    foreign.pinned = Verifier("elsewhere", world.pinned.key)
    with pytest.raises(InvalidInput, match="is of the log"):
        foreign.look()
    world.state.write_text("{")
    with pytest.raises(InvalidInput, match="is not what a monitor remembers") as refused:
        world.look()
    assert "trust whatever the log says now" in refused.value.hint


def test_publishing_writes_only_what_is_new_and_keeps_what_the_last_checkpoint_needs(world: World) -> None:
    full = {
        path: path.stat().st_mtime_ns for path in world.public.rglob("*") if path.is_file() and ".p" not in str(path)
    }
    write(world.parts, 200)
    again = publish(world.parts, world.public)
    assert (again.before, again.size, again.tiles) == (600, 800, 5), "two tiles that are full now, three partial ones"
    for path, changed in full.items():
        assert path.name in {"checkpoint", "newest", "keys.json"} or path.stat().st_mtime_ns == changed, path
    assert (world.public / "tile/0/002.p/88").exists(), "who still reads the checkpoint before finds its tiles"
    write(world.parts, 10)
    publish(world.parts, world.public)
    assert not (world.public / "tile/0/002.p/88").exists()
    assert publish(world.parts, world.public).tiles == 0
    assert world.look(everything=True).ok


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-7])


def _other(path: Path) -> None:
    path.write_bytes(bytes(reversed(path.read_bytes())))


@pytest.mark.parametrize(
    ("path", "damage"),
    [
        *(
            (path, Path.unlink)
            for path in ("tile/0/000", "tile/entries/001", "tile/1/000.p/2", "tile/entries/002.p/88")
        ),
        *((path, _cut) for path in ("tile/0/000", "tile/entries/001", "tile/0/002.p/88", "tile/entries/002.p/88")),
        *((path, _other) for path in ("tile/1/000.p/2", "tile/0/002.p/88")),
    ],
)
@pytest.mark.parametrize("grows", [0, 3])
def test_publishing_again_mends_what_is_missing_or_cut(
    world: World, path: str, damage: Callable[[Path], None], grows: int
) -> None:
    damage(world.public / path)
    write(world.parts, grows)
    again = publish(world.parts, world.public)
    replaced = grows and path.rpartition("/")[0] in {"tile/0/002.p", "tile/entries/002.p"}
    assert again.mended == (0 if replaced else 1), "what has grown meanwhile is written in any case"
    assert world.look(everything=True).ok
    assert publish(world.parts, world.public).mended == 0


def test_a_copy_that_was_broken_off_is_completed(world: World) -> None:
    (world.public / "checkpoint").unlink()
    _cut(world.public / "tile/entries/000")
    (world.public / "tile/0/001").unlink()
    again = publish(world.parts, world.public)
    assert (again.before, again.size) == (0, 600)
    assert world.look(everything=True).ok
    (world.public / "checkpoint").write_text("clearance.local/log\n60")
    with pytest.raises(Conflict, match="the checkpoint that was published can't be read"):
        publish(world.parts, world.public)


def test_publishing_goes_on_where_it_was_interrupted(world: World) -> None:
    class Fails(Folder):
        left = 3

        def write(self, path: str, content: bytes) -> None:
            self.left -= 1
            if self.left < 0:
                raise Unavailable("the disk is full", code="log_unwritable")
            super().write(path, content)

    from clearance.audit import publishing

    write(world.parts, 600, batch=60)
    with pytest.raises(Unavailable, match="disk is full"):
        publishing.publish(Served(world.parts), Fails(world.public))
    assert world.look(everything=True).size == 600, "the checkpoint is written last"
    world.publish()
    assert world.look(everything=True).size == 1200


def test_what_was_published_is_not_overwritten_by_another_or_a_shorter_log(world: World, other: Clearance) -> None:
    write(other, 590)
    with pytest.raises(Conflict, match="of 600 leaves published already"):
        publish(other, world.public)
    write(other, 20, word="other")
    with pytest.raises(Conflict, match="the log was rewritten"):
        publish(other, world.public)
    assert world.look(everything=True).ok


def test_an_empty_log_has_nothing_to_publish(sqlite_parts: Clearance, tmp_path: Path) -> None:
    with pytest.raises((NotFound, Conflict), match="empty"):
        publish(sqlite_parts, tmp_path)


def test_an_object_store_takes_the_same_files(world: World, tmp_path: Path) -> None:
    from clearance.audit import publishing

    (tmp_path / "bucket").mkdir()
    target = open_target(f"file://{tmp_path / 'bucket'}")
    publishing.publish(Served(world.parts), target)
    write(world.parts, 100)
    publishing.publish(Served(world.parts), target)
    found = monitor.look(open_source(f"file://{tmp_path / 'bucket'}"), Watch(pinned=world.pinned))
    assert (found.sighting.ok, found.sighting.size) == (True, 700)
    assert publishing.publish(Served(world.parts), target).mended == 0
    target.remove("tile/entries/001")
    target.write("tile/0/001", b"cut")
    assert publishing.publish(Served(world.parts), target).mended == 2
    assert monitor.look(target, Watch(pinned=world.pinned, everything=True)).sighting.ok
    with pytest.raises(NotFound):
        target.read("nothing")
    with pytest.raises(InvalidInput, match="nothing to write to"):
        open_target("https://log.example")


def test_no_path_leads_out_of_the_log(world: World) -> None:
    for path in (
        "tile/0/../../x",
        "tile/0/0000",
        "tile/0/000.p/256",
        "tile/0/000.p/0",
        "tile/64/000",
        "x",
        "tile/0/x000/001",
    ):
        with pytest.raises(InvalidInput, match="names no tile"):
            tiles.parse_path(path)
    with pytest.raises(NotFound, match="no tile/0/900 yet"):
        Served(world.parts).read("tile/0/900")


def test_a_monitor_needs_neither_database_nor_server() -> None:
    program = "import sys, clearance.audit.monitor, clearance.audit.witness; print({'sqlalchemy', 'fastapi'} & set(sys.modules))"
    assert subprocess.check_output([sys.executable, "-c", program], text=True).strip() == "set()"
