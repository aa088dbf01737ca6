"""The story a newcomer sees: one model's way to production and back, told through the client."""
