"""A distribution as a picture: grouped bars, one group a bin, one bar an arm. SVG, sized by its page."""

from __future__ import annotations

from html import escape
from itertools import pairwise

from proxy.contracts.replay import Distribution

WIDTH, HEIGHT = 460, 190
LEFT, BOTTOM, TOP = 44, 46, 8
MAX_LABELS = 8
"""Names of bins below a picture: more of them would meet."""
MAX_LABEL = 12
"""Characters of such a name."""

ARMS = ("reference", "recorded", "primary", "candidate")


def plot(each: Distribution) -> str:
    """The picture."""
    arms = [arm for arm in ARMS if each.shares.get(arm)]
    names = bins(each)
    most = max((share for arm in arms for share in each.shares[arm]), default=0.0) or 1.0
    parts = [
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(_told(each, arms))}">',
        *_axis(most),
        *(bar for index, arm in enumerate(arms) for bar in _bars(each, arm, index, len(arms), most)),
        *_names(names),
        "</svg>",
    ]
    return "".join(parts)


def bins(each: Distribution) -> list[str]:
    """The names of the bins, in order."""
    if each.kind == "category":
        return list(each.categories)
    edges = [f"{edge:.4g}" for edge in each.edges]
    if not edges:
        return ["all"]
    return [
        f"< {edges[0]}",
        *(f"{low} … {high}" for low, high in pairwise(edges)),
        f"≥ {edges[-1]}",
    ]


def _told(each: Distribution, arms: list[str]) -> str:
    return (
        f"Shares of {each.feature} by {len(bins(each))} bins, of {', '.join(arms)}; the numbers are in the table below."
    )


def _height(share: float, most: float) -> float:
    return share / most * (HEIGHT - BOTTOM - TOP)


def _axis(most: float) -> list[str]:
    base = HEIGHT - BOTTOM
    lines = [f'<line class="axis" x1="{LEFT}" y1="{base}" x2="{WIDTH}" y2="{base}"/>']
    for part in (0.0, 0.5, 1.0):
        y = base - _height(part * most, most)
        lines.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{part * most:.0%}</text>')
        if part:
            lines.append(f'<line class="grid" x1="{LEFT}" y1="{y:.1f}" x2="{WIDTH}" y2="{y:.1f}"/>')
    return lines


def _bars(each: Distribution, arm: str, index: int, count: int, most: float) -> list[str]:
    shares = each.shares[arm]
    group = (WIDTH - LEFT) / len(shares)
    width = group * 0.8 / count
    found = []
    for place, share in enumerate(shares):
        x, height = LEFT + place * group + group * 0.1 + index * width, _height(share, most)
        title = f"{arm}, {bins(each)[place] if place < len(bins(each)) else place}: {share:.1%}"
        found.append(
            f'<rect class="{arm}" x="{x:.1f}" y="{HEIGHT - BOTTOM - height:.1f}" width="{width:.1f}" '
            f'height="{height:.1f}"><title>{escape(title)}</title></rect>'
        )
    return found


def _names(names: list[str]) -> list[str]:
    group, every = (WIDTH - LEFT) / len(names), -(-len(names) // MAX_LABELS)
    return [
        f'<text x="{LEFT + (place + 0.5) * group:.1f}" y="{HEIGHT - BOTTOM + 14}" text-anchor="end" '
        f'transform="rotate(-24 {LEFT + (place + 0.5) * group:.1f} {HEIGHT - BOTTOM + 14})">'
        f"{escape(name if len(name) <= MAX_LABEL else name[: MAX_LABEL - 1] + '…')}</text>"
        for place, name in enumerate(names)
        if place % every == 0
    ]
