"""Measurements behind every claim of speed; imported by nobody, run with `make bench`."""
