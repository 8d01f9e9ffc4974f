"""Tests of what template.yaml deploys.

.tools/sam/bin/python -m pytest scripts/test_template.py
"""

import fnmatch
import itertools
import json
import os
import re
from pathlib import Path

import boto3
import cfnlint
import pytest
from expand_template import ROOT, STACK, copy_policy, expand, refusal, template
from moto import mock_aws
from rie import emulator, function

FIRST = {"SourceRegions": "us-west-2", "DestinationRegions": "us-east-1", "AlarmEmail": "none"}
LIGHTSAIL = boto3.client("lightsail", region_name="us-east-1").meta.service_model
REGIONS = LIGHTSAIL.shape_for("RegionName").enum
MANY = FIRST | {"SourceRegions": ",".join(REGIONS), "DestinationRegions": ",".join(reversed(REGIONS))}
DRILLS = FIRST | {"DrillNames": "WordPress-*", "DrillChecks": '[{"port":22}]'}
LETTERS = "abcdefghijklmnopqrstuvwxyz"
PAIRS = list(map("".join, itertools.product(LETTERS, repeat=2)))
LONGEST = {
    "SourceNames": ",".join(PAIRS)[:599],
    "SourceTags": ",".join(f"{pair}=" for pair in PAIRS)[:399],
    "DrillNames": ",".join(PAIRS)[:299],
    "DrillChecks": '[{"url":"http://{ip}/","contains":"' + "x" * 461 + '"}]',
} | {name: "9999" for name in ("KeepLast", "KeepDaily", "KeepWeekly", "KeepMonthly", "KeepYearly")}


def of_type(resources, kind):
    return {name: resource["Properties"] for name, resource in resources.items() if resource["Type"] == kind}


def alarms(**parameters):
    found = of_type(expand(**parameters), "AWS::CloudWatch::Alarm").values()
    return {alarm["AlarmName"].removeprefix(f"{STACK}-"): alarm for alarm in found}


# --- Parameters and the policy


def test_the_template_is_within_its_limits():
    text = (ROOT / "template.yaml").read_text()
    assert len(text.encode()) <= 51_200  # CloudFormation's limit of a template in a request
    assert len(text.splitlines()) <= 650
    parameters = template()["Parameters"]
    assert len(parameters) <= 22
    assert {n for n, p in parameters.items() if "Default" not in p} == FIRST.keys()
    groups = template()["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    assert sorted(name for group in groups for name in group["Parameters"]) == sorted(parameters)


VALUES = {
    "SourceRegions": ([",".join(REGIONS), *REGIONS], ["", "us-west-3", "us-west-2,us-west-2", "us-west-2, us-east-1", "us-east-1,", "US-EAST-1", "us-east-1,eu-west-1,us-east-1"]),
    "SourceNames": (["*", "WordPress-*,db-?", "[a-c]*,[!x]", "shop.example.com", "a,ab,b"], ["", "a, b", 'a"', "a\\", "a,", "a,a", "db-[", "**", "a]"]),
    "SourceTags": (["", "backup=dr,team=*", "a:b/c=d e", "a=,b=", "a=1,aa=1"], ["backup", "=dr", "a=b,", "a=b=c", "team=dr*", "a=1,b=2,a=3", 'a="']),
    "KeepDaily": (["0", "7", "9999"], ["", "-1", "1.5", "07", "1e3", "10000"]),
    "EveryHours": (["1", "24"], ["0", "5", "1.0"]),
    "MaxRecoveryPointAgeHours": (["1", "48"], ["0", "", "1.5"]),
    "AlarmEmail": (["none", "ops@example.com"], ["", "ops", "ops@example", "a b@example.com"]),
    "DrillNames": (["", "-", "WordPress-*,a"], ["a,a", "a,", "**", "a, b", 'a"', "a" * 301]),
    "DrillChecks": (["", '[{"port":22}]'], ["{}", "[22]", "[]", '[{"port":22}', '[{"contains":"ü"}]']),
    "PolicyJson": (["", "{}", '{"a":\n[]}'], ["[]", "{", '{"a":"ü"}', "{" + " " * 3900 + "}"]),
    "LogLevel": (["DEBUG", "INFO"], ["WARN", "ERROR"]),
}  # fmt: skip


@pytest.mark.parametrize("name", VALUES)
def test_parameters_refuse_what_would_not_work(name):
    good, bad = VALUES[name]
    assert {value: reason for value in good if (reason := refusal(name, value))} == {}
    assert [value for value in bad if not refusal(name, value)] == []
    assert template()["Parameters"]["DestinationRegions"]["AllowedPattern"] == template()["Parameters"]["SourceRegions"]["AllowedPattern"]


def test_parameters_make_the_policy():
    none = dict.fromkeys(["keepLast", "keepDaily", "keepWeekly", "keepMonthly", "keepYearly"], 0)
    expected = {
        "sources": [{"regions": ["us-west-2"], "names": ["*"], "types": ["Instance", "Disk"]}],
        "destinations": ["us-east-1"],
        "retention": none,
        "backfill": False,
        "maxRecoveryPointAgeHours": 48,
    }
    assert json.loads(copy_policy(**FIRST)) == expected
    changed = {"SourceNames": "a*,b?", "SourceTypes": "Disk", "SourceTags": "backup=dr,team=*", "Backfill": "true", "KeepDaily": 7}
    assert json.loads(copy_policy(**DRILLS | MANY | changed, MaxRecoveryPointAgeHours=30)) == {
        "sources": [{"regions": REGIONS, "names": ["a*", "b?"], "types": ["Disk"], "tags": {"backup": "dr", "team": "*"}}],
        "destinations": REGIONS[::-1],
        "retention": none | {"keepDaily": 7},
        "backfill": True,
        "maxRecoveryPointAgeHours": 30,
        "drills": {"names": ["WordPress-*"], "checks": [{"port": 22}]},
    }
    assert json.loads(copy_policy(**FIRST, DrillNames="a*,b?"))["drills"] == {"names": ["a*", "b?"]}
    assert json.loads(copy_policy(**FIRST, DrillNames="-"))["drills"] == {"names": []}
    assert copy_policy(**DRILLS, PolicyJson='{"sources":[]}') == '{"sources":[]}'


@pytest.mark.parametrize("parameters", [MANY | LONGEST, FIRST | {"PolicyJson": "{" + " " * 3898 + "}"}])
def test_the_longest_policy_fits_into_lambdas_4_kb_of_variables(parameters):
    variables = expand(**parameters)["Function"]["Properties"]["Environment"]["Variables"]
    assert sum(len(name) + len(value) for name, value in variables.items()) <= 4096


@pytest.mark.parametrize("parameters", [FIRST, MANY | LONGEST, DRILLS, FIRST | {"DrillNames": "-"}, *(
    FIRST | {name: value} for name, (good, _) in VALUES.items() if name in {"SourceNames", "SourceTags", "KeepDaily"} for value in good
)])  # fmt: skip
def test_the_function_accepts_the_policy(parameters):
    binary = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "debug" / STACK
    if not binary.exists() and "CI" not in os.environ:
        pytest.skip("needs cargo build")
    with emulator({"regions": {}}) as lightsail, function(binary, expand(**parameters), lightsail.url) as deployed:
        answer, _ = deployed.invoke({"dryRun": True})
    assert "errorType" not in answer, answer


# --- Permissions


def permissions(**parameters):
    resources = expand(**parameters)
    policies = resources["FunctionRole"]["Properties"]["Policies"]
    policies = policies + [resources[name]["Properties"] for name in ["DrillPermissions"] if name in resources]
    return [statement for policy in policies for statement in policy["PolicyDocument"]["Statement"]]


def allowed(action, resource="*", region="us-east-1", on=(), request=(), **parameters):
    """Whether the role allows a call: `on` are the tag keys of the resource, `request` those in the request."""
    statements = permissions(**FIRST | parameters)

    def holds(operator, key, wanted):
        if operator == "Null":
            context, _, tag = key.partition("/")
            there = {"aws:ResourceTag": tag in on, "aws:RequestTag": tag in request, "aws:TagKeys": bool(request)}[context]
            return there == (wanted == "false")
        if operator.startswith("ForAllValues:"):
            assert key == "aws:TagKeys"
            return all(any(fnmatch.fnmatchcase(tag, pattern) for pattern in wanted) for tag in request)
        assert (operator, key) == ("StringEquals", "aws:RequestedRegion")
        return region in wanted

    def listed(value):
        return value if isinstance(value, list) else [value]

    return any(
        f"lightsail:{action}" in listed(s["Action"])
        and any(fnmatch.fnmatchcase(resource, pattern) for pattern in listed(s["Resource"]))
        and all(holds(o, k, v) for o, keys in s["Condition"].items() for k, v in keys.items())
        for s in statements
        if "lightsail:" in str(s["Action"])
    )


SNAPSHOT = "arn:aws:lightsail:us-east-1:123456789012:InstanceSnapshot/6f2c"
INSTANCE = "arn:aws:lightsail:us-east-1:123456789012:Instance/6f2c"
COPY = {"snapshot-copier:source", "snapshot-copier:recovery-point"}
DRILL = {"snapshot-copier:drill", "snapshot-copier:drill-expires"}
DRILLED = {"snapshot-copier:drilled"}


def test_calls_are_limited_to_their_regions():
    assert allowed("GetAutoSnapshots", region="us-west-2") and not allowed("GetAutoSnapshots")
    assert allowed("CopySnapshot") and not allowed("CopySnapshot", region="us-west-2")
    assert not allowed("CopySnapshot", region="eu-west-1")


def test_only_copies_can_be_deleted_and_always():
    assert allowed("DeleteInstanceSnapshot", SNAPSHOT, on=COPY)
    assert allowed("DeleteDiskSnapshot", SNAPSHOT.replace("Instance", "Disk"), on=COPY)
    for lacking in COPY:
        assert not allowed("DeleteInstanceSnapshot", SNAPSHOT, on=COPY - {lacking})
    assert not allowed("DeleteInstanceSnapshot", SNAPSHOT, region="us-west-2", on=COPY)


def test_only_snapshots_get_tags_and_only_the_functions_own():
    for key in COPY | {"snapshot-copier:ports", "snapshot-copier:ports-2"}:
        assert allowed("TagResource", SNAPSHOT, request={key})
    for request in [set(), {"backup"}, COPY | {"backup"}, {"snapshot-copier:restored"}, DRILLED]:
        assert not allowed("TagResource", SNAPSHOT, request=request)
    assert allowed("TagResource", SNAPSHOT, request=DRILLED, DrillNames="-")
    for request in [{"backup"}, COPY | DRILL]:
        assert not allowed("TagResource", SNAPSHOT, request=request, DrillNames="a")
    for request in [COPY, DRILL, DRILLED]:
        assert not allowed("TagResource", INSTANCE, request=request, DrillNames="a")


def test_drills_get_permissions_only_if_asked_for():
    start = {"action": "CreateInstancesFromSnapshot", "resource": SNAPSHOT, "on": COPY, "request": DRILL}
    delete = {"action": "DeleteInstance", "resource": INSTANCE, "on": DRILL}
    for call in [start, delete, {"action": "GetBundles"}, {"action": "GetInstances"}]:
        assert allowed(**call, DrillNames="-") and not allowed(**call)
        assert not allowed(**call, region="eu-west-1", DrillNames="-")
    for tags in [set(), *({tag} for tag in COPY)]:
        assert not allowed(**start | {"on": tags}, DrillNames="a")
    for request in [set(), DRILL - {"snapshot-copier:drill"}, DRILL | {"backup"}]:
        assert not allowed(**start | {"request": request}, DrillNames="a")
    for tags in [set(), COPY, DRILL - {"snapshot-copier:drill"}]:
        assert not allowed(**delete | {"on": tags}, DrillNames="a")


def test_the_role_allows_exactly_the_calls_in_the_code():
    supported = json.loads((Path(cfnlint.__file__).parent / "data/AdditionalSpecs/Policies.json").read_text())["lightsail"]["Actions"]
    snake = {re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower(): name for name in LIGHTSAIL.operation_names}
    code = "\n".join(path.read_text().split("#[cfg(test)]\nmod ")[0] for path in sorted((ROOT / "src").rglob("*.rs")))
    statements = permissions(**DRILLS)
    actions = set(re.findall(r'"lightsail:(\w+)"', json.dumps(statements)))
    assert actions == {snake[call] for call in re.findall(r"\.\s*([a-z_]+)\(\)", code) if call in snake}
    for action in actions:  # resources are named wherever Lightsail supports that
        named = all(s["Resource"] != "*" for s in statements if f'"lightsail:{action}"' in json.dumps(s["Action"]))
        assert named == bool(supported[action.lower()].get("Resources")), action


# --- Schedule, events, alarms


@pytest.mark.parametrize(("hours", "expression"), [(1, "rate(1 hour)"), (2, "rate(2 hours)"), (24, "rate(24 hours)")])
def test_scheduled_runs_leave_no_dead_letters_and_events_do(hours, expression):
    resources = expand(**FIRST, EveryHours=hours, State="DISABLED")
    schedule = resources["Schedule"]["Properties"]
    assert (schedule["ScheduleExpression"], schedule["State"]) == (expression, "DISABLED")
    assert schedule["Target"]["Arn"] == {"Ref": "ScheduledRuns"} and "DeadLetterConfig" not in schedule["Target"]
    assert json.loads(schedule["Target"]["Input"]) == {"time": "<aws.scheduler.scheduled-time>"}
    alias = resources["ScheduledRuns"]["Properties"]["Name"]
    settings = {s["Qualifier"]: s for s in of_type(resources, "AWS::Lambda::EventInvokeConfig").values()}
    assert settings[alias]["MaximumRetryAttempts"] == 0 and "DestinationConfig" not in settings[alias]
    queue = {"Fn::GetAtt": ["DeadLetters", "Arn"]}
    assert settings["$LATEST"]["DestinationConfig"]["OnFailure"]["Destination"] == queue
    (target,) = resources["FunctionCustomEvents"]["Properties"]["Targets"]
    assert target["DeadLetterConfig"]["Arn"] == queue


@mock_aws
def test_events_with_the_stacks_name_as_source_reach_the_function():
    events, sqs = boto3.client("events", region_name="us-east-1"), boto3.client("sqs", region_name="us-east-1")
    url = sqs.create_queue(QueueName="function")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    rule = expand(**FIRST)["FunctionCustomEvents"]["Properties"]
    events.put_rule(Name="rule", EventPattern=json.dumps(rule["EventPattern"]))
    events.put_targets(Rule="rule", Targets=[{"Id": "function", "Arn": arn}])
    (documented,) = re.findall(r"```json\n(\[.*?\])\n```", (ROOT / "docs/operating.md").read_text(), re.DOTALL)
    other = {"Source": f"{STACK}.other", "DetailType": "Copy Snapshot", "Detail": "{}"}
    misspelt = {"Source": STACK, "DetailType": "Cpoy", "Detail": "{}"}
    events.put_events(Entries=[*json.loads(documented), other, misspelt])
    received = [json.loads(m["Body"]) for m in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]]
    assert [e["detail-type"] for e in received] == ["Copy Snapshot", "Cpoy"]


def mails(alarm, samples, hours):
    """The times, in hours, at which an alarm changes its state if missing samples count as 0."""
    (stat,) = [m["MetricStat"] for m in alarm.get("Metrics", []) if "MetricStat" in m] or [alarm]
    period, count = stat["Period"] / 3600, int(alarm["EvaluationPeriods"])
    below = alarm["ComparisonOperator"] == "LessThanThreshold"
    changes, state = [], False
    for now in (minute / 60 for minute in range(0, hours * 60)):
        values = [sum(v for t, v in samples if now - (i + 1) * period < t <= now - i * period) for i in range(count)]
        breaching = sum((value < 1) == below for value in values)
        if now >= count * period and state != (state := breaching >= int(alarm.get("DatapointsToAlarm", count))):
            changes.append(round(now, 2))
    return changes


@pytest.mark.parametrize("every", [1, 3, 12, 24])
def test_alarms_follow_the_schedule(every):
    found = alarms(**FIRST, EveryHours=every)
    delay = itertools.cycle([0, 0.08, 0.01, 0.05])  # the time of a run
    runs = [(t + next(delay), 1) for t in range(0, 20 * every, every)]
    failing, no_run = found["failing"], found["no-run"]
    # A source that fails in every run: one mail, and one when it is over.
    assert len(mails(failing, [(t, v) for t, v in runs if 4 * every < t < 15 * every], 19 * every)) == 2
    assert mails(failing, [], 19 * every) == []
    # Failed runs count as runs. The last run is at 19 x every.
    (silent,) = mails(no_run, runs, 30 * every)
    assert 0 <= silent - runs[-1][0] - 2 * every <= 0.1
    assert (failing["TreatMissingData"], no_run["TreatMissingData"]) == ("notBreaching", "breaching")
    assert int(no_run["Metrics"][1]["MetricStat"]["Period"]) * every <= 7 * 86400


@pytest.mark.parametrize("every", [1, 24])
def test_the_drill_alarm_goes_off_once_for_each_cause(every):
    alarm = alarms(**DRILLS, EveryHours=every)["drill-failed"]
    assert (alarm["MetricName"], alarm["TreatMissingData"]) == ("DrillsFailed", "notBreaching")
    delay = itertools.cycle([0, 0.08, 0.01, 0.05])  # the time of a run
    runs = [t + next(delay) for t in range(0, 240, every)]
    # A check fails in one run. An instance that cannot be deleted fails in every run.
    one, each = [(t, 50 < t < 50 + every) for t in runs], [(t, 50 < t < 150) for t in runs]
    for samples in [one, each]:
        failed = [t for t, v in samples if v]
        on, off = mails(alarm, samples, 240)
        assert 0 <= on - failed[0] <= 0.02 and 0 <= off - failed[-1] - 48 <= 0.02
    assert mails(alarm, [(t, 0) for t in runs], 240) == []
    # The end does not mean that the next drill passed.
    assert "OKActions" not in alarm


def test_eight_alarms_watch_metrics_that_the_function_writes():
    metrics = ["Runs", "CopiesStarted", "Deferred", "Failures", "SnapshotsDeleted", "SourcesStale", "SourcesUnprotected"]
    metrics += ["RulesSelectingNothing", "ApiThrottles", "RecoveryPointAgeHours", "DrillsFailed", "DrillInstances"]
    common = {"failing", "no-run", "stale", "unprotected", "rule-selects-nothing", "deferred", "dead-letters"}
    assert alarms(**FIRST).keys() == common and alarms(**DRILLS).keys() == common | {"drill-failed"}
    for alarm in alarms(**DRILLS).values():
        assert alarm["AlarmActions"] == [{"Ref": "Alarms"}]
        for metric in [m["MetricStat"]["Metric"] for m in alarm.get("Metrics", []) if "MetricStat" in m] or [alarm]:
            if metric["Namespace"] == "LightsailSnapshotCopier":
                assert metric["MetricName"] in metrics
                assert metric["Dimensions"] == [{"Name": "FunctionName", "Value": {"Ref": "Function"}}]
    body = json.loads(expand(**FIRST, Dashboard="true")["OptionalDashboard"]["Properties"]["DashboardBody"])
    shown = [metric[1] for widget in body["widgets"] for metric in widget["properties"].get("metrics", [])]
    assert len(shown) == 7 and set(shown) <= set(metrics)


def test_options_create_their_resources():
    assert not {"AlarmSubscription", "OptionalDashboard"} & expand(**FIRST).keys()
    assert expand(**FIRST | {"AlarmEmail": "ops@example.com"})["AlarmSubscription"]["Properties"]["Endpoint"] == "ops@example.com"
    assert alarms(**FIRST, State="DISABLED")["no-run"]["ActionsEnabled"] is False
    assert expand(**FIRST, Architecture="x86_64")["Function"]["Properties"]["Architectures"] == ["x86_64"]
