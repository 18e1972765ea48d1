"""Where a study is stored: the record of its runs, and the folder around it."""
