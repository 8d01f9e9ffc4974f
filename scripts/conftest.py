from datetime import UTC, datetime

import pytest
from stack import DESTINATION, SOURCE, machine

TODAY = str(datetime.now(UTC).date())


@pytest.fixture(scope="module")
def aws():
    """AWS on this machine, with a server that has automatic snapshots and one that has none."""
    instances = [{"name": "WordPress-1", "autoSnapshots": [{"date": TODAY}]}, {"name": "Scratch-1"}]
    with machine({"copySeconds": 0, "regions": {SOURCE: {"instances": instances}, DESTINATION: {}}}):
        yield
