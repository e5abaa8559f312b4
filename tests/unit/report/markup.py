"""A page as a browser understands it. What a strict parser complains of is an error."""

from collections.abc import Iterator
from xml.etree.ElementTree import Element

import html5lib


class Page:
    """The text of a page, and its elements."""

    def __init__(self, text: str) -> None:
        """Raises html5lib's ParseError for whatever is not as the HTML standard wants it."""
        self.text = text
        parser = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False)
        self.root: Element = parser.parse(text)

    def all(self, tag: str, /, **attributes: str) -> list[Element]:
        """The elements of that kind with these attributes; `class_` is `class`."""
        wanted = {key.rstrip("_").replace("_", "-"): value for key, value in attributes.items()}
        return [
            element
            for element in self.root.iter()
            if _name(element) == tag
            and all(element.get(key) == value for key, value in wanted.items())
        ]

    def one(self, tag: str, /, **attributes: str) -> Element:
        """The only element of that kind."""
        (found,) = self.all(tag, **attributes)
        return found

    def elements(self) -> Iterator[tuple[str, Element]]:
        """Every element with its name, in order."""
        for element in self.root.iter():
            if isinstance(element.tag, str):
                yield _name(element), element

    def section(self, heading: str) -> Element:
        """The part of the page under a heading, by the heading's id."""
        return self.one("section", aria_labelledby=heading)

    def rows(self, heading: str, table: int = 0) -> list[list[str]]:
        """The cells of a table's body in a part of the page."""
        tables = [e for e in self.section(heading).iter() if _name(e) == "table"]
        body = next(e for e in tables[table].iter() if _name(e) == "tbody")
        return [[text(cell) for cell in row] for row in body]


def text(element: Element) -> str:
    """What a reader sees of it, as one line."""
    return " ".join("".join(element.itertext()).split())


def _name(element: Element) -> str:
    # What lies within SVG has a namespace of its own.
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""
