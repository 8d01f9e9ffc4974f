"""Tests of install.sh with the AWS CLI, with a release in a folder and AWS on this machine."""

import json
import os
import platform
import signal
import subprocess

import boto3
import pytest
from conftest import TODAY
from stack import ARCHITECTURE, DESTINATION, PATIENCE, ROOT, SOURCE, STACK, deploy, describe, eventually, make_release, outputs, parameters, snapshots

ANSWERS = [SOURCE, "", "ops@example.com", "", "n", "y", "n"]


@pytest.fixture(scope="module")
def release(tmp_path_factory):
    return make_release(tmp_path_factory.mktemp("release"))


@pytest.fixture(autouse=True)
def nothing(aws):
    """Each test begins without a stack."""
    yield
    boto3.client("cloudformation").delete_stack(StackName=STACK)
    eventually(lambda: describe() is None, "the stack remains")


def start(release, *arguments, **environment):
    return subprocess.Popen(
        ["bash", ROOT / "install.sh", *arguments],
        env=os.environ | {"ADDRESS": release.as_uri(), "ARCHITECTURE": ARCHITECTURE} | environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def install(release, *arguments, answers=(), code=0, **environment):
    program = start(release, *arguments, **environment)
    said, _ = program.communicate("".join(f"{answer}\n" for answer in answers))
    assert program.returncode == code, said
    return said


def hang_up(release, *arguments, answers=(), prompt):
    """Answers, and ends the session while this question waits for its answer."""
    program = start(release, *arguments)
    program.stdin.write("".join(f"{answer}\n" for answer in answers))
    program.stdin.flush()
    said = ""
    while prompt not in said:
        read = os.read(program.stdout.fileno(), 4096).decode()
        assert read, said
        said += read
    os.killpg(program.pid, signal.SIGHUP)
    assert program.wait(PATIENCE) == 129, said


def buckets():
    return [b["Name"] for b in boto3.client("s3").list_buckets()["Buckets"] if STACK in b["Name"]]


def deployed_policy():
    (found,) = boto3.client("lambda").list_functions()["Functions"]
    return json.loads(found["Environment"]["Variables"]["COPY_POLICY"])


# --- Installation


def test_it_installs_and_runs_once(release):
    answers = ["us-west-2a", " US-West-2 , us-west-2", "", "ops", "ops@example.com", "", "Y", "YES", "y"]
    said = install(release, answers=answers, UNCONFIRMED="yes")
    for line in [
        "us-west-2a is an Availability Zone. Its Region is us-west-2.",
        "this is not possible: ops",
        f"copy to {DESTINATION} WordPress-1-{SOURCE}-{TODAY}: planned",
        f"copy to {DESTINATION} WordPress-1-{SOURCE}-{TODAY}: started",
        f"unprotected in {DESTINATION}: {SOURCE}/Scratch-1",
        "Selected: 2 servers.",
        f"Copies of the first run to {DESTINATION}: 1, at most 60 GB.",
        "once at most 1.2 dollars",
        "at least 6 dollars (one full copy of each)",
        "at most 84 dollars (14 full copies of each)",
        f"  {SOURCE} Scratch-1",
        "1 of 2. Turn them on?",
        "NOT CONFIRMED. CLICK THE LINK IN THE MAIL FROM AWS TO ops@example.com",
        "The schedule is on",
    ]:
        assert line in said, said
    lightsail = boto3.client("lightsail", SOURCE)
    (add_on,) = lightsail.get_instance(instanceName="Scratch-1")["instance"]["addOns"]
    assert (add_on["name"], add_on["status"]) == ("AutoSnapshot", "Enabled")
    lightsail.disable_add_on(resourceName="Scratch-1", addOnType="AutoSnapshot")
    assert said.index("planned") < said.index("Start?") < said.index("started")
    found = parameters()
    names = ("SourceRegions", "DestinationRegions", "AlarmEmail", "KeepDaily", "State")
    assert [found[name] for name in names] == [SOURCE, DESTINATION, "ops@example.com", "14", "ENABLED"]
    assert f"WordPress-1-{SOURCE}-{TODAY}" in snapshots()
    (alarm,) = boto3.client("cloudwatch").describe_alarms(AlarmNames=[f"{STACK}-failing"])["MetricAlarms"]
    assert alarm["StateReason"] == "A test of the mail. Nothing is wrong."


def test_a_no_leaves_nothing(release):
    assert "nothing is installed" in install(release, answers=[*ANSWERS[:5], "n"], code=1)
    eventually(lambda: describe() is None, "the stack remains")
    assert buckets() == []


BESIDE = ["us-east-1", "us-east-1"]
QUESTIONS = ["Regions of the servers", "Regions to keep copies in (Enter: us-east-1)", "e-mail address", "daily copies", "Turn them on?", "Start?"]


@pytest.mark.parametrize(
    ("answers", "prompt"),
    [*((ANSWERS[:count], prompt) for count, prompt in enumerate(QUESTIONS)), (BESIDE[:1], "copies in: "), (BESIDE, "These are lost with the Region.\ngo on?")],
)
def test_a_hang_up_at_any_question_leaves_nothing(release, answers, prompt):
    hang_up(release, answers=answers, prompt=prompt)
    eventually(lambda: describe() is None, "the stack remains")


def test_a_hang_up_after_the_start_keeps_the_stack_and_its_removal_keeps_copies(release):
    hang_up(release, answers=ANSWERS[:6], prompt="test alarm?")
    assert parameters()["State"] == "ENABLED"
    copies = snapshots()
    install(release, "remove", answers=["n"], code=1)
    assert describe()
    install(release, "remove", answers=["Y"])
    assert describe() is None and copies and snapshots() == copies
    assert buckets() == []


# --- Failures


def test_it_refuses_code_with_another_checksum(release, tmp_path):
    for file in release.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes() if file.suffix != ".zip" else b"something else")
    assert "checksum" in install(tmp_path, answers=ANSWERS, code=1)
    assert describe() is None


def test_a_call_that_fails_is_not_taken_for_an_answer(release):
    for forbidden in ["cloudformation describe-stacks", "s3api head-bucket", "s3api put-public-access-block", "sts get-caller-identity"]:
        said = install(release, answers=ANSWERS, code=1 if "public" not in forbidden else 254, FORBIDDEN=forbidden)
        assert "403" in said and describe() is None, said


# --- Changes


@pytest.fixture
def installed(release):
    deploy(SourceRegions=SOURCE, DestinationRegions=DESTINATION, AlarmEmail="ops@example.com")
    return release


def test_a_change_shows_the_next_run_of_the_new_policy_and_pauses_nothing(installed):
    said = install(installed, "set", "SourceNames=Nothing-*", answers=["yes"])
    assert "selects nothing: sources[0]" in said
    assert (parameters()["SourceNames"], parameters()["State"]) == ("Nothing-*", "ENABLED")
    install(installed, "set", "KeepDaily=1", code=1)  # the input ends
    hang_up(installed, "set", "KeepDaily=1", prompt="deploy this?")
    assert (parameters()["KeepDaily"], parameters()["State"]) == ("14", "ENABLED")


def test_the_shown_policy_is_the_deployed_one(installed):
    checks = '[{"port":22},{"url":"http://{ip}/","host":"www.example.com"}]'
    for change in [
        ["KeepDaily=7", "KeepYearly=3", "SourceTags=backup=dr,team=*", "Backfill=true", f"DestinationRegions={DESTINATION},eu-west-1"],
        ["SourceNames=a*,b?", "ExceptNames=c,d*", "MaxRecoveryPointAgeHours=30"],
        ["DrillNames=WordPress-*,a?", f"DrillChecks={checks}", "SourceTypes=Instance", "MaxRecoveryPointAgeHours=48"],
        ["DrillNames=-", "DrillChecks="],
        [f'PolicyJson={{"sources":[{{"region":"{SOURCE}"}}],\n"destinations":["{DESTINATION}"]}}'],
    ]:
        said = install(installed, "set", *change, answers=["y"])
        (shown,) = [line.removeprefix("policy: ") for line in said.splitlines() if line.startswith("policy: ")]
        assert json.loads(shown) == deployed_policy()


def test_a_name_that_the_template_lacks_is_refused(installed):
    assert "no parameter KeepDialy" in install(installed, "set", "KeepDaily=7", "KeepDialy=7", code=1)
    assert "KeepDaily=VALUE" in install(installed, "set", "KeepDaily", code=1)
    for wrong in ["KeepDaily=abc", "KeepDaily=", "MaxRecoveryPointAgeHours=-1"]:
        for command in ["set", "preview"]:
            assert install(installed, command, wrong, code=1) == f"install.sh: {wrong.split('=')[0]} must be a number\n"
    assert "PolicyJson or DrillChecks is not JSON" in install(installed, "set", "PolicyJson={", code=1)
    assert "another processor" in install(installed, "set", "Architecture=x86_64", code=1)
    assert parameters()["KeepDaily"] == "14"
    assert "KeepDaily=14" in install(installed, "show")


def test_what_is_no_policy_is_changed_without_a_question(installed):
    assert "PAUSED" in install(installed, "set", "State=DISABLED")
    assert "PAUSED" in install(installed, "set", "Report=daily", "HeartbeatUrl=https://heartbeat.example.com/1")
    assert (parameters()["State"], parameters()["Report"]) == ("DISABLED", "daily")
    said = install(installed, "set", "Report=monthly", code=1)
    assert said.endswith("the deployment failed\n") and "None" not in said.splitlines()


def test_an_upgrade_keeps_parameters_and_a_no_keeps_the_code(installed, tmp_path):
    deploy(SourceRegions=SOURCE, DestinationRegions=DESTINATION, AlarmEmail="none", KeepDaily=7, HeartbeatUrl="https://heartbeat.example.com/1", Architecture=ARCHITECTURE)  # fmt: skip
    newer = make_release(tmp_path, lambda template: template["Parameters"].update(Added={"Type": "String", "Default": "new"}))
    install(newer, answers=["n"], code=1)
    assert "Added" not in parameters()
    install(newer, answers=["y"])
    found = parameters()
    assert [found[name] for name in ("KeepDaily", "Added", "State")] == ["7", "new", "ENABLED"]
    (function,) = boto3.client("lambda").list_functions()["Functions"]
    assert function["Environment"]["Variables"]["HEARTBEAT_URL"] == "https://heartbeat.example.com/1"


def test_an_upgrade_that_needs_a_pause_ends_it(installed, tmp_path):
    # A policy that the deployed version refuses, as it does with fields of a newer one.
    deploy(SourceRegions=SOURCE, DestinationRegions=DESTINATION, AlarmEmail="none", PolicyJson='{"sources":[]}', Architecture=ARCHITECTURE)
    newer = make_release(tmp_path, lambda template: template["Parameters"].update(Added={"Type": "String", "Default": "new"}))

    def as_before():
        found = describe()
        return found["StackStatus"].endswith("_COMPLETE") and parameters()["State"] == "ENABLED" and "Added" not in parameters()

    install(newer, answers=["n"], code=1)
    assert as_before()
    hang_up(newer, answers=["y"], prompt="keep this?")
    eventually(as_before, "the schedule stays paused")
    install(newer, answers=["y", "n"], code=1)
    eventually(as_before, "the schedule stays paused")
    install(newer, answers=["y", "y"])
    assert (parameters()["State"], parameters()["Added"]) == ("ENABLED", "new")


# --- Restore


@pytest.fixture
def with_command(tmp_path):
    """A release whose command prints its arguments and its input, and fails."""
    name = f"lightsail-copies-{platform.machine().replace('aarch64', 'arm64')}"
    (tmp_path / name).write_text('#!/bin/sh\necho "arguments: $*"\ncat\nexit 3\n')
    make_release(tmp_path)
    return tmp_path / name


def test_restore_runs_the_command_of_the_release(with_command):
    arguments = ["restore", "--region", "us-east-1", "--name", "Shop *"]
    said = install(with_command.parent, *arguments, answers=["y"], code=3, AWS_DEFAULT_REGION="")
    assert said == "arguments: restore --region us-east-1 --name Shop *\ny\n"


def test_restore_refuses_a_command_with_another_checksum(with_command):
    with with_command.open("a") as file:
        file.write("# changed")
    said = install(with_command.parent, "restore", "--region", "us-east-1", code=1)
    assert "does not have the checksum" in said and "arguments" not in said


# --- Status


def test_status_shows_what_is_wrong(installed):
    boto3.client("cloudwatch").set_alarm_state(AlarmName=f"{STACK}-stale", StateValue="ALARM", StateReason="a test")
    boto3.client("sqs").send_message(QueueUrl=outputs()["DeadLetterQueueUrl"], MessageBody="{}")
    said = install(installed, "status", UNCONFIRMED="yes")
    for line in ["Scratch-1", "enable-add-on", f"  {STACK}-stale: ", "NOT CONFIRMED", "(dead letters): 1", "The schedule is on"]:
        assert line in said, said


def test_usage(release):
    assert "status" in install(release, "--help")
    assert "no stack" in install(release, "status", code=1)


@pytest.mark.parametrize(
    ("arguments", "environment", "code", "said"),
    [
        (["stauts"], {}, 2, "usage"),
        (["--version"], {"AWS_DEFAULT_REGION": ""}, 2, "usage"),
        (["install", "junk"], {}, 2, "usage"),
        (["remove", "junk"], {}, 2, "usage"),
        (["set"], {"AWS_DEFAULT_REGION": ""}, 1, "set needs NAME=VALUE"),
        (["status"], {"AWS_DEFAULT_REGION": "", "AWS_CONFIG_FILE": "/dev/null"}, 1, "the AWS CLI has no Region"),
        ([], {"STACK": "bad name"}, 1, "STACK=bad name is no name of a stack"),
        ([], {"ARCHITECTURE": "foo"}, 1, "ARCHITECTURE=foo is neither"),
        ([], {"ADDRESS": "@ADDRESS@"}, 1, "Use the install.sh of a release"),
        (["restore"], {"ADDRESS": "@ADDRESS@"}, 1, "Use the install.sh of a release"),
        (["preview"], {}, 1, "bash install.sh shows the first run before it starts"),
    ],
)
def test_wrong_usage_is_said_before_any_question(release, arguments, environment, code, said):
    assert said in install(release, *arguments, code=code, **environment)
