"""The demo's data: what is shipped, its licence note, and how it is split."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import pytest

from clearance.demo import data

SHIPPED = {
    "car_loan_reference": 50_000,
    "car_loan_analysis": 50_000,
    "car_loan_analysis_labels": 50_000,
    "adult": 32_561,
}


@pytest.mark.parametrize(("name", "rows"), SHIPPED.items())
def test_every_table_is_whole_and_has_no_empty_cell(name: str, rows: int) -> None:
    table = data.read(name)
    assert len(table) == rows
    assert not table.isna().any(axis=None)


def test_every_shipped_file_stands_in_the_licence_note() -> None:
    folder = resources.files("clearance.demo") / "data"
    note = (folder / "NOTICE").read_text("utf-8")
    files = [file.name for file in folder.iterdir() if file.name != "NOTICE"]
    assert sorted(files) == sorted(f"{name}.parquet" for name in SHIPPED)
    assert all(file in note for file in files)


def test_car_loans_are_judged_on_loans_younger_than_those_learnt_from(tmp_path: Path) -> None:
    split = data.car_loan(tmp_path)
    assert split.training["timestamp"].max() < split.holdout["timestamp"].min()
    assert len(split.training) + len(split.holdout) == SHIPPED["car_loan_reference"]


def test_live_traffic_is_in_time_order_and_begins_after_the_reference_half() -> None:
    live = data.live_traffic()
    assert live["timestamp"].is_monotonic_increasing
    assert live["timestamp"].min() > data.read("car_loan_reference")["timestamp"].max()
    assert str(live["timestamp"].dt.tz) == "UTC"


def test_live_traffic_has_no_labels_and_every_loan_gets_one_later() -> None:
    live, labels = data.live_traffic(), data.late_labels()
    assert "repaid" not in live.columns
    assert set(live["id"]) == set(labels["id"])


def test_people_are_split_alike_in_every_protected_group(tmp_path: Path) -> None:
    split = data.income(tmp_path)
    for name in data.PROTECTED:
        training, holdout = (part[name].value_counts(normalize=True) for part in (split.training, split.holdout))
        assert (training - holdout).abs().max() < 0.001


def test_the_written_files_hold_the_rows_of_the_split(tmp_path: Path) -> None:
    import pandas as pd

    split = data.income(tmp_path)
    assert len(pd.read_parquet(split.training_file)) == len(split.training)
    assert len(pd.read_parquet(split.holdout_file)) == len(split.holdout)


def test_the_same_split_gives_the_same_bytes_so_that_a_dataset_keeps_its_identity(tmp_path: Path) -> None:
    first, second = data.income(tmp_path / "a"), data.income(tmp_path / "b")
    assert first.training_file.read_bytes() == second.training_file.read_bytes()
