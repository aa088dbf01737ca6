"""Commands of approvals: what waits for people; approve or reject it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from clearance.cli.core import Json, connect, say, show, table
from clearance.cli.facts import counted
from clearance.policy.consent import ApprovalRequest, RequestState, Voted

if TYPE_CHECKING:
    from clearance.client.policy import Approvals

app = typer.Typer(no_args_is_help=True, help="See what waits for people; approve or reject it.")
Which = Annotated[str, typer.Argument(help="The request's id, apr_…")]


@app.command("list")
def listing(
    ctx: typer.Context,
    state: Annotated[RequestState | None, typer.Option(help="Only those.")] = None,
    mine: Annotated[bool, typer.Option("--mine", help="Only those that wait for you.")] = False,
    json: Json = False,
) -> None:
    """List requests for approval, newest first."""
    approvals = connect(ctx).approvals

    def render(requests: list[ApprovalRequest]) -> None:
        table(
            "Approvals",
            ("id", "version", "environment", "state", "votes", "roles", "author", "until"),
            [
                (
                    r.id,
                    f"{r.model}/{r.number}",
                    r.environment,
                    r.state,
                    f"{sum(vote.approve for vote in r.votes)} of {r.needed}",
                    " ".join(r.roles),
                    r.author,
                    f"{r.expires_at:%Y-%m-%d}",
                )
                for r in requests
            ],
            empty="" if requests else _nothing(approvals, state, mine=mine),
        )

    show(list(approvals.list(state, mine=mine)), json, render)


def _nothing(approvals: Approvals, state: RequestState | None, *, mine: bool) -> str:
    """Return what an empty list means: also of one's own, while others are waited for."""
    if not mine and state not in {None, RequestState.OPEN}:
        return f"No request is {state}."
    others = sum(1 for _ in approvals.list(RequestState.OPEN)) if mine else 0
    if others:
        wait = f"{counted(others, 'request')} {'waits' if others == 1 else 'wait'} for others"
        return f"Nothing waits for you. {wait}: `clearance approvals list --state open`"
    return "Nothing waits for people. A decision that is pending asks for approval."


@app.command("approve")
def approve(
    ctx: typer.Context,
    approval_id: Which,
    comment: Annotated[str, typer.Option(help="What you looked at.")] = "",
    json: Json = False,
) -> None:
    """Agree; once enough people have, the version is decided on anew."""
    show(connect(ctx).approvals.approve(approval_id, comment), json, _render)


@app.command("reject")
def reject(
    ctx: typer.Context,
    approval_id: Which,
    comment: Annotated[str, typer.Option(help="What has to change.")],
    json: Json = False,
) -> None:
    """Disagree, saying why."""
    show(connect(ctx).approvals.reject(approval_id, comment), json, _render)


def _render(voted: Voted) -> None:
    request = voted.request
    say(f"{request.id} on {request.model}/{request.number} is {request.state}")
    if voted.decision is not None:
        say(f"new decision {voted.decision.id}: [bold]{voted.decision.outcome}[/], {escape(voted.decision.reason)}")
