"""Draws what commands print as SVG pictures: `just pictures`.

They are the snapshots that the tests compare, so that no picture is out of date unnoticed. Each text has its own place and width,
and each sign is drawn, so that every column stays where it is whatever font shows the picture.
"""

import re
import sys
from html import escape
from pathlib import Path

from lettering import MONO, fixed

ROOT = Path(__file__).parents[2]
COMMANDS = ROOT / "cli/src/commands/snapshots/eks_nodegroup_updater__commands__"
# Of each picture: its title, the snapshot, and what is before and after the part that is shown.
SHOWN = {
    "demo": ("cargo run -p demo", f"{ROOT}/demo/tests/snapshots/it__the_last_screen_in_color.snap", "\n---\n", None),
    "plan": (
        "eks-nodegroup-updater plan",
        f"{COMMANDS}plan__tests__the_first_plan_of_a_fleet.snap",
        "\nin color\n\n",
        "\nJSON\n\n",
    ),
    "explain": (
        "eks-nodegroup-updater explain prod/general",
        f"{COMMANDS}explain__tests__a_node_group_whose_last_update_failed.snap",
        "\nin color\n\n",
        "\nJSON\n\n",
    ),
}

COLUMNS, CELL, LINE, SIZE = 120, 8.4, 20, 14
MARGIN, BAR = 18, 38
# It has its own background, and an edge that is seen on white and on black.
BACKGROUND, EDGE, INK, PALE = "#161b22", "#3d444d", "#e6edf3", "#9ea7b3"
BOLD, DIM = "1", "2"
COLORS = {"31": "#ff7b72", "32": "#56d364", "33": "#e3b341", "34": "#79c0ff", "36": "#56d4dd", "90": PALE}

# Each sign around its middle, in strokes; one that ends with Z is filled.
SIGNS = {
    "●": "M-4 0a4 4 0 1 0 8 0a4 4 0 1 0 -8 0Z",
    "○": "M-4 0a4 4 0 1 0 8 0a4 4 0 1 0 -8 0",
    "◷": "M-4.5 0a4.5 4.5 0 1 0 9 0a4.5 4.5 0 1 0 -9 0M0 -4.5V0H4.5",
    "▲": "M0 -4.5L4.5 4H-4.5Z",
    "↻": "M3.9 -2.2A4.4 4.4 0 1 0 4.4 0.8M4.4 -5.4V-1.8H0.8",
    "✔": "M-4 0.4L-1.2 3.6L4 -4",
    "✗": "M-3.4 -3.8L3.4 3.8M3.4 -3.8L-3.4 3.8",
    "→": "M-4 0H4M0.8 -3.2L4 0L0.8 3.2",
    "·": "M-1 0a1 1 0 1 0 2 0a1 1 0 1 0 -2 0Z",
    "│": f"M0 {-LINE / 2:g}V{LINE / 2:g}",
}
# What is drawn by itself: a sign, a rule, and a text up to where two spaces begin another column.
PARTS = re.compile(rf"[{''.join(SIGNS)}]|─+|[^ ─{''.join(SIGNS)}]+(?: [^ ─{''.join(SIGNS)}]+)*")


def main() -> None:
    into = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
    for name, (title, snapshot, before, after) in SHOWN.items():
        text = Path(snapshot).read_text().split(before, 1)[1]
        if after:
            text = text.split(after)[0]
        (into / f"{name}.svg").write_text(draw(title, text.rstrip().splitlines()))


def draw(title: str, lines: list[str]) -> str:
    wide = round(2 * MARGIN + COLUMNS * CELL)
    high = BAR + LINE * len(lines) + MARGIN
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{wide}" height="{high}" viewBox="0 0 {wide} {high}" role="img"'
        f' font-family="{MONO}" font-size="{SIZE}" stroke-linecap="round" stroke-linejoin="round">',
        f"<title>{escape(title)}</title>",
        f'<rect x="0.5" y="0.5" width="{wide - 1}" height="{high - 1}" rx="8" fill="{BACKGROUND}" stroke="{EDGE}"/>',
        *(
            f'<circle cx="{MARGIN + 4 + 18 * index}" cy="19" r="5.5" fill="{color}"/>'
            for index, color in enumerate(["#ff5f57", "#febc2e", "#28c840"])
        ),
        letters((wide - CELL * len(title)) / 2, 24, title, PALE),
    ]
    style: set[str] = set()
    for index, line in enumerate(lines):
        column, top = 0, BAR + LINE * index
        # Between the texts are the codes of their styles.
        for at, text in enumerate(re.split(r"ESC\[(\d+)m", line)):
            if at % 2:
                style = style | {text} if text != "0" else set()
                continue
            parts += [part(column + it.start(), top, it[0], style) for it in PARTS.finditer(text)]
            column += len(text)
        if column > COLUMNS:
            sys.exit(f"wider than the picture: {line}")
    return "\n".join([*parts, "</svg>\n"])


def part(column: int, top: float, text: str, style: set[str]) -> str:
    if unknown := style - COLORS.keys() - {BOLD, DIM}:
        sys.exit(f"the style {' '.join(unknown)} of {text} is unknown")
    color = next((COLORS[code] for code in style & COLORS.keys()), PALE if DIM in style else INK)
    x, middle = MARGIN + column * CELL, top + LINE / 2
    if text[0] == "─":
        return f'<path d="M{x:.1f} {middle:g}h{len(text) * CELL:.1f}" stroke="{PALE}"/>'
    if text in SIGNS:
        fill = color if SIGNS[text].endswith("Z") else "none"
        return (
            f'<path d="{SIGNS[text]}" transform="translate({x + CELL / 2:.1f} {middle:g})" fill="{fill}" stroke="{color}"'
            f' stroke-width="{1 if text == "│" else 1.6}"/>'
        )
    if not text.replace("…", "").isascii():
        sys.exit(f"{text} has a sign that is not drawn yet")
    return letters(x, top + 15, text, color, BOLD in style)


def letters(x: float, y: float, text: str, color: str, bold: bool = False) -> str:
    style = f'fill="{color}"' + (' font-weight="bold"' if bold else "")
    return f'<text x="{x:.1f}" y="{y:g}" {fixed(CELL * len(text))} {style}>{escape(text, quote=False)}</text>'


if __name__ == "__main__":
    main()
