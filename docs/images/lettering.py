"""Text in a picture that is as wide as the picture says, whatever font the viewer has.

An SVG picture cannot count on a font: a README shows it with whatever is installed, and signs may come from yet another font. So
every text has its width written into it (`textLength`), and the viewer scales the letters to that.
"""

from html import escape

SANS = "'Helvetica Neue', Helvetica, Arial, 'Liberation Sans', sans-serif"
MONO = "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', 'Liberation Mono', monospace"

# Thousandths of the size that the letters of Helvetica take, which Arial and Liberation Sans share. All others take 556.
GROUPS = {
    191: "'", 222: "ijl", 260: "|", 278: " !,./:;I[\\]ft", 333: "()-`r{}", 355: '"', 389: "*", 469: "^", 500: "Jcksvxyz",
    584: "+<=>~", 611: "FTZ", 667: "&ABEKPSVXY", 722: "CDHNRUw", 778: "GOQ", 833: "Mm", 889: "%", 944: "W", 1000: "…", 1015: "@",
}  # fmt: skip
THOUSANDTHS = {letter: wide for wide, letters in GROUPS.items() for letter in letters}


def width(text: str, size: float, bold: bool = False) -> float:
    """How wide a text is. Bold letters are about a fourteenth wider."""
    return size * sum(THOUSANDTHS.get(letter, 556) for letter in text) / 1000 * (1.07 if bold else 1)


def fixed(wide: float) -> str:
    """The attributes that make a text so wide."""
    return f'textLength="{wide:.1f}" lengthAdjust="spacingAndGlyphs"'


def words(x: float, y: float, text: str, size: float, fill: str, anchor: str = "start", bold: bool = False) -> str:
    """A text of one line that begins, ends or has its middle at x."""
    style = f'font-size="{size:g}" fill="{fill}"'
    if anchor != "start":
        style += f' text-anchor="{anchor}"'
    if bold:
        style += ' font-weight="bold"'
    return (
        f'<text x="{round(x, 1):g}" y="{round(y, 1):g}" {fixed(width(text, size, bold))} {style}>{escape(text)}</text>'
    )
