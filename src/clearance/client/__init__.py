"""The typed Python client: one file per room, over the HTTP API."""
