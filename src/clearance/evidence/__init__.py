"""What is known about a version? Signed statements, trust, verification summaries, passports."""
