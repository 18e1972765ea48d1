"""Fused kernels for the processor: a program as text, machine code of it, and a table of the tensors it walks."""
