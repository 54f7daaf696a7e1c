"""Point-in-time features of users, items and pairs."""
