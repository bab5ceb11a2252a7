#!/usr/bin/env python3
"""Verify WCAG 2.2 AA contrast of the Plazo tokens. Standard library only.

Usage: python tools/contrast.py   (exit status 1 when any pair fails)
"""

import math
import pathlib
import re
import sys

CSS = (
    pathlib.Path(__file__).resolve().parent.parent / "src/plazo/core/static/plazo/css/tokens.css"
).read_text("utf-8")
OK = r"oklch\(\s*([\d.]+)\s+([\d.]+)\s+([\d.]+)[^)]*\)"


Lch = tuple[float, ...]
Pair = tuple[Lch, Lch]


def load() -> dict[str, Pair]:
    both = {
        m[1]: (tuple(map(float, m.groups()[1:4])), tuple(map(float, m.groups()[4:7])))
        for m in re.finditer(rf"--([\w-]+):\s*light-dark\({OK},\s*{OK}\)", CSS)
    }
    one = {
        m[1]: (tuple(map(float, m.groups()[1:4])),) * 2
        for m in re.finditer(rf"--([\w-]+):\s*{OK};", CSS)
    }
    return {**both, **one}


def luminance(lch: Lch) -> float:
    L, C, H = lch
    a, b = C * math.cos(math.radians(H)), C * math.sin(math.radians(H))
    l, m, s = (
        (L + 0.3963377774 * a + 0.2158037573 * b) ** 3,
        (L - 0.1055613458 * a - 0.0638541728 * b) ** 3,
        (L - 0.0894841775 * a - 1.2914855480 * b) ** 3,
    )
    r = 4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s
    g = -1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s
    b = -0.0041960863 * l - 0.7034186147 * m + 1.7076147010 * s
    r, g, b = (min(1, max(0, v)) for v in (r, g, b))
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


def ratio(x: Lch, y: Lch) -> float:
    a, b = sorted((luminance(x), luminance(y)), reverse=True)
    return (a + 0.05) / (b + 0.05)


TEXT = [
    (f, b)
    for f in ("ink", "ink-2", "ink-3", "brand")
    for b in ("paper", "surface", "sunken", "hover")
]
TEXT += [(f, "brand-tint") for f in ("ink", "ink-2", "ink-3", "brand")]
TEXT += [
    ("on-team", "team"),
    ("on-brand", "brand"),
    ("on-brand", "brand-hover"),
    ("on-late", "late-solid"),
]
TEXT += [(f, b) for f in ("rail-ink", "rail-ink-2") for b in ("rail", "rail-active")]
for st in ("ok", "risk", "late", "paused", "met"):
    TEXT += [(f"{st}-fg", b) for b in (f"{st}-bg", "surface", "paper", "sunken", "hover")]
    TEXT += [("ink", f"{st}-bg"), ("ink-2", f"{st}-bg")]
for k in ("note", "side"):
    TEXT += [("ink", f"{k}-bg"), ("ink-2", f"{k}-bg"), (f"{k}-fg", f"{k}-bg"), ("ink-3", f"{k}-bg")]
TEXT += [("ink", "mark")]
NONTEXT = [("line-control", b) for b in ("paper", "surface", "sunken")]
NONTEXT += [("focus", b) for b in ("paper", "surface", "sunken", "brand-tint")]
NONTEXT += [
    (f"{s}-solid", b) for s in ("ok", "late", "met", "paused") for b in ("surface", "sunken")
]

t, bad, worst = load(), 0, 99.0
for pairs, need in ((TEXT, 4.5), (NONTEXT, 3.0)):
    for fg, bg in pairs:
        for i, theme in enumerate(("light", "dark")):
            r = ratio(t[fg][i], t[bg][i])
            if need == 4.5:
                worst = min(worst, r)
            if r < need:
                bad += 1
                print(f"FAIL {theme:5} {fg:13} on {bg:11} {r:5.2f} < {need}")
            elif "-v" in sys.argv:
                print(f"ok   {theme:5} {fg:13} on {bg:11} {r:5.2f}")
print(
    f"{2 * (len(TEXT) + len(NONTEXT))} pairs checked, {bad} failing; lowest text ratio {worst:.2f}:1"
)
sys.exit(bool(bad))
