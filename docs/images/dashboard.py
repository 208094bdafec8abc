"""Draws the dashboard of `template.yaml` as CloudWatch shows it after the demo's eight hours: `just pictures`.

    eks-nodegroup-updater demo --output json | python3 dashboard.py PICTURE

The widgets are the template's, and their values are computed from what the runs of the demo wrote. Whatever this cannot draw,
or no run has written, is an error.
"""

import ast
import json
import math
import operator
import re
import sys
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from typing import Any, NoReturn

import lettering
import yaml
from lettering import width

TEMPLATE = Path(__file__).parents[2] / "template.yaml"
PSEUDO = {"AWS::StackName": "eks-nodegroup-updater", "AWS::Region": "eu-central-1"}
# Namespaces of metrics that the simulation has no data for: it loses no event, and tests judge every line of metrics.
WITHOUT_DATA = {"AWS/SQS", "AWS/Logs"}
# What is understood of each widget.
OPTIONS = {
    "text": {"markdown"},
    "metric": {"title", "region", "view", "period", "stat", "stacked", "yAxis", "metrics"},
    "alarm": {"title", "alarms"},
    "log": {"title", "region", "view", "query"},
}
OPTIONS_OF_METRIC = {"id", "label", "stat", "period", "visible", "expression", "color"}

COLUMN, ROW, MARGIN, HEADER = 42, 38, 10, 40
INK, PALE, LINE, GRID = "#16191f", "#5f6b7a", "#d5dbdb", "#e9ebed"
# CloudWatch's own, in its order.
COLORS = ["#1f77b4", "#ff7f0e", "#2ca02c", "#d62728", "#9467bd", "#8c564b", "#e377c2", "#7f7f7f", "#bcbd22", "#17becf"]
STATES = {"OK": "#1d8102", "ALARM": "#d13212", "INSUFFICIENT_DATA": "#7f8c8d"}

Series = dict[int, float]  # the value of each period, by its beginning


def main() -> None:
    read = template()
    dashboard = read["Resources"]["Dashboard"]["Properties"]
    picture = Picture(read, json.load(sys.stdin))
    svg = picture.draw(dashboard["DashboardName"], json.loads(dashboard["DashboardBody"])["widgets"])
    Path(sys.argv[1]).write_text(svg)


def fail(text: str) -> NoReturn:
    sys.exit(f"the dashboard cannot be drawn: {text}")


# ── What the widgets show ────────────────────────────────────────────────────────────────────────────────────────────


def template() -> dict[str, Any]:
    """The template, where a resource has its logical id for a name."""

    def construct(loader: yaml.SafeLoader, tag: str, node: yaml.Node) -> Any:
        if not isinstance(node, yaml.ScalarNode):
            return loader.construct_sequence(node, deep=True)
        value = loader.construct_scalar(node)
        if tag == "Sub":
            return re.sub(r"\$\{([^}]+)\}", lambda name: PSEUDO.get(name[1], name[1]), value)
        return PSEUDO.get(value, value)

    loader = type("Loader", (yaml.SafeLoader,), {})
    yaml.add_multi_constructor("!", construct, loader)
    return yaml.load(TEMPLATE.read_text(), loader)


def seconds(time: str) -> int:
    return int(datetime.fromisoformat(time).timestamp())


def clock(time: int) -> str:
    return datetime.fromtimestamp(time, UTC).strftime("%H:%M")


def measured(runs: list[dict]) -> dict[tuple, list[tuple[int, list[float]]]]:
    """What each metric, with its dimensions, was when."""
    metrics: dict[tuple, list] = {}
    for run in runs:
        at, line, function = seconds(run["at"]), run["metrics"], f"{run['function'].title()}Function"
        for of_aws, value in [("Invocations", 1), ("Errors", 0)]:
            metrics.setdefault(("AWS/Lambda", of_aws, "FunctionName", function), []).append((at, [value]))
        for directive in line["_aws"]["CloudWatchMetrics"] if line else []:
            for dimensions in directive["Dimensions"]:
                own = [part for name in dimensions for part in (name, line[name])]
                for name in [it["Name"] for it in directive["Metrics"]]:
                    values = line[name] if isinstance(line[name], list) else [line[name]]
                    metrics.setdefault((directive["Namespace"], name, *own), []).append((at, values))
    return metrics


def statistic(name: str, values: list[float]) -> float:
    if percent := re.fullmatch(r"p(\d+)", name):
        return sorted(values)[math.ceil(len(values) * int(percent[1]) / 100) - 1]
    if name not in {"Sum", "Maximum", "Minimum"}:
        fail(f"the statistic {name} is unknown")
    return {"Sum": sum, "Maximum": max, "Minimum": min}[name](values)


def by_period(points: list[tuple[int, list[float]]], period: int, stat: str, origin: int = 0) -> Series:
    values: dict[int, list[float]] = {}
    for at, some in points:
        values.setdefault(at - (at - origin) % period, []).extend(some)
    return {at: statistic(stat, some) for at, some in sorted(values.items())}


def evaluate(expression: str, series: dict[str, Series]) -> Series:
    """Metric math, of which the dashboard has arithmetic. It has no value where one of its metrics has none."""
    arithmetic = {ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv}

    def value(node: ast.AST, at: int) -> float:
        match node:
            case ast.Name(id=name):
                return series[name][at]
            case ast.Constant(value=int() | float() as number):
                return number
            case ast.BinOp(left=left, op=op, right=right) if type(op) in arithmetic:
                return arithmetic[type(op)](value(left, at), value(right, at))
        fail(f"the expression {expression} is more than arithmetic")

    tree = ast.parse(expression, mode="eval").body
    names = [node.id for node in ast.walk(tree) if isinstance(node, ast.Name)]
    if unknown := [name for name in names if name not in series]:
        fail(f"the expression {expression} names {unknown[0]}, which comes before it in no widget")
    return {at: value(tree, at) for at in sorted(set.intersection(*(set(series[name]) for name in names)))}


def logged(runs: list[dict]) -> dict[str, list[dict[str, Any]]]:
    """The records of each log group, as far as the runs' answers have them. `UpToDate` is logged at DEBUG only."""
    groups: dict[str, list] = {"StartLogGroup": [], "CheckLogGroup": []}
    for run in runs:
        for line in run["answer"].get("decisions") or run["answer"].get("updates") or []:
            fields = {re.sub("[A-Z]", lambda letter: f"_{letter[0].lower()}", name): line[name] for name in line}
            if fields.get("decision") != "UpToDate":
                groups[f"{run['function'].title()}LogGroup"].append({"@timestamp": seconds(run["at"])} | fields)
    return groups


def answer(query: str, groups: dict[str, list[dict]]) -> tuple[list[str], list[dict]]:
    """The columns and rows of a Logs Insights query."""
    columns, rows = [], []
    for command in re.split(r"\s*\|\s*", query.strip()):
        verb, _, rest = command.partition(" ")
        if verb == "SOURCE":
            rows = groups[rest.strip("'")]
        elif found := re.fullmatch(r"filter ispresent\((\w+)\)", command):
            rows = [row for row in rows if row.get(found[1]) is not None]
        elif found := re.fullmatch(r"filter (\w+) (not )?in (\[.*\])", command):
            rows = [row for row in rows if (row.get(found[1]) in ast.literal_eval(found[3])) is not bool(found[2])]
        elif found := re.fullmatch(r"stats (.+) by (\w+)", command):
            latest = dict(re.findall(r"latest\(([@\w]+)\) as (\w+)", found[1]))
            if len(latest) != found[1].count("("):
                fail(f"{command} has more than latest()")
            columns = [found[2], *latest.values()]
            of_group = {row[found[2]]: row for row in rows}
            rows = [{found[2]: key} | {name: row[of] for of, name in latest.items()} for key, row in of_group.items()]
        elif verb == "fields":
            columns = rest.split(", ")
        elif found := re.fullmatch(r"sort ([@\w]+) desc", command):
            rows = sorted(rows, key=lambda row: row[found[1]], reverse=True)
        elif verb == "limit":
            rows = rows[: int(rest)]
        else:
            fail(f"the query has the unknown command {command}")
    return columns, rows


# ── How it looks ─────────────────────────────────────────────────────────────────────────────────────────────────────


def cut(text: str, size: float, room: float, bold: bool = False) -> str:
    if width(text, size, bold) <= room:
        return text
    while text and width(text + "…", size, bold) > room:
        text = text[:-1]
    return text.rstrip() + "…"


def words(
    x: float, y: float, text: str, size: float = 12, fill: str = INK, anchor: str = "start", bold: bool = False
) -> str:
    return lettering.words(x, y, text, size, fill, anchor, bold)


def fits(text: str, size: float, room: float, bold: bool = False) -> str:
    """A text that nothing may be missing of."""
    if width(text, size, bold) > room:
        fail(f"there is no room for “{text}”")
    return text


def box(x: float, y: float, w: float, h: float, fill: str, more: str = "") -> str:
    return f'<rect x="{x:g}" y="{y:g}" width="{w:g}" height="{h:g}" fill="{fill}" {more}/>'


def number(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")


def ticks(largest: float, high: float) -> list[float]:
    """Values of an axis, at most six and none too near another, from zero to no less than the largest."""
    rough = largest / max(1, min(4, high // 18)) or 1
    power = 10 ** math.floor(math.log10(rough))
    step = next(step * power for step in (1, 2, 5, 10) if step * power >= rough)
    if isinstance(largest, int):
        step = math.ceil(step)
    return [step * count for count in range(max(1, math.ceil(largest / step)) + 1)]


class Picture:
    def __init__(self, template: dict[str, Any], report: dict[str, Any]) -> None:
        self.resources, self.parameters = template["Resources"], template["Parameters"]
        self.begin, self.end = seconds(report["from"]), seconds(report["to"])
        self.metrics = measured(report["runs"])
        self.groups = logged(report["runs"])

    def draw(self, name: str, widgets: list[dict]) -> str:
        wide = 24 * COLUMN + 2 * MARGIN
        high = HEADER + ROW * max(it["y"] + it["height"] for it in widgets) + MARGIN
        day = datetime.fromtimestamp(self.begin, UTC).strftime("%Y-%m-%d")
        return "\n".join(
            [
                f'<svg xmlns="http://www.w3.org/2000/svg" width="{wide}" height="{high}" viewBox="0 0 {wide} {high}" role="img"'
                f' font-family="{lettering.SANS}">',
                f"<title>{escape(name)}</title>",
                box(0.5, 0.5, wide - 1, high - 1, "#f2f3f3", f'stroke="{LINE}" rx="8"'),
                words(MARGIN + 6, 27, name, 16, bold=True),
                words(wide - MARGIN - 6, 27, f"{day}, {clock(self.begin)} to {clock(self.end)} UTC", 12, PALE, "end"),
                *(self.widget(it) for it in widgets),
                "</svg>\n",
            ]
        )

    def widget(self, it: dict[str, Any]) -> str:
        kind, properties = it["type"], it["properties"]
        title = properties.get("title", "")
        if kind not in OPTIONS:
            fail(f"a widget of the type {kind} is unknown")
        if unknown := properties.keys() - OPTIONS[kind]:
            fail(f"the widget {title} has the unknown {', '.join(sorted(unknown))}")
        x, y = MARGIN + it["x"] * COLUMN + 4, HEADER + it["y"] * ROW + 4
        w, h = it["width"] * COLUMN - 8, it["height"] * ROW - 8
        draw = {
            ("text", None): self.text,
            ("metric", "singleValue"): self.tiles,
            ("metric", "timeSeries"): self.graph,
            ("alarm", None): self.alarms,
            ("log", "table"): self.table,
        }.get((kind, properties.get("view")))
        if draw is None:
            fail(f"the widget {title} has the unknown view {properties.get('view')}")
        parts = [box(x, y, w, h, "#fff", f'stroke="{LINE}" rx="4"')]
        if title:
            # The axis has its label at the end of this line.
            label = properties.get("yAxis", {}).get("left", {}).get("label", "")
            room = w - 24 - (width(label, 11) + 12 if label else 0)
            parts.append(words(x + 12, y + 21, fits(title, 13, room, bold=True), 13, bold=True))
            if label:
                parts.append(words(x + w - 12, y + 21, label, 11, PALE, "end"))
        top = 32 if title else 8
        return "\n".join([*parts, *draw(properties, x + 12, y + top, w - 24, h - top - 10)])

    def text(self, properties: dict, x: float, y: float, w: float, h: float) -> list[str]:
        """Bold and plain words, wrapped."""
        parts, size, at, base = [], 12.5, 0.0, y + 15
        for index, part in enumerate(properties["markdown"].split("**")):
            bold = bool(index % 2)
            for word in part.split():
                wide = width(word, size, bold)
                if at + wide > w:
                    at, base = 0.0, base + 18
                parts.append(words(x + at, base, word, size, bold=bold))
                at += wide + width(" ", size)
        if base > y + h:
            fail("the text is longer than its widget")
        return parts

    def series(self, properties: dict[str, Any]) -> list[tuple[str, str, Series]]:
        """Label, color and values of each metric that is visible."""
        title, shown, by_id = properties["title"], [], {}
        for *metric, options in properties["metrics"]:
            if unknown := options.keys() - OPTIONS_OF_METRIC:
                fail(f"a metric of the widget {title} has the unknown {', '.join(sorted(unknown))}")
            if metric:
                if tuple(metric) not in self.metrics:
                    fail(f"the widget {title} shows {' '.join(metric)}, which no run of the demo has written")
                how = properties | options
                values = by_period(self.metrics[tuple(metric)], how["period"], how["stat"])
            else:
                values = evaluate(options["expression"], by_id)
            if "id" in options:
                by_id[options["id"]] = values
            if options.get("visible", True):
                color = options.get("color", COLORS[len(shown) % len(COLORS)])
                shown.append((options["label"], color, values))
        return shown

    def tiles(self, properties: dict, x: float, y: float, w: float, h: float) -> list[str]:
        """The latest value of each metric."""
        shown, parts = self.series(properties), []
        for index, (label, _, values) in enumerate(shown):
            wide = w / len(shown)
            middle = x + wide * (index + 0.5)
            parts.append(words(middle, y + h - 22, number(list(values.values())[-1]), 26, anchor="middle"))
            parts.append(words(middle, y + h - 4, fits(label, 11.5, wide - 8), 11.5, PALE, "middle"))
        return parts

    def graph(self, properties: dict, x: float, y: float, w: float, h: float) -> list[str]:
        """Lines, or areas that are stacked. A line is interrupted where a period has no value, as in CloudWatch."""
        shown = self.series(properties)
        times = sorted({at for _, _, values in shown for at in values})
        stacked = properties.get("stacked", False)
        sums = [sum(values.get(at, 0) for _, _, values in shown) for at in times]
        rows, used = [[]], 0.0
        for label, color, _ in shown:
            if used and used + 16 + width(label, 11.5) > w:
                rows, used = [*rows, []], 0.0
            rows[-1].append((x + used, fits(label, 11.5, w - 15), color))
            used += 30 + width(label, 11.5)
        top, bottom = y + 8, y + h - 16 * len(rows) - 20
        largest = max(sums) if stacked else max(value for _, _, values in shown for value in values.values())
        marks = ticks(largest, bottom - top)
        left, right = x + max(28, *(width(number(mark), 11) + 8 for mark in marks)), x + w - 16

        def across(at: int) -> float:
            return left + (right - left) * (at - self.begin) / (self.end - self.begin)

        def up(value: float) -> float:
            return bottom - (bottom - top) * value / (marks[-1] or 1)

        parts = []
        for mark in marks:
            parts.append(f'<path d="M{left:g} {up(mark):.1f}H{right:g}" stroke="{GRID if mark else PALE}"/>')
            parts.append(words(left - 6, round(up(mark) + 4, 1), number(mark), 11, PALE, "end"))
        # Every hour, or every second where they would touch.
        room = (right - left) * 3600 / (self.end - self.begin)
        hours = range(self.begin, self.end + 1, 3600 if width("00:00", 11) + 10 < room else 7200)
        parts += [words(round(across(at), 1), bottom + 17, clock(at), 11, PALE, "middle") for at in hours]

        below = dict.fromkeys(times, 0.0)
        for index, (_, color, values) in enumerate(shown):
            if stacked:
                above = {at: below[at] + values.get(at, 0) for at in times}
                there = [f"{across(at):.1f} {up(above[at]):.1f}" for at in times]
                back = [f"{across(at):.1f} {up(below[at]):.1f}" for at in reversed(times)]
                parts.append(f'<path d="M{"L".join(there + back)}Z" fill="{color}" fill-opacity="0.55"/>')
                parts.append(f'<path d="M{"L".join(there)}" fill="none" stroke="{color}" stroke-width="1.5"/>')
                below = above
                continue
            period = min(b - a for a, b in zip(times, times[1:]))
            path, alone = "", []
            for at, value in values.items():
                path += f"{'L' if at - period in values else 'M'}{across(at):.1f} {up(value):.1f}"
                if at - period not in values and at + period not in values:
                    alone.append(f'<circle cx="{across(at):.1f}" cy="{up(value):.1f}" r="3" fill="{color}"/>')
            # One that a later one covers, in most places, shows beneath it.
            covered = any(len(values.items() & later.items()) * 2 > len(values) for _, _, later in shown[index + 1 :])
            thick = 5 if covered else 2
            parts.append(f'<path d="{path}" fill="none" stroke="{color}" stroke-width="{thick}"/>')
            parts += alone
        for index, row in enumerate(rows):
            base = y + h - 16 * (len(rows) - 1 - index)
            for at, label, color in row:
                parts.append(box(round(at, 1), base - 9, 10, 10, color, 'rx="2"'))
                parts.append(words(round(at + 15, 1), base, label, 11.5))
        return parts

    def alarms(self, properties: dict, x: float, y: float, w: float, h: float) -> list[str]:
        parts, columns, across, high = [], 5, (w + 8) / 5, h / 2
        names = [arn.removesuffix(".Arn") for arn in properties["alarms"]]
        for index, name in enumerate(names):
            state = self.state(name)
            left, top = x + across * (index % columns), y + high * (index // columns)
            parts.append(box(round(left, 1), top, round(across - 8, 1), high - 6, STATES[state], 'rx="3"'))
            name = cut(name, 10.5, across - 32 - width(state, 10), bold=True)
            parts.append(words(left + 8, top + high / 2 + 1, name, 10.5, "#fff", bold=True))
            parts.append(words(left + across - 16, top + high / 2 + 1, state, 10, "#fff", "end"))
        return parts

    def state(self, name: str) -> str:
        """The state of an alarm at the end. Its last period ends there."""
        alarm = self.resources[name]["Properties"]
        read = [it["MetricStat"]["Metric"] for it in alarm.get("Metrics", []) if "MetricStat" in it] or [alarm]
        if {it["Namespace"] for it in read} <= WITHOUT_DATA:
            values = {}
        elif "Metrics" in alarm:
            fail(f"{name} is an alarm on an expression")
        else:
            own = [part for it in alarm["Dimensions"] for part in (it["Name"], it["Value"])]
            metric = (alarm["Namespace"], alarm["MetricName"], *own)
            if metric not in self.metrics:
                fail(f"{name} watches {' '.join(metric)}, which no run of the demo has written")
            values = by_period(self.metrics[metric], alarm["Period"], alarm["Statistic"], self.end + 1)
        compare = {
            "GreaterThanOrEqualToThreshold": operator.ge,
            "GreaterThanThreshold": operator.gt,
            "LessThanThreshold": operator.lt,
        }[alarm["ComparisonOperator"]]
        missing = {"notBreaching": False, "breaching": True}.get(alarm["TreatMissingData"])
        periods = alarm["EvaluationPeriods"]
        if periods in self.parameters:
            periods = self.parameters[periods]["Default"]
        breaching = []
        for count in range(1, periods + 1):
            value = values.get(self.end + 1 - count * alarm.get("Period", 3600))
            breaching.append(missing if value is None else compare(value, alarm["Threshold"]))
        if None in breaching:
            return "INSUFFICIENT_DATA"
        return "ALARM" if all(breaching) else "OK"

    def table(self, properties: dict, x: float, y: float, w: float, h: float) -> list[str]:
        """The rows that fit; CloudWatch would scroll to the others."""
        columns, rows = answer(properties["query"], self.groups)
        cells = [[clock(row[name]) if isinstance(row[name], int) else row[name] for name in columns] for row in rows]
        widths = [
            max(width(name, 11.5, bold=True), *(width(text, 11.5) for text in column)) + 14
            for name, column in zip(columns, zip(*cells))
        ]
        # The last column has what is left.
        starts = [sum(widths[:index]) for index in range(len(columns))]
        room = [*widths[:-1], w - starts[-1]]
        parts = [box(x, y, w, 20, "#fafafa"), f'<path d="M{x:g} {y + 20:g}h{w:g}" stroke="{LINE}"/>']
        parts += [
            words(x + at + 4, y + 14, fits(name, 11.5, space - 8, bold=True), 11.5, PALE, bold=True)
            for at, name, space in zip(starts, columns, room)
        ]
        fit = int((h - 20) // 19)
        for index, row in enumerate(cells[:fit]):
            base = y + 20 + 19 * (index + 1)
            parts += [
                words(round(x + at + 4, 1), base - 5, cut(text, 11.5, space - 8), 11.5)
                for at, text, space in zip(starts, row, room)
            ]
            parts.append(f'<path d="M{x:g} {base:g}h{w:g}" stroke="{GRID}"/>')
        return parts


main()
