"""Where a client comes from: the server in the settings, or the installation in the home folder, in this process."""

from __future__ import annotations

import getpass

from clearance.access.model import Principal, Role
from clearance.client.client import Client
from clearance.settings import Settings


def open_client(settings: Settings) -> Client:
    """Return a client; in local mode it acts as the operating-system user, with admin rights."""
    if settings.url:
        return Client(settings.url, settings.token)
    from clearance.client.transport import InProcessTransport

    def load() -> object:
        from clearance import server
        from clearance.app import Clearance

        return server.local(Clearance(settings))

    local = Principal(name=f"local:{getpass.getuser()}", roles=(Role.ADMIN,))
    return Client("http://local", transport=InProcessTransport(load, {"clearance.principal": local}))
