"""What DBOS is told when it starts, and asked while it runs: its tables are its own, and read only through it."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa

from clearance.storage import refusals
from clearance.storage.database import PAUSE_SECONDS, PROCESS

_VERSION = "2"  # of the workflows in `jobs.py`: DBOS resumes only what the same version began; raise it when their steps change


def configuration(url: str, executor: str) -> dict[str, Any]:
    """Return how DBOS works here.

    Args:
        url: of the jobs' database.
        executor: name of the process, whose unfinished work a restart takes up.
    """
    return {
        "name": "clearance",
        "system_database_url": url,
        "application_version": _VERSION,
        "executor_id": executor,
        "log_level": "ERROR",  # what fails is logged by the jobs, in our words
        "serializer": _json_serializer(),
        "sys_db_pool_size": 5,
        "sys_db_idle_transaction_timeout_sec": PAUSE_SECONDS,
        "db_engine_kwargs": _engine_options(url),
        "use_listen_notify": False,  # nothing here sends messages between workflows
    }


def tidy(prefix: str) -> None:
    """Forget the workflows of a loop that have ended: only the present one matters."""
    from dbos import DBOS

    if ended := [workflow_id for workflow_id, alive in statuses(prefix) if not alive]:
        DBOS.delete_workflows(ended)


def _json_serializer() -> Any:
    """Return how DBOS writes arguments, results and errors: as JSON, so that reading its database never runs code."""
    from dbos import Serializer

    class JsonSerializer(Serializer):  # type: ignore[misc]  # DBOS is not followed by the type checker
        def serialize(self, data: Any) -> str:
            return json.dumps({"error": repr(data)} if isinstance(data, BaseException) else {"value": data})

        def deserialize(self, serialized_data: str) -> Any:
            found = json.loads(serialized_data)
            return RuntimeError(found["error"]) if "error" in found else found["value"]

        def name(self) -> str:
            return "clearance_json"

    return JsonSerializer()


def statuses(prefix: str) -> Iterator[tuple[str, bool]]:
    """Yield the workflows whose name begins so, and whether each is under way or waits."""
    from dbos import DBOS

    for found in DBOS.list_workflows(workflow_id_prefix=prefix, load_input=False, load_output=False):
        yield found.workflow_id, found.status in {"PENDING", "ENQUEUED", "DELAYED"}


def pending(*executors: str) -> list[Any]:
    """Return the workflows under way, of some processes or, with none named, of all."""
    from dbos import DBOS

    found: list[Any] = DBOS.list_workflows(
        status="PENDING",
        app_version=_VERSION,
        executor_id=list(executors) or None,
        load_input=False,
        load_output=False,
    )
    return found


def owners() -> set[str]:
    """Return the processes that have workflows under way."""
    return {found.executor_id for found in pending()}


class _OldSqlite(sqlite3.Connection):
    """A connection whose `unixepoch('subsec')` works; SQLite before 3.42 answers NULL to it.

    DBOS takes Python 3.12 and later as a sign of a newer SQLite (dbos/_migration.py, get_sqlite_timestamp_expr), but a
    Python that was built on Debian 12 has 3.40.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.create_function("unixepoch", 1, lambda _modifier: round(time.time(), 3))


class _Patient(sa.CreateEnginePlugin):
    """Has DBOS wait until its database is there again, and has room.

    DBOS knows some of the words for it (dbos/_utils.py, retriable_postgres_exception), but neither psycopg's for a socket that
    is gone or a name that can't be resolved, nor SQLite's for a full disk: it took them for mistakes of the workflow, whose
    loop ended for good. What is told as a lost connection it tries again.
    """

    name = "clearance_patient"

    def update_url(self, url: sa.URL) -> sa.URL:
        """Return the address as it is: it names no plug-in."""
        return url

    def engine_created(self, engine: sa.Engine) -> None:
        """Tell what passes as a lost connection; who is busy is left to DBOS, which knows when to try that again."""

        @sa.event.listens_for(engine, "handle_error")
        def wait(context: sa.engine.ExceptionContext) -> None:
            error = context.sqlalchemy_exception
            told = None if error is None else refusals.in_words(error)
            if told is not None and told.code in {"database_unavailable", "storage_full"}:
                context.is_disconnect = True


sa.dialects.plugins.register(_Patient.name, __name__, _Patient.__name__)


def _engine_options(url: str) -> dict[str, Any]:
    parsed = sa.make_url(url)
    arguments: dict[str, Any] = {}
    if parsed.get_backend_name() == "postgresql":
        if "application_name" not in parsed.query:
            arguments["application_name"] = PROCESS
    elif sqlite3.sqlite_version_info < (3, 42):
        arguments["factory"] = _OldSqlite
    return {"plugins": [_Patient.name], "connect_args": arguments}


def prepare(url: str) -> None:
    """Give an SQLite file the journal in which readers and the writer don't wait for each other; the file remembers it."""
    parsed = sa.make_url(url)
    if parsed.get_backend_name() == "sqlite" and parsed.database:
        connection = sqlite3.connect(parsed.database)
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        finally:
            connection.close()
