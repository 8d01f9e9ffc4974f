#!/usr/bin/env bash
# Checks template.yaml: SAM's and CloudFormation's linters (warnings count), checkov (each skip is explained beside its
# resource), and scripts/test_template.py on the template as CloudFormation would expand it.
#
#   scripts/check-template.sh       # about a minute, without AWS and without the network once the tools are there
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/tools.sh

export SAM_CLI_TELEMETRY=0 AWS_DEFAULT_REGION=us-east-1 PYTHONDONTWRITEBYTECODE=1
tools=.tools/sam/bin

echo "== sam validate --lint"
"$tools/sam" validate --lint --template template.yaml

echo "== cfn-lint, warnings included, in several Regions"
"$tools/cfn-lint" --non-zero-exit-code warning --regions us-east-1 us-west-2 eu-central-1 ap-southeast-2 \
    --template template.yaml
# Beyond the template as it is written: what it expands to.
"$tools/cfn-lint" --non-zero-exit-code warning --regions us-east-1 --template scripts/expanded/*.yaml

echo "== checkov"
LOG_LEVEL=ERROR .tools/checkov/bin/checkov --file template.yaml --framework cloudformation \
    --skip-download --compact --quiet

echo "== the expanded template"
"$tools/python" -m pytest --quiet -p no:cacheprovider scripts/test_template.py
