"""Tests of the way from the sources: `sam deploy` with samconfig.toml, and the dry run before it."""

import json
import os
import shutil
import subprocess
import tomllib

import pytest
from stack import DESTINATION, ROOT, STACK, deployable, parameters, template, zip_code

EXAMPLE = ROOT / "samconfig.example.toml"


@pytest.fixture
def checkout(aws, tmp_path):
    """A checkout with an edited samconfig.toml, and what `sam build` leaves."""
    for name in ("install.sh", "template.yaml", ".tools"):
        os.symlink(ROOT / name, tmp_path / name)
    shutil.copytree(ROOT / "scripts", tmp_path / "scripts")
    zip_code(tmp_path / "code.zip")
    return tmp_path


def edit(checkout, *changes):
    text = EXAMPLE.read_text().replace('AlarmEmail = ""', 'AlarmEmail = "none"').replace("confirm_changeset = true", "confirm_changeset = false")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    (checkout / "samconfig.toml").write_text(text)


def run(checkout, *command, code=0):
    done = subprocess.run(command, cwd=checkout, capture_output=True, text=True)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def sam_deploy(checkout):
    (checkout / "built.json").write_text(json.dumps(deployable("code.zip")))
    return run(checkout, ROOT / ".tools/sam/bin/sam", "deploy", "--template-file", "built.json")


def test_the_example_has_every_parameter_and_starts_paused():
    found = tomllib.loads(EXAMPLE.read_text())["default"]["global"]["parameters"]
    assert (found["stack_name"], found["region"]) == (STACK, DESTINATION)
    declared = template()["Parameters"]
    assert list(found["parameter_overrides"]) == list(declared)
    for name, value in found["parameter_overrides"].items():
        assert str(value) == ("DISABLED" if name == "State" else str(declared[name].get("Default", value))), name


def test_it_deploys_paused_and_the_dry_run_has_the_policy_of_the_file(checkout):
    assert "Copy samconfig.example.toml" in run(checkout, "scripts/dry-run.sh", code=1)
    edit(checkout)
    assert f"no stack {STACK} in {DESTINATION} yet" in run(checkout, "scripts/dry-run.sh", code=1)
    sam_deploy(checkout)
    assert (parameters()["State"], parameters()["KeepDaily"]) == ("DISABLED", "14")
    edit(checkout, ("KeepDaily = 14", "KeepDaily = 7"), ('SourceNames = "*"', 'SourceNames = "Nothing-*"'))
    said = run(checkout, "scripts/dry-run.sh")
    assert '"keepDaily":7' in said and "selects nothing: sources[0]" in said
    assert parameters()["KeepDaily"] == "14"
    sam_deploy(checkout)
    assert parameters()["KeepDaily"] == "7"
    edit(checkout, ("KeepDaily = 14\n", ""))
    assert "no line for KeepDaily" in run(checkout, "scripts/dry-run.sh", code=1)
