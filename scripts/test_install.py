"""Tests of install.sh with the AWS CLI, against moto's S3, CloudFormation and Lambda.

moto has no SAM transform, so the release's template is expanded before. It does not check AllowedPattern, does not
make alarms, schedules and aliases, and its Lambda gives an answer that the test sets. It cannot show a rollback.

.tools/sam/bin/python -m pytest scripts/test_install.py
"""

import copy
import hashlib
import json
import os
import shutil
import subprocess
import urllib.request
import zipfile

import boto3
import pytest
from expand_template import ROOT, STACK, template
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator
from test_deploy import aws, deployed

__all__ = ["aws"]
# `scripts/tools.sh checks` installs the AWS CLI there.
PATH = f"{os.environ['PATH']}:{ROOT / '.tools/checks/bin'}"
pytestmark = pytest.mark.skipif(
    "CI" not in os.environ and not all(shutil.which(tool, path=PATH) for tool in ("aws", "curl", "jq")), reason="needs aws, curl, jq"
)
ANSWERS = "us-west-2\n\nops@example.com\ny\n"
DRY_RUN = {
    "summary": {"planned": 1},
    "deletions": [{"region": "us-east-1", "snapshotName": "old", "outcome": "planned"}],
    "copies": [{"destinationRegion": "us-east-1", "targetSnapshotName": "new", "outcome": "planned"}],
    "drills": [{"destinationRegion": "us-east-1", "instanceName": "drill-a-2026-11-22", "outcome": "planned"}],
}


def expanded():
    """template.yaml after the SAM transform, with the code beside it."""
    source = template()
    parameters = copy.deepcopy(source["Parameters"])
    for declared in source["Parameters"].values():
        declared.pop("Default", None)  # the translator would put it in place of references
    source["Resources"]["Function"]["Properties"]["CodeUri"] = "s3://bucket/code.zip"
    translated = Translator({}, Parser()).translate(source, {})
    translated["Resources"]["Function"]["Properties"]["Code"] = f"{STACK}-arm64.zip"
    return translated | {"Parameters": parameters}


@pytest.fixture
def release(aws, tmp_path):
    """A release in a folder."""
    with zipfile.ZipFile(tmp_path / f"{STACK}-arm64.zip", "w") as archive:
        archive.writestr("bootstrap", "1")
    (tmp_path / f"{STACK}-x86_64.zip").write_bytes((tmp_path / f"{STACK}-arm64.zip").read_bytes() + b"x86_64")
    (tmp_path / "template.yaml").write_text(json.dumps(expanded()))
    publish(tmp_path)
    endpoint = os.environ["AWS_ENDPOINT_URL"]
    set_moto(f"{endpoint}/moto-api/config", {"lambda": {"use_docker": False}})
    set_moto(f"{endpoint}/moto-api/static/lambda-simple/response", {"results": [json.dumps(DRY_RUN)] * 9, "region": "us-east-1"})
    return tmp_path


def set_moto(url, body):
    urllib.request.urlopen(urllib.request.Request(url, json.dumps(body).encode(), method="POST"))


def publish(release):
    files = [path for path in sorted(release.iterdir()) if path.name != "SHA256SUMS"]
    sums = "".join(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in files)
    (release / "SHA256SUMS").write_text(sums)


def install(release, *arguments, answers="", code=0, **environment):
    done = subprocess.run(
        ["bash", ROOT / "install.sh", *arguments],
        input=answers,
        env=os.environ | {"ADDRESS": release.as_uri(), "PATH": PATH} | environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def code():
    (function,) = boto3.client("lambda").list_functions()["Functions"]
    return function["CodeSha256"]


def test_it_installs_and_shows_the_first_run(release):
    said = install(release, answers=ANSWERS)
    planned = ["delete us-east-1 old: planned", "copy to us-east-1 new: planned", "drill in us-east-1 drill-a-2026-11-22: planned"]
    for line in ['summary: {"planned":1}', *planned]:
        assert line in said
    found = deployed()
    assert {name: found[name] for name in ("SourceRegions", "DestinationRegions", "AlarmEmail", "State")} == {
        "SourceRegions": "us-west-2",
        "DestinationRegions": "us-east-1",
        "AlarmEmail": "ops@example.com",
        "State": "ENABLED",
    }
    assert "KeepDaily" in install(release, "show")


def test_a_first_policy_that_is_declined_stays_paused(release):
    install(release, answers=ANSWERS.replace("y", "n"), code=1)
    assert deployed()["State"] == "DISABLED"


def test_a_change_is_kept_by_upgrades_and_can_be_declined(release):
    install(release, answers=ANSWERS)
    checks = '[{"port":22},{"url":"http://{ip}/","host":"www.example.com"}]'
    install(release, "set", "KeepDaily=14", "SourceTags=backup=dr,team=*", f"DrillChecks={checks}", answers="y\n")
    install(release, "set", "KeepDaily=1", code=1)  # the input ends
    assert (deployed()["KeepDaily"], deployed()["State"]) == ("14", "ENABLED")
    before = code()
    with zipfile.ZipFile(release / f"{STACK}-arm64.zip", "w") as archive:
        archive.writestr("bootstrap", "2")
    publish(release)
    install(release, answers="y\n")
    assert code() != before
    found = deployed()
    assert (found["KeepDaily"], found["SourceTags"], found["DrillChecks"]) == ("14", "backup=dr,team=*", checks)


def test_a_pause_survives_an_upgrade(release):
    install(release, answers=ANSWERS)
    install(release, "set", "State=DISABLED")
    assert "schedule is paused" in install(release, answers="y\n")
    assert deployed()["State"] == "DISABLED"
    install(release, "set", "KeepDaily=7", "State=ENABLED", answers="y\n")
    assert (deployed()["KeepDaily"], deployed()["State"]) == ("7", "ENABLED")


def test_an_upgrade_keeps_the_architecture(release):
    install(release, answers=ANSWERS, ARCHITECTURE="x86_64")
    x86_64 = code()
    install(release, answers="y\n")
    assert deployed()["Architecture"] == "x86_64"
    assert code() == x86_64
    assert "processor" in install(release, "set", "Architecture=arm64", code=1)


def test_it_refuses_code_with_another_checksum(release):
    (release / f"{STACK}-arm64.zip").write_bytes(b"something else")
    assert "checksum" in install(release, answers=ANSWERS, code=1)
    assert boto3.client("cloudformation").describe_stacks()["Stacks"] == []


def test_it_removes_everything(release):
    install(release, answers=ANSWERS)
    install(release, "remove", answers="n\n", code=1)
    assert deployed()
    install(release, "remove", answers="y\n")
    assert boto3.client("cloudformation").describe_stacks()["Stacks"] == []
    assert boto3.client("s3").list_buckets()["Buckets"] == []
