"""The map of a process as SVG: steps in layers, arrows with how often and after what wait; placed by fast-sugiyama.

Presentation attributes and no styles, so that it looks the same in a page and as a file.
"""

from collections.abc import Callable, Mapping, Sequence
from math import log10
from typing import Any
from xml.sax.saxutils import escape

from fast_sugiyama import from_edges

from api.console.words import HAPPENED, words_in

ACROSS, DOWN = 180, 60  # from one place to the next
WIDE, HIGH = 168, 54  # of a step's box
INK, SOFT, LINE = "#1f2430", "#5b6070", "#7a86a0"
LETTERS = {"zh": 13, "en": 25}  # on a line of a box
TITLE = "流程图"
ABOUT = "方框是步骤及其次数,箭头是先后、次数和等待时间的中位数;下面的表格写明全部数字。"
BEGINNING = f"""<svg xmlns="http://www.w3.org/2000/svg" width="{{wide:.0f}}" height="{{high:.0f}}" role="img"
 viewBox="0 0 {{wide:.0f}} {{high:.0f}}" aria-labelledby="map-title map-about" font-family="sans-serif" font-size="12"
 text-anchor="middle" fill="{INK}"><title id="map-title">{{title}}</title><desc id="map-about">{{about}}</desc>
<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="10" markerHeight="10" orient="auto"
 markerUnits="userSpaceOnUse"><path d="M0 0L8 4L0 8z" fill="{LINE}"/></marker></defs>
"""
UNITS = ((86_400, "{} 天"), (3_600, "{} 小时"), (60, "{} 分钟"), (1, "{} 秒"))
TIMES, AGAIN = "{} 次", "重复 {} 次"

Arrow = Mapping[str, Any]  # previous, step, count, median_seconds
Point = tuple[float, float]
Words = Callable[[str], str]


def most_frequent(arrows: Sequence[Arrow], paths: int) -> list[Arrow]:
    """So many of those between two steps, and of each step on them the most frequent one that leads to it, so that none
    begins in the air. ``arrows``: the most frequent first."""
    between = [arrow for arrow in arrows if arrow["previous"] not in (None, arrow["step"])]
    kept = between[:paths]
    while True:
        begun = {arrow["step"] for arrow in kept}
        missing = dict.fromkeys(arrow["previous"] for arrow in kept if arrow["previous"] not in begun)
        more = [found for step in missing if (found := next((a for a in between if a["step"] == step), None))]
        if not more:
            return kept
        kept += more


def wait(seconds: int | None, words: Words) -> str:
    """In the largest unit of which there are two at least."""
    if seconds is None:
        return "—"
    size, unit = next(((size, unit) for size, unit in UNITS if seconds >= 2 * size), UNITS[-1])
    return words(unit).format(f"{seconds / size:.1f}".removesuffix(".0") if size > 1 else seconds)


def drawing(arrows: Sequence[Arrow], language: str, paths: int) -> str:
    """``arrows``: all there are, the most frequent first. Empty where nothing follows anything."""
    words, kept = words_in(language), most_frequent(arrows, paths)
    steps = list(dict.fromkeys(step for arrow in kept for step in (arrow["previous"], arrow["step"])))
    if not kept:
        return ""
    number = {step: n for n, step in enumerate(steps)}
    places, routes = _laid_out(len(steps), [(number[arrow["previous"]], number[arrow["step"]]) for arrow in kept])
    wide, high = (max(place[axis] for place in places.values()) + side for axis, side in ((0, ACROSS / 2), (1, HIGH)))
    drawn = [BEGINNING.format(wide=wide, high=high, title=escape(words(TITLE)), about=escape(words(ABOUT)))]
    most = log10(1 + max(arrow["count"] for arrow in kept))
    for arrow, route in zip(kept, routes, strict=True):
        thick = 1 + 4 * log10(1 + arrow["count"]) / most
        path = _path([places[id] for id in route])
        drawn.append(
            f'<path d="{path}" fill="none" stroke="{LINE}" stroke-width="{thick:.1f}" marker-end="url(#tip)"/>'
        )
    for n, arrow in enumerate(kept, len(steps)):
        drawn += _label(places[n], f"{arrow['count']:,}", wait(arrow["median_seconds"], words))
    for n, step in enumerate(steps):
        came = sum(arrow["count"] for arrow in arrows if arrow["step"] == step)
        again = sum(arrow["count"] for arrow in arrows if arrow["step"] == step == arrow["previous"])
        said = words(TIMES).format(f"{came:,}") + (f" · {words(AGAIN).format(f'{again:,}')}" if again else "")
        drawn += _box(places[n], words(HAPPENED[step]), said, LETTERS[language])
    return "".join([*drawn, "</svg>"])


def _laid_out(steps: int, edges: Sequence[tuple[int, int]]) -> tuple[dict[Any, Point], list[list[Any]]]:
    """Where everything is: the steps by number, then the label of each edge, then where lines bend; and the route of
    each edge from its step to the other."""
    halves = [half for label, (start, end) in enumerate(edges, steps) for half in ((start, label), (label, end))]
    named = range(steps + len(edges))
    places: dict[Any, Point] = {}
    before: dict[Any, Any] = {}
    after: dict[Any, Any] = {}
    left = 0.0
    for part, (positions, width, height, lines) in enumerate(from_edges(halves, vertex_spacing=1, dummy_vertices=True)):
        # Bends have numbers of their own in each part that hangs together.
        ids = {id: id if id in named else (part, id) for id, _ in positions}
        for id, (x, y) in positions:
            places[ids[id]] = (left + x + 0.5) * ACROSS, (height - y) * DOWN + HIGH / 2 + 1
        for start, end in lines or ():
            after |= {} if start in range(steps) else {ids[start]: ids[end]}
            before |= {} if end in range(steps) else {ids[end]: ids[start]}
        left += width + 1
    routes = []
    for label in named[steps:]:
        route = [label]
        while route[0] in before:
            route.insert(0, before[route[0]])
        while route[-1] in after:
            route.append(after[route[-1]])
        routes.append(route)
    return places, routes


def _path(points: Sequence[Point]) -> str:
    """From the edge of one box to that of the other, upright at every bend."""
    (first, second), (last_but_one, last) = points[:2], points[-2:]
    points = [(first[0], _edge(first, second)), *points[1:-1], (last[0], _edge(last, last_but_one))]
    x, y = points[0]
    drawn = [f"M{x:.0f} {y:.0f}"]
    for to_x, to_y in points[1:]:
        half = (y + to_y) / 2
        drawn.append(f"C{x:.0f} {half:.0f} {to_x:.0f} {half:.0f} {to_x:.0f} {to_y:.0f}")
        x, y = to_x, to_y
    return "".join(drawn)


def _edge(box: Point, towards: Point) -> float:
    return box[1] + HIGH / 2 * (1 if towards[1] > box[1] else -1)


def _label(place: Point, count: str, waited: str) -> list[str]:
    x, y = place
    wide = 7 * max(len(count), len(waited)) + 14
    return [
        f'<rect x="{x - wide / 2:.0f}" y="{y - 16:.0f}" width="{wide}" height="32" rx="4" fill="#ffffff"/>',
        f'<text x="{x:.0f}" y="{y - 3:.0f}" font-weight="bold">{escape(count)}</text>',
        f'<text x="{x:.0f}" y="{y + 12:.0f}" fill="{SOFT}">{escape(waited)}</text>',
    ]


def _box(place: Point, name: str, said: str, letters: int) -> list[str]:
    x, y = place
    lines = _lines(name, letters)
    top = y - 4 if len(lines) == 1 else y - 12
    shape = f'x="{x - WIDE / 2:.0f}" y="{y - HIGH / 2:.0f}" width="{WIDE}" height="{HIGH}" rx="6"'
    return [
        f'<g><title>{escape(name)}</title><rect {shape} fill="#eef2fa" stroke="#33508c"/>',
        *(f'<text x="{x:.0f}" y="{top + 15 * n:.0f}">{escape(line)}</text>' for n, line in enumerate(lines)),
        f'<text x="{x:.0f}" y="{y + 20:.0f}" font-size="11" fill="{SOFT}">{escape(said)}</text></g>',
    ]


def _lines(name: str, letters: int) -> list[str]:
    """Two at most, the second cut short."""
    if len(name) <= letters:
        return [name]
    at = name.rfind(" ", 0, letters) if " " in name else letters
    first, rest = name[:at], name[at:].strip()
    return [first, rest if len(rest) <= letters else rest[: letters - 1] + "…"]
