"""The protocol of MLflow: its registry, artifacts and webhooks, as its unchanged client speaks to them."""
