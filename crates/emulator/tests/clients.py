#!/usr/bin/env python3
"""Checks that boto3 and the AWS CLI work with the emulator unchanged, and that its answers are those of Lightsail.

Every answer is compared with botocore's model: no member is unknown, and each has the model's type. Each operation's
answers are compared with the outputs that the AWS CLI ships as examples: they have every member that an example shows,
with the same type of JSON.

    clients.py target/debug/lightsail-emulator   starts and stops the program
    clients.py http://127.0.0.1:4599             uses a program just started with --world clients.json

Needs boto3, the AWS CLI, and its aws command on the path. Prints each check, and exits with status 0 if all of them pass.
"""

import collections
import datetime
import json
import os
import re
import subprocess
import sys
import time

import awscli
import boto3
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError

WORLD = os.path.join(os.path.dirname(os.path.abspath(__file__)), "clients.json")
URL = ""


def client(region, key="emulator", secret="emulator", token=None):
    made = boto3.client(
        "lightsail", endpoint_url=URL, region_name=region, aws_access_key_id=key, aws_secret_access_key=secret,
        aws_session_token=token, config=Config(retries={"total_max_attempts": 1}, parameter_validation=False))
    made.meta.events.register("before-parse.lightsail.*", see)
    return made


# What each operation answered: the type of JSON of every member, by its path.
SEEN = collections.defaultdict(dict)


def see(operation_model, response_dict, **_):
    """Compares an answer with the model, and remembers its members."""
    answer = json.loads(response_dict["body"])
    if response_dict["status_code"] == 200:
        check_type(operation_model.name, operation_model.output_shape, answer)
        SEEN[operation_model.name].update(members(answer))
    else:
        known = {"__type", "code", "docs", "message", "tip"}
        assert set(answer) <= known and all(isinstance(value, str) for value in answer.values()), answer


def check_type(path, shape, value):
    types = {"structure": dict, "map": dict, "list": list, "string": str, "boolean": bool, "integer": int, "long": int}
    expected = types.get(shape.type_name, (int, float))
    assert isinstance(value, expected) and (isinstance(value, bool) == (expected is bool)), (path, shape, value)
    if shape.type_name == "structure":
        for name, member in value.items():
            assert name in shape.members, f"{path} has no member {name}"
            check_type(f"{path}.{name}", shape.members[name], member)
    elif shape.type_name == "list":
        for item in value:
            check_type(f"{path}[]", shape.member, item)


def members(value, path=""):
    """The path and type of each member of a JSON value, once for all elements of a list."""
    if isinstance(value, dict):
        for name, member in value.items():
            yield from members(member, f"{path}.{name}")
    elif isinstance(value, list):
        yield path, "list"
        for item in value:
            yield from members(item, f"{path}[]")
    else:
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
        yield path, "number" if is_number else type(value).__name__


def checks(what):
    print(f"  {what}", flush=True)


def refused(expected, call, **parameters):
    """Checks that a call fails with this exception class or code, and returns the message."""
    try:
        call(**parameters)
    except ClientError as error:
        found = error.response["Error"]
        if isinstance(expected, str):
            assert found["Code"] == expected, found
        else:
            assert isinstance(error, expected), (expected, found)
            # Lightsail's own `code` is finer than the exception.
            if found["Code"] == "NotFoundException":
                assert error.response["code"] == "DoesNotExist" and error.response["tip"], error.response
        status = error.response["ResponseMetadata"]["HTTPStatusCode"]
        assert status == 400, status
        assert len(error.response["ResponseMetadata"]["RequestId"]) == 36
        return found["Message"]
    raise AssertionError(f"not refused: {parameters}")


def names(client, operation, result):
    pages = list(client.get_paginator(operation).paginate())
    assert all(len(page[result]) <= 2 for page in pages), pages
    return [item["name"] for page in pages for item in page[result]]


def wait_until(holds):
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.2)


def check_reading(west):
    checks("get_instances, get_disks, get_instance_snapshots, get_disk_snapshots with their paginators")
    assert names(west, "get_instances", "instances") == ["Plain-1", "Plain-2", "Plain-3", "Plain-4", "WordPress-1"]
    assert names(west, "get_disks", "disks") == ["Data-1", "Data-2", "Data-3"]
    assert names(west, "get_instance_snapshots", "instanceSnapshots") == [
        "Manual-2", "Manual-3", "WordPress-1-1569608575"]
    assert names(west, "get_disk_snapshots", "diskSnapshots") == ["Data-1-1569608600", "Disk-2", "Disk-3"]
    assert names(client("eu-west-3"), "get_instances", "instances") == []
    refused(west.exceptions.InvalidInputException, west.get_instances, pageToken="nonsense")

    checks("get_instance, get_disk, get_instance_snapshot, get_disk_snapshot")
    instance = west.get_instance(instanceName="WordPress-1")["instance"]
    assert instance["tags"] == [{"key": "backup", "value": "dr"}]
    assert instance["state"] == {"code": 16, "name": "running"}
    assert instance["addOns"][0]["status"] == "Enabled"
    assert isinstance(instance["createdAt"], datetime.datetime)
    assert (instance["blueprintId"], instance["bundleId"]) == ("wordpress", "small_3_0")
    assert [disk.get("name") for disk in instance["hardware"]["disks"]] == [None, "Data-2"]
    assert [port["fromPort"] for port in instance["networking"]["ports"]] == [22, 80, 443]
    windows = west.get_instance(instanceName="Plain-2")["instance"]
    assert (windows["addOns"], windows["blueprintName"]) == ([], "Windows Server 2022")
    remote_desktop, ping = windows["networking"]["ports"]
    assert (remote_desktop["cidrs"], remote_desktop["ipv6Cidrs"]) == (["10.0.0.0/8"], [])
    assert (ping["protocol"], ping["toPort"], ping["ipv6Cidrs"]) == ("icmp", -1, ["::/0"])
    disk = west.get_disk(diskName="Data-1")["disk"]
    assert (disk["sizeInGb"], disk["state"], disk["isAttached"]) == (64, "available", False)
    disk = west.get_disk(diskName="Data-2")["disk"]
    assert (disk["attachedTo"], disk["isAttached"], disk["path"]) == ("WordPress-1", True, "/dev/xvdg")
    assert (disk["state"], disk["isSystemDisk"]) == ("in-use", False)
    snapshot = west.get_instance_snapshot(instanceSnapshotName="WordPress-1-1569608575")["instanceSnapshot"]
    assert (snapshot["state"], snapshot["fromInstanceArn"]) == ("available", instance["arn"])
    snapshot = west.get_disk_snapshot(diskSnapshotName="Data-1-1569608600")["diskSnapshot"]
    assert (snapshot["state"], snapshot["progress"], snapshot["fromDiskName"]) == ("completed", "100%", "Data-1")
    assert west.get_disk_snapshot(diskSnapshotName="Disk-2")["diskSnapshot"]["state"] == "unknown"
    for call, parameter in [
            (west.get_instance, "instanceName"), (west.get_disk, "diskName"),
            (west.get_instance_snapshot, "instanceSnapshotName"), (west.get_disk_snapshot, "diskSnapshotName"),
            (west.get_auto_snapshots, "resourceName"), (west.get_operation, "operationId")]:
        message = refused(west.exceptions.NotFoundException, call, **{parameter: "Nowhere-1"})
        assert message.endswith("does not exist: Nowhere-1"), message

    checks("get_auto_snapshots")
    answer = west.get_auto_snapshots(resourceName="WordPress-1")
    assert answer["resourceType"] == "Instance"
    today = datetime.datetime.now(datetime.timezone.utc).date()
    dates = [snapshot["date"] for snapshot in answer["autoSnapshots"]]
    assert dates[-1] == "2019-09-25" and dates[:-1] == sorted(dates[:-1], reverse=True), dates
    assert dates[0] in (str(today), str(today - datetime.timedelta(days=1))), dates
    assert {snapshot["status"] for snapshot in answer["autoSnapshots"]} == {"Success"}
    assert west.get_auto_snapshots(resourceName="Plain-1")["autoSnapshots"] == []

    checks("get_regions")
    regions = west.get_regions(includeAvailabilityZones=True)["regions"]
    names_of_model = set(west.meta.service_model.shape_for("RegionName").enum)
    assert {region["name"] for region in regions} >= names_of_model - {"us-west-1"}
    assert "us-west-1" not in {region["name"] for region in regions}
    assert regions[0]["availabilityZones"][0]["zoneName"] == "us-east-1a"


def wait_for_end(client, operation):
    for _ in range(200):
        found = client.get_operation(operationId=operation["id"])["operation"]
        if found["isTerminal"]:
            return found
        time.sleep(0.05)
    raise AssertionError("the copy does not end")


def check_copying(east):
    checks("copy_snapshot: the sample requests of its page")
    source = {"sourceRegion": "us-west-2"}
    automatic = east.copy_snapshot(
        sourceResourceName="WordPress-1", restoreDate="2019-09-25",
        targetSnapshotName="CopiedAutoSnapshot-2019-09-25", **source)["operations"][0]
    assert automatic["operationDetails"] == "us-west-2:WordPress-1"
    assert automatic["resourceType"] == "InstanceSnapshot"
    assert automatic["location"] == {"availabilityZone": "all", "regionName": "us-east-1"}
    assert (automatic["status"], automatic["isTerminal"]) == ("Started", False)
    manual = east.copy_snapshot(
        sourceSnapshotName="WordPress-1-1569608575", targetSnapshotName="CopiedManualSnapshot-2019-09-25",
        **source)["operations"][0]
    assert manual["operationDetails"] == "us-west-2:WordPress-1-1569608575"

    checks("copy_snapshot: the limit of copies in progress")
    latest = dict(source, sourceResourceName="Data-1", useLatestRestorableAutoSnapshot=True)
    message = refused(
        east.exceptions.OperationFailureException, east.copy_snapshot, targetSnapshotName="Data-Copy", **latest)
    assert message == "Too many snapshot copies in progress. The limit is 2 for this destination region.", message

    checks("get_operation: Succeeded when the copy is available")
    assert wait_for_end(east, manual)["status"] == "Succeeded"
    copy = east.get_instance_snapshot(instanceSnapshotName=automatic["resourceName"])["instanceSnapshot"]
    assert (copy["state"], copy["isFromAutoSnapshot"], copy["tags"]) == ("available", True, [])
    assert (copy["fromBlueprintId"], copy["fromBundleId"], copy["sizeInGb"]) == ("wordpress", "small_3_0", 60)
    assert [disk["name"] for disk in copy["fromAttachedDisks"]] == ["Data-2"]
    assert copy["fromInstanceName"] == "WordPress-1" and ":us-west-2:" in copy["fromInstanceArn"]

    checks("copy_snapshot: a disk")
    disk = east.copy_snapshot(targetSnapshotName="Data-Copy", **latest)["operations"][0]
    assert east.get_disk_snapshot(diskSnapshotName="Data-Copy")["diskSnapshot"]["state"] == "pending"
    wait_for_end(east, disk)
    assert east.get_disk_snapshot(diskSnapshotName="Data-Copy")["diskSnapshot"]["state"] == "completed"

    checks("copy_snapshot: refusals")
    good = dict(latest, targetSnapshotName="Other-1")
    for changes in [
            {"targetSnapshotName": "Data-Copy"}, {"targetSnapshotName": "a"}, {"targetSnapshotName": "a.b"},
            {"sourceRegion": "us-west-9"}, {"restoreDate": "2019-09-25"}, {"sourceSnapshotName": "Disk-2"},
            {"useLatestRestorableAutoSnapshot": False},
            {"useLatestRestorableAutoSnapshot": False, "restoreDate": "2019-09-31"}]:
        refused(east.exceptions.InvalidInputException, east.copy_snapshot, **dict(good, **changes))
    for changes in [
            {"sourceResourceName": "Nowhere-1"}, {"sourceResourceName": "Plain-1"}, {"sourceRegion": "eu-west-1"},
            {"useLatestRestorableAutoSnapshot": False, "restoreDate": "2019-09-24"}]:
        refused(east.exceptions.NotFoundException, east.copy_snapshot, **dict(good, **changes))

    checks("get_operations_for_resource")
    found = east.get_operations_for_resource(resourceName="Data-Copy")["operations"]
    assert [operation["id"] for operation in found] == [disk["id"]]


def check_changing(east):
    checks("tag_resource, untag_resource")
    done = east.tag_resource(
        resourceName="Data-Copy", tags=[{"key": "a", "value": "1"}, {"key": "b"}])["operations"][0]
    assert (done["status"], done["isTerminal"]) == ("Succeeded", True)
    east.tag_resource(resourceName="Data-Copy", tags=[{"key": "a", "value": "2"}])
    east.untag_resource(resourceName="Data-Copy", tagKeys=["b"])
    assert east.get_disk_snapshot(diskSnapshotName="Data-Copy")["diskSnapshot"]["tags"] == [
        {"key": "a", "value": "2"}]
    refused(east.exceptions.NotFoundException, east.tag_resource, resourceName="Nowhere-1", tags=[{"key": "a"}])
    refused(east.exceptions.InvalidInputException, east.tag_resource, resourceName="Data-Copy", tags=[])

    checks("delete_instance_snapshot, delete_disk_snapshot")
    copies = ["CopiedAutoSnapshot-2019-09-25", "CopiedManualSnapshot-2019-09-25"]
    for name in copies:
        done = east.delete_instance_snapshot(instanceSnapshotName=name)["operations"][0]
        assert (done["operationType"], done["status"]) == ("DeleteInstanceSnapshot", "Succeeded")
    east.delete_disk_snapshot(diskSnapshotName="Data-Copy")
    assert names(east, "get_instance_snapshots", "instanceSnapshots") == []
    assert names(east, "get_disk_snapshots", "diskSnapshots") == []
    refused(east.exceptions.NotFoundException, east.delete_disk_snapshot, diskSnapshotName="Data-Copy")


def check_restoring(west):
    checks("get_bundles, create_instances_from_snapshot, get_instance_state, create_disk_from_snapshot")
    bundles = {bundle["bundleId"]: bundle for page in west.get_paginator("get_bundles").paginate()
               for bundle in page["bundles"]}
    assert (bundles["small_3_0"]["price"], bundles["small_3_0"]["isActive"]) == (12.0, True)
    assert "small_2_0" not in bundles
    create = dict(availabilityZone="us-west-2b", bundleId="small_3_0", instanceSnapshotName="WordPress-1-1569608575",
                  tags=[{"key": "restored", "value": "yes"}], attachedDiskMapping={
                      "Restored-1": [{"originalDiskPath": "/dev/xvdg", "newDiskName": "Restored-data"}]})
    started = west.create_instances_from_snapshot(instanceNames=["Restored-1"], **create)["operations"][0]
    assert (started["operationType"], started["status"]) == ("CreateInstancesFromSnapshot", "Started")
    assert west.get_instance_state(instanceName="Restored-1")["state"] == {"code": 0, "name": "pending"}
    refused(west.exceptions.InvalidInputException, west.create_instances_from_snapshot,
            instanceNames=["Restored-1"], **create)
    west.create_disk_from_snapshot(
        diskName="Restored-2", diskSnapshotName="Data-1-1569608600", availabilityZone="us-west-2b", sizeInGb=64)
    wait_until(lambda: west.get_instance_state(instanceName="Restored-1")["state"]["name"] == "running")
    instance = west.get_instance(instanceName="Restored-1")["instance"]
    assert instance["publicIpAddress"] == "198.51.100.10", instance
    assert [disk.get("name") for disk in instance["hardware"]["disks"]] == [None, "Restored-data"]

    checks("put_instance_public_ports, get_instance_port_states")
    ports = [{"fromPort": 22, "toPort": 22, "protocol": "tcp", "cidrs": [], "ipv6Cidrs": ["2001:db8::/32"],
              "cidrListAliases": ["lightsail-connect"]}]
    done = west.put_instance_public_ports(instanceName="Restored-1", portInfos=ports)["operation"]
    assert done["operationType"] == "PutInstancePublicPorts"
    found = west.get_instance_port_states(instanceName="Restored-1")["portStates"]
    assert found == [dict(ports[0], state="open")], found

    checks("delete_instance, delete_disk")
    refused(west.exceptions.OperationFailureException, west.delete_disk, diskName="Restored-data")
    west.delete_instance(instanceName="Restored-1", forceDeleteAddOns=True)
    west.delete_disk(diskName="Restored-2")
    wait_until(lambda: "Restored-1" not in names(west, "get_instances", "instances"))
    refused(west.exceptions.NotFoundException, west.delete_instance, instanceName="Restored-1")
    west.delete_disk(diskName="Restored-data")


def check_making(west):
    checks("create_instances, create_disk, attach_disk, create_instance_snapshot, create_disk_snapshot")
    west.create_instances(instanceNames=["Made-1"], availabilityZone="us-west-2a", blueprintId="ubuntu_24_04",
                          bundleId="nano_3_0")
    west.create_disk(diskName="Made-2", availabilityZone="us-west-2a", sizeInGb=8)
    wait_until(lambda: west.get_instance_state(instanceName="Made-1")["state"]["name"] == "running")
    found = west.attach_disk(diskName="Made-2", instanceName="Made-1", diskPath="/dev/xvdf")["operations"]
    assert [operation["resourceName"] for operation in found] == ["Made-2", "Made-1"]
    west.create_instance_snapshot(instanceName="Made-1", instanceSnapshotName="Made-3", tags=[{"key": "a"}])
    west.create_disk_snapshot(diskName="Made-2", diskSnapshotName="Made-4")
    found = west.get_instance_snapshot(instanceSnapshotName="Made-3")["instanceSnapshot"]
    assert (found["state"], found["tags"], len(found["fromAttachedDisks"])) == ("pending", [{"key": "a"}], 1)

    checks("enable_add_on, disable_add_on, delete_instance with an add-on and a disk")
    west.enable_add_on(resourceName="Made-1", addOnRequest={
        "addOnType": "AutoSnapshot", "autoSnapshotAddOnRequest": {"snapshotTimeOfDay": "10:00"}})
    assert west.get_instance(instanceName="Made-1")["instance"]["addOns"][0]["snapshotTimeOfDay"] == "10:00"
    refused(west.exceptions.OperationFailureException, west.delete_instance, instanceName="Made-1")
    west.disable_add_on(resourceName="Made-1", addOnType="AutoSnapshot")
    found = west.delete_instance(instanceName="Made-1")["operations"]
    assert [operation["operationType"] for operation in found] == ["DetachDisk", "DetachDisk", "DeleteInstance"]
    wait_until(lambda: "Made-1" not in names(west, "get_instances", "instances"))

    checks("allocate_static_ip, release_static_ip")
    west.allocate_static_ip(staticIpName="Made-5")
    refused(west.exceptions.InvalidInputException, west.create_disk, diskName="Made-5", sizeInGb=8,
            availabilityZone="us-west-2a")
    west.release_static_ip(staticIpName="Made-5")


# A valid value of each required member.
VALID = {
    "addOnRequest": {"addOnType": "AutoSnapshot"}, "addOnType": "AutoSnapshot", "availabilityZone": "us-west-2a",
    "blueprintId": "ubuntu_24_04", "bundleId": "nano_3_0", "diskPath": "/dev/xvdf", "instanceNames": ["Nowhere-1"],
    "portInfos": [], "sizeInGb": 8, "sourceRegion": "us-west-2", "tagKeys": ["a"], "tags": [{"key": "a"}]}


def check_required(west):
    checks("each member that the model requires")
    for name in SEEN:
        shape = west.meta.service_model.operation_model(name).input_shape
        call = getattr(west, re.sub("(?<!^)(?=[A-Z])", "_", name).lower())
        for missing in shape.required_members:
            others = {member: VALID.get(member, "Nowhere-1") for member in shape.required_members if member != missing}
            message = refused(west.exceptions.InvalidInputException, call, **others)
            assert missing in message, (name, missing, message)


def example_outputs(operation):
    """The JSON of the outputs in the AWS CLI's example of an operation, as far as they are written out."""
    name = re.sub("(?<!^)(?=[A-Z])", "-", operation).lower()
    path = os.path.join(os.path.dirname(awscli.__file__), "examples", "lightsail", f"{name}.rst")
    if not os.path.exists(path):
        return
    with open(path, encoding="utf-8") as file:
        text = file.read()
    for block in re.findall(r"^Output::\n\n((?:[ \t].*\n?|\n)+)", text, re.MULTILINE):
        written = re.split(r",?\s*\.\.\.\n", block)[0]
        left_open = []
        for bracket in re.sub(r'"[^"]*"', "", written):
            if bracket in "{[":
                left_open.append({"{": "}", "[": "]"}[bracket])
            elif bracket in "}]":
                left_open.pop()
        yield json.loads(written + "".join(reversed(left_open)))


def check_examples():
    checks("the members in the example outputs of the AWS CLI")
    compared = 0
    for operation, seen in SEEN.items():
        for output in example_outputs(operation):
            compared += 1
            for path, kind in members(output):
                assert seen.get(path) == kind, f"{operation}{path}: {kind} in the example, {seen.get(path)} here"
    assert compared > 25, compared


def check_signatures():
    checks("credentials: a session token, a wrong key, a wrong secret, an expired token, none")
    client("us-east-1", token="session").get_disks()
    refused("UnrecognizedClientException", client("us-east-1", key="AKIAIOSFODNN7EXAMPLE").get_disks)
    refused("InvalidSignatureException", client("us-east-1", secret="wrong").get_disks)
    refused("ExpiredTokenException", client("us-east-1", token="expired").get_disks)
    unsigned = boto3.client(
        "lightsail", endpoint_url=URL, region_name="us-east-1", config=Config(signature_version=UNSIGNED))
    refused("MissingAuthenticationTokenException", unsigned.get_disks)

    checks("an operation that the emulator does not have")
    refused("UnknownOperationException", client("us-east-1").get_key_pairs)


def aws(*arguments):
    environment = dict(
        os.environ, AWS_ACCESS_KEY_ID="emulator", AWS_SECRET_ACCESS_KEY="emulator", AWS_PAGER="",
        AWS_CONFIG_FILE=os.devnull, AWS_SHARED_CREDENTIALS_FILE=os.devnull, AWS_MAX_ATTEMPTS="1")
    environment.pop("AWS_SESSION_TOKEN", None)
    return subprocess.run(
        ["aws", "lightsail", *arguments, "--endpoint-url", URL, "--output", "json"],
        env=environment, capture_output=True, text=True, timeout=60)


def check_command_line():
    checks("aws lightsail get-instances, all pages")
    done = aws("get-instances", "--region", "us-west-2")
    assert done.returncode == 0, done.stderr
    assert len(json.loads(done.stdout)["instances"]) == 5

    checks("aws lightsail get-disk, get-auto-snapshots: attached disks")
    done = aws("get-disk", "--region", "us-west-2", "--disk-name", "Data-2")
    assert json.loads(done.stdout)["disk"]["attachedTo"] == "WordPress-1", done.stderr
    done = aws("get-auto-snapshots", "--region", "us-west-2", "--resource-name", "WordPress-1")
    newest = json.loads(done.stdout)["autoSnapshots"][0]
    assert newest["fromAttachedDisks"] == [{"path": "/dev/xvdg", "sizeInGb": 40}], newest

    checks("aws lightsail copy-snapshot, get-operation, delete-instance-snapshot")
    copy = ["copy-snapshot", "--region", "us-east-2", "--source-region", "us-west-2", "--source-resource-name",
            "WordPress-1", "--use-latest-restorable-auto-snapshot", "--target-snapshot-name", "Command-Line-Copy"]
    done = aws(*copy)
    assert done.returncode == 0, done.stderr
    operation = json.loads(done.stdout)["operations"][0]
    done = aws("get-operation", "--region", "us-east-2", "--operation-id", operation["id"])
    assert json.loads(done.stdout)["operation"]["operationType"] == "CopySnapshot", done.stderr
    done = aws(*copy)
    assert done.returncode != 0
    assert "(InvalidInputException)" in done.stderr and "already in use: Command-Line-Copy" in done.stderr, done.stderr
    done = aws("delete-instance-snapshot", "--region", "us-east-2", "--instance-snapshot-name", "Command-Line-Copy")
    assert done.returncode == 0, done.stderr

    checks("aws lightsail create-instances-from-snapshot, put-instance-public-ports, delete-instance")
    done = aws("create-instances-from-snapshot", "--region", "us-west-2", "--availability-zone", "us-west-2a",
               "--instance-names", "Restored-3", "--instance-snapshot-name", "Manual-2", "--bundle-id", "small_3_0",
               "--tags", "key=restored,value=yes")
    assert done.returncode == 0, done.stderr
    done = aws("put-instance-public-ports", "--region", "us-west-2", "--instance-name", "Plain-1", "--port-infos", "[]")
    assert done.returncode == 0, done.stderr
    done = aws("get-instance-port-states", "--region", "us-west-2", "--instance-name", "Plain-1")
    assert json.loads(done.stdout) == {"portStates": []}, done.stderr
    done = aws("delete-instance", "--region", "us-west-2", "--instance-name", "Restored-3")
    assert done.returncode == 0, done.stderr


def check_all(url):
    global URL
    URL = url
    print(f"boto3 {boto3.__version__} and the AWS CLI at {url}")
    west, east = client("us-west-2"), client("us-east-1")
    check_reading(west)
    check_copying(east)
    check_changing(east)
    check_restoring(west)
    check_making(west)
    check_required(west)
    check_examples()
    check_signatures()
    check_command_line()
    print("all checks pass")


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    if sys.argv[1].startswith("http"):
        return check_all(sys.argv[1])
    program = subprocess.Popen(
        [sys.argv[1], "--world", WORLD], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        check_all(program.stdout.readline().strip())
    finally:
        program.terminate()
        assert program.wait(10) == 0


if __name__ == "__main__":
    main()
