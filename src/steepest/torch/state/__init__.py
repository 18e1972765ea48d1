"""What an optimizer keeps: arrays and numbers of a parameter, checkpoints, where schedules are, skipped steps."""
