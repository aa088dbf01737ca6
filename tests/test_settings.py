"""Settings are read once, and one that can't be meant is refused before anything is made of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from clearance.errors import InvalidInput
from clearance.settings import load


@pytest.mark.parametrize("name", ["my log", "a+b", "tab\there", "no\u00a0break", "line\nbreak", "x" * 201])
def test_a_name_that_would_break_the_signatures_of_the_log_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(InvalidInput, match="CLEARANCE_LOG_ORIGIN") as caught:
        load({"CLEARANCE_LOG_ORIGIN": name}, home=tmp_path)
    assert caught.value.code == "bad_setting"


def test_a_log_has_a_name_without_a_setting_and_takes_any_other_letters(tmp_path: Path) -> None:
    assert load({}, home=tmp_path).log_origin == "clearance.local/log"
    assert load({"CLEARANCE_LOG_ORIGIN": "bänk.example/log-2"}, home=tmp_path).log_origin == "bänk.example/log-2"
