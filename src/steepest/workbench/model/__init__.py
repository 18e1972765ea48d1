"""What a study is about, as data: candidates and their settings, the plan, what identifies a run, how a run ended."""
