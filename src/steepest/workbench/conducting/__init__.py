"""Which runs come when, who makes them, who is told, and when to stop."""
