"""Where a client comes from: the server in the settings, or the installation in the home folder, in this process."""

from __future__ import annotations

import getpass
from collections.abc import Callable
from typing import TYPE_CHECKING

from clearance.access.model import Principal, Role
from clearance.client.client import Client
from clearance.settings import Settings

if TYPE_CHECKING:
    from clearance.app import Clearance


def open_client(settings: Settings, aside: Callable[[str], None]) -> Client:
    """Return a client; in local mode it acts as the operating-system user, with admin rights.

    Args:
        settings: which server, if any.
        aside: told what the client takes a name for, where that is not plain.
    """
    if settings.url:
        return Client(settings.url, _token(settings), aside=aside)
    from clearance.client.transport import InProcessTransport

    opened: list[Clearance] = []

    def load() -> object:
        from clearance import server
        from clearance.app import Clearance

        opened.append(Clearance(settings))
        return server.local(opened[0])

    def end() -> None:
        opened[0].close()

    local = Principal(name=f"local:{getpass.getuser()}", roles=(Role.ADMIN,))
    transport = InProcessTransport(load, {"clearance.principal": local}, end)
    return Client("http://local", transport=transport, aside=aside)


def _token(settings: Settings) -> str:
    """Return the token for the server: the one that is set, or where it stands, else that of the log-in there."""
    if settings.token:
        from clearance.storage.secrets import Secret

        return Secret("token", settings.token).value()
    from clearance.cli import logins

    found = logins.find(settings.home, settings.url)
    return found.secret if found is not None else ""
