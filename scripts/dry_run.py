"""Shows what a run would do with the policy of samconfig.toml: see dry-run.sh."""

import argparse
import json
import sys

import boto3
from botocore.config import Config
from expand_template import ROOT, copy_policy, template
from samcli.cli.types import CfnParameterOverridesType
from samcli.lib.config.samconfig import SamConfig


def settings(file, environment, command="deploy"):
    """What `sam COMMAND` takes from a samconfig.toml. Its parameter_overrides are a dictionary."""
    found = dict(SamConfig(file.parent, file.name).get_all([command], "parameters", env=environment))
    found["parameter_overrides"] = CfnParameterOverridesType().convert(found.get("parameter_overrides"), None, None)
    return found


def event(parameters):
    """The dry run of the policy that these parameters make."""
    if missing := template()["Parameters"].keys() - parameters.keys():
        raise ValueError(f"samconfig.toml has no line for {', '.join(sorted(missing))}, so `sam deploy` would not change it")
    return {"dryRun": True, "policy": json.loads(copy_policy(**parameters))}


def invoke(stack, region, payload):
    (deployed,) = boto3.client("cloudformation", region).describe_stacks(StackName=stack)["Stacks"]
    (name,) = [output["OutputValue"] for output in deployed["Outputs"] if output["OutputKey"] == "FunctionName"]
    # Longer than the function's time-out, so that the client does not invoke a second time.
    client = boto3.client("lambda", region, config=Config(read_timeout=330, retries={"total_max_attempts": 1}))
    return json.load(client.invoke(FunctionName=name, Payload=json.dumps(payload))["Payload"])


def why(entry):
    return f" ({entry['error']['code']}: {entry['error']['message']})" if "error" in entry else ""


def report(answer):
    """The lines to show for an answer: first what needs attention."""
    lines = [answer["errorMessage"]] if "errorType" in answer else [f"summary: {json.dumps(answer['summary'])}"]
    for failure in answer.get("unread", []):
        lines.append(f"{failure['region']} could not be read: {failure['operation']}{why(failure)}")
    lines += [f"selects nothing: {rule}" for rule in answer.get("rulesSelectingNothing", [])]
    for deletion in answer.get("deletions", []):
        lines.append(f"delete {deletion['region']} {deletion['snapshotName']}: {deletion['outcome']}{why(deletion)}")
    for copy in answer.get("copies", []):
        if copy["outcome"] != "exists":
            lines.append(f"copy to {copy['destinationRegion']} {copy['targetSnapshotName']}: {copy['outcome']}{why(copy)}")
    for drill in answer.get("drills", []):
        lines.append(f"drill in {drill['destinationRegion']} {drill['instanceName']}: {drill['outcome']}{why(drill)}")
    for entry in answer.get("coverage", []):
        if entry["status"] not in ("protected", "pending"):
            source = f"{entry['sourceRegion']}/{entry['sourceResourceName']}"
            lines.append(f"{entry['status']} in {entry['destinationRegion']}: {source} ({entry.get('reason')})")
    return lines


def main():
    arguments = argparse.ArgumentParser(description="Shows what a run would do with the policy of samconfig.toml.")
    arguments.add_argument("--config-env", default="default")
    arguments = arguments.parse_args()
    if not (ROOT / "samconfig.toml").exists():
        sys.exit("copy samconfig.example.toml to samconfig.toml and edit it")
    try:
        found = settings(ROOT / "samconfig.toml", arguments.config_env)
        payload = event(found["parameter_overrides"])
    except ValueError as error:
        sys.exit(str(error))
    print("policy:", json.dumps(payload["policy"]))
    answer = invoke(found["stack_name"], found["region"], payload)
    print("\n".join(report(answer)))
    sys.exit("errorType" in answer or "unread" in answer or answer["summary"]["failed"] > 0)


if __name__ == "__main__":
    main()
