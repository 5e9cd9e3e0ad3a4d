"""The report as a page: what a reader without scripts, on paper or on a narrow page needs of it."""

from __future__ import annotations

import random
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

import pmplab
from tests.made_runs import actions, make


class Page(HTMLParser):
    """Headings in order, and elements that were not closed."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.headings: list[int] = []
        self.open: list[str] = []
        self.wrong: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        del attrs
        if re.fullmatch(r"h[1-6]", tag):
            self.headings.append(int(tag[1]))
        if tag not in {"meta", "br"}:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """What closes itself stays as it is."""

    def handle_endtag(self, tag: str) -> None:
        if self.open.pop() != tag:
            self.wrong.append(tag)


@pytest.fixture
def html(tmp_path: Path) -> str:
    make(tmp_path, 1, frame=actions(random.Random(1), 600))
    make(tmp_path, 2, frame=actions(random.Random(2), 600, fail=0.2), labels={"target": "2"})
    return str(pmplab.report("latest", home=tmp_path).html)


def test_headings_come_in_order_and_every_element_is_closed(html: str) -> None:
    page = Page(html)
    assert page.headings[0] == 1
    assert page.headings.count(1) == 1
    assert all(after <= before + 1 for before, after in zip(page.headings, page.headings[1:], strict=False))
    assert (page.open, page.wrong) == ([], [])


def test_pictures_have_scales_and_tell_their_values(html: str) -> None:
    pictures = re.findall(r"<svg.*?</svg>", html)
    assert len(pictures) >= 3
    for picture in pictures:
        assert 'role="img"' in picture
        assert "<title>" in picture
        assert "</text>" in picture
    assert re.search(r"<title>1\.0s: ended 1\d\d/s, failed or timed out \d", html)
    assert "<script" not in html


def test_rows_become_blocks_on_narrow_pages_with_the_titles_of_their_columns(html: str) -> None:
    assert "@media (max-width:760px)" in html
    assert '<td class=n data-of="p99">' in html
    assert 'data-of="Trigger"' in html
    assert "@media print" in html


def test_a_report_in_a_cell_is_the_same_without_a_page_around_it(tmp_path: Path) -> None:
    make(tmp_path, 1)
    report = pmplab.report("latest", home=tmp_path)
    shown = report._repr_mimebundle_()["text/html"]
    assert shown.startswith('<div class="pmp report">')
    assert "<h1" not in shown
    assert Page(shown).wrong == []
