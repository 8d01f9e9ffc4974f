#!/usr/bin/env bash
# Checks template.yaml with SAM's and CloudFormation's linters (warnings fail), and with checkov (each skip has its reason
# beside the resource). scripts/stack.sh tests what the template deploys.
#
#   scripts/check-template.sh
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/tools.sh sam checkov

export SAM_CLI_TELEMETRY=0 AWS_DEFAULT_REGION=us-east-1 PYTHONDONTWRITEBYTECODE=1
tools=.tools/sam/bin

echo "== sam validate --lint"
"$tools/sam" validate --lint --template template.yaml

echo "== cfn-lint in every Region of Lightsail"
regions=$("$tools/python" -c 'import boto3
print(*boto3.client("lightsail", "us-east-1").meta.service_model.shape_for("RegionName").enum)')
# shellcheck disable=SC2086
"$tools/cfn-lint" --non-zero-exit-code warning --regions $regions --template template.yaml

echo "== checkov"
LOG_LEVEL=ERROR .tools/checkov/bin/checkov --file template.yaml --framework cloudformation \
    --skip-download --compact --quiet
