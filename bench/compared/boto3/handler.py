"""A minimal copy script: one CopySnapshot call, without the function's other features."""

import boto3

lightsail = boto3.client("lightsail")


def handler(event, context):
    answer = lightsail.copy_snapshot(
        sourceRegion=event["sourceRegion"],
        sourceResourceName=event["sourceResourceName"],
        restoreDate=event["restoreDate"],
        targetSnapshotName=event["targetSnapshotName"],
    )
    return [operation["status"] for operation in answer["operations"]]
