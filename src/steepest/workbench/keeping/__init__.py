"""What is kept: the one place where runs are stored, what identifies them, and the folder around it."""
