"""What was asked for: a task, optimizers with their settings, a budget; made into a plan."""
