"""Adapters to other systems, one folder or file per system."""
