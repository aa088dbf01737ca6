"""The HTTP surface: one file per room it shows."""
