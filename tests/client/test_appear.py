"""What is written for a caller is there whole or not at all, and of what broke off nothing stays beside it for ever."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

from clearance.client.tree import appear
from clearance.errors import InvalidInput

STUCK = """
    import sys, time
    from pathlib import Path
    from clearance.cli import main
    from clearance.client.tree import appear

    def stuck(**_options):
        with appear(Path(sys.argv[1])) as making:
            making.mkdir()
            (making / "half").write_bytes(b"half")
            print("begun", flush=True)
            time.sleep(60)

    main.app = stuck
    main.main()
"""


def begin(target: Path) -> subprocess.Popen[str]:
    """Start a command that writes half of its target and then takes its time."""
    command = [sys.executable, "-c", dedent(STUCK), str(target)]
    made = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert made.stdout is not None
    with made.stdout as out:
        assert out.readline() == "begun\n"
    return made


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_a_command_that_is_told_to_end_takes_what_it_began_with_it(tmp_path: Path, how: signal.Signals) -> None:
    process = begin(tmp_path / "out")
    assert len(list(tmp_path.iterdir())) == 1
    process.send_signal(how)
    assert process.wait(timeout=30) == -how
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_command_left_is_removed_by_the_next_for_the_same_target_and_nothing_else_is(
    tmp_path: Path,
) -> None:
    others = [begin(tmp_path / name) for name in ("out", "other")]
    for process in others:
        process.send_signal(signal.SIGKILL)
        process.wait()
    at_work = begin(tmp_path / "out")
    mine = tmp_path / ".out.0123abcd"
    mine.mkdir()
    (mine / "diary").write_text("dear")
    try:
        with appear(tmp_path / "out") as making:
            making.write_text("whole")
        left = sorted(path.name for path in tmp_path.iterdir())
        assert [name.rpartition(".")[0] for name in left] == [".other", ".out", ".out", ""]
        assert (tmp_path / "out").read_text() == "whole"
        assert (mine / "diary").read_text() == "dear"
        assert sum(name.startswith(".out.") for name in left) == 2, "somebody's own, and what another is at"
    finally:
        at_work.kill()
        at_work.wait()


def test_what_fails_on_the_way_leaves_nothing(tmp_path: Path) -> None:
    def fill() -> None:
        with appear(tmp_path / "out") as making:
            making.mkdir()
            (making / "half").write_bytes(b"half")
            raise OSError(28, os.strerror(28))

    with pytest.raises(InvalidInput, match="No space"):
        fill()
    assert list(tmp_path.iterdir()) == []


def test_two_that_make_the_same_at_once_do_not_take_each_others_away(tmp_path: Path) -> None:
    target = tmp_path / "out"

    def race() -> None:
        with appear(target) as first:
            first.mkdir()
            (first / "a").write_text("first")
            with appear(target) as second:
                second.mkdir()
                (second / "a").write_text("second")

    with pytest.raises(InvalidInput, match="can't be written"):
        race()
    assert (target / "a").read_text() == "second"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
