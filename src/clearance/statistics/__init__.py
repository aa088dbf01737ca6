"""How is a figure computed? Pure functions, written once, for checks, monitoring and rollouts alike."""
