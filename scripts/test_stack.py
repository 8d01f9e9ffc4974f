"""Drives the deployed stack: events, schedules, dead letters, alarms, changes, removal.

EventBridge of ministack does not retry, so the failing event is an asynchronous invocation, as EventBridge makes it.
"""

import json
import re
import socket
import threading
import time

import boto3
import pytest
from conftest import TODAY
from stack import DESTINATION, PATIENCE, ROOT, SOURCE, STACK, deploy, describe, eventually, invoke, outputs, snapshots

# They share a stack.
pytestmark = pytest.mark.xdist_group("stack")
FIRST = {"SourceRegions": SOURCE, "DestinationRegions": DESTINATION, "AlarmEmail": "ops@example.com"}


@pytest.fixture(scope="module")
def stack(aws):
    deploy(**FIRST, HeartbeatUrl="https://heartbeat.example.com/1")
    return outputs()


def log(group):
    """The JSON lines in a log group."""
    events = boto3.client("logs").filter_log_events(logGroupName=group)["events"]
    return [json.loads(event["message"]) for event in events if event["message"].startswith("{")]


def fire(name):
    """What Scheduler does at the time of a schedule, by one that fires once. Once ministack has looked at a schedule, a
    change makes it fire no earlier."""
    client = boto3.client("scheduler")
    (found,) = [s["Name"] for s in client.list_schedules()["Schedules"] if f"-{name}-" in s["Name"]]
    schedule = client.get_schedule(Name=found)
    target = schedule["Target"]
    target["Input"] = target["Input"].replace("<aws.scheduler.scheduled-time>", f"{TODAY}T07:00:00Z")
    once = {"ScheduleExpression": "at(2026-01-01T00:00:00)", "ActionAfterCompletion": "DELETE", "FlexibleTimeWindow": {"Mode": "OFF"}}
    client.create_schedule(Name=f"{name}-now", Target=target, **once)
    return schedule


def test_an_event_on_the_bus_starts_a_copy(stack):
    (documented,) = re.findall(r"```json\n(\[.*?\])\n```", (ROOT / "docs/operating.md").read_text(), re.DOTALL)
    event = {"Source": STACK, "Detail": json.dumps({"sourceRegion": SOURCE, "sourceResourceName": "WordPress-1", "restoreDate": TODAY})}
    other = event | {"Source": f"{STACK}.other", "DetailType": "Copy Snapshot"}
    named = event | {"DetailType": "Any", "Detail": event["Detail"].replace("}", ', "targetSnapshotName": "by-event"}')}
    entries = [*json.loads(documented), other, named]
    assert boto3.client("events").put_events(Entries=entries)["FailedEntryCount"] == 0
    eventually(lambda: len(snapshots()) >= 2, "the events start no copies")
    time.sleep(0.5)  # the event with another source would have been as fast
    assert sorted(name.split("-2")[0] for name in snapshots()) == ["WordPress-1-us-west", "by-event"]


def test_the_schedule_runs_the_policy(stack):
    schedule = fire("Schedule")
    assert (schedule["ScheduleExpression"], schedule["State"]) == ("rate(1 hour)", "ENABLED")
    name = f"WordPress-1-{SOURCE}-{TODAY}"
    eventually(lambda: name in snapshots(), "the schedule starts no copy")
    tags = {tag["key"]: tag["value"] for tag in snapshots()[name]["tags"]}
    assert tags["snapshot-copier:source"] == f"{SOURCE}/WordPress-1"
    metrics = eventually(lambda: [line for line in log(stack["LogGroupName"]) if "_aws" in line], "no metrics")
    assert (metrics[0]["FunctionName"], metrics[0]["Runs"], metrics[0]["SourcesUnprotected"]) == (stack["FunctionName"], 1, 1)


def test_a_failing_event_ends_in_the_dead_letters_with_its_reason(stack):
    event = {"sourceRegion": SOURCE, "sourceResourceName": "Gone-1", "restoreDate": TODAY}
    boto3.client("lambda").invoke(FunctionName=stack["FunctionName"], InvocationType="Event", Payload=json.dumps(event))
    receive = lambda: boto3.client("sqs").receive_message(QueueUrl=stack["DeadLetterQueueUrl"], WaitTimeSeconds=1).get("Messages")  # noqa: E731
    (message,) = eventually(receive, "no dead letter")
    letter = json.loads(message["Body"])
    assert letter["requestPayload"] == event
    assert letter["responsePayload"]["errorType"] == "CopyFailed"
    assert "NotFoundException" in letter["responsePayload"]["errorMessage"]
    tries = [line for line in log(stack["LogGroupName"]) if line.get("fields", {}).get("sourceResourceName") == "Gone-1"]
    assert len(tries) == 3


@pytest.fixture(scope="module")
def mail(stack):
    """The next mail to the topic."""
    sns, sqs = boto3.client("sns"), boto3.client("sqs")
    url = sqs.create_queue(QueueName="mails")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sns.subscribe(TopicArn=stack["AlarmTopicArn"], Protocol="sqs", Endpoint=arn)

    def receive():
        (message,) = eventually(lambda: sqs.receive_message(QueueUrl=url, WaitTimeSeconds=1).get("Messages"), "no mail")
        sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return json.loads(message["Body"])

    return receive


def test_an_alarm_reaches_the_topic(mail):
    boto3.client("cloudwatch").set_alarm_state(AlarmName=f"{STACK}-stale", StateValue="ALARM", StateReason="a test")
    assert f"{STACK}-stale" in mail()["Subject"]


def test_the_report_reaches_the_topic(mail):
    fire("ReportSchedule")
    found = mail()
    assert found["Subject"].startswith("Lightsail backups: 1 of 2 servers need")
    assert "Scratch-1" in found["Message"] and "enable-add-on" in found["Message"]
    answer = invoke({"report": "daily", "dryRun": True})["report"]
    assert (answer["subject"], answer["sent"], answer["attention"]) == (found["Subject"], False, 1)


def test_a_run_calls_the_heartbeat_and_a_dry_run_does_not(stack):
    with socket.create_server(("127.0.0.1", 0)) as server:
        deploy(**FIRST, HeartbeatUrl=f"https://127.0.0.1:{server.getsockname()[1]}/ping")
        server.settimeout(PATIENCE)
        answers = []
        running = threading.Thread(target=lambda: answers.append(invoke({})))
        running.start()
        server.accept()[0].close()  # it is a client without TLS; the call is what counts
        running.join()
        assert "errorType" not in answers[0]
        server.settimeout(1)
        invoke({"dryRun": True})
        with pytest.raises(TimeoutError):
            server.accept()


def test_a_changed_parameter_changes_the_next_run(stack):
    before = [entry["sourceResourceName"] for entry in invoke({"dryRun": True})["coverage"]]
    deploy(**FIRST, SourceNames="WordPress-*")
    after = [entry["sourceResourceName"] for entry in invoke({"dryRun": True})["coverage"]]
    assert (before, after) == (["Scratch-1", "WordPress-1"], ["WordPress-1"])


def test_removal_leaves_only_the_copies(stack):
    invoke({})
    boto3.client("cloudformation").delete_stack(StackName=STACK)
    eventually(lambda: describe() is None, "the stack remains")
    assert boto3.client("lambda").list_functions()["Functions"] == []
    assert boto3.client("scheduler").list_schedules()["Schedules"] == []
    assert f"WordPress-1-{SOURCE}-{TODAY}" in snapshots()
