"""What do we do about it? Alerts, notifications, incidents."""
