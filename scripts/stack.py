"""Deploys template.yaml on this machine: see stack.sh.

ministack is AWS: CloudFormation with the SAM transform, Lambda with our own binary, EventBridge, Scheduler, SNS, SQS, S3,
IAM and CloudWatch. lightsail-emulator is Lightsail. The AWS CLI, boto3 and the function have the same credentials.
"""

import hashlib
import json
import os
import platform
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import zipfile
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

import boto3
from samtranslator.yaml_helper import yaml_parse

ROOT = Path(__file__).resolve().parent.parent
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "debug"
STACK = "lightsail-snapshot-copier"
SOURCE, DESTINATION = "us-west-2", "us-east-1"
ARCHITECTURE = platform.machine().replace("aarch64", "arm64")
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "emulator", "AWS_SECRET_ACCESS_KEY": "emulator"}


def template():
    """template.yaml, parsed."""
    return yaml_parse((ROOT / "template.yaml").read_text())


def deployable(code):
    """The template with what ministack does not know taken out: saved queries, and the metric math of alarms. `code` is
    where the zip is."""
    found = template()
    function = found["Resources"]["Function"]
    function["Properties"]["CodeUri"] = code
    del function["Metadata"]
    for name, resource in list(found["Resources"].items()):
        if resource["Type"] == "AWS::Logs::QueryDefinition":
            del found["Resources"][name]
        for metric in resource["Properties"].pop("Metrics", []) if resource["Type"] == "AWS::CloudWatch::Alarm" else []:
            stat = metric.get("MetricStat")
            if stat:
                resource["Properties"] |= stat["Metric"] | {"Statistic": stat["Stat"], "Period": stat["Period"]}
    return found


def zip_code(file):
    """A package of the function, as `cargo build` leaves it. ministack gives it other credentials than the emulator's."""
    bootstrap = "#!/bin/sh\n" + "".join(f"export {name}={value}\n" for name, value in CREDENTIALS.items())
    bootstrap += 'unset AWS_SESSION_TOKEN\nexec "$LAMBDA_TASK_ROOT/function"\n'
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["strip", "-o", f"{folder}/function", TARGET / STACK], check=True)
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            for name, content in {"bootstrap": bootstrap, "function": Path(folder, "function").read_bytes()}.items():
                entry = zipfile.ZipInfo(name)
                entry.external_attr = 0o100755 << 16
                archive.writestr(entry, content)


def make_release(folder, change=lambda template: None):
    """The files of a release in a folder."""
    zip_code(folder / f"{STACK}-{ARCHITECTURE}.zip")
    if ARCHITECTURE != "arm64":
        shutil.copy(folder / f"{STACK}-{ARCHITECTURE}.zip", folder / f"{STACK}-arm64.zip")
    found = deployable(f"{STACK}-arm64.zip")
    change(found)
    (folder / "template.yaml").write_text(json.dumps(found))
    files = [path for path in sorted(folder.iterdir()) if path.name != "SHA256SUMS"]
    (folder / "SHA256SUMS").write_text("".join(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in files))
    return folder


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _listens(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


# Seconds to wait for what comes within a second on an idle machine.
PATIENCE = 300


def eventually(found, what):
    """The first true value of a function."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if value := found():
            return value
        time.sleep(0.1)
    raise TimeoutError(what)


@contextmanager
def program(command, port, log, **environment):
    """A program that listens at a port, until the end of a `with`. Yields its URL."""
    with open(log, "w") as output:
        environment = {"PATH": os.environ["PATH"]} | environment
        process = subprocess.Popen(command, env=environment, stdout=output, stderr=subprocess.STDOUT, start_new_session=True)
        try:
            eventually(lambda: _listens(port), f"{command[0]} does not start")
            yield f"http://localhost:{port}"
        finally:
            os.killpg(process.pid, signal.SIGTERM)  # with the functions that it started
            process.wait(timeout=PATIENCE)


@contextmanager
def emulator(world):
    """lightsail-emulator with this world. Yields its URL."""
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "world.json").write_text(json.dumps(world))
        command = [TARGET / "lightsail-emulator", "--world", f"{folder}/world.json", "--port", str(port)]
        with program(command, port, f"{folder}/log") as url:
            yield url


@contextmanager
def machine(world):
    """AWS with this world in Lightsail, and the environment in which boto3, the AWS CLI and SAM use it."""
    port = free_port()
    with tempfile.TemporaryDirectory() as folder, emulator(world) as lightsail:
        settings = {"AWS_ENDPOINT_URL": f"http://localhost:{port}", "AWS_ENDPOINT_URL_LIGHTSAIL": lightsail, "AWS_DEFAULT_REGION": DESTINATION}
        server = {"GATEWAY_PORT": str(port), "BIND_HOST": "127.0.0.1", "TMPDIR": folder, "S3_DATA_DIR": f"{folder}/s3"}
        server |= {"LAMBDA_ASYNC_RETRY_BASE_SECONDS": "0.1"}
        with program([ROOT / ".tools/stack/bin/ministack"], port, f"{folder}/log", **settings | server):
            clean = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
            here = {"SAM_CLI_TELEMETRY": "0", "PATH": f"{_cli(folder)}:{os.environ['PATH']}"}
            with mock.patch.dict(os.environ, clean | settings | CREDENTIALS | here, clear=True):
                yield


def _cli(folder):
    """A folder with an `aws` that asks ministack also for SQS, where the AWS CLI does not read AWS_ENDPOINT_URL. It fails
    the call that FORBIDDEN names, and shows e-mail addresses as unconfirmed with UNCONFIRMED: ministack does neither."""
    script = Path(folder, "bin", "aws")
    script.parent.mkdir()
    real = ROOT / ".tools/checks/bin/aws"
    script.write_text(f"""#!/bin/sh
case "$1 $2" in
    "$FORBIDDEN") echo "An error occurred (403) when calling the operation: Forbidden" >&2; exit 254 ;;
    "sqs "*) exec {real} --endpoint-url "$AWS_ENDPOINT_URL" "$@" ;;
    "sns list-"*) [ -z "$UNCONFIRMED" ] || {{ {real} "$@" | sed 's/"SubscriptionArn": .*,/"SubscriptionArn": "PendingConfirmation",/'; exit; }} ;;
esac
exec {real} "$@"
""")
    script.chmod(0o755)
    return script.parent


def describe():
    """The description of the stack, or None."""
    return next((s for s in boto3.client("cloudformation").describe_stacks()["Stacks"] if s["StackName"] == STACK), None)


def parameters():
    return {p["ParameterKey"]: p["ParameterValue"] for p in describe()["Parameters"]}


def outputs():
    return {o["OutputKey"]: o["OutputValue"] for o in describe()["Outputs"]}


def deploy(**values):
    """Creates or updates the stack."""
    client, s3 = boto3.client("cloudformation"), boto3.client("s3")
    if "code" not in [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]]:
        s3.create_bucket(Bucket="code")
        with tempfile.NamedTemporaryFile() as file:
            zip_code(file.name)
            s3.upload_file(file.name, "code", "code.zip")
    call, waiter = (client.update_stack, "stack_update_complete") if describe() else (client.create_stack, "stack_create_complete")
    call(
        StackName=STACK,
        TemplateBody=json.dumps(deployable("s3://code/code.zip")),
        Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
        Parameters=[{"ParameterKey": name, "ParameterValue": str(value)} for name, value in values.items()],
    )
    client.get_waiter(waiter).wait(StackName=STACK, WaiterConfig={"Delay": 0.1, "MaxAttempts": 300})


def invoke(job):
    answer = boto3.client("lambda").invoke(FunctionName=outputs()["FunctionName"], Payload=json.dumps(job))
    return json.load(answer["Payload"])


def snapshots():
    return {s["name"]: s for s in boto3.client("lightsail").get_instance_snapshots()["instanceSnapshots"]}
