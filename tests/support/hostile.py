"""Names that would break a page if they were read as markup."""

TASK = "<img src=x onerror=alert(1)>"
METRIC = "<script>alert(2)</script>"
NAMES = ["<script>alert(1)</script>", '🚀 [red]"it\'s"[/red] &']
"""Of optimizers."""
