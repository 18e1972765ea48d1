"""What a reader sees of a page of the documentation."""

from html.parser import HTMLParser


class Page(HTMLParser):
    """The parts of a page under their headings: tables as rows of cells, the rest as text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.heading = ""
        self.tables: dict[str, list[list[str]]] = {}
        self.text: dict[str, str] = {}
        self.lines: list[str] = []
        self.links: list[str] = []
        self._cell: list[str] | None = None
        self._in_line = False
        self.feed(html[html.index("<article") : html.index("</article>")])

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag in ("h1", "h2"):
            self.heading = given.get("id") or ""
        elif tag == "tr":
            self.tables.setdefault(self.heading, []).append([])
        elif tag in ("td", "th"):
            self._cell = []
        elif tag == "a":
            self.links.append(given.get("href") or "")
        self._in_line = (tag == "div" and "--depth" in (given.get("style") or "")) or (self._in_line and tag != "div")
        if tag == "div" and self._in_line:
            self.lines.append("")

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th") and self._cell is not None:
            self.tables[self.heading][-1].append(" ".join("".join(self._cell).split()))
            self._cell = None
        self._in_line = self._in_line and tag != "div"

    def handle_data(self, data: str) -> None:
        if self._cell is not None:
            self._cell.append(data)
        if self._in_line:
            self.lines[-1] += data.translate({0x2062: None, 0x2061: None, 0xA0: " "})
        self.text[self.heading] = self.text.get(self.heading, "") + data
