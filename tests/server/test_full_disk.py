"""On a full disk every change is refused with what to do about it, and collecting what nobody needs still makes room."""

from __future__ import annotations

import json
from pathlib import Path

import psycopg
import sqlalchemy as sa

from clearance.errors import StorageFull
from clearance.storage import refusals
from tests.small_disk import run_on_small_disk

FULL = """
    import json, os
    import httpx
    from tests.server.process import Server

    def run(*words):
        command = [sys.executable, "-m", "clearance", "--home", str(server.home), *words, "--json"]
        return json.loads(subprocess.run(command, capture_output=True, text=True).stdout)["error"]

    (folder / "home").mkdir()
    server = Server(folder / "home", monitor_seconds="0")
    digest, _ = server.parts.blobs.put([os.urandom(1 << 20)])
    os.utime(server.parts.blobs.path(digest), (0, 0))
    server.start()
    http = httpx.Client(base_url=server.url, headers={"authorization": f"Bearer {server.token}"}, timeout=60)

    def create(name):
        return http.post("/api/v1/models", json={"name": name, "owner": "ada"})

    seen = {}
    for number in range(200):
        fill()
        answer = create(f"m{number}")
        if answer.status_code != 201:
            break
    seen["refused"] = answer.status_code, answer.json()
    answer = http.post("/api/2.0/mlflow/registered-models/create", json={"name": "loans"})
    seen["mlflow"] = answer.status_code, answer.json()
    seen["read"] = http.get("/api/v1/models").status_code
    which = {"older_than_hours": 24, "dry_run": False}
    answer = http.post("/api/v1/artifacts/collection", json=which, headers={"idempotency-key": "k"})
    seen["collected"] = answer.status_code, answer.json()
    seen["after"] = create("after").status_code
    http.close()
    server.end()
    server.parts.close()
    fill()
    seen["local"] = run("models", "list")
    print(json.dumps(seen))
"""


def test_a_full_disk_is_told_and_collecting_garbage_makes_room_on_it(tmp_path: Path) -> None:
    seen = json.loads(run_on_small_disk(FULL, tmp_path, "16m"))
    status, refused = seen["refused"]
    assert (status, refused["code"], refused["kind"]) == (507, "storage_full", "storage_full")
    assert "nothing was changed" in refused["detail"]
    assert "`clearance artifacts gc`" in refused["hint"]
    status, refused = seen["mlflow"]
    assert (status, refused["error_code"]) == (507, "RESOURCE_EXHAUSTED")
    assert seen["read"] == 200
    status, collected = seen["collected"]
    assert (status, collected["removed"], collected["removed_bytes"]) == (200, 1, 1 << 20)
    assert seen["after"] == 201
    assert seen["local"]["code"] == "storage_full"
    assert "artifacts/incoming" in seen["local"]["hint"], (
        "where not even a file can be opened, what may be removed by hand"
    )


LAKE = """
    import json, os
    from clearance.app import Clearance
    from clearance.errors import ClearanceError
    from clearance.settings import load
    from tests.monitoring.world import MODEL, MONDAY, events, table

    def send(number):
        rows = [{**row, "request_id": f"{number}-{row['request_id']}"} for row in events(table(50, number), MONDAY)]
        try:
            parts.ingest.submit(rows)
        except ClearanceError as error:
            return error.code, error.message, error.hint
        return "stored", "", ""

    parts = Clearance(load({}, home=folder / "home"))
    parts.ingest.submit_labels([{"model": MODEL, "request_id": "earlier", "label": 1}])
    before = [send(number) for number in range(3)]
    left = os.statvfs(folder)
    (folder / "fill").write_bytes(b"x" * (left.f_bavail * left.f_frsize - 120_000))
    full = [send(number) for number in range(3, 12)]
    kept = parts.lake.joined(MODEL).num_rows
    (folder / "fill").unlink()
    after = send(12)
    parts.close()
    again = Clearance(load({}, home=folder / "home")).lake.joined(MODEL).num_rows
    print(json.dumps({"before": before, "full": full, "after": after, "kept": kept, "again": again}))
"""


def test_a_full_disk_under_the_lake_loses_nothing_that_was_acknowledged_and_goes_on_with_room(tmp_path: Path) -> None:
    seen = json.loads(run_on_small_disk(LAKE, tmp_path, "24m"))
    stored, refused = (
        [each for each in [*seen["before"], *seen["full"]] if (each[0] == "stored") is wanted]
        for wanted in (True, False)
    )
    assert {code for code, _, _ in refused} == {"storage_full"}
    assert all("no room left" in message and "\x1b" not in message for _, message, _ in refused)
    assert seen["kept"] == 50 * len(stored)
    assert seen["after"][0] == "stored"
    assert seen["again"] == 50 * (len(stored) + 1)


def test_a_full_disk_under_postgresql_is_told_as_one() -> None:
    error = sa.exc.OperationalError("insert …", {}, psycopg.errors.DiskFull("could not extend file"))
    told = refusals.in_words(error)
    assert isinstance(told, StorageFull)
    assert told.code == "storage_full"


LOOPS = """
    import json, time
    from clearance.storage.jobs import Jobs

    def wait_for(condition):
        until = time.monotonic() + 30
        while not condition() and time.monotonic() < until:
            time.sleep(0.02)

    jobs = Jobs(f"sqlite:///{folder / 'jobs.db'}")
    turns = []
    jobs.every("tick", 0.1, lambda: turns.append(time.monotonic()))
    jobs.start()
    wait_for(lambda: turns)
    fill()
    time.sleep(3)
    (folder / "fill").unlink()
    room = time.monotonic()
    wait_for(lambda: sum(at > room for at in turns) > 2)
    jobs.stop()
    print(json.dumps(sum(at > room for at in turns)))
"""


def test_loops_go_on_once_a_full_disk_has_room_again(tmp_path: Path) -> None:
    assert json.loads(run_on_small_disk(LOOPS, tmp_path, "8m")) > 2
