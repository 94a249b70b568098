#!/usr/bin/env python3
"""Converts a captured terminal screen into an SVG picture.

    tmux capture-pane -e -p -t SHOP | picture.py [--theme dark|light] [--columns N] [--title TEXT] > shop.svg

Reads text with SGR escape sequences (ECMA-48) and draws each cell at its place with its colors (16, 256 and direct),
bold, dim, italic, underline and reverse.
"""

import argparse
import re
import sys
import unicodedata
from dataclasses import dataclass, replace
from html import escape

# Some programs collapse ordinary spaces in SVG text.
NO_BREAK = "\u00a0"
CELL_W, CELL_H, FONT, BASELINE, MARGIN, BAR = 8.4, 16, 14, 12.5, 12, 28
THEMES = {
    "dark": ("#16181d", "#d7dae0", [
        "#2b2f38", "#e06c75", "#98c379", "#e5c07b", "#61afef", "#c678dd", "#56b6c2", "#abb2bf",
        "#6b7280", "#ff8b93", "#b5e08f", "#ffd98f", "#8cc8ff", "#e39bf5", "#7fdbe6", "#ffffff"]),
    "light": ("#fbfbf9", "#24292f", [
        "#24292f", "#c0262d", "#1a7f37", "#9a6700", "#0b5cc4", "#8250df", "#0f7b84", "#6e7781",
        "#57606a", "#d1242f", "#2da44e", "#bf8700", "#218bff", "#a475f9", "#1b9aa6", "#3b434b"]),
}
SGR = re.compile(r"\x1b\[([0-9;:]*)m")
OTHER_ESCAPES = re.compile(r"\x1b(?:\[[0-9;?]*[A-Za-ln-z]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[()][A-Z0-9])|[\x0e\x0f]")


@dataclass(frozen=True)
class Style:
    fg: object = None
    bg: object = None
    bold: bool = False
    dim: bool = False
    italic: bool = False
    underline: bool = False
    reverse: bool = False


def apply(style, parameters):
    codes = [int(code or 0) for code in re.split("[;:]", parameters)]
    flags = {1: "bold", 2: "dim", 3: "italic", 4: "underline", 7: "reverse"}
    while codes:
        code = codes.pop(0)
        if code == 0:
            style = Style()
        elif code in flags:
            style = replace(style, **{flags[code]: True})
        elif code == 22:
            style = replace(style, bold=False, dim=False)
        elif code in (23, 24, 27):
            style = replace(style, **{{23: "italic", 24: "underline", 27: "reverse"}[code]: False})
        elif code in (38, 48):
            field = "fg" if code == 38 else "bg"
            kind = codes.pop(0) if codes else 5
            if kind == 5 and codes:
                style = replace(style, **{field: codes.pop(0)})
            elif kind == 2 and len(codes) >= 3:
                style = replace(style, **{field: "#{:02x}{:02x}{:02x}".format(*codes[:3])})
                del codes[:3]
        elif 30 <= code <= 37 or 90 <= code <= 97:
            style = replace(style, fg=code - 30 if code < 90 else code - 82)
        elif 40 <= code <= 47 or 100 <= code <= 107:
            style = replace(style, bg=code - 40 if code < 100 else code - 92)
        elif code == 39:
            style = replace(style, fg=None)
        elif code == 49:
            style = replace(style, bg=None)
    return style


def width(character):
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def runs(lines):
    """Yields (row, column, cells, text, style) for each run of one style; a non-ASCII character is a run of its own."""
    style = Style()
    for row, line in enumerate(lines):
        column = 0
        for index, piece in enumerate(SGR.split(OTHER_ESCAPES.sub("", line))):
            if index % 2:
                style = apply(style, piece)
                continue
            for text in re.findall(r"[ -~]+|[^ -~]", piece):
                cells = sum(map(width, text))
                yield row, column, cells, text, style
                column += cells


def colour(value, default, palette):
    if value is None or isinstance(value, str):
        return value or default
    if value < 16:
        return palette[value]
    if value >= 232:
        grey = 8 + (value - 232) * 10
        return f"#{grey:02x}{grey:02x}{grey:02x}"
    value -= 16
    steps = [0, 95, 135, 175, 215, 255]
    return "#{:02x}{:02x}{:02x}".format(steps[value // 36], steps[value // 6 % 6], steps[value % 6])


def draw(lines, columns, theme, title):
    background, foreground, palette = THEMES[theme]
    w, h = columns * CELL_W + 2 * MARGIN, len(lines) * CELL_H + 2 * MARGIN + BAR
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{w:.0f}" height="{h:.0f}" viewBox="0 0 {w:.0f} {h:.0f}">',
        f'<title>{escape(title)}</title>',
        f'<rect width="100%" height="100%" rx="9" fill="{background}"/>',
    ]
    for index, dot in enumerate(("#ff5f57", "#febc2e", "#28c840")):
        out.append(f'<circle cx="{MARGIN + 7 + index * 20}" cy="{BAR / 2 + 4}" r="6" fill="{dot}"/>')
    out.append(f'<g font-family="DejaVu Sans Mono, Menlo, Consolas, monospace" font-size="{FONT}">')
    for row, column, cells, text, style in runs(lines):
        fg, bg = colour(style.fg, foreground, palette), colour(style.bg, None, palette)
        if style.reverse:
            fg, bg = bg or background, fg
        x, y = MARGIN + column * CELL_W, MARGIN + BAR + row * CELL_H
        if bg:
            out.append(f'<rect x="{x:.1f}" y="{y}" width="{cells * CELL_W:.1f}" height="{CELL_H}" fill="{bg}"/>')
        visible = text if style.underline else text.strip(" ")
        if not visible:
            continue
        # Programs treat spaces at the ends of SVG text differently: the text begins at its first visible character.
        x += text.index(visible) * CELL_W
        cells = sum(map(width, visible))
        attributes = ' font-weight="bold"' * style.bold + ' font-style="italic"' * style.italic
        attributes += ' text-decoration="underline"' * style.underline + ' fill-opacity="0.6"' * style.dim
        out.append(f'<text x="{x:.1f}" y="{y + BASELINE}" textLength="{cells * CELL_W:.1f}" '
                   f'lengthAdjust="spacingAndGlyphs" fill="{fg}"{attributes}>{escape(visible.replace(" ", NO_BREAK))}</text>')
    return "\n".join([*out, "</g>", "</svg>", ""])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--theme", choices=THEMES, default="dark")
    parser.add_argument("--columns", type=int, help="the width of the screen; default: its longest line")
    parser.add_argument("--title", default="The bookstore in a terminal")
    arguments = parser.parse_args()
    lines = sys.stdin.read().rstrip("\n").split("\n")
    widest = max((column + cells for _, column, cells, _, _ in runs(lines)), default=1)
    sys.stdout.write(draw(lines, arguments.columns or widest, arguments.theme, arguments.title))


if __name__ == "__main__":
    main()
