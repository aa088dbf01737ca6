"""Peer: increments a counter with labels, as a program that counts its predictions does."""

from __future__ import annotations

import importlib
import json
import sys
import time
from typing import Any

library: Any = importlib.import_module("prometheus_client")
counter = library.Counter("requests", "…", ["model", "version"], registry=library.CollectorRegistry())
child = counter.labels("car-loan", "1")
JOBS = {
    "labels": lambda: counter.labels("car-loan", "1").inc(),
    "cached": child.inc,
}

for line in sys.stdin:
    asked = json.loads(line)
    job, times = JOBS[asked["job"]], asked["times"]
    began = time.perf_counter()
    for _ in range(times):
        job()
    print(json.dumps({"seconds": (time.perf_counter() - began) / times}), flush=True)
