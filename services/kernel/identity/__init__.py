"""Who calls: access tokens, roles, principals."""
