"""What MLflow's routes stand on beside that of all routes: errors in the words of its protocol."""

from __future__ import annotations

import logging
from collections.abc import Callable, Coroutine
from typing import Any
from urllib.parse import unquote_to_bytes

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from clearance.errors import ClearanceError, InvalidInput
from clearance.integrations.mlflow.errors import body_of, invalid, mistake

logger = logging.getLogger(__name__)


class ProtocolRoute(APIRoute):
    """A route whose errors are as MLflow's clients expect them."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return what answers a request."""
        handle = super().get_route_handler()

        async def answer(request: Request) -> Response:
            try:
                _check_text(request)
                return await handle(request)
            except ClearanceError as error:
                return _told(error)
            except RequestValidationError as error:
                return _told(_fault(error))
            except (HTTPException, ClientDisconnect):  # the framework's own words, and nobody who would hear ours
                raise
            except Exception:
                logger.exception("%s %s failed", request.method, request.url.path)
                return _told(mistake())

        return answer


def _check_text(request: Request) -> None:
    """Refuse an address that is no text: different ones would be read as the same, each with U+FFFD for what can't be read."""
    for part in (request.scope.get("raw_path") or b"", request.scope["query_string"]):
        try:
            unquote_to_bytes(part).decode()
        except UnicodeDecodeError as error:
            raise InvalidInput(
                f"the address of this request is not UTF-8: {part.decode('ascii', 'backslashreplace')[:200]}",
                code="bad_path",
                hint="percent-encode the bytes of its text in UTF-8",
            ) from error


def _fault(error: RequestValidationError) -> ClearanceError:
    first = error.errors()[0]
    if first["type"] == "missing":
        return invalid(f"Missing value for required parameter '{first['loc'][-1]}'.")
    return invalid(f"Invalid value for parameter '{first['loc'][-1]}' supplied: {first['msg']}")


def _told(error: ClearanceError) -> JSONResponse:
    status, body = body_of(error)
    headers = {"www-authenticate": 'Bearer realm="clearance", Basic realm="clearance"'} if status == 401 else None
    return JSONResponse(body, status_code=status, headers=headers)
