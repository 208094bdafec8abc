"""Draws what `demo` prints first as an SVG picture: `just pictures`."""

import sys
from pathlib import Path

from rich.console import Console
from rich.text import Text

# Up to the note under the first plan.
LAST = "so start does not see it."

lines = []
for line in sys.stdin:
    lines.append(line.rstrip("\n"))
    if LAST in line:
        break
else:
    sys.exit("the demo's first plan has no end")

console = Console(record=True, width=120, file=open("/dev/null", "w"))
console.print(Text.from_ansi("\n".join(lines)))
console.save_svg(str(Path(__file__).with_name("demo.svg")), title="eks-nodegroup-updater demo")
