"""Peer: PSI and KS of each column with frouros; the columns are read from .npy files, for it reads no Parquet."""

from __future__ import annotations

import importlib
import json
import sys
import time
from typing import Any

numpy: Any = importlib.import_module("numpy")
detectors: Any = importlib.import_module("frouros.detectors.data_drift")

for line in sys.stdin:
    asked = json.loads(line)
    began = time.perf_counter()
    before, after = (numpy.load(path) for path in (asked["baseline"], asked["current"]))
    for place in range(before.shape[0]):
        for kind in (detectors.PSI, detectors.KSTest):
            detector = kind()
            detector.fit(X=before[place])
            detector.compare(X=after[place])
    print(json.dumps({"seconds": time.perf_counter() - began}), flush=True)
