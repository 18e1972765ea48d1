"""The blocks of code of a page of the documentation."""

import re
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "frameworks.md"


def blocks(section: str) -> list[str]:
    """Those under this heading, in their order."""
    found = re.search(rf"^## {re.escape(section)}\n(.*?)(?=^## |\Z)", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    assert found, f"{PAGE.name} has no section {section!r}"
    return re.findall(r"^```python\n(.*?)^```", found[1], re.DOTALL | re.MULTILINE)


def sections() -> list[str]:
    """Headings below which there is code."""
    return [name for name in re.findall(r"^## (.*)$", PAGE.read_text(), re.MULTILINE) if blocks(name)]
