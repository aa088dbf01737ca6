"""What does production telemetry mean? Windows, baselines, figures, alarms."""
