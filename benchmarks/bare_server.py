"""Peer of the gateway: the least that answers a prediction over HTTP, with no token, contract, version or record."""

from __future__ import annotations

import json
import sys
from typing import Any

import numpy as np
import onnxruntime
import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

TYPES = {"INT64": np.int64, "FP32": np.float32, "FP64": np.float64, "BOOL": np.bool_, "BYTES": np.object_}


def main(model: str, port: int) -> None:
    """Serve a model on a port of this machine."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])

    def predict(body: bytes) -> JSONResponse:
        tensors = json.loads(body)["inputs"]
        feeds: dict[str, Any] = {
            each["name"]: np.array(each["data"], TYPES[each["datatype"]]).reshape(-1, 1) for each in tensors
        }
        label, probability = session.run(["label", "probability"], feeds)
        return JSONResponse({"label": label.ravel().tolist(), "probability": probability.ravel().tolist()})

    async def infer(request: Request) -> JSONResponse:
        return await run_in_threadpool(predict, await request.body())

    app = Starlette(routes=[Route("/infer", infer, methods=["POST"])])
    uvicorn.run(app, host="127.0.0.1", port=port, log_level="warning", access_log=False)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
