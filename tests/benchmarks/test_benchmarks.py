"""The harness runs a small case and writes its page; a peer that can't be had costs its row, not the run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from benchmarks.environments import PeerUnavailable
from benchmarks.measure import Row, Timing, alternate

from benchmarks import __main__ as command
from benchmarks import environments, report


def test_one_small_case_is_run_and_its_page_is_a_whole_table(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "page.md"
    assert command.main(["--only", "decision", "--quick", "--json", "--out", str(page)]) == 0
    found = json.loads(capsys.readouterr().out)
    rows = found["cases"][0]["rows"]
    assert [case["case"] for case in found["cases"]] == ["decision"]
    assert len(rows) == 2
    assert all(row["ratio"] > 0 for row in rows)
    assert "cel-expr-python" in found["versions"]
    table = [line for line in page.read_text("utf-8").splitlines() if line.startswith("|")]
    assert len(table) == 2 + len(rows)
    assert {line.count("|") for line in table} == {6}
    assert "A quick run" in page.read_text("utf-8")


def test_both_sides_take_turns_and_the_ratio_is_that_of_the_paired_rounds() -> None:
    order: list[str] = []

    def side(name: str, seconds: float) -> float:
        order.append(name)
        return seconds

    ours, theirs = alternate(3, lambda: side("a", 3.0), lambda: side("b", 2.0))
    assert "".join(order) == "ab" + "ab" + "ba" + "ab"
    row = Row(what="w", unit="run", ours=ours, peer="p", theirs=theirs)
    assert row.ratio() == 1.5
    assert row.behind()


@pytest.mark.parametrize(
    ("seconds", "unit", "rate", "shown"),
    [
        (1.5, "run", False, "1.5 s"),
        (0.0123456, "run", False, "12.3 ms"),
        (4.2e-6, "event", False, "4.2 µs"),
        (5e-10, "event", False, "0.5 ns"),
        (1 / 81_234, "event", True, "81,200 events/s"),
    ],
)
def test_figures_are_shown_with_three_digits(seconds: float, unit: str, rate: bool, shown: str) -> None:
    assert report.amount(seconds, unit, rate=rate) == shown


def test_a_limit_is_kept_or_broken_by_the_median() -> None:
    row = Row(what="w", unit="run", ours=Timing((0.1, 0.3, 9.0)), peer="limit", limit=0.2)
    assert row.ratio() == pytest.approx(1.5)
    assert row.behind()


def test_a_peer_that_pip_refuses_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environments, "FOLDER", tmp_path)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    (tmp_path / "no-such-peer.txt").write_text("no-such-peer==1.0\n")
    with pytest.raises(PeerUnavailable, match="could not be installed: ERROR: No matching distribution"):
        environments.install("no-such-peer", tmp_path / "cache")


@pytest.mark.parametrize("lock", sorted(environments.FOLDER.glob("*.txt")), ids=lambda path: path.stem)
def test_every_peer_is_locked_to_exact_versions_and_has_its_program(lock: Path) -> None:
    assert environments.locked_version(lock.stem)
    assert all(line.count("==") == 1 for line in lock.read_text("utf-8").splitlines())
    assert lock.with_name(lock.stem.replace("-", "_") + ".py").is_file()
