"""HTML: what a reader of the page would read, under its headings. Scripts, styles and navigation are left out."""

from html.parser import HTMLParser

from domov.documents.blocks import Outline, Parsed
from domov.documents.encodings import decode

SKIPPED = {"script", "style", "template", "noscript", "svg", "nav", "iframe", "object", "head", "select", "button"}
BREAKS = {"p", "div", "section", "article", "li", "dd", "dt", "blockquote", "figure", "figcaption", "main", "aside"}
BREAKS |= {"header", "footer", "ul", "ol", "dl", "form", "address", "body", "details", "summary", "hr", "center"}
HEADINGS = {f"h{level}": level for level in range(1, 7)}


def read(content: bytes, name: str) -> Parsed:
    return read_text(decode(content, declared=True))


def read_text(text: str, outline: Outline | None = None) -> Parsed:
    """The page's blocks; with an outline, added to it."""
    reader = _Reader(outline or Outline())
    reader.feed(text)
    reader.close()
    reader.flush()
    return reader.outline.parsed(title=" ".join("".join(reader.title).split()), author=reader.author, date=reader.date)


class _Reader(HTMLParser):
    def __init__(self, outline: Outline) -> None:
        super().__init__(convert_charrefs=True)
        self.outline, self.author, self.date = outline, "", ""
        self.title: list[str] = []
        self._words: list[str] = []
        self._skipping: list[str] = []
        self._in_title = self._in_cell = False
        self._heading = 0
        self._pre = 0
        self._rows: list[list[str]] | None = None  # of the outermost table

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "title" and not self.title:
            self._in_title = True
        elif tag == "meta":
            self._meta({key: value or "" for key, value in attrs})
        elif tag == "body":
            self._skipping.clear()  # a head need not be closed
        elif tag in SKIPPED:
            self._skipping.append(tag)
        elif self._skipping:
            return
        elif tag in HEADINGS:
            self.flush()
            self._heading = HEADINGS[tag]
        elif tag == "pre":
            self.flush()
            self._pre += 1
        elif tag == "br":
            self._words.append("\n")
        else:
            self._start_of_structure(tag)

    def _start_of_structure(self, tag: str) -> None:
        if tag == "table" and self._rows is None:
            self.flush()
            self._rows = []
        elif tag == "tr" and self._rows is not None:
            self._end_cell()
            self._rows.append([])
        elif tag in ("td", "th") and self._rows:
            self._end_cell()
            self._in_cell = True
        elif tag in BREAKS and self._rows is None:
            self.flush()
            if tag == "li":
                self._words.append("- ")

    def handle_endtag(self, tag: str) -> None:
        if tag == "title":
            self._in_title = False
        elif self._skipping:
            if tag in self._skipping:
                del self._skipping[self._skipping.index(tag) :]
        elif tag in HEADINGS and self._heading:
            level, text = self._heading, self._text()
            self._heading = 0
            self.outline.heading(level, text)
        elif tag == "pre" and self._pre:
            self.flush()
            self._pre -= 1
        elif tag in ("td", "th", "tr") and self._rows:
            self._end_cell()
        elif tag == "table" and self._rows is not None:
            self._end_cell()
            rows, self._rows = self._rows, None
            self.outline.add("\n".join(" | ".join(row) for row in rows if any(row)), kind="table")
        elif tag in BREAKS and self._rows is None:
            self.flush()

    def _end_cell(self) -> None:
        """A cell ends where the next begins, if it has no end of its own."""
        words = " ".join(self._text().split())
        if self._rows and (self._in_cell or words):
            self._rows[-1].append(words)
        self._in_cell = False

    def handle_data(self, data: str) -> None:
        if self._in_title:
            self.title.append(data)
        elif not self._skipping:
            self._words.append(data if self._pre else " ".join(("x" + data + "x").split())[1:-1])

    def _meta(self, values: dict[str, str]) -> None:
        name, content = values.get("name", values.get("property", "")).lower(), values.get("content", "")
        if name == "author":
            self.author = content
        elif name in ("date", "article:published_time", "dcterms.modified"):
            self.date = content

    def _text(self) -> str:
        text, self._words = "".join(self._words), []
        return text

    def flush(self) -> None:
        if self._heading:  # never closed
            self._heading = 0
        text = self._text()
        if text.strip(" -\n"):
            self.outline.add(text if self._pre else text.strip(), kind="code" if self._pre else "text")
