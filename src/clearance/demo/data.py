"""The demo's data: read from the package, split, and written as the Parquet files that are registered."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

CAR_LOAN_LABEL = "repaid"
INCOME_LABEL = "income_above_50k"
PROTECTED = ("sex", "race")

_TRAINING_SHARE = 0.7
"""Of the car loans, the oldest: a model is always judged on loans younger than those it learnt from."""
_FOLDER = resources.files("clearance.demo") / "data"


@dataclass(frozen=True)
class Split:
    """Rows to learn from and rows to be judged on, and the two files that hold them."""

    training: pd.DataFrame
    holdout: pd.DataFrame
    training_file: Path
    holdout_file: Path


def read(name: str) -> pd.DataFrame:
    """Return a table of the package: `car_loan_reference`, `car_loan_analysis`, `car_loan_analysis_labels` or `adult`."""
    import pandas as pd

    with resources.as_file(_FOLDER / f"{name}.parquet") as path:
        return pd.read_parquet(path)


def car_loan(folder: Path) -> Split:
    """Split the reference half of the car loans by time and write both parts into the folder."""
    loans = read("car_loan_reference").sort_values("timestamp", kind="stable")
    border = int(len(loans) * _TRAINING_SHARE)
    return _write(folder, "car-loan", loans.iloc[:border], loans.iloc[border:])


def income(folder: Path) -> Split:
    """Split Adult at random, alike in every group of sex, race and income, and write both parts into the folder."""
    from sklearn.model_selection import train_test_split

    people = read("adult")
    cells = people[[*PROTECTED, INCOME_LABEL]].astype("str").agg("|".join, axis=1)
    training, holdout = train_test_split(people, train_size=0.5, stratify=cells, random_state=1)
    return _write(folder, "income", training, holdout)


def live_traffic() -> pd.DataFrame:
    """Return the analysis half of the car loans in time order; its labels are `late_labels`."""
    return read("car_loan_analysis").sort_values("timestamp", kind="stable", ignore_index=True)


def late_labels() -> pd.DataFrame:
    """Return what became of those loans: `id` and `repaid`."""
    return read("car_loan_analysis_labels")


def _write(folder: Path, name: str, training: pd.DataFrame, holdout: pd.DataFrame) -> Split:
    folder.mkdir(parents=True, exist_ok=True)
    files = tuple(folder / f"{name}-{part}.parquet" for part in ("training", "holdout"))
    for rows, path in zip((training, holdout), files, strict=True):
        rows.to_parquet(path, index=False, compression="zstd")
    return Split(training.reset_index(drop=True), holdout.reset_index(drop=True), *files)
