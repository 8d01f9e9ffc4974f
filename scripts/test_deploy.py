"""Tests of the ways to deploy: `sam deploy` with samconfig.toml and the dry run before it.

CloudFormation is moto's. It does not expand the SAM transform, so the function itself is not created.

.tools/sam/bin/python -m pytest scripts/test_deploy.py
"""

import os
import subprocess
import sys
import urllib.request
from pathlib import Path

import boto3
import dry_run
import pytest
from expand_template import ROOT, STACK, template
from moto.server import ThreadedMotoServer

EXAMPLE = ROOT / "samconfig.example.toml"
BIN = Path(sys.executable).parent


@pytest.fixture
def aws(monkeypatch):
    """moto's AWS on this machine, in the environment of boto3, the AWS CLI and the SAM CLI."""
    server = ThreadedMotoServer(ip_address="localhost", port=0, verbose=False)
    server.start()
    _, port = server.get_host_and_port()
    # moto's state belongs to the process, not to the server.
    urllib.request.urlopen(urllib.request.Request(f"http://localhost:{port}/moto-api/reset", method="POST"))
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://localhost:{port}")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("SAM_CLI_TELEMETRY", "0")
    yield
    server.stop()


def test_build_and_deploy_use_the_same_parameters():
    deploy = dry_run.settings(EXAMPLE, "default")
    build = dry_run.settings(EXAMPLE, "default", "build")
    assert build["parameter_overrides"] == deploy["parameter_overrides"]
    declared = template()["Parameters"]
    assert list(deploy["parameter_overrides"]) == list(declared)
    for name, value in deploy["parameter_overrides"].items():
        assert value == str(declared[name].get("Default", value)), f"{name} differs from its default"
    assert (deploy["stack_name"], deploy["region"]) == (STACK, "us-east-1")


@pytest.fixture
def checkout(aws, tmp_path, monkeypatch):
    """A checkout with an edited samconfig.toml: 14 daily copies."""
    boto3.client("s3").create_bucket(Bucket="artifacts")
    edited = EXAMPLE.read_text().replace('AlarmEmail = ""', 'AlarmEmail = "none"').replace("KeepDaily = 0", "KeepDaily = 14")
    # moto cannot make the stack of the bucket that resolve_s3 stands for.
    edited = edited.replace("resolve_s3 = true", 's3_bucket = "artifacts"').replace("confirm_changeset = true", "confirm_changeset = false")
    (tmp_path / "samconfig.toml").write_text(edited)
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "bootstrap").write_text("#!/bin/sh\n")
    (tmp_path / "template.yaml").write_text((ROOT / "template.yaml").read_text().replace("CodeUri: .", "CodeUri: code"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def deployed():
    (stack,) = boto3.client("cloudformation").describe_stacks(StackName=STACK)["Stacks"]
    return {parameter["ParameterKey"]: parameter["ParameterValue"] for parameter in stack["Parameters"]}


def sam_deploy():
    subprocess.run([BIN / "sam", "deploy"], check=True, capture_output=True, text=True)


def test_an_upgrade_and_a_rollback_keep_the_parameters(checkout):
    sam_deploy()
    assert deployed()["KeepDaily"] == "14"
    # The next version has one more parameter, and another default.
    old = (checkout / "template.yaml").read_text()
    new = old.replace("Parameters:\n  # Both", "Parameters:\n  Added:\n    Type: String\n    Default: new\n  # Both")
    (checkout / "template.yaml").write_text(new.replace("Description: The function.", "Description: The new function."))
    sam_deploy()
    assert (deployed()["KeepDaily"], deployed()["Added"]) == ("14", "new")
    (checkout / "template.yaml").write_text(old)
    sam_deploy()
    assert deployed()["KeepDaily"] == "14"


def test_the_dry_run_has_the_policy_that_deploy_would_deploy(checkout):
    parameters = dry_run.settings(checkout / "samconfig.toml", "default")["parameter_overrides"]
    payload = dry_run.event(parameters)
    assert payload["dryRun"] is True
    assert payload["policy"]["retention"]["keepDaily"] == 14
    with pytest.raises(ValueError, match="KeepDaily"):
        dry_run.event({name: value for name, value in parameters.items() if name != "KeepDaily"})
    with pytest.raises(ValueError, match="SourceRegions: 'mars'"):
        dry_run.event(parameters | {"SourceRegions": "mars"})


def test_the_dry_run_shows_what_needs_attention():
    answer = {
        "summary": {"planned": 1},
        "rulesSelectingNothing": ["sources[1]"],
        "unread": [{"region": "eu-west-1", "operation": "GetDisks", "error": {"code": "AccessDeniedException", "message": "no"}}],
        "deletions": [{"region": "us-east-1", "snapshotName": "a", "outcome": "planned"}],
        "copies": [
            {"destinationRegion": "us-east-1", "targetSnapshotName": "b", "outcome": "planned"},
            {"destinationRegion": "us-east-1", "targetSnapshotName": "c", "outcome": "exists"},
            {"destinationRegion": "us-east-1", "targetSnapshotName": "g", "outcome": "failed", "error": {"code": "NameInUse", "message": "no"}},
        ],
        "drills": [{"destinationRegion": "us-east-1", "instanceName": "drill-f-2026-11-22", "outcome": "planned"}],
        "coverage": [
            {"status": "unprotected", "destinationRegion": "us-east-1", "sourceRegion": "us-west-2", "sourceResourceName": "d", "reason": "off"},
            {"status": "protected", "destinationRegion": "us-east-1", "sourceRegion": "us-west-2", "sourceResourceName": "e"},
        ],
    }
    assert dry_run.report(answer) == [
        'summary: {"planned": 1}',
        "eu-west-1 could not be read: GetDisks (AccessDeniedException: no)",
        "selects nothing: sources[1]",
        "delete us-east-1 a: planned",
        "copy to us-east-1 b: planned",
        "copy to us-east-1 g: failed (NameInUse: no)",
        "drill in us-east-1 drill-f-2026-11-22: planned",
        "unprotected in us-east-1: us-west-2/d (off)",
    ]
    assert dry_run.report({"errorType": "InvalidPolicy", "errorMessage": "sources: required"}) == ["sources: required"]
