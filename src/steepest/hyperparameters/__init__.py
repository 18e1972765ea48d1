"""What an optimizer may be given: the names of its arguments, and the values that they may have."""
