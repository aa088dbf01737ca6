"""`clearance demo`: tells the story on a folder of its own, then leaves the server running until Ctrl-C."""

from __future__ import annotations

import json as jsonlib
import signal
import sys
import time
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from clearance.cli.core import DENIED, OK, Port, folder_of, say
from clearance.errors import Unavailable
from clearance.values import plain

if TYPE_CHECKING:
    from clearance.demo.installation import Installation
    from clearance.demo.story import StoryResult

app = typer.Typer()

_NEEDED = ("pandas", "sklearn", "skl2onnx", "uvicorn")


@app.command()
def demo(
    ctx: typer.Context,
    home: Annotated[
        str | None, typer.Option(help="Data folder, new or empty; without one: a new folder in ~/.clearance-demo.")
    ] = None,
    no_serve: Annotated[bool, typer.Option("--no-serve", help="End after the story instead of serving on.")] = False,
    json: Annotated[
        bool, typer.Option("--json", help="Print one JSON document of what happened, and only that.")
    ] = False,
    port: Port = 0,
) -> None:
    """See the whole loop on two models, in a minute and a half."""
    check_installed()
    from clearance.demo.installation import Installation, check_home

    started = time.monotonic()
    named = home if home is not None else ctx.find_root().params.get("home")
    folder = (_new_folder() if named is None else folder_of(named)).expanduser().absolute()
    check_home(folder)
    signal.signal(signal.SIGTERM, _end)
    result: StoryResult | None = None
    try:
        with Installation(folder, port) as installation:
            result = _tell(installation, started, quiet=json)
            _finish(installation, result, as_json=json, serve=not no_serve)
    except KeyboardInterrupt:
        sys.stderr.write("\nThe server has ended.\n")
    raise typer.Exit(OK if result is not None and result.ok else DENIED)


def _end(_signal: int, _frame: object) -> None:
    """End as Ctrl-C does, so that the server ends too."""
    raise KeyboardInterrupt


def check_installed() -> None:
    """Refuse to begin without the packages that the story trains its models with.

    Raises:
        Unavailable: one is missing.
    """
    missing = [name for name in _NEEDED if find_spec(name) is None]
    if missing:
        raise Unavailable(
            f"the demo needs packages that are not installed: {', '.join(missing)}",
            code="demo_not_installed",
            hint="install clearance[demo]",
        )


def _tell(installation: Installation, started: float, *, quiet: bool) -> StoryResult:
    from clearance.demo.narrator import Narrator
    from clearance.demo.story import Stage, tell

    narrator = Narrator(quiet=quiet)
    narrator.say(f"[dim]a new Clearance in {installation.home}, serving at {installation.url}[/dim]")
    return tell(Stage(installation, narrator, installation.home / "demo"), started)


def _finish(installation: Installation, result: StoryResult, *, as_json: bool, serve: bool) -> None:
    """Sum up, and serve on if wanted."""
    if as_json:
        sys.stdout.write(jsonlib.dumps(plain(result), indent=2, ensure_ascii=False) + "\n")
        sys.stdout.flush()
    else:
        told = "[green]The story is told[/]" if result.ok else "[red bold]The story broke off[/]"
        say(f"\n{told} in {result.seconds:.0f} s. Everything it left is in {result.home}.")
    if serve and not as_json:
        say(
            f"\nThe console:  [bold]{installation.url}[/]\nLog in with:  {installation.admin_token}\n\nCtrl-C ends the server."
        )
    if serve:
        installation.wait()


def _new_folder() -> Path:
    return Path.home() / ".clearance-demo" / f"{datetime.now(UTC):%Y-%m-%d-%H%M%S}"
