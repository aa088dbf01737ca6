"""Who is told of changes in the registry, by MLflow's webhooks, and how does every message arrive?"""
