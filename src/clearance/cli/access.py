"""Commands of access: tokens."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from clearance.access.model import IssuedToken, Permission, Principal, Role, Scope, Token
from clearance.cli.core import Json, connect, say, show, table
from clearance.errors import InvalidInput

app = typer.Typer(no_args_is_help=True, help="Issue, rotate and revoke tokens.")
TokenId = Annotated[str, typer.Argument(help="Which token: `clearance tokens list` shows their ids.")]
_SOON = timedelta(days=14)
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


@app.command("issue")
def issue(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(help="Whose token: a person or a machine.")],
    role: Annotated[list[Role], typer.Option(help="What it may do; repeat for several.")],
    days: Annotated[float, typer.Option(help="How long it works.")] = 90,
    service: Annotated[bool, typer.Option("--service", help="For a program, service:NAME; it can't approve.")] = False,
    permission: Annotated[
        list[Permission] | None, typer.Option(help="Narrow it to this permission of its roles; repeat for several.")
    ] = None,
    model: Annotated[list[str] | None, typer.Option(help="Narrow it to this model; repeat for several.")] = None,
    team: Annotated[str | None, typer.Option(help="Narrow it to the models of this team.")] = None,
    json: Json = False,
) -> None:
    """Issue a token; its secret is shown this once."""
    scope = Scope(permissions=tuple(permission or ()), models=tuple(model or ()), team=team)
    issued = connect(ctx).access.issue(
        name, role, days=days, service=service, scope=None if scope == Scope() else scope
    )
    show(issued, json, _show_secret)


@app.command("rotate")
def rotate(
    ctx: typer.Context,
    token_id: TokenId,
    overlap: Annotated[str, typer.Option(help="How long the old one still works: 30m, 1h, 2d.")] = "1h",
    json: Json = False,
) -> None:
    """Issue the successor of a token; the old one still works during the overlap."""
    show(connect(ctx).access.rotate(token_id, overlap=_duration(overlap)), json, _show_secret)


@app.command("list")
def listing(ctx: typer.Context, json: Json = False) -> None:
    """List all tokens."""
    now = datetime.now(UTC)
    show(
        list(connect(ctx).access.tokens()),
        json,
        lambda tokens: table(
            "Tokens",
            ("id", "name", "roles", "only", "last used", "expires", "state"),
            [
                (
                    t.id,
                    t.name,
                    " ".join(t.roles),
                    _only(t.scope),
                    t.last_used_at and f"{t.last_used_at:%Y-%m-%d %H:%M}",
                    f"{t.expires_at:%Y-%m-%d}",
                    _state(t, now),
                )
                for t in tokens
            ],
            empty="No tokens yet. `clearance tokens issue NAME --role viewer` makes one.",
        ),
    )


@app.command("revoke")
def revoke(ctx: typer.Context, token_id: TokenId, json: Json = False) -> None:
    """Make a token useless from now on."""
    show(connect(ctx).access.revoke(token_id), json, lambda token: say(f"{token.id} of {token.name} no longer works."))


@app.command("whoami")
def whoami(ctx: typer.Context, json: Json = False) -> None:
    """Show who you are taken to be, what your roles are, and until when."""
    now = datetime.now(UTC)

    def render(who: Principal) -> None:
        say(f"{who.name} ({', '.join(who.held) or 'no role yet'})")
        if only := _only(who.scope):
            say(f"only {only}")
        if who.expires_at is not None:
            say(f"until {who.expires_at:%Y-%m-%d %H:%M} UTC{_hurry(who.expires_at, now)}")

    show(connect(ctx).access.whoami(), json, render)


def _show_secret(issued: IssuedToken) -> None:
    say(f"{issued.token.name}, until {issued.token.expires_at:%Y-%m-%d}. This is shown only now:\n")
    typer.echo(issued.secret)


def _state(token: Token, now: datetime) -> str:
    if token.revoked_at is not None:
        return f"revoked {token.revoked_at:%Y-%m-%d %H:%M}"
    if token.expires_at <= now:
        return "expired"
    if token.successor is not None:
        return f"works until {token.expires_at:%Y-%m-%d %H:%M}; then {token.successor}"
    return f"works{_hurry(token.expires_at, now)}"


def _hurry(ends: datetime, now: datetime) -> str:
    left = ends - now
    if left > _SOON:
        return ""
    return (
        f"; ends in {left.days} days" if left.days > 1 else f"; ends in {max(0, int(left.total_seconds() // 3600))} h"
    )


def _only(scope: Scope | None) -> str:
    if scope is None:
        return ""
    parts = [each.value for each in scope.permissions] + list(scope.models)
    return " ".join([*parts, f"team {scope.team}"] if scope.team is not None else parts)


def _duration(text: str) -> timedelta:
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd])", text.strip())
    if found is None or float(found[1]) > 10**6:
        raise InvalidInput(f"{text[:40]!r} is no duration", code="bad_duration", hint="such as 30m, 1h or 2d")
    return timedelta(**{_UNITS[found[2]]: float(found[1])})
