"""Answers that are kept while nothing changes."""

from __future__ import annotations

from clearance.api.answers import MOST_BYTES, Answers


def test_an_answer_is_told_again_in_the_same_state_only() -> None:
    answers = Answers()
    answers.keep(1, "who", b"ada")
    assert answers.find(1, "who") == b"ada"
    assert answers.find(2, "who") is None
    assert answers.find(1, "what") is None


def test_an_answer_of_another_state_forgets_all_others() -> None:
    answers = Answers()
    answers.keep(1, "who", b"ada")
    answers.keep(2, "what", b"loans")
    assert answers.find(2, "what") == b"loans"
    assert answers.find(1, "who") is None
    assert answers.find(2, "who") is None


def test_answers_take_no_more_memory_than_they_may() -> None:
    answers, half = Answers(), bytes(MOST_BYTES // 2)
    for asked in range(5):
        answers.keep(1, asked, half)
    assert sum(answers.find(1, asked) is not None for asked in range(5)) in {1, 2}
    assert answers.find(1, 4) == half
    answers.keep(1, "huge", bytes(MOST_BYTES + 1))
    assert answers.find(1, "huge") is None


def test_the_same_answer_kept_twice_counts_once() -> None:
    answers, half = Answers(), bytes(MOST_BYTES // 2)
    for _ in range(5):
        answers.keep(1, "page", half)
    answers.keep(1, "other", half)
    assert answers.find(1, "page") == half == answers.find(1, "other")
