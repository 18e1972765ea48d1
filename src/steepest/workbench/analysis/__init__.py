"""What the runs of a study say: statistics, summaries, decisions, and what each figure draws; all as plain records."""
