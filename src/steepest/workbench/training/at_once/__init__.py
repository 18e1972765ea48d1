"""Runs of one small model trained at once: their gradients are computed together, all else is as in a run alone."""
