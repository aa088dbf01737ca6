"""Runs the cases and writes docs/benchmarks.md: `python -m benchmarks [--only NAME …] [--quick] [--out FILE] [--json]`."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import clearance
from benchmarks import report
from benchmarks.bench import Bench, Case
from benchmarks.cases import CASES
from benchmarks.measure import Found

ROOT = Path(__file__).parent.parent


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what is asked for; 0 unless a case broke."""
    asked = _arguments(arguments)
    chosen = [case for case in CASES if not asked.only or case.name in asked.only]
    machine, versions = _machine(quick=asked.quick), dict[str, str]()
    found = [_run(case, asked, versions) for case in chosen]
    asked.out.parent.mkdir(parents=True, exist_ok=True)
    asked.out.write_text(report.page(machine, found, versions), "utf-8")
    if asked.json:
        print(json.dumps(report.document(machine, found, versions), indent=2))
    return int(any(each.error for each in found))


def _run(case: Case, asked: argparse.Namespace, versions: dict[str, str]) -> Found:
    """Run one case in a folder of its own; a case that breaks leaves the others their figures."""
    began, rows, error = time.perf_counter(), [], ""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        try:
            for row in case.run(Bench(Path(folder), asked.cache, asked.quick, versions)):
                rows.append(row)
                ratio = row.ratio()
                shown = "" if ratio is None else f"{ratio:.2f} × "
                print(f"{case.name}: {row.what}: {shown}{row.peer} {row.unavailable}", file=sys.stderr)
        except Exception as broken:  # noqa: BLE001 - whatever it is stands in the report, and the exit code tells
            error = f"{type(broken).__name__}: {broken}"
            print(f"{case.name} broke: {error}", file=sys.stderr)
    seconds = time.perf_counter() - began
    return Found(case=case.name, title=case.title, rows=tuple(rows), seconds=seconds, error=error)


def _arguments(given: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description="Measure, by ratio, against peers and limits."
    )
    names = [case.name for case in CASES]
    parser.add_argument("--only", nargs="+", choices=names, metavar="NAME", help=f"some of: {', '.join(names)}")
    parser.add_argument("--quick", action="store_true", help="small sizes, to see that everything runs")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "benchmarks.md", help="where to write the page")
    parser.add_argument("--cache", type=Path, default=ROOT / ".cache" / "bench", help="where peers are installed")
    parser.add_argument("--json", action="store_true", help="also print everything as JSON")
    return parser.parse_args(given)


def _machine(*, quick: bool) -> report.Machine:
    return report.Machine(
        at=datetime.now(UTC),
        cores=os.cpu_count() or 1,
        memory_gib=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30,
        load=os.getloadavg()[0],
        python=platform.python_version(),
        system=f"{platform.system()} {platform.machine()}",
        version=clearance.__version__,
        quick=quick,
    )


if __name__ == "__main__":
    sys.exit(main())
