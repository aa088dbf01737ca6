"""Peer: fills an MLflow registry's database by MLflow's own tables; its server is started beside this."""

from __future__ import annotations

import importlib
import json
import sys
import time
from typing import Any

store: Any = importlib.import_module("mlflow.store.model_registry.sqlalchemy_store").SqlAlchemyStore(sys.argv[1])
tables: Any = importlib.import_module("mlflow.store.model_registry.dbmodels.models")

for line in sys.stdin:
    asked = json.loads(line)
    names = [f"{asked['prefix']}{number:05d}" for number in range(asked["first"], asked["last"])]
    began = time.perf_counter()
    with store.ManagedSessionMaker() as session:
        session.bulk_save_objects([tables.SqlRegisteredModel(name=name, description="filled") for name in names])
        session.bulk_save_objects(
            [
                tables.SqlModelVersion(
                    name=name, version=1, source="s3://bucket/model", storage_location="s3://bucket/model"
                )
                for name in names
            ]
        )
    print(json.dumps({"seconds": time.perf_counter() - began}), flush=True)
