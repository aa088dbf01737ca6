"""Every command that a page or a hint tells people to type is one that exists, with the options it is told to have."""

from __future__ import annotations

import pytest

from tests.docs.commands import fault, in_pages, in_sources


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("models create NAME --owner me", None),
        ("--home DIR audit verify", None),
        ("serve --port 8780", None),
        ("models …", None),
        ("modles list", "no command 'modles'"),
        ("models make NAME", "no command 'make'"),
        ("models create NAME --woner me", "no option --woner"),
        ("--hoem DIR audit verify", "no option --hoem"),
    ],
)
def test_a_command_is_right_or_says_what_is_wrong(text: str, wrong: str | None) -> None:
    found = fault(text)
    assert found is None if wrong is None else wrong in str(found)


def test_every_command_in_the_pages_exists() -> None:
    mentions = list(in_pages())
    assert len(mentions) > 100
    assert [f"{m.where}: {wrong} (`clearance {m.text}`)" for m in mentions if (wrong := fault(m.text))] == []


def test_every_command_in_hints_of_the_program_exists() -> None:
    mentions = list(in_sources())
    assert len(mentions) > 50
    assert [f"{m.where}: {wrong} (`clearance {m.text}`)" for m in mentions if (wrong := fault(m.text))] == []
