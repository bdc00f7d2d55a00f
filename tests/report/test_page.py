import re
from html.parser import HTMLParser

import pytest

from kgcv.report.page import Folded, Picture, Section, Table, Text, render_page

NASTY = "<script>alert('x')</script> & \"quotes\""
PIXEL = b"\x89PNG not really"


class Outline(HTMLParser):
    """The elements of a page; fails where they are not closed in their order."""

    VOID = frozenset({"meta", "img"})

    def __init__(self, page):
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data if self.open[-1:] != ["style"] else ""

    def all(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture
def page():
    blocks = (
        Text(f"paragraph {NASTY}"),
        Table(("class", "kind", "recall"), ((NASTY, "a & b", "0.5"), ("cat", "c", "0.7")), f"by class {NASTY}", 2),
        Picture(PIXEL, "png", f"alt {NASTY}", f"caption {NASTY}"),
        Picture(b"<svg><script>1</script></svg>", "svg", "a curve", ""),
        Folded(f"more {NASTY}", (Section("inner", "Inner", (Picture(PIXEL, "jpeg", "photo", "", is_wide=True),)),)),
    )
    return render_page(f"Report {NASTY}", [Section("one", f"One {NASTY}", blocks), Section("two", "Two", ())])


def test_whatever_stands_in_a_block_is_text(page):
    outline = Outline(page)
    assert outline.all("script") == []
    # Title, heading, link, section title, paragraph, two captions, row header, summary.
    assert outline.text.count(NASTY) == 9
    assert [image["alt"] for image in outline.all("img")] == [f"alt {NASTY}", "a curve", "photo"]


def test_nothing_is_fetched(page):
    addresses = re.findall(r'(?:src|href)="([^"]*)"|url\(([^)]*)\)|@import', page)
    assert addresses and all(one.startswith(("data:image/", "#")) for one, _ in addresses)
    assert "data:image/svg+xml;base64,PHN2Zz48c2NyaXB0PjE8L3NjcmlwdD48L3N2Zz4=" in page
    assert "data:image/jpeg;base64," in page


def test_links_lead_to_headings_in_landmarks(page):
    outline = Outline(page)
    ids = [attributes["id"] for _, attributes in outline.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert {link["href"].removeprefix("#") for link in outline.all("a")} == {"content", "one", "two"} <= set(ids)
    assert {section["aria-labelledby"] for section in outline.all("section")} <= set(ids)
    assert [len(outline.all(tag)) for tag in ("main", "nav", "header", "h1", "h2", "h3")] == [1, 1, 1, 1, 2, 1]
    assert outline.all("html") == [{"lang": "en"}]


def test_a_table_names_its_rows_and_columns(page):
    outline = Outline(page)
    assert [cell["scope"] for cell in outline.all("th")] == ["col", "col", "col", "row", "row"]
    # Of the three columns the first two are words, in the header and in both rows.
    assert sum(cell.get("class") == "left" for cell in outline.all("th") + outline.all("td")) == 6
    frame = next(div for div in outline.all("div") if div.get("class") == "frame")
    assert (frame["role"], frame["tabindex"]) == ("region", "0") and frame["aria-label"].startswith("by class")


def test_pictures_that_follow_each_other_share_a_grid(page):
    assert page.count('<div class="pictures">') == 2
    assert [figure.get("class") for figure in Outline(page).all("figure")] == ["table", None, None, "wide"]


def test_no_sections_give_a_page_all_the_same():
    assert Outline(render_page("empty", [])).all("main") == [{"id": "content", "tabindex": "-1"}]
