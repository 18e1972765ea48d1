"""A rule becomes data: read from its function, its branches decided, split into numbers of a step and elements."""
