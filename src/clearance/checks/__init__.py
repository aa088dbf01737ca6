"""What produces evidence? Suites of checks over data, performance, fairness, safety, latency, contract."""
