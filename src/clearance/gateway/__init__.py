"""Where do requests pass? Admission at load, routing, request contracts."""
