"""Runs the function under AWS's Lambda Runtime Interface Emulator against lightsail-emulator: see rie.sh.

The package is the zip that scripts/package.sh makes for this machine. Policy, time-out, log level and the schedule's
event come from template.yaml. scripts/test_template.py uses the same parts for the binary of `cargo build`.
"""

import json
import os
import platform
import shutil
import socket
import subprocess
import tempfile
import threading
import time
import urllib.error
import urllib.request
import zipfile
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import samcli
from expand_template import ROOT, STACK, expand

SOURCE, DESTINATION = "us-west-2", "us-east-1"
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "emulator", "AWS_SECRET_ACCESS_KEY": "emulator"}
TODAY = datetime.now(UTC).date()
YESTERDAY = TODAY - timedelta(days=1)
ARCHITECTURE = platform.machine().replace("aarch64", "arm64")
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))


class Program:
    """A program that runs until the end of a `with`, and the lines that it wrote."""

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
        # The group: the function is a child of the Runtime Interface Emulator.
        os.killpg(self.process.pid, 15)
        self.process.wait(timeout=10)

    def wait_for(self, found, what, start=0):
        for _ in range(200):
            for line in self.lines[start:]:
                if found(line):
                    return line
            time.sleep(0.05)
        raise TimeoutError(f"{what}; it wrote:\n" + "\n".join(self.lines))


@contextmanager
def emulator(world):
    """lightsail-emulator, as `cargo build` leaves it, with its `url`."""
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(world, file)
        file.flush()
        with Program([TARGET / "debug" / "lightsail-emulator", "--world", file.name, "--port", "0"]) as program:
            program.url = program.wait_for(lambda line: line.startswith("http://"), "the emulator has no URL")
            yield program


class Function:
    """A function behind the Runtime Interface Emulator."""

    def __init__(self, program, port):
        self.program = program
        self.url = f"http://127.0.0.1:{port}/2015-03-31/functions/function/invocations"

    def invoke(self, event):
        """The answer to an event, and the JSON lines that it wrote to the log."""
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
        self.program.wait_for(lambda line: line.startswith("REPORT"), "the invocation does not end", before)
        return answer, [json.loads(line) for line in self.program.lines[before:] if line.startswith("{")]


def _free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def function(binary, resources, lightsail_url):
    """A binary of the function, with the settings of an expanded template."""
    properties = resources["Function"]["Properties"]
    with tempfile.TemporaryDirectory() as folder:
        rie = Path(folder) / "rie"
        shutil.copy(Path(samcli.__file__).parent / "local" / "rapid" / f"aws-lambda-rie-{ARCHITECTURE}", rie)
        rie.chmod(0o755)
        port = _free_port()
        addresses = ["--runtime-interface-emulator-address", f"127.0.0.1:{port}"]
        addresses += ["--runtime-api-address", f"127.0.0.1:{_free_port()}"]
        settings = {
            "AWS_REGION": DESTINATION,
            "AWS_LAMBDA_FUNCTION_NAME": "copier",
            "AWS_LAMBDA_FUNCTION_TIMEOUT": str(properties["Timeout"]),
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(properties["MemorySize"]),
            "AWS_LAMBDA_LOG_LEVEL": properties["LoggingConfig"]["ApplicationLogLevel"],
            "AWS_ENDPOINT_URL_LIGHTSAIL": lightsail_url,
        }
        settings |= properties["Environment"]["Variables"] | CREDENTIALS
        with Program([rie, *addresses, binary], **settings) as program:
            yield Function(program, port)


def check(what, found, expected):
    if found != expected:
        raise AssertionError(f"{what}:\n  found    {found}\n  expected {expected}")
    print(f"   {what}: {found}")


def fields(records, event):
    return [record["fields"] for record in records if record.get("fields", {}).get("event") == event]


def main():
    snapshots = {"autoSnapshots": [{"date": str(YESTERDAY)}, {"date": str(TODAY)}]}
    instances = [{"name": "WordPress-1", "tags": {"backup": "dr"}} | snapshots, {"name": "Scratch-1", "tags": {"backup": "dr"}}]
    world = {"copySeconds": 1, "regions": {SOURCE: {"instances": instances}, DESTINATION: {}}}
    parameters = {"SourceRegions": SOURCE, "DestinationRegions": DESTINATION, "AlarmEmail": "none"}
    resources = expand(**parameters, SourceTags="backup=dr", KeepDaily=7, Architecture=ARCHITECTURE)
    schedule = json.loads(resources["Schedule"]["Properties"]["Target"]["Input"])
    schedule["time"] = f"{TODAY}T06:00:00Z"
    request = {"sourceRegion": SOURCE, "sourceResourceName": "WordPress-1", "restoreDate": str(YESTERDAY)}
    event = {"detail-type": "Copy Snapshot", "source": STACK, "time": f"{TODAY}T06:00:00Z", "detail": request}

    with tempfile.TemporaryDirectory() as folder, emulator(world) as lightsail:
        with zipfile.ZipFile(ROOT / ".aws-sam" / f"{STACK}-{ARCHITECTURE}.zip") as package:
            package.extractall(folder)
        bootstrap = Path(folder) / resources["Function"]["Properties"]["Handler"]
        bootstrap.chmod(0o755)
        with function(bootstrap, resources, lightsail.url) as deployed:
            print("== a custom event")
            answer, records = deployed.invoke(event)
            check("outcome", [c["outcome"] for c in answer["copies"]], ["started"])
            check("operations in the log", [line["operationType"] for line in fields(records, "copy_result")], ["CopySnapshot"])

            print("== the schedule's event")
            answer, records = deployed.invoke(schedule)
            started = [c["targetSnapshotName"] for c in answer["copies"] if c["outcome"] == "started"]
            check("started", started, [f"WordPress-1-{SOURCE}-{TODAY}"])
            (metrics,) = [record for record in records if "_aws" in record]
            check("metrics of", (metrics["FunctionName"], metrics["Runs"]), ("copier", 1))
            check("started, unprotected", (metrics["CopiesStarted"], metrics["SourcesUnprotected"]), (1, 1))

            print("== the schedule's event, when the copies are available")
            time.sleep(2)
            answer, records = deployed.invoke(schedule)
            check("started", answer["summary"]["started"], 0)
            coverage = {line["sourceResourceName"]: line["status"] for line in fields(records, "coverage")}
            check("coverage", coverage, {"WordPress-1": "protected", "Scratch-1": "unprotected"})

            print("== an invalid event")
            answer, _ = deployed.invoke({"sourceRegion": SOURCE, "sourceResource": "WordPress-1"})
            check("error", answer["errorType"], "InvalidEvent")


if __name__ == "__main__":
    main()
