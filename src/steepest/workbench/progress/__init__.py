"""Who is told how a study gets on: a line in the terminal, JSON for another program."""
