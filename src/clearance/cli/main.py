"""The command line's root: global options, and the commands of each room, loaded when they are used."""

from __future__ import annotations

import gc
import importlib
import os
import signal
import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from clearance import __version__
from clearance.cli.core import WRONG_USE, Context, fail, folder_of, tell
from clearance.errors import ClearanceError, InvalidInput, Unavailable
from clearance.settings import load

COMMANDS: dict[str, tuple[str, str]] = {
    "models": ("clearance.cli.models", "Keep the inventory of models."),
    "templates": ("clearance.cli.templates", "See what a model of a use case starts with."),
    "versions": ("clearance.cli.versions", "Register, fetch, trace and stop immutable versions."),
    "tags": ("clearance.cli.tags", "Put words on models and versions."),
    "aliases": ("clearance.cli.aliases", "Name versions; some names are what serves."),
    "datasets": ("clearance.cli.datasets", "Register data by what its bytes say."),
    "lineage": ("clearance.cli.lineage", "Ask what came from where: data, jobs, runs, versions, decisions."),
    "artifacts": ("clearance.cli.artifacts", "See what is stored; verify it; remove what nothing needs."),
    "policy": ("clearance.cli.policy", "Decide by rules, explain decisions, replay them."),
    "approvals": ("clearance.cli.approvals", "See what waits for people; approve or reject it."),
    "waivers": ("clearance.cli.waivers", "Grant, list and revoke dated exceptions to rules."),
    "gateway": ("clearance.cli.gateway", "See what the gateway serves and refuses."),
    "alerts": ("clearance.cli.alerts", "See what is wrong, take it on, say that it is over."),
    "incidents": ("clearance.cli.incidents", "Work on incidents: timeline, notes, resolution."),
    "mlflow": ("clearance.cli.mlflow", "Take a registry over from MLflow; pin what lies at an MLflow server."),
    "evidence": ("clearance.cli.evidence", "Sign versions, add statements, see what is known."),
    "checks": ("clearance.cli.checks", "Run suites over versions; see what they found."),
    "keys": ("clearance.cli.keys", "Say whose signatures count, and for what."),
    "passport": ("clearance.cli.passport", "Export a version's passport, or verify one with nothing but the file."),
    "promote": ("clearance.cli.promote", "Let a version serve, if the policy allows it."),
    "environments": ("clearance.cli.environments", "Show what serves where."),
    "rollouts": ("clearance.cli.rollouts", "Roll a candidate out by steps; follow and steer it."),
    "rollback": ("clearance.cli.rollback", "Go back to the last good version."),
    "history": ("clearance.cli.history", "Say what served when, by whose approval and on what evidence."),
    "login": ("clearance.cli.login", "Log in to a server through its identity provider."),
    "logout": ("clearance.cli.logout", "End the log-in to a server."),
    "tokens": ("clearance.cli.access", "Issue, rotate and revoke tokens."),
    "roles": ("clearance.cli.roles", "Say who gets which role, for which team."),
    "telemetry": ("clearance.cli.telemetry", "Send events and labels; see and tidy the lake."),
    "monitor": ("clearance.cli.monitoring", "Watch models: windows, drift, quality, latency."),
    "audit": ("clearance.cli.audit", "Read, prove and verify the audit log."),
    "db": ("clearance.cli.db", "Look after the database: schema, backup, restore."),
    "serve": ("clearance.cli.serve", "Run the server: API, gateway and console."),
    "demo": ("clearance.demo.command", "See the whole loop on two models, in a minute and a half."),
}
"""Command → (module whose `app` holds it, one line of help)."""


_COMPLETION = frozenset({"install_completion", "show_completion"})
"""Options that Typer adds to every group; they are of no use below the root."""


class LazyGroup(TyperGroup):
    """A group that knows its commands by name and imports one only when it is used."""

    def list_commands(self, _ctx: Any) -> list[str]:
        return list(COMMANDS)

    def get_command(self, _ctx: Any, cmd_name: str) -> Any:
        """Return what the list of commands shows: name and help, nothing imported."""
        known = COMMANDS.get(cmd_name)
        return None if known is None else typer.core.TyperCommand(cmd_name, help=known[1], short_help=known[1])

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Return the command to run, imported now."""
        name, _, rest = super().resolve_command(ctx, args)
        if name is None:
            return None, None, rest
        command = typer.main.get_command(importlib.import_module(COMMANDS[name][0]).app)
        command.name = name
        command.params = [each for each in command.params if each.name not in _COMPLETION]
        for each in (command, *getattr(command, "commands", {}).values()):
            each.rich_markup_mode = None
            each.short_help = (each.help or "").split("\n")[0]  # the whole sentence: cut, it says nothing
        return name, command, rest


app = typer.Typer(
    cls=LazyGroup,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,  # plain help: boxes and markdown cost as much as all the rest of starting
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(wanted: bool) -> None:
    if wanted:
        sys.stdout.write(f"clearance {__version__}\n")
        raise typer.Exit


_BETWEEN_COLLECTIONS = 200_000
"""Objects made before Python looks for cycles again (it would after 700): a small command imports and keeps 130,000, and to look
through them over and over took a sixth of its time."""


@app.callback()
def root(
    ctx: typer.Context,
    home: Annotated[str | None, typer.Option(help="Data folder (CLEARANCE_HOME, else ~/.clearance).")] = None,
    url: Annotated[str | None, typer.Option(help="Server to talk to (CLEARANCE_URL); without one: local mode.")] = None,
    token: Annotated[str | None, typer.Option(help="Token for that server (CLEARANCE_TOKEN).")] = None,
    _version: Annotated[
        bool, typer.Option("--version", help="Print the version and end.", is_eager=True, callback=_show_version)
    ] = False,
) -> None:
    """A control tower for machine-learning and AI models."""
    settings = load(home=None if home is None else folder_of(home))
    if url is not None:
        settings = replace(settings, url=url.rstrip("/"))
    if token is not None:
        settings = replace(settings, token=token)
    ctx.obj = Context(settings)


def main() -> None:
    """Run the command line; exit 0 done, 1 denied or failed verification, 2 wrong use."""
    gc.set_threshold(_BETWEEN_COLLECTIONS)
    signal.signal(signal.SIGTERM, _end)
    _open_closed()
    try:
        _run()
    except _Terminated:
        sys.stdout.flush()
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.raise_signal(signal.SIGTERM)  # whoever sent it sees that it was obeyed
    finally:
        _leave_output()
        gc.freeze()  # what is left ends with the process: to look through it once more took a quarter of a small command


def _open_closed() -> None:
    """Give a standard stream that was closed (`>&-`) to nobody, so that what is printed, or the next file, does not end there."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115 - for as long as we run


def _leave_output() -> None:
    """Drop what standard output does not take: Python would try it once more at the end, and exit with 120."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


class _Terminated(SystemExit):
    """Somebody asks this process to end: what a command has begun to write is removed on the way out."""


def _end(_signal: int, _frame: object) -> None:
    raise _Terminated


def _run() -> None:
    as_json = "--json" in sys.argv
    try:
        _carry_out(as_json)
    except ClearanceError as error:
        sys.exit(fail(error, as_json))
    except ModuleNotFoundError as error:
        if (error.name or "clearance").startswith("clearance"):
            raise
        sys.exit(fail(_lacking(error), as_json))
    except (OSError, UnicodeError) as error:
        sys.exit(fail(_unusable(error), as_json))


def _carry_out(as_json: bool) -> None:
    """Carry the command out, and write all that it printed."""
    try:
        app(prog_name="clearance")
    except SystemExit as end:
        if as_json and end.code == WRONG_USE and end.__context__ is not None:
            tell(_misused(end.__context__))  # people were told on standard error
        try:
            sys.stdout.flush()  # now, while it can still be told that there is no room for it
        except BrokenPipeError:  # whoever read it has enough: nobody is told, as Typer does it
            sys.exit(1)
        raise


def _misused(error: BaseException) -> InvalidInput:
    """Return what is wrong with the words of a command, as the parser says it."""
    message = getattr(error, "format_message", lambda: str(error))()
    context = getattr(error, "ctx", None)
    hint = f"`{context.command_path} --help` says what it takes" if context is not None else ""
    return InvalidInput(message, code="wrong_use", hint=hint)


def _lacking(error: ModuleNotFoundError) -> Unavailable:
    return Unavailable(
        f"this needs the package {error.name}, which the light installation leaves out",
        code="package_missing",
        hint="pip install 'clearance[server]'; or name a server with --url",
    )


def _unusable(error: OSError | UnicodeError) -> InvalidInput:
    """Return what the operating system says of a file or of a text that was given, where nobody could say it better."""
    if isinstance(error, OSError):
        what = error.strerror or str(error) or type(error).__name__
        place = f"{os.fsdecode(error.filename)}: " if isinstance(error.filename, str | bytes) else ""
        return InvalidInput(
            f"{place}{what}", code="file_unusable", hint="name another file or folder, or make room for it"
        )
    if isinstance(error, UnicodeEncodeError | UnicodeDecodeError):
        part = error.object[error.start : error.end][:20]
        return InvalidInput(
            f"{part!a} can't be read or written as {error.encoding}: {error.reason}",
            code="bad_text",
            hint="give names and texts in UTF-8",
        )
    return InvalidInput(f"this is no text: {error}", code="bad_text", hint="give names and texts in UTF-8")
