"""Commands of evidence: sign versions, add statements, see what is known."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from clearance.cli.core import Json, Model, Number, connect, read_file, say, show, table
from clearance.evidence import dsse, keys, predicates, statement, strict
from clearance.evidence.model import ArtifactSignature, StoredStatement

app = typer.Typer(no_args_is_help=True, help="Sign versions, add statements, see what is known.")


@app.command("list")
def listing(
    ctx: typer.Context,
    model: Model,
    number: Number,
    kind: Annotated[str | None, typer.Option("--type", help="Only this predicate type, a URI.")] = None,
    json: Json = False,
) -> None:
    """List the statements about a version."""
    show(
        list(connect(ctx).evidence.statements(model, number, kind)),
        json,
        lambda found: table(
            f"Statements about {model}/{number}",
            ("id", "kind", "says", "signed by", "added (UTC)"),
            [
                (
                    each.id,
                    predicates.purpose_of(each.predicate_type),
                    _gist(each),
                    each.signer_name + (", revoked" if each.revoked_at else ""),
                    f"{each.added_at:%Y-%m-%d}",
                )
                for each in found
            ],
            empty=f"Nothing is known yet. `clearance evidence sign {model} {number}` signs it.",
        ),
    )


@app.command("sign")
def sign(ctx: typer.Context, model: Model, number: Number, json: Json = False) -> None:
    """Sign a version's files (OpenSSF Model Signing) and its provenance (SLSA) with the installation's key."""
    show(connect(ctx).evidence.sign(model, number), json, _render_signature)


@app.command("add-signature")
def add_signature(
    ctx: typer.Context,
    model: Model,
    number: Number,
    file: Annotated[Path, typer.Argument(help="The bundle that `model_signing sign key` wrote.")],
    json: Json = False,
) -> None:
    """Keep a signature over a version's files that was made elsewhere."""
    bundle = read_file(file).decode(errors="replace")
    show(connect(ctx).evidence.add_signature(model, number, bundle), json, _render_signature)


@app.command("signature")
def signature(ctx: typer.Context, model: Model, number: Number, json: Json = False) -> None:
    """Show who signed a version's files."""
    show(connect(ctx).evidence.signature(model, number), json, _render_signature)


@app.command("add")
def add(
    ctx: typer.Context,
    model: Model,
    number: Number,
    file: Annotated[Path, typer.Argument(help="DSSE envelope (JSON) with an in-toto statement.")],
    json: Json = False,
) -> None:
    """Keep a signed statement about a version that was made elsewhere."""
    show(connect(ctx).evidence.add(model, number, dsse.parse(read_file(file))), json, _render_statement)


@app.command("attest")
def attest(
    ctx: typer.Context,
    model: Model,
    number: Number,
    predicate: Annotated[Path, typer.Argument(help="The claim: a JSON object.")],
    kind: Annotated[str, typer.Option("--type", help="Its predicate type, a URI.")],
    key: Annotated[Path, typer.Option(help="Private key (PEM) to sign with; its public half must be trusted.")],
    json: Json = False,
) -> None:
    """Sign a claim about a version with a key of your own, here, and add it."""
    client = connect(ctx)
    digest = client.versions.get(model, number).digest
    claim = statement.about(model, number, digest, kind, strict.loads(read_file(predicate), str(predicate)))
    envelope = dsse.sign(statement.encode(claim), dsse.PAYLOAD_TYPE, keys.parse_private(read_file(key)))
    show(client.evidence.add(model, number, envelope), json, _render_statement)


def _gist(found: StoredStatement) -> str:
    """Return what a statement says in a word or two."""
    match found.predicate_type:
        case predicates.CHECK:
            return f"{found.predicate['check']}: {found.predicate['verdict']}"
        case predicates.VSA:
            return "allowed" if found.predicate["verificationResult"] == "PASSED" else "denied"
        case predicates.APPROVAL:
            return "approved" if found.predicate.get("approve") else "rejected"
        case predicates.PROVENANCE:
            return "recorded"
        case _:
            return found.predicate_type


def _render_statement(found: StoredStatement) -> None:
    say(f"{found.model}/{found.number} has it as {found.id}: {_gist(found)}, signed by {found.signer_name}.")


def _render_signature(found: ArtifactSignature) -> None:
    say(
        f"{found.model}/{found.number} is signed by {found.signer_name} (key {found.signer}), added by {found.added_by}."
    )
