"""A rule becomes a function over memory."""
