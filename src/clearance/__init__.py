"""Clearance: a control tower for machine-learning and AI models."""

__version__ = "0.1.0"
