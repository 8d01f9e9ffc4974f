"""The packaged function under AWS's Lambda Runtime Interface Emulator: see rie.sh.

The package is the zip that scripts/package.sh makes for this machine. The settings (policy, Region, time-out, log
level) and the schedule's event are those of template.yaml, as CloudFormation would expand it.

    .tools/sam/bin/python scripts/rie.py [--records FILE]     # FILE: where to keep the log lines that were read
"""

import argparse
import json
import os
import platform
import shutil
import socket
import subprocess
import tempfile
import threading
import time
import urllib.request
import zipfile
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import boto3
import samcli
from expand_template import ROOT, expand

SOURCE, DESTINATION = "us-west-2", "us-east-1"
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "emulator", "AWS_SECRET_ACCESS_KEY": "emulator"}
TODAY = datetime.now(UTC).date()
YESTERDAY = TODAY - timedelta(days=1)
# Its names, policy and retention are chosen so that one run copies, keeps, and finds a source without snapshots.
WORLD = {
    "copySeconds": 1,
    "regions": {
        SOURCE: {
            "instances": [
                {
                    "name": "WordPress-1",
                    "tags": {"backup": "dr"},
                    "autoSnapshots": [{"date": str(YESTERDAY)}, {"date": str(TODAY)}],
                },
                {"name": "Scratch-1", "tags": {"backup": "dr"}},
            ],
            "disks": [{"name": "Data-1", "tags": {"backup": "dr"}, "autoSnapshots": [{"date": str(YESTERDAY)}]}],
        },
        DESTINATION: {},
    },
}
PARAMETERS = {"SourceRegions": SOURCE, "DestinationRegions": DESTINATION, "SourceTags": "backup=dr", "KeepDaily": 7}


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Program:
    """A program that runs until the end of a `with`, and the lines that it has written."""

    def __init__(self, command, **environment):
        self.command = [str(part) for part in command]
        self.environment = {"PATH": os.environ["PATH"]} | environment
        self.lines = []

    def __enter__(self):
        self.process = subprocess.Popen(
            self.command,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        threading.Thread(target=self._read, daemon=True).start()
        return self

    def _read(self):
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))

    def __exit__(self, *_):
        # The group: the function runs below the emulator.
        os.killpg(self.process.pid, 15)
        self.process.wait(timeout=10)

    def wait_for(self, found, what):
        for _ in range(200):
            for line in self.lines:
                if found(line):
                    return line
            time.sleep(0.05)
        raise TimeoutError(f"{what}; it wrote:\n" + "\n".join(self.lines))


class Function:
    """The function behind the Runtime Interface Emulator."""

    def __init__(self, program, port):
        self.program = program
        self.url = f"http://127.0.0.1:{port}/2015-03-31/functions/function/invocations"

    def invoke(self, event):
        """The answer to an event, and the JSON lines that it left in the log."""
        before = len(self.program.lines)
        for attempt in range(50):
            try:
                with urllib.request.urlopen(self.url, json.dumps(event).encode(), timeout=60) as response:
                    answer = json.loads(response.read())
                break
            except (ConnectionError, urllib.error.URLError):
                if attempt == 49:
                    raise
                time.sleep(0.1)
        self.program.wait_for(
            lambda line: line.startswith("REPORT") and line in self.program.lines[before:], "no end of the invocation"
        )
        records = []
        for line in self.program.lines[before:]:
            if line.startswith("{"):
                records.append(json.loads(line))
        return answer, records


def fields(records, event):
    return [record["fields"] for record in records if record.get("fields", {}).get("event") == event]


def expect(what, found, wanted):
    if found != wanted:
        raise AssertionError(f"{what}:\n  found  {found}\n  wanted {wanted}")
    print(f"   {what}: {found}")


def custom_event(function):
    print("== a custom event: copy the automatic snapshot of yesterday")
    target = f"WordPress-1-{SOURCE}-{YESTERDAY}"
    answer, records = function.invoke(
        {
            "version": "0",
            "id": "53dc4d37-cffa-4f76-80c9-8b7d4a4d2eaa",
            "detail-type": "Copy Snapshot",
            "source": "lightsail-snapshot-copier",
            "account": "123456789012",
            "time": f"{TODAY}T06:00:00Z",
            "region": DESTINATION,
            "resources": [],
            "detail": {
                "sourceRegion": SOURCE,
                "sourceResourceName": "WordPress-1",
                "restoreDate": str(YESTERDAY),
                "destinationRegion": DESTINATION,
            },
        }
    )
    expect("outcomes", [(c["targetSnapshotName"], c["outcome"]) for c in answer["copies"]], [(target, "started")])
    (line,) = fields(records, "copy_result")
    expect("the Operation in the log", line["operationType"], "CopySnapshot")
    expect("its id", line["operationId"], answer["copies"][0]["operations"][0]["id"])
    return records


def scheduled_event(function, event):
    print("== the schedule's event: run the policy")
    answer, records = function.invoke(event)
    started = {c["targetSnapshotName"] for c in answer["copies"] if c["outcome"] == "started"}
    expect("started", started, {f"WordPress-1-{SOURCE}-{TODAY}", f"Data-1-{SOURCE}-{YESTERDAY}"})
    coverage = {line["sourceResourceName"]: line["status"] for line in fields(records, "coverage")}
    expect("without a copy, and none possible", coverage["Scratch-1"], "unprotected")
    metrics = {}
    for record in records:
        for directive in record.get("_aws", {}).get("CloudWatchMetrics", []):
            expect("a metric record's namespace", directive["Namespace"], "LightsailSnapshotCopier")
            metrics |= {m["Name"]: record[m["Name"]] for m in directive["Metrics"]}
    expect("metric CopiesStarted", metrics["CopiesStarted"], 2)
    expect("metric SourcesUnprotected", metrics["SourcesUnprotected"], 1)
    expect("metric ApiThrottles", metrics["ApiThrottles"], 0)
    return records


def scheduled_again(function, lightsail):
    print("== and again, as an event of EventBridge Scheduler, when the copies are there")
    time.sleep(2)
    answer, records = function.invoke(
        {
            "version": "0",
            "id": "53dc4d37-cffa-4f76-80c9-8b7d4a4d2eab",
            "detail-type": "Scheduled Event",
            "source": "aws.scheduler",
            "account": "123456789012",
            "time": f"{TODAY}T07:00:00Z",
            "region": DESTINATION,
            "resources": [f"arn:aws:scheduler:{DESTINATION}:123456789012:schedule/default/run"],
            "detail": "{}",
        }
    )
    expect("started", answer["summary"]["started"], 0)
    coverage = {line["sourceResourceName"]: line["status"] for line in fields(records, "coverage")}
    expect(
        "coverage",
        coverage,
        {"WordPress-1": "protected", "Data-1": "protected", "Scratch-1": "unprotected"},
    )
    copies = lightsail.get_instance_snapshots()["instanceSnapshots"] + lightsail.get_disk_snapshots()["diskSnapshots"]
    tags = {copy["name"]: {tag["key"]: tag["value"] for tag in copy["tags"]} for copy in copies}
    expect(
        "tags of a copy",
        tags[f"Data-1-{SOURCE}-{YESTERDAY}"],
        {"snapshot-copier:source": f"{SOURCE}/Data-1", "snapshot-copier:recovery-point": str(YESTERDAY)},
    )
    return records


def refused_event(function):
    print("== an event that is refused")
    answer, records = function.invoke({"sourceRegion": SOURCE, "sourceResource": "WordPress-1"})
    expect("error", answer["errorType"], "InvalidEvent")
    (line,) = fields(records, "invocation")
    expect("the same in the log", line["errorMessage"], answer["errorMessage"])
    return records


ARCHITECTURE = platform.machine().replace("aarch64", "arm64")


def emulator(world, port=0):
    """lightsail-emulator, as `cargo build` leaves it."""
    command = ["cargo", "metadata", "--no-deps", "--format-version", "1"]
    metadata = subprocess.run(command, cwd=ROOT, check=True, capture_output=True).stdout
    binary = Path(json.loads(metadata)["target_directory"]) / "debug" / "lightsail-emulator"
    return Program([binary, "--world", world, "--port", port])


@contextmanager
def packaged_function(function, lightsail_url):
    """The packaged function, with these properties of AWS::Lambda::Function, behind the Runtime Interface Emulator."""
    with tempfile.TemporaryDirectory() as folder:
        with zipfile.ZipFile(ROOT / ".aws-sam" / f"lightsail-snapshot-copier-{ARCHITECTURE}.zip") as package:
            package.extractall(folder)
        bootstrap = Path(folder) / function["Handler"]
        rie = Path(folder) / "rie"
        shutil.copy(Path(samcli.__file__).parent / "local" / "rapid" / f"aws-lambda-rie-{ARCHITECTURE}", rie)
        for program in (bootstrap, rie):
            program.chmod(0o755)
        port, api_port = free_port(), free_port()
        addresses = ["--runtime-interface-emulator-address", f"127.0.0.1:{port}"]
        addresses += ["--runtime-api-address", f"127.0.0.1:{api_port}"]
        settings = {
            "AWS_REGION": DESTINATION,
            "AWS_LAMBDA_FUNCTION_TIMEOUT": str(function["Timeout"]),
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function["MemorySize"]),
            "AWS_LAMBDA_LOG_LEVEL": function["LoggingConfig"]["ApplicationLogLevel"],
            "AWS_ENDPOINT_URL_LIGHTSAIL": lightsail_url,
        }
        settings |= function["Environment"]["Variables"] | CREDENTIALS
        with Program([rie, *addresses, bootstrap], **settings) as program:
            yield Function(program, port)


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--records", type=Path)
    arguments = arguments.parse_args()

    expanded = expand(**PARAMETERS, Architecture=ARCHITECTURE)
    properties = expanded["Resources"]["Function"]["Properties"]
    scheduled = expanded["Resources"]["Schedule"]["Properties"]["Target"]["Input"]
    scheduled = json.loads(scheduled.replace("<aws.scheduler.scheduled-time>", f"{TODAY}T06:00:00Z"))
    with tempfile.NamedTemporaryFile("w", suffix=".json") as world:
        json.dump(WORLD, world)
        world.flush()
        with emulator(world.name) as running:
            url = running.wait_for(lambda line: line.startswith("http://"), "the emulator has no URL")
            lightsail = boto3.client(
                "lightsail",
                region_name=DESTINATION,
                endpoint_url=url,
                aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
                aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
            )
            with packaged_function(properties, url) as function:
                records = custom_event(function)
                records += scheduled_event(function, scheduled)
                records += scheduled_again(function, lightsail)
                records += refused_event(function)
    if arguments.records:
        arguments.records.write_text("".join(json.dumps(record) + "\n" for record in records))
    print("all as expected")


if __name__ == "__main__":
    main()
