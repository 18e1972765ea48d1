"""Where runs are made: in this process, or in worker processes beside it."""
