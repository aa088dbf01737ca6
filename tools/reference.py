"""Write docs/reference/*.md from the code, or with --check tell whether they are what the code says."""

from __future__ import annotations

import argparse
import ast
import importlib
import inspect
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import typer

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "docs" / "reference"
HEAD = "<!-- Written by `make docs` from the code; edits here are lost. -->\n\n"


def main() -> int:
    """Write or check every page; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when a page is out of date")
    check = parser.parse_args().check
    stale = []
    for name, text in pages().items():
        path = FOLDER / name
        if path.exists() and path.read_text() == text:
            continue
        stale.append(name)
        if not check:
            FOLDER.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            print(f"wrote docs/reference/{name}")
    if check and stale:
        print(f"out of date: {', '.join(stale)} in docs/reference; run `make docs`", file=sys.stderr)
        return 1
    return 0


def pages() -> dict[str, str]:
    """Return every reference page by file name."""
    return {
        "cli.md": cli_page(),
        "api.md": api_page(),
        "settings.md": settings_page(),
        "audit-events.md": events_page(),
        "permissions.md": permissions_page(),
        "telemetry-event.md": telemetry_page(),
        "evidence.md": evidence_page(),
    }


def cli_page() -> str:
    """Return the page of all commands."""
    from clearance.cli.main import COMMANDS, app

    lines = [
        HEAD + "# Command line\n",
        "Exit codes: 0 done, 1 denied or failed verification, 2 wrong use. `--json` prints JSON for programs.\n",
        "## clearance\n",
        *options(typer.main.get_command(app)),
    ]
    for name, (module, help_line) in COMMANDS.items():
        lines.append(f"\n## clearance {name}\n\n{help_line}\n")
        command = typer.main.get_command(importlib.import_module(module).app)
        subcommands: dict[str, Any] = getattr(command, "commands", {})
        if not subcommands:
            lines += options(command)
        for sub, found in subcommands.items():
            lines.append(f"\n### clearance {name} {sub}\n\n{first_line(found.help)}\n")
            lines += options(found)
    return "\n".join(lines) + "\n"


def options(command: Any) -> Iterator[str]:
    """Yield a table of a command's arguments and options."""
    rows = [
        (" ".join(param.opts) if param.param_type_name == "option" else param.name.upper(), param)
        for param in command.params
        if param.name != "help"
    ]
    if rows:
        yield "| | |"
        yield "|---|---|"
    for name, param in rows:
        required = " (required)" if param.required and param.param_type_name == "option" else ""
        yield f"| `{name}` | {cell(getattr(param, 'help', None) or '')}{required} |"


def api_page() -> str:
    """Return the page of all routes with the permission each needs."""
    from fastapi.routing import APIRoute

    from clearance import server
    from clearance.api.core import Needs
    from clearance.app import Clearance
    from clearance.integrations.mlflow import endpoints
    from clearance.settings import load

    with tempfile.TemporaryDirectory() as home:
        app = server.create(Clearance(load({}, home=Path(home))))
    rooms: dict[str, list[str]] = {}

    def walk(routes: Iterable[Any], prefix: str) -> None:
        for route in routes:
            if isinstance(route, APIRoute) and route.include_in_schema:
                needs = [
                    each.call.permission.value for each in route.dependant.dependencies if isinstance(each.call, Needs)
                ]
                methods = " ".join(sorted(route.methods or ()))
                path = prefix + route.path
                room = str((route.tags or ["other"])[0])
                about = first_line(route.description)
                rooms.setdefault(room, []).append(
                    f"| `{methods} {path}` | {cell(about)} | {' '.join(needs) or 'nobody needs any'} |"
                )
            elif included := getattr(route, "original_router", None):
                walk(included.routes, prefix + getattr(route.include_context, "prefix", ""))

    walk(app.routes, "")
    rooms["mlflow"] = [
        f"| `{each.method} {endpoints.PREFIX}{each.path}` | {cell(first_line(each.run.__doc__))} | {each.permission.value} |"
        for each in endpoints.ENDPOINTS
    ]
    lines = [
        HEAD + "# HTTP API\n",
        "Send a token as `Authorization: Bearer …`. Errors are problem details (RFC 9457) with a stable `code`, a `kind` and a "
        "`hint`. Listings take `cursor` and `limit`. A POST may carry an `Idempotency-Key`: sent twice, it happens once. The "
        "running server describes itself at `/openapi.json`.\n",
    ]
    for room in sorted(rooms):
        lines += [f"\n## {room}\n", "| route | what | permission |", "|---|---|---|", *rooms[room]]
    return "\n".join(lines) + "\n"


def settings_page() -> str:
    """Return the page of all settings, from the docstrings of the fields."""
    from clearance import settings

    rows = [f"| `{settings.PREFIX}{name.upper()}` | {cell(about)} |" for name, about in field_docs(settings.Settings)]
    intro = "Read once from the environment when a program starts. `--home`, `--url` and `--token` override theirs.\n"
    return "\n".join([HEAD + "# Settings\n", intro, "| variable | what |", "|---|---|", *rows]) + "\n"


def field_docs(cls: type) -> Iterator[tuple[str, str]]:
    """Yield each annotated field of a class with the string that stands below it."""
    body = ast.parse(inspect.getsource(cls)).body[0]
    assert isinstance(body, ast.ClassDef)
    for field, below in zip(body.body, body.body[1:], strict=False):
        if (
            isinstance(field, ast.AnnAssign)
            and isinstance(field.target, ast.Name)
            and isinstance(below, ast.Expr)
            and isinstance(below.value, ast.Constant)
        ):
            yield field.target.id, " ".join(str(below.value.value).split())


def events_page() -> str:
    """Return the page of the audit vocabulary."""
    from clearance.audit.events import Event

    rows = [f"| `{event.value}` | {', '.join(f'`{fact}`' for fact in sorted(event.facts))} |" for event in Event]
    intro = (
        "The closed vocabulary of the log. A leaf is the RFC 8785 JSON of `v, at, event, actor, subject, data`; `data` has at "
        "least the facts named here.\n"
    )
    return "\n".join([HEAD + "# Audit events\n", intro, "| event | facts |", "|---|---|", *rows]) + "\n"


def permissions_page() -> str:
    """Return the table of roles and permissions."""
    from clearance.access.model import GRANTS, Permission, Role

    head = "| permission | " + " | ".join(role.value for role in Role) + " |"
    rule = "|---" * (len(Role) + 1) + "|"
    rows = [
        f"| `{permission.value}` | " + " | ".join("yes" if permission in GRANTS[role] else "" for role in Role) + " |"
        for permission in Permission
    ]
    return "\n".join([HEAD + "# Roles and permissions\n", head, rule, *rows]) + "\n"


def telemetry_page() -> str:
    """Return the page of the telemetry event."""
    from clearance.sdk import events

    rows = [
        f"| `{name}` | {'yes' if rule.mandatory else ''} | {cell(rule.meaning)} | {rule.opentelemetry and f'`{rule.opentelemetry}`'} |"
        for name, rule in events.FIELDS.items()
    ]
    intro = f"What one predicted row says about itself. Schema version {events.EVENT_SCHEMA_VERSION}.\n"
    head = "| field | mandatory | what | OpenTelemetry attribute |"
    return "\n".join([HEAD + "# Telemetry event\n", intro, head, "|---|---|---|---|", *rows]) + "\n"


def evidence_page() -> str:
    """Return the page of the predicate types."""
    from clearance.evidence import predicates

    rows = [
        f"| `{value}` | {name.lower().replace('_', ' ')} |"
        for name, value in vars(predicates).items()
        if name.isupper() and isinstance(value, str) and value.startswith("https://")
    ]
    intro = "Everything known of a version is an in-toto Statement v1 in a DSSE envelope about its digest.\n"
    return "\n".join([HEAD + "# Evidence\n", intro, "| predicate type | what it says |", "|---|---|", *rows]) + "\n"


def first_line(text: str | None) -> str:
    """Return the first sentence-bearing line of a docstring."""
    return (text or "").strip().split("\n")[0]


def cell(text: str) -> str:
    """Make a text fit a table cell."""
    return " ".join(text.split()).replace("|", "\\|")


if __name__ == "__main__":
    sys.exit(main())
