"""Fused kernels for the GPU: a program as Triton's text, and a table of the tensors that one launch walks."""
