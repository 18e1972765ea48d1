"""Which settings a search tries next, how many, and which runs it ends early."""
