"""The same error is told once an hour, each other one at once."""

from __future__ import annotations

from clearance.storage.complaints import AGAIN_AFTER_SECONDS, Complaints


def test_an_error_is_new_once_an_hour_by_place_kind_and_text() -> None:
    now = 0.0
    complaints = Complaints(lambda: now)
    assert [complaints.is_new("loop", OSError("full")) for _ in range(3)] == [True, False, False]
    assert complaints.is_new("loop", OSError("gone"))
    assert complaints.is_new("loop", ValueError("full"))
    assert complaints.is_new("other", OSError("full"))
    now = AGAIN_AFTER_SECONDS - 1
    assert not complaints.is_new("loop", OSError("full"))
    now = AGAIN_AFTER_SECONDS
    assert complaints.is_new("loop", OSError("full"))


def test_errors_that_are_always_different_do_not_fill_the_memory() -> None:
    complaints = Complaints()
    for number in range(5_000):
        assert complaints.is_new("loop", OSError(str(number)))
    assert len(complaints._told) == 1000
    assert not complaints.is_new("loop", OSError("4999"))
