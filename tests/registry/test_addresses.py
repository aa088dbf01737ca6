"""No password gets into what is registered: it would be shown to everybody, and stand in the log for good."""

from __future__ import annotations

import pytest

from clearance.app import Clearance
from clearance.client.client import Client
from clearance.errors import InvalidInput
from clearance.registry.addresses import LEFT_OUT, has_secret, scrubbed, without_secret
from clearance.registry.model import Code, Provenance
from clearance.registry.source import Source, SourceKind
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
    "https://h/m?password=p": "https://h/m",
    "https://h/m?Password=p&v=3": "https://h/m?v=3",
    "https://h/m?v=3&api_key=k&w=4": "https://h/m?v=3&w=4",
    "https://h/m?token=t&sig=s&v=3#top": "https://h/m?v=3#top",
    "https://h/m?p%61ssword=p": "https://h/m",
    "https://u:p@h/m?access_token=t": "https://h/m",
    "https://h/m#access_token=t&state=1": "https://h/m#state=1",
    "https://b.s3.amazonaws.com/m?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIA%2F20260105&X-Amz-Expires=60"
    "&X-Amz-Security-Token=t&X-Amz-Signature=5af": "https://b.s3.amazonaws.com/m?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Expires=60",
    "https://b.s3.amazonaws.com/m?AWSAccessKeyId=AKIA&Signature=s%3D&Expires=1": "https://b.s3.amazonaws.com/m?AWSAccessKeyId=AKIA"
    "&Expires=1",
    "https://storage.googleapis.com/b/m?X-Goog-Signature=5af": "https://storage.googleapis.com/b/m",
    "https://a.blob.core.windows.net/c/m?sv=2024-11-04&sr=b&sig=Zm9v%3D": "https://a.blob.core.windows.net/c/m?sv=2024-11-04&sr=b",
    "https://h/m?key=AIzaSyA": "https://h/m",
    "https://gitlab.example.com/loans.git?private_token=t": "https://gitlab.example.com/loans.git",
    "azure://c?AccountName=a;AccountKey=Zm9v==": "azure://c?AccountName=a",
    "jdbc:sqlserver://h:1433;databaseName=d;user=u;password=p": "jdbc:sqlserver://h:1433;databaseName=d;user=u",
    "jdbc:postgresql://h/d?user=u&password=p": "jdbc:postgresql://h/d?user=u",
    "jdbc:postgresql://u:p@h/d?sslmode=require": "jdbc:postgresql://h/d?sslmode=require",
    "s3://bucket/model?secret_access_key=k": "s3://bucket/model",
    "https://h/m?password=": "https://h/m?password=",
    "https://h/m?key=loan-model&max_tokens=5&design=2&assign=a": "https://h/m?key=loan-model&max_tokens=5&design=2&assign=a",
    "https://h/token=t/password": "https://h/token=t/password",
    "models:/loans/3?tokenizer=bert": "models:/loans/3?tokenizer=bert",
}


@pytest.mark.parametrize("address", WITHOUT)
def test_a_password_token_or_signature_in_an_address_is_seen_and_taken_out(address: str) -> None:
    assert without_secret(address) == WITHOUT[address]
    assert has_secret(address) == (WITHOUT[address] != address)


def test_what_somebody_else_wrote_is_kept_without_its_secrets() -> None:
    said = {
        "url": "https://u:hush@h/loans.git",
        "list": ["https://h/m?sig=hush", "https://h/m", 1, None, True],
        "spark.hadoop.fs.s3a.secret.key": "hush",
        "password": "",
        "token": {"type": "string"},
        "max_tokens": 5,
        "sql": "select 'https://u:p@h/' from a  -- only what is an address is read as one",
    }
    assert scrubbed(said) == {
        **said,
        "url": "https://h/loans.git",
        "list": ["https://h/m", "https://h/m", 1, None, True],
        "spark.hadoop.fs.s3a.secret.key": LEFT_OUT,
    }
    assert scrubbed(scrubbed(said)) == scrubbed(said)


@pytest.mark.parametrize(
    ("kind", "address"),
    [
        (SourceKind.ENDPOINT, "https://u:hush@h/"),
        (SourceKind.ENDPOINT, "grpc://hush@h:1"),
        (SourceKind.REFERENCE, "s3://key:hush@bucket/model"),
        (SourceKind.FILES, "http://u:hush@h/model"),
        (SourceKind.REFERENCE, "https://b.s3.amazonaws.com/m?X-Amz-Signature=hush"),
        (SourceKind.ENDPOINT, "https://h/v1?api-key=hush"),
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
    with pytest.raises(InvalidInput, match="the repository has a password, token or signature"):
        client.versions.refer(
            "scores", Source(kind=SourceKind.REFERENCE, uri="s3://b/m"), provenance=Provenance(code=code)
        )
