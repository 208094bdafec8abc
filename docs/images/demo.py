"""Draws what `demo` prints first as an SVG picture: `just pictures`."""

import re
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
svg = console.export_svg(title="eks-nodegroup-updater demo", unique_id="demo")
# Whoever shows the picture has a monospace font; nothing is fetched.
svg = re.sub(r"@font-face \{.*?\}\n", "", svg, flags=re.DOTALL)
# Indentation survives in every viewer.
svg = svg.replace("<text ", '<text xml:space="preserve" ')
Path(__file__).with_name("demo.svg").write_text(svg)
