"""A secret by reference is read when it is needed, and never printed."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from clearance.errors import InvalidInput, Unavailable
from clearance.storage.secrets import Secret, warn


def test_a_file_is_read_again_when_it_changes(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("first\n")
    secret = Secret("webhook_url", f"file:{file}")
    assert secret.value() == "first"
    file.write_text("second, longer")
    assert secret.value() == "second, longer"
    replacement = tmp_path / "new"
    replacement.write_text("third")
    replacement.replace(file)  # as mounted secrets are exchanged
    assert secret.value() == "third"


def test_a_mounted_secret_changes_with_the_link_before_it(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "secret").write_text(name)
    link = tmp_path / "current"
    link.symlink_to("one")
    secret = Secret("webhook_url", f"file:{link}/secret")
    assert secret.value() == "one"
    link.unlink()
    link.symlink_to("two")
    assert secret.value() == "two"


def test_a_variable_is_read_when_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    secret = Secret("webhook_url", "env:SOME_SECRET")
    monkeypatch.setenv("SOME_SECRET", "one")
    assert secret.value() == "one"
    monkeypatch.delenv("SOME_SECRET")
    with pytest.raises(Unavailable, match="SOME_SECRET is not set"):
        secret.value()


@pytest.mark.parametrize("content", [None, b"", b"\n", b"\xff\xfe"])
def test_a_file_that_holds_none_is_said_to_be_so(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "secret"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(Unavailable, match="CLEARANCE_WEBHOOK_URL is not there") as error:
        Secret("webhook_url", f"file:{file}").value()
    assert error.value.code == "secret_missing"


def test_only_the_reference_is_ever_printed(tmp_path: Path) -> None:
    assert "hunter2" not in repr(Secret("webhook_url", "hunter2"))
    assert Secret("webhook_url", "hunter2").reference == "given in the setting"
    assert Secret("webhook_url", "env:HOOK").reference == "env:HOOK"
    assert not Secret("webhook_url", "")
    assert Secret("webhook_url", "").value() == ""


def test_a_file_may_say_beside_it_until_when_it_is_good(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("x")
    secret = Secret("webhook_url", f"file:{file}")
    assert secret.expires_at() is None
    beside = tmp_path / "secret.expires"
    beside.write_text("2026-12-31\n")
    assert secret.expires_at() == datetime(2026, 12, 31, tzinfo=UTC)
    beside.write_text("2026-12-31T10:00:00+02:00")
    assert secret.expires_at() == datetime(2026, 12, 31, 8, tzinfo=UTC)
    beside.write_text("soon")
    with pytest.raises(InvalidInput, match="does not hold a time"):
        secret.expires_at()


def test_one_that_ends_soon_or_is_missing_is_warned_of_without_telling_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "secret"
    file.write_text("hunter2")
    (tmp_path / "secret.expires").write_text("2026-12-31")
    soon = Secret("webhook_url", f"file:{file}")
    gone = Secret("oidc_client_secret", f"file:{tmp_path}/none")
    warn([soon, gone, Secret("token", "")], datetime(2026, 12, 1, tzinfo=UTC))
    assert [record.getMessage() for record in caplog.records] == [
        f"the secret of CLEARANCE_OIDC_CLIENT_SECRET (file:{tmp_path}/none): "
        "the secret for CLEARANCE_OIDC_CLIENT_SECRET is not there: "
        f"{tmp_path}/none can't be read: No such file or directory"
    ]
    caplog.clear()
    warn([soon], datetime(2026, 12, 20, tzinfo=UTC))
    assert "it ends on 2026-12-31 00:00 UTC" in caplog.text
    assert soon.condition(datetime(2027, 1, 1, tzinfo=UTC)).problem.startswith("it ended")
    assert "hunter2" not in caplog.text
