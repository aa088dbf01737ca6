"""No password gets into what is registered: it would be shown to everybody, and stand in the log for good."""

from __future__ import annotations

import pytest

from clearance.app import Clearance
from clearance.client.client import Client
from clearance.errors import InvalidInput
from clearance.registry.addresses import has_secret, without_secret
from clearance.registry.model import Code, Provenance, Source, SourceKind
from tests.registry.test_legacy import register

WITHOUT = {
    "https://scores.example.com/v1": "https://scores.example.com/v1",
    "https://scores.example.com/a@b?c=d@e": "https://scores.example.com/a@b?c=d@e",
    "s3://bucket/model": "s3://bucket/model",
    "abfss://container@account.dfs.core.windows.net/model": "abfss://container@account.dfs.core.windows.net/model",
    "ssh://git@example.org/loans.git": "ssh://git@example.org/loans.git",
    "git@example.org:loans.git": "git@example.org:loans.git",
    "runs:/1234/model": "runs:/1234/model",
    "": "",
    "https://u:p@h/": "https://h/",
    "https://token@h:8443/v1": "https://h:8443/v1",
    "https://:p@h/": "https://h/",
    "https://u:p@w@h/": "https://h/",
    "grpcs://u:p@h:1": "grpcs://h:1",
    "git+https://token@h/loans.git": "git+https://h/loans.git",
    "ssh://git:p@h/loans.git": "ssh://h/loans.git",
    "mlflow-artifacts://u:p@h/1": "mlflow-artifacts://h/1",
    "s3://key:secret@bucket/model": "s3://bucket/model",
    "https://u:p@[h/": "",
}


@pytest.mark.parametrize("address", WITHOUT)
def test_a_password_or_token_in_an_address_is_seen_and_taken_out(address: str) -> None:
    assert without_secret(address) == WITHOUT[address]
    assert has_secret(address) == (WITHOUT[address] != address)


@pytest.mark.parametrize(
    ("kind", "address"),
    [
        (SourceKind.ENDPOINT, "https://u:hush@h/"),
        (SourceKind.ENDPOINT, "grpc://hush@h:1"),
        (SourceKind.REFERENCE, "s3://key:hush@bucket/model"),
        (SourceKind.FILES, "http://u:hush@h/model"),
    ],
)
def test_a_version_whose_address_has_a_password_is_refused_without_repeating_it(
    client: Client, sqlite_parts: Clearance, kind: SourceKind, address: str
) -> None:
    with pytest.raises(InvalidInput) as refused:
        register(sqlite_parts, Source(kind=kind, uri=address))
    assert refused.value.code == "secret_in_address"
    assert "hush" not in refused.value.message + refused.value.hint
    assert all("hush" not in str(entry) for entry in client.audit.entries())


def test_a_repository_with_a_token_in_its_address_is_refused(client: Client) -> None:
    client.models.create("scores", owner="ada")
    code = Code(repository="https://hush@example.org/loans.git", commit="1" * 40)
    with pytest.raises(InvalidInput, match="the repository has a password or token"):
        client.versions.refer(
            "scores", Source(kind=SourceKind.REFERENCE, uri="s3://b/m"), provenance=Provenance(code=code)
        )
