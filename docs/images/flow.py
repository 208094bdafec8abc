"""Gives each text of a picture by Graphviz its width: `just pictures`.

    dot -Tsvg flow.dot | python3 flow.py PICTURE
"""

import re
import sys
from html import unescape
from pathlib import Path

from lettering import SANS, fixed, width

TEXT = re.compile(r'font-family="[^"]*"( font-weight="bold")? font-size="([\d.]+)"([^>]*)>([^<]*)<')


def with_width(found: re.Match[str]) -> str:
    bold, size, more, text = found.groups(default="")
    wide = fixed(width(unescape(text), float(size), bool(bold)))
    return f'font-family="{SANS}"{bold} font-size="{size}" {wide}{more}>{text}<'


svg = sys.stdin.read()
# What is before the picture names a file elsewhere.
svg = svg[svg.index("<svg") :].replace(' xmlns:xlink="http://www.w3.org/1999/xlink"', "")
Path(sys.argv[1]).write_text(TEXT.sub(with_width, svg))
