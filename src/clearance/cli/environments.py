"""The command that shows what serves where."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import typer
from rich.markup import escape

from clearance.cli.core import Json, connect, say, show, table
from clearance.delivery.model import Environment, Serving
from clearance.policy.model import Admission, Standing

app = typer.Typer()
_MARKS = {Standing.STOPPED: ", refused", Standing.LAPSED: ", lapsed", Standing.ADMITTED: ""}
_SAID = {
    Standing.STOPPED: "[red]asked for, refused[/]",
    Standing.LAPSED: "[yellow]lapsed, goes on only where it is loaded[/]",
}


@app.command()
def environments(ctx: typer.Context, json: Json = False) -> None:
    """Show what serves in each environment, and what is asked for there but refused."""

    def render(found: tuple[Environment, ...]) -> None:
        pointers = [pointer for each in found for pointer in each.pointers]
        table(
            "Environments",
            ("environment", "model", "serves", "candidate", "weight", "since"),
            [
                (
                    pointer.environment,
                    pointer.model,
                    _version(pointer.stable, pointer.stable_admission),
                    _version(pointer.candidate, pointer.candidate_admission),
                    f"{pointer.weight:g}%" if pointer.candidate else "",
                    f"{pointer.moved_at:%Y-%m-%d %H:%M}",
                )
                for pointer in pointers
            ],
            empty="Nothing serves yet. `clearance promote MODEL NUMBER` lets a version serve.",
        )
        for line in _against(pointers):
            say(line)

    show(connect(ctx).delivery.environments(), json, render)


def _against(pointers: Iterable[Serving]) -> Iterator[str]:
    """Yield, of each version that is asked for and may not be loaded, that it is and why."""
    for pointer in pointers:
        for number, admission in (
            (pointer.stable, pointer.stable_admission),
            (pointer.candidate, pointer.candidate_admission),
        ):
            if admission is not None and not admission.allowed:
                where = f"{pointer.model}/{number} in {pointer.environment}: {escape(admission.reason)}"
                yield f"{_SAID[admission.standing]} {where}"


def _version(number: int | None, admission: Admission | None) -> str:
    return "" if number is None or admission is None else f"{number}{_MARKS[admission.standing]}"
