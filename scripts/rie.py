"""Runs the function under AWS's Lambda Runtime Interface Emulator against lightsail-emulator: see rie.sh.

The package is the zip that scripts/package.sh makes for this machine.
"""

import json
import shutil
import tempfile
import time
import urllib.request
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import samcli
from stack import ARCHITECTURE, CREDENTIALS, DESTINATION, ROOT, SOURCE, STACK, emulator, eventually, free_port, program, template

TODAY = datetime.now(UTC).date()
YESTERDAY = TODAY - timedelta(days=1)


class Function:
    """A function behind the Runtime Interface Emulator, and the log that both write."""

    def __init__(self, url, log):
        self.url, self.log = f"{url}/2015-03-31/functions/function/invocations", log

    def invoke(self, event):
        """The answer to an event, and the JSON lines that it wrote to the log."""
        before = len(self.log.read_text())
        with urllib.request.urlopen(self.url, json.dumps(event).encode(), timeout=60) as response:
            answer = json.loads(response.read())
        eventually(lambda: "\nREPORT" in self.log.read_text()[before:], "the invocation does not end")
        return answer, [json.loads(line) for line in self.log.read_text()[before:].splitlines() if line.startswith("{")]


def check(what, found, expected):
    if found != expected:
        raise AssertionError(f"{what}:\n  found    {found}\n  expected {expected}")
    print(f"   {what}: {found}")


def fields(records, event):
    return [record["fields"] for record in records if record.get("fields", {}).get("event") == event]


def try_out(deployed):
    request = {"sourceRegion": SOURCE, "sourceResourceName": "WordPress-1", "restoreDate": str(YESTERDAY)}
    schedule = {"time": f"{TODAY}T06:00:00Z"}

    print("== a custom event")
    answer, records = deployed.invoke({"detail-type": "Copy Snapshot", "source": STACK, "detail": request} | schedule)
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


def main():
    snapshots = {"autoSnapshots": [{"date": str(YESTERDAY)}, {"date": str(TODAY)}]}
    instances = [{"name": "WordPress-1"} | snapshots, {"name": "Scratch-1"}]
    world = {"copySeconds": 1, "regions": {SOURCE: {"instances": instances}, DESTINATION: {}}}
    policy = {"sources": [{"region": SOURCE}], "destinations": [DESTINATION], "retention": {"keepDaily": 7}}
    limits = template()["Resources"]["Function"]["Properties"]
    with tempfile.TemporaryDirectory() as folder, emulator(world) as lightsail:
        folder = Path(folder)
        with zipfile.ZipFile(ROOT / ".aws-sam" / f"{STACK}-{ARCHITECTURE}.zip") as package:
            package.extract("bootstrap", folder)
        shutil.copy(Path(samcli.__file__).parent / "local" / "rapid" / f"aws-lambda-rie-{ARCHITECTURE}", folder / "rie")
        for executable in "bootstrap", "rie":
            (folder / executable).chmod(0o755)
        port, log = free_port(), folder / "log"
        command = [folder / "rie", "--runtime-interface-emulator-address", f"127.0.0.1:{port}"]
        command += ["--runtime-api-address", f"127.0.0.1:{free_port()}", folder / "bootstrap"]
        settings = CREDENTIALS | {
            "AWS_REGION": DESTINATION,
            "AWS_LAMBDA_FUNCTION_NAME": "copier",
            "AWS_LAMBDA_FUNCTION_TIMEOUT": str(limits["Timeout"]),
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(limits["MemorySize"]),
            "AWS_ENDPOINT_URL_LIGHTSAIL": lightsail,
            "COPY_POLICY": json.dumps(policy),
        }
        with program(command, port, log, **settings) as url:
            try:
                try_out(Function(url, log))
            except BaseException:
                print(log.read_text())
                raise


if __name__ == "__main__":
    main()
