"""One run: from a task and an optimizer to what it measured and how it ended."""
