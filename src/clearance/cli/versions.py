"""Commands of versions."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from clearance.cli.capture import by_when, capture, contract_of, fill
from clearance.cli.core import Json, Model, Number, connect, folder_of, note, say, show, table
from clearance.cli.export import export
from clearance.cli.facts import DATA, counted, facts, short
from clearance.errors import InvalidInput
from clearance.registry.completeness import Completeness
from clearance.registry.contract import ModelContract
from clearance.registry.model import DatasetRole, DatasetUse, Lineage, Provenance, Version, VersionStatus
from clearance.registry.source import Source, SourceKind

app = typer.Typer(no_args_is_help=True, help="Register, fetch, trace and stop immutable versions.")
app.command("export")(export)
app.command("capture")(capture)
app.command("fill")(fill)
app.command("contract")(contract_of)
Why = Annotated[str, typer.Option("--reason", help="Why, for whoever asks in a year.")]


@app.command("list")
def listing(ctx: typer.Context, model: Model, json: Json = False) -> None:
    """List the versions of a model, newest first."""
    show(
        list(connect(ctx).versions.list(model)),
        json,
        lambda versions: table(
            f"Versions of {model}",
            ("version", "status", "digest", "size", "code", "registered"),
            [
                (
                    v.name,
                    v.status,
                    short(v.digest),
                    _bytes(v.size),
                    _code(v),
                    f"{v.created_at:%Y-%m-%d}",
                )
                for v in versions
            ],
            empty=f"No versions yet. `clearance versions register {model} FOLDER` registers one.",
        ),
    )


@app.command("show")
def one(ctx: typer.Context, model: Model, number: Number, json: Json = False) -> None:
    """Show one version: files, contract, provenance and what is missing of it."""
    client = connect(ctx)
    version = client.versions.get(model, number)

    def render(found: Version) -> None:
        _render(found, client.versions.completeness(model, number))
        if waiting := by_when(client.versions.onboarding(model, number)):
            say(waiting)

    show(version, json, render)


@app.command("register")
def register(
    ctx: typer.Context,
    model: Model,
    folder: Annotated[
        Path | None,
        typer.Argument(
            parser=folder_of, help="Folder with the version's files, or its one file; none for a black box."
        ),
    ] = None,
    endpoint: Annotated[
        str | None, typer.Option(help="Instead of a folder: address of a model that others run.")
    ] = None,
    revision: Annotated[str, typer.Option(help="What the endpoint's provider calls this version of it.")] = "",
    image: Annotated[str | None, typer.Option(help="Instead of a folder: container image, NAME@sha256:….")] = None,
    contract: Annotated[Path | None, typer.Option(help="YAML or JSON: inputs and outputs.")] = None,
    provenance: Annotated[Path | None, typer.Option(help="YAML or JSON: datasets, code, parameters, …")] = None,
    dataset: Annotated[
        list[str] | None,
        typer.Option(
            help=f"Data it used, ROLE=DATA; repeat. ROLE is training, validation, test or reference; DATA is {DATA}."
        ),
    ] = None,
    code: Annotated[
        Path | None, typer.Option(parser=folder_of, help="Working tree to take repository and commit from.")
    ] = None,
    environment: Annotated[bool, typer.Option(help="Record this Python environment as the lock.")] = False,
    json: Json = False,
) -> None:
    """Register the next version: a folder, whose files are not sent again when the server has them, or a black box."""
    from clearance.cli.documents import read_document

    source = _source(folder, endpoint, revision, image)
    story = Provenance() if provenance is None else read_document(provenance, Provenance)
    named = [_named(each) for each in dataset or ()]
    story = _captured(story, code, environment)
    terms = None if contract is None else read_document(contract, ModelContract)
    client = connect(ctx)
    uses = (DatasetUse(role=role, digest=client.datasets.resolve(data)) for role, data in named)
    story = replace(story, datasets=(*story.datasets, *uses))

    def render(made: Version) -> None:
        held = made.source.uri or f"{counted(len(made.files), 'file')}, {_bytes(made.size)}"
        say(f"{made.name} is registered: {held}\n{made.digest}")
        if made.contract is None and isinstance(source, Source):
            say(f"Next: `clearance versions capture {made.model} {made.number} --events FILE` infers its contract.")

    if isinstance(source, Source):
        made = client.versions.refer(model, source, contract=terms, provenance=story)
    else:
        made = client.versions.register(model, source, contract=terms, provenance=story)
    show(made, json, render)


@app.command("pin")
def pin(
    ctx: typer.Context,
    model: Model,
    number: Number,
    folder: Annotated[
        Path,
        typer.Argument(parser=folder_of, help="Folder with the files that the version referred to, or its one file."),
    ],
    json: Json = False,
) -> None:
    """Give a version that only referred to its bytes the bytes, once; from then on it has a digest."""
    found = connect(ctx).versions.pin(model, number, folder)
    show(
        found,
        json,
        lambda version: say(f"{version.name} is pinned: {counted(len(version.files), 'file')}\n{version.digest}"),
    )


@app.command("delete")
def delete(
    ctx: typer.Context,
    model: Model,
    number: Number,
    reason: Annotated[str, typer.Option(help="Why, for whoever asks in a year.")],
    json: Json = False,
) -> None:
    """Leave a tombstone of what serves nowhere: never used again, left out of choices; digest, evidence and history stay."""
    found = connect(ctx).versions.delete(model, number, reason)
    show(found, json, lambda version: say(f"{version.name} is deleted; what is known of it stays."))


@app.command("download")
def download(
    ctx: typer.Context,
    model: Model,
    number: Number,
    folder: Annotated[Path, typer.Argument(help="New folder to write the files to.")],
    json: Json = False,
) -> None:
    """Write a version's files into a new folder, verified; exit 1 if a byte is not as registered."""
    found = connect(ctx).versions.download(model, number, folder)
    show(
        found,
        json,
        lambda version: say(f"{version.name} is in {folder}: {counted(len(version.files), 'file')}, verified"),
    )


@app.command("lineage")
def lineage(ctx: typer.Context, model: Model, number: Number, json: Json = False) -> None:
    """Show what a version was made from, and what was made from it."""

    def render(found: Lineage) -> None:
        nodes = {node.id: node for node in found.nodes}
        table(
            f"Lineage of {model}/{number}",
            ("from", "kind", "as", "into"),
            [(nodes[e.source].label, nodes[e.source].kind, e.relation, nodes[e.target].label) for e in found.edges],
            empty="Nothing is known: it names no data, no code, no parents, and no version names it.",
        )

    show(connect(ctx).versions.lineage(model, number), json, render)


@app.command("quarantine")
def quarantine(ctx: typer.Context, model: Model, number: Number, reason: Why, json: Json = False) -> None:
    """Stop a version from being used until it is released."""
    show(connect(ctx).versions.quarantine(model, number, reason), json, _render_status)


@app.command("release")
def release(ctx: typer.Context, model: Model, number: Number, reason: Why, json: Json = False) -> None:
    """Let a quarantined version be used again."""
    show(connect(ctx).versions.release(model, number, reason), json, _render_status)


@app.command("retire")
def retire(ctx: typer.Context, model: Model, number: Number, reason: Why, json: Json = False) -> None:
    """Stop a version from being used, for good."""
    show(connect(ctx).versions.retire(model, number, reason), json, _render_status)


def _source(folder: Path | None, endpoint: str | None, revision: str, image: str | None) -> Path | Source:
    """Return the folder, or what was named instead.

    Raises:
        InvalidInput: not exactly one of them, or a revision of what is no endpoint.
    """
    one = sum(given is not None for given in (folder, endpoint, image)) == 1
    if one and folder is not None and not revision:
        return folder
    if one and image is not None and not revision:
        return Source(kind=SourceKind.IMAGE, uri=image)
    if one and endpoint is not None:
        return Source(kind=SourceKind.ENDPOINT, uri=endpoint, revision=revision)
    raise InvalidInput(
        "a version is a folder, or an endpoint (maybe with its revision), or an image",
        code="bad_source",
        hint="give one of FOLDER, --endpoint URL [--revision R], --image NAME@sha256:…",
    )


def _named(text: str) -> tuple[DatasetRole, str]:
    role, _, data = text.partition("=")
    if role not in set(DatasetRole) or not data:
        raise InvalidInput(
            f"{text!r} does not say ROLE=DATA",
            code="bad_dataset_use",
            hint=f"for example training=training.parquet; ROLE is one of {', '.join(DatasetRole)}",
        )
    return DatasetRole(role), data


def _captured(story: Provenance, code: Path | None, environment: bool) -> Provenance:
    from clearance.client.capture import capture_code, capture_environment

    if code is not None:
        found = capture_code(code)
        if found is None:
            raise InvalidInput(f"{code} is in no git repository", code="no_repository")
        if found.dirty:
            note(f"the tree was changed after commit {found.commit[:12]}: recorded as dirty")
        story = replace(story, code=found)
    return replace(story, environment=capture_environment()) if environment else story


def _render(version: Version, completeness: Completeness) -> None:
    story = version.provenance
    facts(
        version.name,
        [
            ("status", f"{version.status} {version.status_reason and f'({version.status_reason})'}"),
            ("digest", version.digest or "none: its bytes are not pinned, and nothing admits it"),
            ("source", f"{version.source.kind} {version.source.uri} {version.source.revision}".strip()),
            ("registered", f"{version.created_at:%Y-%m-%d %H:%M} UTC by {version.created_by}"),
            ("code", _code(version)),
            ("trainer", story.trainer),
            *((f"data, {use.role}", f"{use.name} {use.digest}".strip()) for use in story.datasets),
            ("parents", ", ".join(story.parents)),
            ("parameters", ", ".join(f"{name}={found}" for name, found in story.parameters.items())),
            ("metrics", ", ".join(f"{name}={found:g}" for name, found in story.metrics.items())),
            ("environment", counted(len(story.environment), "package") if story.environment else ""),
            ("provenance", f"{completeness.fraction:.0%} complete"),
            *(("  missing", fact) for fact in completeness.missing),
            *(("  note", flag) for flag in completeness.flags),
        ],
    )
    table(
        "\nFiles",
        ("path", "size", "digest"),
        [(f.path, _bytes(f.size), short(f.sha256)) for f in version.files],
        empty="",
    )
    if version.contract is not None:
        fields = [
            (side, f.name, f.datatype, list(f.shape), "nullable" if f.nullable else "")
            for side, found in (("in", version.contract.inputs), ("out", version.contract.outputs))
            for f in found
        ]
        table("\nContract", ("", "name", "type", "shape", ""), fields, empty="")


def _render_status(version: Version) -> None:
    meaning = "it may be used" if version.status == VersionStatus.REGISTERED else "it may not be used"
    say(f"{version.name} is {version.status}: {meaning}.")


def _code(version: Version) -> str:
    code = version.provenance.code
    return "" if code is None else f"{code.commit[:7]}{' dirty' if code.dirty else ''}"


def _bytes(size: float) -> str:
    for unit in ("B", "KiB", "MiB"):
        if size < 1024:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} GiB"
