"""Who may do what? Principals, roles, permissions, tokens."""
