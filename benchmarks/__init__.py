"""Measures Clearance against what others take for the same work, and against limits; `make bench` writes docs/benchmarks.md."""
