"""Whole studies: a comparison of optimizers, and a learning-rate range test."""
