#!/usr/bin/env python3
"""template.yaml as CloudFormation expands it for given parameters, without AWS.

aws-sam-translator does the SAM transform, the SAM CLI resolves parameters, conditions and functions. References to
resources that only exist after a deployment stay references.

    .tools/sam/bin/python scripts/expand_template.py SourceRegions=us-west-2 DestinationRegions=us-east-1 AlarmEmail=none
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

from samcli.lib.cfn_language_extensions import PseudoParameterValues, process_template
from samcli.yamlhelper import yaml_parse
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator

# Otherwise the translator warns at exit that its metrics were not published.
logging.getLogger("samtranslator.metrics.metrics").disabled = True

ROOT = Path(__file__).resolve().parent.parent
STACK = "lightsail-snapshot-copier"
PSEUDO_PARAMETERS = PseudoParameterValues(
    region="us-east-1",
    account_id="123456789012",
    stack_name=STACK,
    stack_id=f"arn:aws:cloudformation:us-east-1:123456789012:stack/{STACK}/1",
    partition="aws",
    url_suffix="amazonaws.com",
)


@functools.cache
def _parsed():
    return yaml_parse((ROOT / "template.yaml").read_text())


def template():
    """template.yaml, parsed."""
    return copy.deepcopy(_parsed())


def refusal(name, value):
    """Why CloudFormation refuses a value of a parameter, or None."""
    declared = template()["Parameters"][name]
    if value not in map(str, declared.get("AllowedValues", [value])):
        return f"{name}: {value!r} is not one of {declared['AllowedValues']}"
    if not re.fullmatch(declared.get("AllowedPattern", ".*"), value, re.DOTALL):
        return f"{name}: {value!r} {declared.get('ConstraintDescription', 'does not match ' + declared['AllowedPattern'])}"
    if len(value) > declared.get("MaxLength", 4096):
        return f"{name}: longer than {declared['MaxLength']}"
    return None


def expand(**parameters):
    """The expanded template, with only the resources that these parameters create."""
    source = template()
    given = {name: str(value) for name, value in parameters.items()}
    if unknown := given.keys() - source["Parameters"].keys():
        raise ValueError(f"template.yaml has no parameter {', '.join(sorted(unknown))}")
    values = {name: str(declared["Default"]) for name, declared in source["Parameters"].items() if "Default" in declared}
    values |= given
    if missing := source["Parameters"].keys() - values.keys():
        raise ValueError(f"parameters without a value: {', '.join(sorted(missing))}")
    if refused := [reason for name, value in given.items() if (reason := refusal(name, value))]:
        raise ValueError("\n".join(refused))
    # `sam package` puts the build there.
    source["Resources"]["Function"]["Properties"]["CodeUri"] = "s3://bucket/code.zip"
    translated = Translator({}, Parser()).translate(copy.deepcopy(source), values)
    translated["Parameters"] = source["Parameters"]
    # Conditions are evaluated as outputs.
    translated["Outputs"] = {name: {"Value": {"Fn::If": [name, True, False]}} for name in source["Conditions"]}
    resolved = process_template(translated, parameter_values=values, pseudo_parameters=PSEUDO_PARAMETERS)
    return {
        name: resource
        for name, resource in resolved["Resources"].items()
        if resolved["Outputs"].get(resource.get("Condition"), {"Value": True})["Value"]
    }


def copy_policy(**parameters):
    """The JSON text of the policy that the parameters make."""
    return expand(**parameters)["Function"]["Properties"]["Environment"]["Variables"]["COPY_POLICY"]


if __name__ == "__main__":
    if not sys.argv[1:] or not all("=" in argument for argument in sys.argv[1:]):
        sys.exit(__doc__)
    print(json.dumps(expand(**dict(argument.split("=", 1) for argument in sys.argv[1:])), indent=2))
