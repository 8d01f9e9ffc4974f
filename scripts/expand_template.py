#!/usr/bin/env python3
"""template.yaml as CloudFormation would expand it, for given parameters.

The SAM transform is AWS's own (aws-sam-translator); the parameters, conditions and functions are resolved by the
SAM CLI's implementation of CloudFormation's. Nothing is looked up in AWS. What only exists after a deployment (the
ARN of a role, say) stays a reference.

    .tools/sam/bin/python scripts/expand_template.py SourceRegions=us-west-2 DestinationRegions=us-east-1
    .tools/sam/bin/python scripts/expand_template.py --update     # rewrites scripts/expanded/

For a function that is deployed without the template, the two things that it needs:

    ... scripts/expand_template.py --env SourceRegions=... DestinationRegions=...     # COPY_POLICY=...
    ... scripts/expand_template.py --role SourceRegions=... DestinationRegions=...    # the role's policy for Lightsail
"""

import copy
import functools
import json
import logging
import os
import re
import sys
from pathlib import Path

os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")

import yaml
from samcli.lib.cfn_language_extensions import PseudoParameterValues, process_template
from samcli.yamlhelper import yaml_parse
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator

# It counts its uses, and complains at the end that nobody has asked for the count.
logging.getLogger("samtranslator.metrics.metrics").disabled = True

ROOT = Path(__file__).resolve().parent.parent
EXPANDED = ROOT / "scripts" / "expanded"

PSEUDO_PARAMETERS = PseudoParameterValues(
    region="us-east-1",
    account_id="123456789012",
    stack_name="lightsail-snapshot-copier",
    stack_id="arn:aws:cloudformation:us-east-1:123456789012:stack/lightsail-snapshot-copier/1",
    partition="aws",
    url_suffix="amazonaws.com",
)

# The deployments whose expanded template is kept in scripts/expanded/ for a reviewer to read.
DEPLOYMENTS = {
    "first-deployment": {"SourceRegions": "us-west-2", "DestinationRegions": "us-east-1"},
    "everything": {
        "SourceRegions": "us-west-2,eu-west-1",
        "DestinationRegions": "us-east-1,eu-central-1",
        "SourceNames": "WordPress-*,db-?",
        "SourceTypes": "Instance",
        "SourceTags": "backup=dr,team=*",
        "Backfill": "true",
        "MaxCopiesInProgress": "5",
        "KeepLast": "3",
        "KeepDaily": "7",
        "KeepMonthly": "12",
        "ScheduleExpression": "cron(30 */6 * * ? *)",
        "ScheduleTimeZone": "Europe/Berlin",
        "SchedulePeriodHours": "6",
        "AlarmEmail": "ops@example.com",
        "MaxRecoveryPointAgeHours": "30",
        "LogRetentionDays": "90",
        "LogLevel": "DEBUG",
        "Architecture": "x86_64",
        "ReservedConcurrency": "2",
        "EventBusName": "backups",
        "EventSource": "example.backups",
        "OnSuccessDestinationArn": "arn:aws:sns:us-east-1:123456789012:copies",
    },
}


@functools.cache
def _parsed():
    return yaml_parse((ROOT / "template.yaml").read_text())


def template():
    """template.yaml, parsed."""
    return copy.deepcopy(_parsed())


def expand(**parameters):
    """The expanded template, with the resources that these parameters create and no others."""
    source = template()
    values = {
        name: str(parameters.pop(name, declaration.get("Default")))
        for name, declaration in source["Parameters"].items()
    }
    if parameters:
        raise KeyError(f"template.yaml has no parameters {', '.join(parameters)}")
    # `sam package` would put the build there.
    source["Resources"]["Function"]["Properties"]["CodeUri"] = "s3://bucket/code.zip"
    translated = Translator({}, Parser()).translate(copy.deepcopy(source), values)
    # The translator resolves what it can, but not what CloudFormation alone may: conditions.
    translated["Parameters"] = source["Parameters"]
    resolved = process_template(
        translated, parameter_values=values, pseudo_parameters=PSEUDO_PARAMETERS
    )
    conditions = _conditions(source, values)
    references = re.compile(r"\$\{(%s)[.}]" % "|".join(translated["Resources"]))
    resolved = _substitutions(resolved, references)
    return {
        section: {
            name: {key: value for key, value in entry.items() if key not in ("Metadata", "Condition")}
            for name, entry in resolved[section].items()
            if conditions.get(entry.get("Condition"), True)
        }
        for section in ("Resources", "Outputs")
    }


def _substitutions(value, references):
    """The value with the function put back on strings that still refer to a resource: it was resolved in part."""
    if isinstance(value, dict):
        return {key: _substitutions(inner, references) for key, inner in value.items()}
    if isinstance(value, list):
        return [_substitutions(inner, references) for inner in value]
    if isinstance(value, str) and references.search(value):
        return {"Fn::Sub": value}
    return value


def _conditions(source, values):
    """The value of each condition, asked for as an output."""
    probe = {
        "Parameters": source["Parameters"],
        "Conditions": copy.deepcopy(source["Conditions"]),
        "Resources": {"None": {"Type": "AWS::CloudFormation::WaitConditionHandle"}},
        "Outputs": {
            name: {"Value": {"Fn::If": [name, "true", "false"]}} for name in source["Conditions"]
        },
    }
    resolved = process_template(probe, parameter_values=values, pseudo_parameters=PSEUDO_PARAMETERS)
    return {name: output["Value"] == "true" for name, output in resolved["Outputs"].items()}


class _Dumper(yaml.SafeDumper):
    """Long strings as blocks, no aliases: for a person to read."""

    def ignore_aliases(self, data):
        return True


_Dumper.add_representer(
    str,
    lambda dumper, text: dumper.represent_scalar(
        "tag:yaml.org,2002:str", text, style="|" if "\n" in text else None
    ),
)


def as_yaml(expanded):
    return yaml.dump(_plain(expanded), Dumper=_Dumper, width=120)


def _plain(value):
    """The value without what YAML's blocks cannot hold: other classes than its own, spaces before a line's end."""
    if isinstance(value, dict):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(inner) for inner in value]
    if isinstance(value, str):
        return "\n".join(line.rstrip() for line in value.split("\n"))
    return value


def environment(expanded):
    """The function's environment variables, a line each, as `cargo lambda deploy --env-file` reads them."""
    variables = expanded["Resources"]["Function"]["Properties"]["Environment"]["Variables"]
    return "\n".join(f"{name}='{value}'" for name, value in variables.items())


def role_policy(expanded):
    """What the function's role allows in Lightsail, in any account."""
    (policy,) = [
        policy["PolicyDocument"]
        for policy in expanded["Resources"]["FunctionRole"]["Properties"]["Policies"]
        if policy["PolicyName"] == "lightsail"
    ]
    return json.dumps(policy, indent=2).replace(PSEUDO_PARAMETERS.account_id, "*")


def main(arguments):
    if arguments == ["--update"]:
        EXPANDED.mkdir(exist_ok=True)
        for name, parameters in DEPLOYMENTS.items():
            (EXPANDED / f"{name}.yaml").write_text(as_yaml(expand(**parameters)))
        return
    shown = {"--env": environment, "--role": role_policy}.get(arguments[0] if arguments else None)
    parameters = arguments[1:] if shown else arguments
    if not parameters or not all("=" in parameter for parameter in parameters):
        sys.exit(__doc__)
    print((shown or as_yaml)(expand(**dict(p.split("=", 1) for p in parameters))).rstrip())


if __name__ == "__main__":
    main(sys.argv[1:])
