"""How does a version reach production? Promotion, rollouts, analysis, rollback."""
