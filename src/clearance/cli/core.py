"""What every command stands on: where to connect, how to print, how to end."""

from __future__ import annotations

import getpass
import json
import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from clearance.errors import ClearanceError, InvalidInput
from clearance.settings import Settings, load
from clearance.values import plain

if TYPE_CHECKING:
    from rich.console import Console

    from clearance.client.client import Client

T = TypeVar("T")

_PIPE_WIDTH = 240

OK, DENIED, WRONG_USE = 0, 1, 2
EXIT: dict[str, int] = {"denied": DENIED, "verification_failed": DENIED}
"""Exit code of each kind of error; every other kind is 2."""

Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs instead of tables for people.")]


def _port(number: int) -> int:
    if not 0 <= number <= _LAST_PORT:
        raise typer.BadParameter(f"a port is a number from 0 to {_LAST_PORT}; 0: a free one")
    return number


_LAST_PORT = 65535
Port = Annotated[int, typer.Option(callback=_port, help="Port to listen on, 0 to 65535; 0: a free one.")]
Model = Annotated[str, typer.Argument(help="The model, for example car-loan.")]
OfModel = Annotated[str | None, typer.Option(help="Only those of this model.")]
Number = Annotated[int, typer.Argument(help="The version's number.")]
Limit = Annotated[int, typer.Option(min=1, help="How many, newest first.")]


def folder_of(text: str) -> Path:
    """Return the folder that a text names; an empty one names none, though Python takes it for the one we are in.

    Raises:
        InvalidInput: it is empty (`empty_path`), as a variable of the shell is that nobody set.
    """
    if not text.strip():
        raise InvalidInput(
            "the name of the folder is empty", code="empty_path", hint="is the variable set that it comes from?"
        )
    return Path(text)


@dataclass(frozen=True)
class Context:
    """What the options before the command said."""

    settings: Settings


def settings_of(ctx: typer.Context) -> Settings:
    """Return the settings, with --home, --url and --token taken in."""
    root = ctx.find_root()
    if not isinstance(root.obj, Context):
        root.obj = Context(load())
    found: Context = root.obj
    return found.settings


def connect(ctx: typer.Context) -> Client:
    """Return a client: of the server that is set, else of the installation in the home folder (local mode, and it says so)."""
    from clearance.cli.connection import open_client

    settings = settings_of(ctx)
    client = open_client(settings, _aside)
    ctx.call_on_close(client.close)
    if not settings.url and sys.stderr.isatty():
        note(f"local mode on {settings.home}, as {getpass.getuser()} with admin rights")
    return client


def show(found: T, as_json: bool, render: Callable[[T], None]) -> None:
    """Print a value: as JSON, or by the function that renders it for people."""
    if as_json:
        sys.stdout.write(json.dumps(plain(found), indent=2, ensure_ascii=False) + "\n")
    else:
        render(found)


def console(*, stderr: bool = False) -> Console:
    """Return where text for people goes; into a pipe or file it is as wide as it wants to be, so that nothing is cut."""
    from rich.console import Console

    made = Console(stderr=stderr, highlight=False)
    return made if made.is_terminal else Console(stderr=stderr, highlight=False, width=_PIPE_WIDTH, soft_wrap=True)


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[Any]], *, empty: str) -> None:
    """Print a table, or what to do when there is nothing to show. The first column names the row and is never cut."""
    from rich.markup import escape
    from rich.table import Table

    content = [[escape("" if cell is None else str(cell)) for cell in row] for row in rows]
    out = console()
    if not content:
        out.print(empty)
        return
    made = Table(title=title or None, title_justify="left", header_style="bold", box=None, pad_edge=False)
    for place, column in enumerate(columns):
        longest = max(len(row[place]) for row in content) if place == 0 else None
        made.add_column(column, no_wrap=place == 0, min_width=longest)
    for row in content:
        made.add_row(*row)
    out.print(made)


def say(text: str) -> None:
    """Print a line for people; markup allowed."""
    console().print(text)


def note(text: str) -> None:
    """Print an aside to standard error."""
    console(stderr=True).print(f"[dim]{text}[/dim]")


def _aside(text: str) -> None:
    from rich.markup import escape

    note(escape(text))


def fail(error: ClearanceError, as_json: bool = False) -> int:
    """Print an error where people and programs look for it, and return the exit code it stands for."""
    if as_json:
        # Where nothing can be written, people are still told on standard error, and programs by the exit code.
        with suppress(OSError):
            tell(error)
    from rich.markup import escape

    out = console(stderr=True)
    out.print(f"[red bold]error[/] {escape(_block(error.message))}")
    if error.hint:
        out.print(f"[dim]hint[/]  {escape(_block(error.hint))}")
    return EXIT.get(error.kind, WRONG_USE)


def tell(error: ClearanceError) -> None:
    """Print an error as the one JSON document that programs read from standard output."""
    body = {
        "error": {
            "kind": error.kind,
            "code": error.code,
            "message": error.message,
            "hint": error.hint,
            "details": error.details,
        }
    }
    # In ASCII, for what is wrong may be a text that is none.
    sys.stdout.write(json.dumps(plain(body), indent=2) + "\n")


def _block(text: str) -> str:
    """Return a text whose further lines begin where its first does, after the word `error` or `hint`."""
    return text.replace("\n", "\n" + " " * len("error "))


def read_file(path: Path) -> bytes:
    """Return a file's bytes, or a clear error."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise InvalidInput(f"{path} can't be read: {error.strerror}", code="file_unreadable") from error


def write_file(path: Path, content: bytes) -> None:
    """Write a file, or say clearly why that can't be."""
    try:
        path.write_bytes(content)
    except OSError as error:
        raise InvalidInput(f"{path} can't be written: {error.strerror}", code="file_unwritable") from error
