"""Tests of what template.yaml says and of what it deploys."""

import fnmatch
import itertools
import json
import re

import boto3
import pytest
from stack import ROOT, STACK, deploy, describe, eventually, invoke, outputs, template

FIRST = {"SourceRegions": "us-west-2", "DestinationRegions": "us-east-1", "AlarmEmail": "none"}
LIGHTSAIL = boto3.client("lightsail", region_name="us-east-1").meta.service_model
REGIONS = [region for region in LIGHTSAIL.shape_for("RegionName").enum if region != "us-west-1"]  # it has no endpoint
MANY = FIRST | {"SourceRegions": ",".join(REGIONS), "DestinationRegions": ",".join(reversed(REGIONS))}
DRILLS = FIRST | {"DrillNames": "WordPress-*", "DrillChecks": '[{"port":22}]'}
LETTERS = "abcdefghijklmnopqrstuvwxyz"
PAIRS = list(map("".join, itertools.product(LETTERS, repeat=2)))
LONGEST = {
    "SourceNames": ",".join(PAIRS)[:500],
    "ExceptNames": ",".join(PAIRS)[:200],
    "SourceTags": ",".join(f"{pair}=" for pair in PAIRS)[:399],
    "DrillNames": ",".join(PAIRS)[:248],
    "DrillChecks": '[{"url":"http://{ip}/","contains":"' + "x" * 461 + '"}]',
    "HeartbeatUrl": "https://" + "x" * 142,
} | {name: "9999" for name in ("KeepLast", "KeepDaily", "KeepWeekly", "KeepMonthly", "KeepYearly")}


@pytest.fixture(autouse=True)
def nothing(aws):
    yield
    boto3.client("cloudformation").delete_stack(StackName=STACK)
    eventually(lambda: describe() is None, "the stack remains")


def of_type(kind):
    return {name: r["Properties"] for name, r in template()["Resources"].items() if r["Type"] == kind}


def variables(**parameters):
    """The function's environment variables after a deployment."""
    deploy(**parameters)
    return boto3.client("lambda").get_function_configuration(FunctionName=outputs()["FunctionName"])["Environment"]["Variables"]


def policy(**parameters):
    return json.loads(variables(**parameters)["COPY_POLICY"])


# --- Parameters and the policy


def test_the_template_is_within_its_limits():
    text = (ROOT / "template.yaml").read_text()
    assert len(text.encode()) <= 51_200  # CloudFormation's limit of a template in a request
    assert len(text.splitlines()) <= 650
    parameters = template()["Parameters"]
    assert len(parameters) <= 24
    assert {n for n, p in parameters.items() if "Default" not in p} == FIRST.keys()
    groups = template()["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    assert sorted(name for group in groups for name in group["Parameters"]) == sorted(parameters)


VALUES = {
    "SourceRegions": ([",".join(REGIONS), *REGIONS], ["", "us-west-1", "us-west-3", "us-west-2,us-west-2", "us-west-2, us-east-1", "us-east-1,", "US-EAST-1", "us-east-1,eu-west-1,us-east-1"]),
    "SourceNames": (["*", "WordPress-*,db-?", "[a-c]*,[!x]", "shop.example.com", "a,ab,b"], ["", "a, b", 'a"', "a\\", "a,", "a,a", "db-[", "**", "a]"]),
    "ExceptNames": (["", "Windows-*,a?"], ["a,a", "a,", "**", "a, b", 'a"', "a" * 251]),
    "SourceTags": (["", "backup=dr,team=*", "a:b/c=d e", "a=,b=", "a=1,aa=1"], ["backup", "=dr", "a=b,", "a=b=c", "team=dr*", "a=1,b=2,a=3", 'a="']),
    "KeepDaily": (["0", "7", "9999"], ["", "-1", "1.5", "07", "1e3", "10000"]),
    "MaxRecoveryPointAgeHours": (["1", "48"], ["0", "", "1.5"]),
    "AlarmEmail": (["none", "ops@example.com"], ["", "ops", "ops@example", "a b@example.com"]),
    "DrillNames": (["", "-", "WordPress-*,a"], ["a,a", "a,", "**", "a, b", 'a"', "a" * 251]),
    "DrillChecks": (["", '[{"port":22}]'], ["{}", "[22]", "[]", '[{"port":22}', '[{"contains":"ü"}]']),
    "PolicyJson": (["", "{}", '{"a":\n[]}'], ["[]", "{", '{"a":"ü"}', "{" + " " * 3500 + "}"]),
    "Report": (["weekly", "daily", "off"], ["monthly", "false"]),
    "TimeZone": (["UTC", "America/Argentina/Buenos_Aires", "Etc/GMT+3"], ["", "Europe/Berlin; "]),
    "HeartbeatUrl": (["", "https://hc-ping.com/1"], ["http://hc-ping.com/1", "hc-ping.com", "https://", "https://a b"]),
}  # fmt: skip


def refusal(declared, value):
    """Whether CloudFormation refuses a value of a parameter."""
    return (
        value not in map(str, declared.get("AllowedValues", [value]))
        or not re.fullmatch(declared.get("AllowedPattern", ".*"), value, re.DOTALL)
        or len(value) > declared.get("MaxLength", 4096)
    )


@pytest.mark.parametrize("name", VALUES)
def test_parameters_refuse_what_would_not_work(name):
    declared, (good, bad) = template()["Parameters"], VALUES[name]
    assert [value for value in good if refusal(declared[name], value)] == []
    assert [value for value in bad if not refusal(declared[name], value)] == []
    assert declared["DestinationRegions"]["AllowedPattern"] == declared["SourceRegions"]["AllowedPattern"]


def test_install_sh_knows_the_same_regions():
    (listed,) = re.findall(r'REGIONS="([^"]*)"', (ROOT / "install.sh").read_text())
    assert sorted(listed.split()) == sorted(REGIONS)


def test_parameters_make_the_policy():
    keep = {"keepLast": 0, "keepDaily": 14, "keepWeekly": 0, "keepMonthly": 0, "keepYearly": 0}
    assert policy(**FIRST) == {
        "sources": [{"regions": ["us-west-2"], "names": ["*"], "types": ["Instance", "Disk"]}],
        "destinations": ["us-east-1"],
        "retention": keep,
        "backfill": False,
        "maxRecoveryPointAgeHours": 36,
    }
    # test_install.py compares other policies with those that install.sh makes.
    found = variables(**DRILLS, PolicyJson='{"sources":[]}', HeartbeatUrl="https://hc-ping.com/1")
    assert found == {"COPY_POLICY": '{"sources":[]}', "HEARTBEAT_URL": "https://hc-ping.com/1", "REPORT_TOPIC_ARN": outputs()["AlarmTopicArn"]}
    assert variables(**FIRST).keys() == {"COPY_POLICY", "REPORT_TOPIC_ARN"}


@pytest.mark.parametrize("parameters", [MANY | LONGEST, FIRST | {"PolicyJson": "{" + " " * 3498 + "}", "HeartbeatUrl": LONGEST["HeartbeatUrl"]}])
def test_the_longest_policy_fits_into_lambdas_4_kb_of_variables(parameters):
    longest_topic = "arn:aws:sns:ap-southeast-2:123456789012:" + "x" * 128 + "-Alarms-123456789012"
    found = variables(**parameters) | {"REPORT_TOPIC_ARN": longest_topic}
    assert sum(len(name) + len(value) for name, value in found.items()) <= 4096


def test_the_function_accepts_the_policy():
    for parameters in [FIRST, MANY | LONGEST, DRILLS, FIRST | {"DrillNames": "-"}, *(
        FIRST | {name: value} for name in ["SourceNames", "SourceTags", "KeepDaily"] for value in VALUES[name][0]
    )]:  # fmt: skip
        deploy(**parameters)
        answer = invoke({"dryRun": True})
        assert "errorType" not in answer, (parameters, answer)


# --- Permissions


def permissions(**parameters):
    """The statements of the function's role after a deployment."""
    deploy(**FIRST | parameters)
    iam = boto3.client("iam")
    role = boto3.client("cloudformation").describe_stack_resource(StackName=STACK, LogicalResourceId="FunctionRole")
    role = role["StackResourceDetail"]["PhysicalResourceId"]
    documents = [iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"] for name in iam.list_role_policies(RoleName=role)["PolicyNames"]]
    return [statement for document in documents for statement in document["Statement"]]


def listed(value):
    return value if isinstance(value, list) else [value]


def allowed(statements, action, resource="*", on=(), request=(), region="us-east-1"):
    """Whether they allow a call: `on` are the tag keys of the resource, `request` those in the request."""

    def holds(operator, key, wanted):
        if operator == "Null":
            context, _, tag = key.partition("/")
            there = {"aws:ResourceTag": tag in on, "aws:RequestTag": tag in request, "aws:TagKeys": bool(request)}[context]
            return there == (wanted == "false")
        if operator.startswith("ForAllValues:"):
            return all(any(fnmatch.fnmatchcase(tag, pattern) for pattern in wanted) for tag in request)
        assert (operator, key) == ("StringEquals", "aws:RequestedRegion")
        return region in wanted

    return any(
        f"lightsail:{action}" in listed(s["Action"])
        and any(fnmatch.fnmatchcase(resource, pattern) for pattern in listed(s["Resource"]))
        and all(holds(o, k, v) for o, keys in s["Condition"].items() for k, v in keys.items())
        for s in statements
        if "lightsail:" in str(s["Action"])
    )


SNAPSHOT = "arn:aws:lightsail:us-east-1:000000000000:InstanceSnapshot/6f2c"
DISK_SNAPSHOT = SNAPSHOT.replace("Instance", "Disk")
INSTANCE = "arn:aws:lightsail:us-east-1:000000000000:Instance/6f2c"
SOURCE_TAG, DATE, DRILL, EXPIRES = (f"snapshot-copier:{key}" for key in ("source", "recovery-point", "drill", "drill-expires"))
COPY, MARKS = {SOURCE_TAG, DATE}, {"snapshot-copier:drill-started", "snapshot-copier:drilled"}
START = ("CreateInstancesFromSnapshot", SNAPSHOT)
ALWAYS = [
    ("CopySnapshot",), ("DeleteInstanceSnapshot", SNAPSHOT, COPY), ("DeleteDiskSnapshot", DISK_SNAPSHOT, COPY),
    *(("TagResource", SNAPSHOT, (), {key}) for key in COPY | {"snapshot-copier:ports", "snapshot-copier:ports-2"}),
]  # fmt: skip
NEVER = [
    ("GetAutoSnapshots",), ("DeleteInstanceSnapshot", SNAPSHOT, {SOURCE_TAG}), ("DeleteInstanceSnapshot", SNAPSHOT, {DATE}),
    *(("TagResource", SNAPSHOT, (), request) for request in [set(), {"backup"}, COPY | {"backup"}, COPY | {DRILL}, {"snapshot-copier:restored"}]),
    *(("TagResource", INSTANCE, (), request) for request in [set(), COPY, MARKS, {"backup"}, {DRILL, "backup"}]),
    *((*START, on, {DRILL}) for on in [set(), {SOURCE_TAG}, {DATE}]), *((*START, COPY, request) for request in [set(), {EXPIRES}, {DRILL, "backup"}]),
    *(("DeleteInstance", INSTANCE, on) for on in [set(), COPY, {EXPIRES}]),
]  # fmt: skip
DRILLING = [
    ("GetBundles",), ("GetInstances",), ("GetRegions",), (*START, COPY, {DRILL, EXPIRES}), ("DeleteInstance", INSTANCE, {DRILL}),
    *(("TagResource", SNAPSHOT, (), {key}) for key in MARKS),
]  # fmt: skip
TAGGING = [("TagResource", INSTANCE, (), {DRILL, EXPIRES})]


@pytest.mark.parametrize(
    ("parameters", "yes", "no"),
    [
        ({}, ALWAYS, NEVER + DRILLING + TAGGING),
        ({"DrillNames": "-"}, ALWAYS + DRILLING + TAGGING, NEVER),
        ({"DrillNames": "a", "DrillTagging": "false"}, ALWAYS + DRILLING, NEVER + TAGGING),
    ],
)
def test_the_role_allows_what_it_must_and_nothing_else(parameters, yes, no):
    statements = permissions(**parameters)
    assert [call for call in yes if not allowed(statements, *call)] == []
    assert [call for call in no if allowed(statements, *call)] == []
    # Only reading is allowed in a source Region, and nothing in others.
    assert allowed(statements, "GetAutoSnapshots", region="us-west-2")
    assert [call for call in yes if allowed(statements, *call, region="eu-west-1")] == []
    assert [call for call in yes if call[0] != "GetInstances" and allowed(statements, *call, **{"region": "us-west-2"})] == []


def test_the_role_allows_exactly_the_calls_in_the_code():
    (specification,) = (ROOT / ".tools/sam/lib").glob("*/site-packages/cfnlint/data/AdditionalSpecs/Policies.json")
    supported = json.loads(specification.read_text())["lightsail"]["Actions"]
    snake = {re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower(): name for name in LIGHTSAIL.operation_names}
    files = sorted((ROOT / "src").rglob("*.rs"))
    code = "\n".join(path.read_text().split("#[cfg(test)]\nmod ")[0] for path in files)
    statements = permissions(**DRILLS)
    actions = set(re.findall(r'"lightsail:(\w+)"', json.dumps(statements)))
    assert actions == {snake[call] for call in re.findall(r"\.\s*([a-z_]+)\(\)", code) if call in snake}
    for action in actions:  # resources are named wherever Lightsail supports that
        named = all(s["Resource"] != "*" for s in statements if f'"lightsail:{action}"' in json.dumps(s["Action"]))
        assert named == bool(supported[action.lower()].get("Resources")), action
    (report,) = [s for s in statements if s["Action"] == "sns:Publish"]
    assert report["Resource"] == outputs()["AlarmTopicArn"]


# --- Schedules and alarms


def test_schedules_leave_no_dead_letters():
    deploy(**FIRST, State="DISABLED", Report="daily")
    scheduler, client, name = boto3.client("scheduler"), boto3.client("lambda"), outputs()["FunctionName"]
    runs, report = [
        scheduler.get_schedule(Name=found["Name"])
        for kind in ("-Schedule-", "-ReportSchedule-")
        for found in scheduler.list_schedules()["Schedules"]
        if kind in found["Name"]
    ]
    assert (runs["ScheduleExpression"], runs["State"]) == ("rate(1 hour)", "DISABLED")
    assert json.loads(runs["Target"]["Input"]) == {"time": "<aws.scheduler.scheduled-time>"}
    # A pause ends no report: it says that nothing runs.
    assert (report["ScheduleExpression"], report["State"]) == ("cron(0 7 * * ? *)", "ENABLED")
    assert of_type("AWS::Scheduler::Schedule")["ReportSchedule"]["ScheduleExpressionTimezone"] == {"Ref": "TimeZone"}
    assert json.loads(report["Target"]["Input"]) == {"report": "daily", "time": "<aws.scheduler.scheduled-time>"}
    for schedule in runs, report:
        assert schedule["Target"]["Arn"].endswith(f":{name}:scheduled-runs") and "DeadLetterConfig" not in schedule["Target"]
    scheduled = client.get_function_event_invoke_config(FunctionName=name, Qualifier="scheduled-runs")
    assert scheduled["MaximumRetryAttempts"] == 0 and not scheduled.get("DestinationConfig", {}).get("OnFailure")
    deploy(**FIRST, Report="off")
    assert [s["Name"] for s in scheduler.list_schedules()["Schedules"] if "Report" in s["Name"]] == []


ALARMS = {  # metric, seconds, missing data, whether the end is mailed
    "failing": ("Errors", 5400, "notBreaching", True),
    "no-run": ("Runs", 7200, "breaching", True),
    "stale": ("SourcesStale", 3600, "ignore", True),
    "unprotected": ("SourcesUnprotected", 3600, "ignore", True),
    "dead-letters": ("NumberOfMessagesSent", 3600, "notBreaching", False),
    "drill-failed": ("DrillsFailed", 86400, "notBreaching", False),
}


def test_six_alarms_and_a_dashboard_watch_what_the_function_writes():
    deploy(**DRILLS, Dashboard="true", State="DISABLED")
    topic, function, found = outputs()["AlarmTopicArn"], outputs()["FunctionName"], {}
    for alarm in boto3.client("cloudwatch").describe_alarms()["MetricAlarms"]:
        name = alarm["AlarmName"].removeprefix(f"{STACK}-")
        assert alarm["AlarmActions"] == [topic] and alarm["ActionsEnabled"] and alarm["OKActions"] in ([], [topic])
        assert (alarm["EvaluationPeriods"], alarm["Threshold"]) == (1, 1)
        assert ("Less" in alarm["ComparisonOperator"]) == (name == "no-run")
        assert alarm["Namespace"].startswith("AWS/") or alarm["Dimensions"] == [{"Name": "FunctionName", "Value": function}]
        found[name] = alarm["MetricName"], alarm["Period"], alarm["TreatMissingData"], bool(alarm["OKActions"])
    assert found == ALARMS
    fills = [m["Expression"] for a in of_type("AWS::CloudWatch::Alarm").values() for m in a.get("Metrics", []) if "Expression" in m]
    assert fills == ["FILL(errors, 0)", "FILL(runs, 0)"]
    body = json.loads(boto3.client("cloudwatch").get_dashboard(DashboardName=STACK)["DashboardBody"])
    shown = [metric[1] for widget in body["widgets"] for metric in widget["properties"].get("metrics", [])]
    written = (ROOT / "src/report/metrics.rs").read_text()
    assert len(shown) == 7 and [name for name in shown if f'"{name}"' not in written] == []
    deploy(**FIRST)
    assert len(boto3.client("cloudwatch").describe_alarms()["MetricAlarms"]) == 5
