"""The command that takes a version out with all its proofs; `clearance versions export` is registered in `versions`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from clearance.cli.core import DENIED, Json, connect, say, show

if TYPE_CHECKING:
    from clearance.evidence.passport_check import PassportReport


def export(
    ctx: typer.Context,
    model: Annotated[str, typer.Argument(help="Name of the model.")],
    number: Annotated[int, typer.Argument(help="Number of the version.")],
    folder: Annotated[Path, typer.Argument(help="New folder to write to.")],
    json: Json = False,
) -> None:
    """Write a version's files, signature, signer's key and passport into a new folder; all of it or nothing."""
    from clearance.cli import passport
    from clearance.client.tree import appear
    from clearance.evidence.passport_check import verify
    from clearance.registry.rules import check_held

    client = connect(ctx)
    check_held(client.versions.get(model, number))
    signature = client.evidence.signature(model, number)
    with appear(folder) as making:
        making.mkdir()
        client.versions.download(model, number, making / "artifact")
        (making / "model.sig").write_text(signature.bundle, encoding="utf-8")
        signer = next(key for key in client.evidence.trusted() if key.key_id == signature.signer)
        (making / "signer.pub").write_text(signer.pem, encoding="utf-8")
        passport.write(making / "passport.json", client.evidence.passport(model, number))
    report = verify((folder / "passport.json").read_bytes())
    show(report, json, lambda found: _render(found, folder))
    if not report.ok:
        raise typer.Exit(DENIED)


def _render(report: PassportReport, folder: Path) -> None:
    say(
        f"{report.model}/{report.number} is in {folder}: artifact/, model.sig, signer.pub, passport.json. Check it with"
    )
    typer.echo(
        f"  model_signing verify key {folder}/artifact --signature {folder}/model.sig --public_key {folder}/signer.pub"
    )
    typer.echo(f"  clearance passport verify {folder}/passport.json")
