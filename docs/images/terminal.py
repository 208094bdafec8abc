"""Draws what commands print as SVG pictures: `just pictures`.

They are the snapshots that the tests compare, so that no picture is out of date unnoticed.
"""

import re
from pathlib import Path

from rich.console import Console
from rich.text import Text

HERE = Path(__file__).parent
SNAPSHOTS = HERE.parents[1] / "cli/src/commands/snapshots"
SHOWN = {
    "plan": ("plan__tests__the_first_plan_of_a_fleet", "eks-nodegroup-updater plan"),
    "explain": ("explain__tests__a_node_group_whose_last_update_failed", "eks-nodegroup-updater explain prod/general"),
}


DEMO = HERE.parents[1] / "demo/tests/snapshots/it__the_last_screen_in_color.snap"


def main() -> None:
    draw("demo", "cargo run -p demo", DEMO.read_text().split("---\n")[2].replace("ESC", "\x1b"))
    for name, (test, title) in SHOWN.items():
        snapshot = (SNAPSHOTS / f"eks_nodegroup_updater__commands__{test}.snap").read_text()
        colored = snapshot.split("\nin color\n\n")[1].split("\nJSON\n\n")[0]
        draw(name, title, colored.replace("ESC", "\x1b"))


def draw(name: str, title: str, text: str) -> None:
    console = Console(record=True, width=120, file=open("/dev/null", "w"))
    console.print(Text.from_ansi(text.rstrip()))
    svg = console.export_svg(title=title, unique_id=name)
    # Whoever shows the picture has a monospace font; nothing is fetched.
    svg = re.sub(r"@font-face \{.*?\}\n", "", svg, flags=re.DOTALL)
    # Indentation survives in every viewer.
    svg = svg.replace("<text ", '<text xml:space="preserve" ')
    (HERE / f"{name}.svg").write_text(svg)


main()
