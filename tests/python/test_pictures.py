"""The pictures of the README can be read with whatever font the reader has."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from xml.etree import ElementTree

import pytest

IMAGES = Path(__file__).resolve().parents[2] / "docs/images"
TERMINALS = ["demo", "explain", "plan"]
DRAWN = [*TERMINALS, "dashboard", "flow"]
EVERY = [*DRAWN, "cold-start"]
# How wide a letter is, in sizes, on average, in the widest font that is plausible, DejaVu Sans in bold.
WIDEST = 0.65


@dataclass(frozen=True)
class Box:
    text: str
    left: float
    right: float
    top: float
    bottom: float

    def overlaps(self, other: Box) -> bool:
        return (
            self.left < other.right and other.left < self.right and self.top < other.bottom and other.top < self.bottom
        )

    def within(self, outer: Box) -> bool:
        return (
            outer.left <= self.left
            and self.right <= outer.right
            and outer.top <= self.top
            and self.bottom <= outer.bottom
        )


def read(name: str) -> ElementTree.Element:
    return ElementTree.parse(IMAGES / f"{name}.svg").getroot()


def elements(picture: ElementTree.Element, tag: str) -> Iterator[ElementTree.Element]:
    return picture.iter(f"{{http://www.w3.org/2000/svg}}{tag}")


def length(value: str, size: float) -> float:
    """A length, of which the font has a say in some: an ex is about half of an em."""
    number, unit = re.fullmatch(r"(-?[\d.]+)(em|ex)?", value).groups()
    return float(number) * {None: 1, "em": size, "ex": size / 2}[unit]


def texts(picture: ElementTree.Element) -> list[Box]:
    """Where each text is; as wide as in the widest font, unless it says itself how wide it is."""
    boxes = []
    for it in elements(picture, "text"):
        text = "".join(it.itertext()).strip()
        size = float(it.get("font-size") or picture.get("font-size") or 20)
        wide = float(it.get("textLength") or WIDEST * size * len(text))
        x, y = float(it.get("x")), float(it.get("y")) + length(it.get("dy", "0"), size)
        left = {"start": x, "middle": x - wide / 2, "end": x - wide}[it.get("text-anchor", "start")]
        boxes.append(Box(text, left, left + wide, y - 0.75 * size, y + 0.22 * size))
    assert boxes
    return boxes


def area(rectangle: ElementTree.Element) -> Box:
    left, top, wide, high = (float(rectangle.get(name)) for name in ("x", "y", "width", "height"))
    return Box("", left, left + wide, top, top + high)


@pytest.mark.parametrize("name", TERMINALS)
def test_the_picture_of_a_command_is_up_to_date(name, tmp_path):
    subprocess.run([sys.executable, IMAGES / "terminal.py", tmp_path], check=True)
    assert (tmp_path / f"{name}.svg").read_text() == (IMAGES / f"{name}.svg").read_text(), "run `just pictures`"


@pytest.mark.parametrize("name", DRAWN)
def test_each_text_says_where_it_is_and_how_wide(name):
    for it in elements(read(name), "text"):
        assert it.get("x") and it.get("y") and it.get("textLength"), "".join(it.itertext())
        assert it.get("lengthAdjust") == "spacingAndGlyphs"
        assert not list(it), "a part of a text begins where the font lets the part before it end"


@pytest.mark.parametrize("name", TERMINALS)
def test_no_sign_of_a_terminal_needs_a_font(name):
    for it in elements(read(name), "text"):
        assert it.text.replace("…", "").isascii()
        assert "  " not in it.text, "another column begins there"


@pytest.mark.parametrize("name", EVERY)
def test_no_text_overlaps_another(name):
    assert not [(a.text, b.text) for a, b in combinations(texts(read(name)), 2) if a.overlaps(b)]


@pytest.mark.parametrize("name", [*TERMINALS, "cold-start"])
def test_no_text_is_cut_off(name):
    picture = read(name)
    background = next(elements(picture, "rect"))
    assert not [it.text for it in texts(picture) if not it.within(area(background))]


def test_no_text_of_the_dashboard_leaves_its_widget():
    picture = read("dashboard")
    background, *rectangles = elements(picture, "rect")
    widgets = [area(it) for it in rectangles if it.get("fill") == "#fff"]
    title, time, *others = texts(picture)
    assert title.within(area(background)) and time.within(area(background))
    assert not [it.text for it in others if not any(it.within(widget) for widget in widgets)]


@pytest.mark.parametrize("name", EVERY)
def test_nothing_is_loaded_from_elsewhere(name):
    svg = (IMAGES / f"{name}.svg").read_text()
    assert not re.search(r"href|url\(|@import|@font-face|<!DOCTYPE|<script|<image", svg)
