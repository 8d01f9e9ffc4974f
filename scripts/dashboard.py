"""Draws the dashboard of template.yaml: docs/dashboard.png.

A week is played to the packaged function: every two hours it runs, under AWS's Runtime Interface Emulator, on what
lightsail-emulator has at that time. The metrics and log lines that it writes are what CloudWatch would show; the
widgets, their queries and their places are those of the template. In the played week, a day's snapshots of WordPress-2
fail from the fourth day on, and a stranger's snapshot has the name of a copy on the sixth.

    scripts/package.sh && cargo build -p lightsail-emulator && .tools/sam/bin/python scripts/dashboard.py
"""

import json
import re
import tempfile
from collections import defaultdict
from datetime import UTC, datetime, timedelta

import matplotlib

matplotlib.use("Agg")
import matplotlib.dates as mdates
import matplotlib.pyplot as plt
from expand_template import ROOT, expand
from matplotlib.ticker import MaxNLocator
from rie import emulator, free_port, packaged_function

SOURCE = "us-west-2"
DESTINATIONS = ["us-east-1", "eu-central-1"]
PARAMETERS = {
    "SourceRegions": SOURCE,
    "DestinationRegions": ",".join(DESTINATIONS),
    "KeepDaily": "3",
    "MaxCopiesInProgress": "2",
}
INSTANCES = {"WordPress-1": 6, "WordPress-2": 6, "Shop-1": 7}  # and the hour of the day that its snapshot is made at
DISKS = {"Data-1": 6, "Shop-Data": 7}
SOURCES = INSTANCES | DISKS
BREAKS = ("WordPress-2", 4)  # from this day of the week on, its snapshots fail
STRANGER = ("Shop-1", 6, "eu-central-1")  # the name of this day's copy is taken there
COPY_HOURS = 3
STEP = timedelta(hours=2)
HOUR = timedelta(hours=1)


class Week:
    """What there is in Lightsail, at any time of the week. All times are the week's."""

    def __init__(self, start):
        self.start = start
        self.copies = {}  # (source, day, destination): when it was started

    def snapshot_time(self, source, day):
        return self.start + timedelta(days=day, hours=SOURCES[source])

    def days(self, source, time):
        """The days whose snapshot of a source is there: Lightsail keeps seven."""
        return [day for day in range(-3, 8) if self.snapshot_time(source, day) <= time]

    def world(self, time, shift):
        """A world for an emulator that starts `shift` after `time`."""

        def source(name):
            snapshots = []
            for day in self.days(name, time):
                created = self.snapshot_time(name, day) + shift
                failed = name == BREAKS[0] and day >= BREAKS[1]
                status = "Failed" if failed else "Success"
                snapshots.append({"date": str(created.date()), "createdAt": stamp(created), "status": status})
            return {"name": name, "autoSnapshots": snapshots}

        regions = {region: {"instanceSnapshots": [], "diskSnapshots": []} for region in DESTINATIONS}
        for (name, day, region), started in self.copies.items():
            kind = "instance" if name in INSTANCES else "disk"
            regions[region][f"{kind}Snapshots"].append(
                {
                    "name": self.copy_name(name, day, shift),
                    f"from{kind.capitalize()}Name": name,
                    f"from{kind.capitalize()}Arn": f"arn:aws:lightsail:{SOURCE}:123456789012:{kind.capitalize()}/{name}",
                    "createdAt": stamp(started + shift),
                    "state": "pending" if time - started < COPY_HOURS * HOUR else "available",
                    "tags": {
                        "snapshot-copier:source": f"{SOURCE}/{name}",
                        "snapshot-copier:recovery-point": str((self.snapshot_time(name, day) + shift).date()),
                    },
                }
            )
        name, day, region = STRANGER
        if self.snapshot_time(name, day) <= time:
            stranger = {"name": self.copy_name(name, day, shift), "fromInstanceName": "Playground"}
            regions[region]["instanceSnapshots"].append(stranger)
        regions[SOURCE] = {"instances": [source(n) for n in INSTANCES], "disks": [source(n) for n in DISKS]}
        return {"copySeconds": 3600, "regions": regions}

    def copy_name(self, name, day, shift):
        return f"{name}-{SOURCE}-{(self.snapshot_time(name, day) + shift).date()}"

    def take(self, records, time, shift):
        """Takes over what a run has done."""
        by_name = {
            (self.copy_name(name, day, shift), region): (name, day, region)
            for name in SOURCES
            for day in self.days(name, time)
            for region in DESTINATIONS
        }
        for record in records:
            fields = record.get("fields", {})
            copy = by_name.get((fields.get("targetSnapshotName"), fields.get("destinationRegion")))
            if fields.get("outcome") == "started":
                self.copies[copy] = time
            elif fields.get("outcome") == "deleted":
                self.copies.pop(copy, None)


def stamp(time):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")


def play():
    """The records of a week's runs, with the week's times: (time, record). And the metrics of Lambda itself."""
    end = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    week = Week((end - timedelta(days=7)).replace(hour=0))
    function = expand(**PARAMETERS)["Resources"]["Function"]["Properties"]
    port = free_port()
    records, durations, errors = [], [], []
    with (
        packaged_function(function, f"http://127.0.0.1:{port}") as invoked,
        tempfile.NamedTemporaryFile("w", suffix=".json") as file,
    ):
        time = week.start
        while time <= end:
            shift = datetime.now(UTC).replace(microsecond=0) - time
            file.seek(0)
            file.truncate()
            json.dump(week.world(time, shift), file)
            file.flush()
            with emulator(file.name, port) as running:
                running.wait_for(lambda line: line.startswith("http://"), "the emulator has no URL")
                answer, written = invoked.invoke({"time": stamp(time)})
            week.take(written, time, shift)
            for record in written:
                fields = record.get("fields", {})
                for field in ("newestRecoveryPoint", "restoreDate"):
                    if field in fields:
                        date = datetime.fromisoformat(fields[field]).replace(tzinfo=UTC)
                        fields[field] = str((date - timedelta(days=round(shift / timedelta(days=1)))).date())
                records.append((time, record))
            report = [line for line in invoked.program.lines if line.startswith("REPORT")][-1]
            durations.append((time, float(re.search(r"\tDuration: ([\d.]+) ms", report)[1])))
            errors.append((time, 1.0 if "errorType" in answer else 0.0))
            time += STEP
    return records, {"Duration": durations, "Errors": errors}


def search(expression, records):
    """The series of `SEARCH('{namespace,dimension} MetricName="name"', 'statistic', period)`, summed if it says so."""
    name = re.search(r'MetricName="(\w+)"', expression)[1]
    series = defaultdict(list)
    for time, record in records:
        for directive in record.get("_aws", {}).get("CloudWatchMetrics", []):
            if name in [metric["Name"] for metric in directive["Metrics"]]:
                series[record["DestinationRegion"]].append((time, record[name]))
    if not expression.startswith("SUM("):
        return series
    total = defaultdict(float)
    for points in series.values():
        for time, value in points:
            total[time] += value
    return {"": sorted(total.items())}


def draw_metrics(axes, properties, records, lambda_metrics):
    shown = []
    right = None
    for metric in properties["metrics"]:
        options = metric[-1] if isinstance(metric[-1], dict) else {}
        if options.get("visible") is False:
            continue
        if "SEARCH" in options.get("expression", ""):
            series = search(options["expression"], records)
        elif "expression" in options:
            # The one expression besides searches: milliseconds to seconds.
            series = {"": [(time, value / 1000) for time, value in lambda_metrics["Duration"]]}
        else:
            series = {"": lambda_metrics[metric[1]]}
        target = axes
        if options.get("yAxis") == "right":
            right = right or axes.twinx()
            target = right
        for destination, points in sorted(series.items()):
            label = " ".join(part for part in (destination, options.get("label")) if part)
            times, values = zip(*points)
            shown += target.plot(times, values, label=label, color=options.get("color"), linewidth=1.4)
    for line in properties.get("annotations", {}).get("horizontal", []):
        axes.axhline(line["value"], color=line["color"], linewidth=1, linestyle="--")
        axes.annotate(
            line["label"], (1, line["value"]), xycoords=("axes fraction", "data"), ha="right", va="bottom",
            color=line["color"], fontsize=8,
        )
    for side in (axes, right):
        if side:
            side.set_ylim(bottom=0)
            side.tick_params(labelsize=8)
            if side.get_ylim()[1] >= 1:
                side.yaxis.set_major_locator(MaxNLocator(integer=True))
    axes.xaxis.set_major_formatter(mdates.DateFormatter("%m-%d"))
    axes.xaxis.set_major_locator(mdates.DayLocator())
    axes.grid(alpha=0.25)
    axes.legend(handles=shown, loc="upper center", bbox_to_anchor=(0.5, -0.12), ncols=4, fontsize=8, frameon=False)


def lookup(record, path):
    for part in path.split("."):
        record = record.get(part) if isinstance(record, dict) else None
    return record


def query(text, records):
    """The rows of a Logs Insights query, of the few commands that the template's widgets are made of."""
    rows = [{"@timestamp": time.strftime("%m-%d %H:%M")} | record for time, record in records]
    for command in text.split(" | ")[1:]:
        verb, rest = command.split(" ", 1)
        if verb == "filter":
            field, wanted = re.fullmatch(r"([\w.]+) = '(\w+)'", rest).groups()
            rows = [row for row in rows if lookup(row, field) == wanted]
        elif verb == "fields":
            rows = [select(row, rest) for row in rows]
        elif verb == "stats":
            values, keys = rest.split(" by ")
            latest = {}
            for row in rows:  # in the order of time
                key = select(row, keys)
                latest[tuple(key.values())] = key | select(row, re.sub(r"latest\((.*?)\)", r"\1", values))
            rows = list(latest.values())
        elif verb == "sort":
            field = rest.split(" ")[0]
            rows = sorted(rows, key=lambda row: (row[field] is not None, row[field] or 0), reverse=True)
        elif verb == "limit":
            rows = rows[: int(rest)]
        else:
            raise ValueError(command)
    return rows


def select(row, expressions):
    """`a, b as c, coalesce(d, e) as f` of a row."""
    selected = {}
    for expression in re.split(r", (?![^(]*\))", expressions):
        value, _, name = expression.partition(" as ")
        paths = re.fullmatch(r"coalesce\((.*)\)", value)
        found = [lookup(row, path) for path in (paths[1].split(", ") if paths else [value])]
        selected[name or value] = next((v for v in found if v is not None), None)
    return selected


def draw_table(axes, properties, records):
    rows = query(properties["query"], records)[:10]
    axes.axis("off")
    columns = list(rows[0])
    cells = [[str("" if row[c] is None else row[c]).split("\n")[0][:50] for c in columns] for row in rows]
    table = axes.table(cells, colLabels=columns, loc="upper center", cellLoc="left", edges="horizontal")
    table.auto_set_font_size(False)
    table.set_fontsize(8.5)
    table.auto_set_column_width(range(len(columns)))
    table.scale(1, 1.7)


def main():
    body = expand(**PARAMETERS)["Resources"]["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"]
    records, lambda_metrics = play()
    widgets = json.loads(body)["widgets"]
    height = max(widget["y"] + widget["height"] for widget in widgets)
    figure = plt.figure(figsize=(17, height * 0.62), facecolor="#f2f3f3")
    grid = figure.add_gridspec(height, 24, left=0.03, right=0.98, top=0.97, bottom=0.01, wspace=2.2, hspace=0)
    for widget in widgets:
        properties = widget["properties"]
        # A row is left out below, for the legend and the next title.
        rows = slice(widget["y"], widget["y"] + widget["height"] - 2)
        axes = figure.add_subplot(grid[rows, widget["x"] : widget["x"] + widget["width"]])
        axes.set_title(properties["title"], loc="left", fontsize=10, fontweight="bold")
        if widget["type"] == "metric":
            draw_metrics(axes, properties, records, lambda_metrics)
        else:
            draw_table(axes, properties, records)
    target = ROOT / "docs" / "dashboard.png"
    target.parent.mkdir(exist_ok=True)
    figure.savefig(target, dpi=80, bbox_inches="tight")
    print(target.relative_to(ROOT))


if __name__ == "__main__":
    main()
