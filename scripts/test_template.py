"""What template.yaml deploys, checked against what the function does.

    .tools/sam/bin/python -m pytest scripts/test_template.py
"""

import itertools
import json
import re
import tomllib
from pathlib import Path

import boto3
import cfnlint
import pytest
from expand_template import DEPLOYMENTS, EXPANDED, ROOT, as_yaml, expand, template
from moto import mock_aws

FIRST = {"SourceRegions": "us-west-2", "DestinationRegions": "us-east-1"}
TWO = {"SourceRegions": "us-west-2,eu-west-1", "DestinationRegions": "us-east-1,eu-central-1"}
FOUR = {
    "SourceRegions": "us-west-2,eu-west-1,ap-south-1,ca-central-1",
    "DestinationRegions": "us-east-1,eu-central-1,ap-southeast-2,eu-north-1",
}
RETENTION = {"KeepDaily": 7}
POLICY_JSON = {"PolicyJson": '{"sources":[{"region":"us-west-2"}],"destinations":["us-east-1"]}'}

TAG_KEYS = {"snapshot-copier:source", "snapshot-copier:recovery-point"}
METRICS_OF_A_DESTINATION = {
    "CopiesStarted",
    "CopiesPending",
    "CopiesDeferred",
    "CopiesFailed",
    "SnapshotsDeleted",
    "SourcesStale",
    "SourcesUnprotected",
    "RecoveryPointAgeHours",
}
METRICS = METRICS_OF_A_DESTINATION | {"ApiThrottles"}
# Counted in the log, where there is one to count.
RULES_SELECTING_NOTHING = "lightsail-snapshot-copier-RulesSelectingNothing"


def resources(expanded, kind):
    """The properties of the resources of a type, by logical id."""
    return {
        name: resource["Properties"]
        for name, resource in expanded["Resources"].items()
        if resource["Type"] == kind
    }


def the(expanded, kind):
    (only,) = resources(expanded, kind).values()
    return only


def copy_policy(**parameters):
    function = the(expand(**parameters), "AWS::Lambda::Function")
    return json.loads(function["Environment"]["Variables"]["COPY_POLICY"])


def listed(value):
    return value if isinstance(value, list) else [value]


def statements(expanded):
    """What the function's role allows."""
    role = resources(expanded, "AWS::IAM::Role")["FunctionRole"]
    assert "ManagedPolicyArns" not in role
    found = [s for policy in role["Policies"] for s in policy["PolicyDocument"]["Statement"]]
    assert all(statement["Effect"] == "Allow" for statement in found)
    return found


def allowing(expanded, *actions):
    """The statements that allow any of these actions of Lightsail."""
    wanted = {f"lightsail:{action}" for action in actions}
    return [s for s in statements(expanded) if wanted & set(listed(s["Action"]))]


def lightsail_actions(expanded):
    actions = {a for s in statements(expanded) for a in listed(s["Action"])}
    return {a.removeprefix("lightsail:") for a in actions if a.startswith("lightsail:")}


def source_code():
    """The function's code, without the tests at the ends of its files."""
    files = sorted((ROOT / "src").rglob("*.rs"))
    return "\n".join(path.read_text().split("#[cfg(test)]\nmod ")[0] for path in files)


def calls_of_the_code():
    """The operations of Lightsail that the code calls: `client.copy_snapshot()` is CopySnapshot."""
    model = boto3.client("lightsail", region_name="us-east-1").meta.service_model
    snake = {re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower(): name for name in model.operation_names}
    methods = re.findall(r"\.\s*([a-z_]+)\(\)", source_code())
    return {snake[method] for method in methods if method in snake}


@pytest.mark.parametrize("name", DEPLOYMENTS)
def test_the_expanded_template_is_the_one_that_was_reviewed(name):
    reviewed = (EXPANDED / f"{name}.yaml").read_text()
    assert as_yaml(expand(**DEPLOYMENTS[name])) == reviewed, (
        "read the difference; then run .tools/sam/bin/python scripts/expand_template.py --update"
    )


# --- Parameters


def test_a_first_deployment_asks_for_two_values():
    parameters = template()["Parameters"]
    assert {n for n, p in parameters.items() if "Default" not in p} == {"SourceRegions", "DestinationRegions"}


def test_every_parameter_has_a_group_a_label_a_description_and_limits():
    source = template()
    interface = source["Metadata"]["AWS::CloudFormation::Interface"]
    grouped = [name for group in interface["ParameterGroups"] for name in group["Parameters"]]
    assert sorted(grouped) == sorted(source["Parameters"])
    assert sorted(interface["ParameterLabels"]) == sorted(source["Parameters"])
    for name, parameter in source["Parameters"].items():
        assert parameter["Description"], name
        assert {"AllowedPattern", "AllowedValues", "MinValue"} & set(parameter), name


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        (
            "SourceRegions",
            ["us-west-2", "us-west-2,eu-west-1", "ap-southeast-1,ap-south-1,eu-north-1,ca-central-1"],
            ["", "us-west", "us-west-2, eu-west-1", "us-west-2,", "US-WEST-2", ",".join(["eu-west-1"] * 5)],
        ),
        ("SourceNames", ["*", "WordPress-*,db-?", "[a-c]*", "shop.example.com"], ["", "a, b", 'a"', "a\\", "a,"]),
        (
            "SourceTags",
            ["", "backup=dr", "backup=dr,team=*", "a:b/c=d e"],
            ["backup", "=dr", 'a="b"', "a=b,", "a=b=c", "a=b\\"],
        ),
        (
            "ScheduleExpression",
            ["rate(1 hour)", "rate(6 hours)", "cron(30 */6 * * ? *)", "cron(0 6 ? * MON-FRI *)"],
            ["", "hourly", "rate(1)", "at(2026-11-22T06:00:00)", "rate(7 days)"],
        ),
        ("ScheduleTimeZone", ["UTC", "Europe/Berlin", "America/Argentina/Buenos_Aires"], ["", "UTC+ 1"]),
        ("AlarmEmail", ["", "ops@example.com"], ["ops", "ops@example", "a b@example.com"]),
        ("PolicyJson", ["", "{}", '{"a":\n[]}'], ["[]", "{", "{" + " " * 3999 + "}"]),
        ("EventSource", ["lightsail-snapshot-copier", "com.example"], ["", "aws.lightsail", "a b"]),
        ("EventBusName", ["default", "partner/x.y"], ["", "a b"]),
        (
            "OnSuccessDestinationArn",
            ["", "arn:aws:sqs:us-east-1:123456789012:q", "arn:aws:sns:us-east-1:123456789012:t"],
            ["q", "arn:aws:lambda:us-east-1:123456789012:function:f", "arn:aws:sqs:us-east-1:123456789012:q.fifo"],
        ),
    ],
)
def test_patterns_let_good_values_in_and_no_others(name, good, bad):
    pattern = re.compile(template()["Parameters"][name]["AllowedPattern"])
    assert [value for value in good if not pattern.search(value)] == []
    assert [value for value in bad if pattern.search(value)] == []


def test_the_version_is_that_of_the_function():
    cargo = tomllib.loads((ROOT / "Cargo.toml").read_text())
    metadata = template()["Metadata"]["AWS::ServerlessRepo::Application"]
    assert metadata["SemanticVersion"] == cargo["package"]["version"]
    assert metadata["SpdxLicenseId"] == cargo["workspace"]["package"]["license"]
    assert (ROOT / metadata["LicenseUrl"]).is_file()


# --- The policy that the parameters make


def default_policy(sources, destinations, **more):
    return {
        "sources": sources,
        "destinations": destinations,
        "backfill": False,
        "maxRecoveryPointAgeHours": 48,
        "maxCopiesInProgress": 20,
    } | more


ANY = {"names": ["*"], "types": ["Instance", "Disk"]}


@pytest.mark.parametrize(
    ("parameters", "policy"),
    [
        (FIRST, default_policy([{"region": "us-west-2"} | ANY], ["us-east-1"])),
        (
            TWO,
            default_policy(
                [{"region": "us-west-2"} | ANY, {"region": "eu-west-1"} | ANY], ["us-east-1", "eu-central-1"]
            ),
        ),
        (
            FOUR,
            default_policy(
                [{"region": region} | ANY for region in FOUR["SourceRegions"].split(",")],
                FOUR["DestinationRegions"].split(","),
            ),
        ),
        (
            TWO | {"SourceNames": "WordPress-*,db-?", "SourceTypes": "Disk", "SourceTags": "backup=dr,team=*"},
            default_policy(
                [
                    {
                        "region": region,
                        "names": ["WordPress-*", "db-?"],
                        "types": ["Disk"],
                        "tags": {"backup": "dr", "team": "*"},
                    }
                    for region in ("us-west-2", "eu-west-1")
                ],
                ["us-east-1", "eu-central-1"],
            ),
        ),
        (
            FIRST | {"SourceTags": "backup="},
            default_policy([{"region": "us-west-2", "tags": {"backup": ""}} | ANY], ["us-east-1"]),
        ),
        (
            FIRST | {"Backfill": "true", "MaxRecoveryPointAgeHours": 30, "MaxCopiesInProgress": 5},
            default_policy(
                [{"region": "us-west-2"} | ANY],
                ["us-east-1"],
                backfill=True,
                maxRecoveryPointAgeHours=30,
                maxCopiesInProgress=5,
            ),
        ),
        (
            FIRST | POLICY_JSON | RETENTION | {"SourceNames": "ignored"},
            json.loads(POLICY_JSON["PolicyJson"]),
        ),
    ],
)
def test_parameters_make_the_policy(parameters, policy):
    assert copy_policy(**parameters) == policy


RULES = ["keepLast", "keepDaily", "keepWeekly", "keepMonthly", "keepYearly"]


@pytest.mark.parametrize("present", list(itertools.product([False, True], repeat=len(RULES))))
def test_retention_has_the_rules_that_are_not_zero(present):
    rules = {rule: count for count, (rule, there) in enumerate(zip(RULES, present), start=3) if there}
    keep = {rule[0].upper() + rule[1:]: count for rule, count in rules.items()}
    policy = copy_policy(**FIRST, **keep)
    assert policy.get("retention", {}) == rules
    assert ("retention" in policy) == any(present)


def test_the_longest_policy_fits_the_functions_environment():
    longest = {"PolicyJson": "{" + " " * 3998 + "}"}
    variables = the(expand(**FIRST, **longest), "AWS::Lambda::Function")["Environment"]["Variables"]
    assert sum(len(name) + len(value) for name, value in variables.items()) <= 4096


# --- What the function may do


def test_the_role_allows_what_the_code_calls_and_nothing_else():
    assert lightsail_actions(expand(**FIRST, **RETENTION)) == calls_of_the_code()


def test_no_other_service_than_the_log_and_the_destinations():
    def others(**parameters):
        return {
            (action, json.dumps(listed(s["Resource"]), sort_keys=True))
            for s in statements(expand(**parameters))
            for action in listed(s["Action"])
            if not action.startswith("lightsail:")
        }

    log = '[{"Fn::GetAtt": ["LogGroup", "Arn"]}]'
    queue = '[{"Fn::GetAtt": ["DeadLetters", "Arn"]}]'
    always = {("logs:CreateLogStream", log), ("logs:PutLogEvents", log), ("sqs:SendMessage", queue)}
    assert others(**FIRST) == always
    for service, action in (("sqs", "sqs:SendMessage"), ("sns", "sns:Publish")):
        arn = f"arn:aws:{service}:us-east-1:123456789012:results"
        assert others(**FIRST, OnSuccessDestinationArn=arn) == always | {(action, f'["{arn}"]')}


@pytest.mark.parametrize("parameters", [FIRST, TWO, FOUR])
def test_every_call_is_limited_to_the_regions_it_is_made_to(parameters):
    expanded = expand(**parameters, **RETENTION)
    regions = {
        "ReadSources": parameters["SourceRegions"].split(","),
        "CopyAndReadCopies": parameters["DestinationRegions"].split(","),
        "TagCopies": parameters["DestinationRegions"].split(","),
        "DeleteOwnCopies": parameters["DestinationRegions"].split(","),
    }
    found = {
        s["Sid"]: s["Condition"]["StringEquals"]["aws:RequestedRegion"]
        for s in statements(expanded)
        if any(action.startswith("lightsail:") for action in listed(s["Action"]))
    }
    assert found == regions
    for statement in allowing(expanded, "CopySnapshot"):
        assert statement["Sid"] == "CopyAndReadCopies"


def test_actions_are_limited_to_resources_wherever_lightsail_supports_it():
    data = Path(cfnlint.__file__).parent / "data" / "AdditionalSpecs" / "Policies.json"
    supported = json.loads(data.read_text())["lightsail"]["Actions"]
    for statement in statements(expand(**FIRST, **RETENTION)):
        for action in listed(statement["Action"]):
            service, _, name = action.partition(":")
            if service == "lightsail":
                by_resource = bool(supported[name.lower()].get("Resources"))
                assert by_resource == (statement["Resource"] != "*"), action


SNAPSHOTS = [
    "arn:aws:lightsail:*:123456789012:InstanceSnapshot/*",
    "arn:aws:lightsail:*:123456789012:DiskSnapshot/*",
]


def test_tags_are_set_on_snapshots_alone_and_with_the_functions_keys_alone():
    (statement,) = allowing(expand(**FIRST), "TagResource")
    assert listed(statement["Action"]) == ["lightsail:TagResource"]
    assert statement["Resource"] == SNAPSHOTS
    conditions = statement["Condition"]
    assert set(conditions) == {"StringEquals", "ForAllValues:StringEquals", "Null"}
    assert set(conditions["ForAllValues:StringEquals"].pop("aws:TagKeys")) == TAG_KEYS
    # ForAllValues holds for a request without tags too.
    assert conditions["Null"] == {"aws:TagKeys": "false"}
    assert all(f'"{key}"' in source_code() for key in TAG_KEYS)


@pytest.mark.parametrize(
    "parameters",
    [RETENTION, {"KeepYearly": 1}, POLICY_JSON | {"PolicyJsonDeletes": "true"}],
)
def test_deletions_are_of_snapshots_that_carry_the_functions_tags(parameters):
    (statement,) = allowing(expand(**FIRST, **parameters), "DeleteInstanceSnapshot", "DeleteDiskSnapshot")
    assert set(statement["Action"]) == {"lightsail:DeleteInstanceSnapshot", "lightsail:DeleteDiskSnapshot"}
    assert statement["Resource"] == SNAPSHOTS
    assert statement["Condition"]["Null"] == {f"aws:ResourceTag/{key}": "false" for key in TAG_KEYS}


@pytest.mark.parametrize(
    "parameters",
    [{}, {"PolicyJsonDeletes": "true"}, POLICY_JSON, POLICY_JSON | RETENTION],
)
def test_without_a_retention_nothing_can_be_deleted(parameters):
    assert not any("Delete" in action for action in lightsail_actions(expand(**FIRST, **parameters)))


# --- Nothing is lost


def test_whatever_cannot_be_served_ends_in_the_dead_letters():
    expanded = expand(**FIRST)
    dead_letters = {"Fn::GetAtt": ["DeadLetters", "Arn"]}
    schedule = the(expanded, "AWS::Scheduler::Schedule")["Target"]
    (rule,) = the(expanded, "AWS::Events::Rule")["Targets"]
    asynchronous = the(expanded, "AWS::Lambda::EventInvokeConfig")
    assert schedule["DeadLetterConfig"]["Arn"] == dead_letters
    assert rule["DeadLetterConfig"]["Arn"] == dead_letters
    assert asynchronous["DestinationConfig"] == {"OnFailure": {"Destination": dead_letters}}
    assert asynchronous["MaximumRetryAttempts"] == 2
    queue = the(expanded, "AWS::SQS::Queue")
    assert queue["SqsManagedSseEnabled"] is True
    alarm = resources(expanded, "AWS::CloudWatch::Alarm")["DeadLettersWaiting"]
    assert alarm["Dimensions"] == [{"Name": "QueueName", "Value": {"Fn::GetAtt": ["DeadLetters", "QueueName"]}}]


def test_the_result_of_a_success_is_sent_where_asked():
    arn = "arn:aws:sqs:us-east-1:123456789012:results"
    asynchronous = the(expand(**FIRST, OnSuccessDestinationArn=arn), "AWS::Lambda::EventInvokeConfig")
    assert asynchronous["DestinationConfig"]["OnSuccess"] == {"Destination": arn}


def test_no_concurrency_is_reserved_unless_asked_for():
    def reserved(**parameters):
        return the(expand(**FIRST, **parameters), "AWS::Lambda::Function").get("ReservedConcurrentExecutions")

    assert reserved() is None
    assert int(reserved(ReservedConcurrency=3)) == 3


# --- Seen


def metrics_of(alarm):
    """The metrics that an alarm is charged for: (namespace, name, dimensions)."""
    if "Metrics" in alarm:
        metrics = [query["MetricStat"]["Metric"] for query in alarm["Metrics"] if "MetricStat" in query]
    else:
        metrics = [alarm]
    return [
        (
            metric["Namespace"],
            metric["MetricName"],
            {d["Name"]: d["Value"] for d in metric.get("Dimensions", [])},
        )
        for metric in metrics
    ]


@pytest.mark.parametrize(("parameters", "destinations"), [(FIRST, 1), (TWO, 2), (FOUR, 4)])
def test_alarms_and_their_metrics(parameters, destinations):
    alarms = resources(expand(**parameters), "AWS::CloudWatch::Alarm")
    charged = [metric for alarm in alarms.values() for metric in metrics_of(alarm)]
    assert len(charged) == 8 + 3 * destinations
    for alarm in alarms.values():
        assert alarm["AlarmActions"] == [{"Ref": "Alarms"}]
        # A name that begins with the stack's is what the topic's policy lets in.
        assert alarm["AlarmName"].startswith("lightsail-snapshot-copier-")
    for namespace, name, dimensions in charged:
        if namespace == "LightsailSnapshotCopier" and name != RULES_SELECTING_NOTHING:
            assert name in METRICS
            assert set(dimensions) == ({"DestinationRegion"} if name in METRICS_OF_A_DESTINATION else set())
    for name in ("SourcesStale", "SourcesUnprotected", "CopiesDeferred"):
        watched = [dimensions["DestinationRegion"] for _, metric, dimensions in metrics_of(alarms[name]) if metric == name]
        assert watched == parameters["DestinationRegions"].split(",")


def test_copies_that_every_run_of_two_days_defers_raise_an_alarm():
    alarm = resources(expand(**TWO), "AWS::CloudWatch::Alarm")["CopiesDeferred"]
    of_destinations = [q["MetricStat"] for q in alarm["Metrics"] if "MetricStat" in q]
    # The least of a day is that of its best run.
    assert {(q["Stat"], int(q["Period"])) for q in of_destinations} == {("Minimum", 86400)}
    assert (int(alarm["EvaluationPeriods"]), int(alarm["Threshold"])) == (2, 1)
    assert alarm["ComparisonOperator"] == "GreaterThanOrEqualToThreshold"


def test_a_rule_that_selects_nothing_raises_an_alarm():
    expanded = expand(**FIRST)
    metric_filter = the(expanded, "AWS::Logs::MetricFilter")
    # As the function writes it: src/report.rs, within what its log format adds.
    assert metric_filter["FilterPattern"] == '{ $.fields.event = "selects_nothing" }'
    assert 'event = "selects_nothing"' in (ROOT / "src" / "report.rs").read_text()
    (counted,) = metric_filter["MetricTransformations"]
    alarm = resources(expanded, "AWS::CloudWatch::Alarm")["RuleSelectsNothing"]
    assert (alarm["Namespace"], alarm["MetricName"]) == (counted["MetricNamespace"], counted["MetricName"])
    assert counted["MetricName"] == RULES_SELECTING_NOTHING
    assert int(counted["MetricValue"]) >= int(alarm["Threshold"])


def test_the_custom_metrics_of_one_destination_are_free():
    assert len(METRICS | {RULES_SELECTING_NOTHING}) <= 10


@pytest.mark.parametrize("hours", template()["Parameters"]["SchedulePeriodHours"]["AllowedValues"])
def test_two_periods_without_a_success_raise_an_alarm(hours):
    alarm = resources(expand(**FIRST, SchedulePeriodHours=hours), "AWS::CloudWatch::Alarm")["NoSuccessfulRun"]
    periods = {q["MetricStat"]["Period"] for q in alarm["Metrics"] if "MetricStat" in q}
    assert periods == {int(hours) * 3600}
    assert alarm["EvaluationPeriods"] == 2
    assert alarm["TreatMissingData"] == "breaching"
    # What CloudWatch evaluates at most, for periods of an hour and more.
    assert int(hours) * 3600 * alarm["EvaluationPeriods"] <= 7 * 86400


def test_a_pause_raises_no_alarm():
    expanded = expand(**FIRST, ScheduleState="DISABLED")
    assert the(expanded, "AWS::Scheduler::Schedule")["State"] == "DISABLED"
    assert resources(expanded, "AWS::CloudWatch::Alarm")["NoSuccessfulRun"]["ActionsEnabled"] is False


def test_alarms_are_sent_by_mail_if_there_is_an_address():
    assert not resources(expand(**FIRST), "AWS::SNS::Subscription")
    subscription = the(expand(**FIRST, AlarmEmail="ops@example.com"), "AWS::SNS::Subscription")
    assert (subscription["Protocol"], subscription["Endpoint"]) == ("email", "ops@example.com")


def dashboard(**parameters):
    return json.loads(the(expand(**parameters), "AWS::CloudWatch::Dashboard")["DashboardBody"]["Fn::Sub"])


def test_the_widgets_of_the_dashboard_fill_its_rows():
    taken = set()
    for widget in dashboard(**FIRST)["widgets"]:
        cells = {
            (x, y)
            for x in range(widget["x"], widget["x"] + widget["width"])
            for y in range(widget["y"], widget["y"] + widget["height"])
        }
        assert not cells & taken
        taken |= cells
    assert {x for x, _ in taken} == set(range(24))
    assert len(taken) == 24 * len({y for _, y in taken})


def test_the_dashboard_shows_every_metric_of_the_destinations():
    body = json.dumps(dashboard(**FIRST))
    assert set(re.findall(r'MetricName=\\+"(\w+)', body)) == METRICS_OF_A_DESTINATION


def test_the_dashboard_draws_the_limit():
    widget = dashboard(**FIRST, MaxRecoveryPointAgeHours=30)["widgets"][0]["properties"]
    assert widget["annotations"]["horizontal"][0]["value"] == 30


def test_metrics_are_those_that_the_code_writes():
    code = source_code()
    for name in METRICS:
        snake = re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()
        assert re.search(rf"\b({name}|{snake})\b", code), name
    assert "LightsailSnapshotCopier" in code


def test_queries_ask_for_fields_that_the_code_logs():
    expanded = expand(**FIRST)
    queries = [query["QueryString"] for query in resources(expanded, "AWS::Logs::QueryDefinition").values()]
    assert len(queries) == 3
    queries += [w["properties"]["query"] for w in dashboard(**FIRST)["widgets"] if w["type"] == "log"]
    code = source_code()
    for query in queries:
        for field in re.findall(r"fields\.(\w+)", query):
            assert re.search(rf"\b{field} = ", code), field
        for event in re.findall(r"[\"'](\w+_result|coverage|invocation)[\"']", query):
            assert f'"{event}"' in code


def test_the_log():
    expanded = expand(**FIRST, LogLevel="WARN", LogRetentionDays=30)
    logging = the(expanded, "AWS::Lambda::Function")["LoggingConfig"]
    assert logging["LogFormat"] == "JSON"
    assert logging["ApplicationLogLevel"] == "WARN"
    assert logging["LogGroup"] == {"Ref": "LogGroup"}
    assert int(the(expanded, "AWS::Logs::LogGroup")["RetentionInDays"]) == 30


# --- Events


def test_the_schedules_input_is_a_job_with_a_time():
    target = the(expand(**FIRST), "AWS::Scheduler::Schedule")["Target"]
    delivered = target["Input"].replace("<aws.scheduler.scheduled-time>", "2026-11-22T06:00:00Z")
    assert json.loads(delivered) == {"time": "2026-11-22T06:00:00Z"}


@pytest.fixture
def deliver():
    """Puts events on a bus that has the template's rule; tells which come out at its target (moto's EventBridge)."""
    with mock_aws():
        events = boto3.client("events", region_name="us-east-1")
        sqs = boto3.client("sqs", region_name="us-east-1")

        def through(parameters, entries):
            rule = the(expand(**FIRST, **parameters), "AWS::Events::Rule")
            bus = rule["EventBusName"]
            if bus != "default":
                events.create_event_bus(Name=bus)
            queue = sqs.create_queue(QueueName="function")["QueueUrl"]
            arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
            events.put_rule(
                Name="rule", EventBusName=bus, EventPattern=json.dumps(rule["EventPattern"]), State=rule["State"]
            )
            events.put_targets(Rule="rule", EventBusName=bus, Targets=[{"Id": "function", "Arn": arn}])
            answer = events.put_events(Entries=[{"EventBusName": bus} | entry for entry in entries])
            assert answer["FailedEntryCount"] == 0
            messages = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", [])
            return [json.loads(message["Body"]) for message in messages]

        yield through


def entry(source, detail_type="Copy Snapshot", detail=None):
    return {"Source": source, "DetailType": detail_type, "Detail": json.dumps(detail or {})}


def test_custom_events_reach_the_function(deliver):
    job = {"sourceRegion": "us-west-2", "sourceResourceName": "WordPress-1", "destinationRegion": "us-east-1"}
    (event,) = deliver({}, [entry("lightsail-snapshot-copier", detail=job)])
    assert event["source"] == "lightsail-snapshot-copier"
    assert event["detail"] == job


def test_events_of_other_sources_do_not(deliver):
    others = ["lightsail-snapshot-copier.other", "Lightsail-Snapshot-Copier", "example.backups"]
    assert deliver({}, [entry(source) for source in others]) == []


def test_a_misspelt_detail_type_is_not_lost(deliver):
    assert len(deliver({}, [entry("lightsail-snapshot-copier", detail_type="Cpoy Snapshto")])) == 1


def test_the_source_and_the_bus_can_be_chosen(deliver):
    parameters = {"EventSource": "example.backups", "EventBusName": "backups"}
    delivered = deliver(parameters, [entry("example.backups"), entry("lightsail-snapshot-copier")])
    assert [event["source"] for event in delivered] == ["example.backups"]


def test_the_documented_event_reaches_the_function(deliver):
    (entries,) = re.findall(r"```json\n(\[.*?\])\n```", (ROOT / "docs" / "deploying.md").read_text(), re.DOTALL)
    (event,) = deliver({}, json.loads(entries))
    assert event["detail"]["sourceResourceName"] == "WordPress-1"


SAMPLES = {path.name: json.loads(path.read_text()) for path in (ROOT / "events").glob("*.json")}
ENVELOPES = {name: event for name, event in SAMPLES.items() if event and "detail-type" in event}


@pytest.mark.parametrize("name", ENVELOPES)
def test_the_sample_events_go_where_they_belong(deliver, name):
    event = ENVELOPES[name]
    if event["source"].startswith("aws."):
        # AWS's own schedules do not come through the rule for custom events.
        assert deliver({}, [entry(event["source"], event["detail-type"])]) == []
    else:
        entries = [entry(event["source"], event["detail-type"], event["detail"])]
        (delivered,) = deliver({}, entries)
        assert delivered["detail"] == event["detail"]
