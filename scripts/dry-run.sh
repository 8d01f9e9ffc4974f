#!/usr/bin/env bash
# Shows what a run would do with the policy of samconfig.toml, before `sam deploy` deploys it. The deployed function
# does the dry run, with its permissions, and changes nothing. Needs AWS credentials, jq and curl.
#
#   scripts/dry-run.sh [ENVIRONMENT]     # of samconfig.toml, default: default
set -euo pipefail
cd "$(dirname "$0")/.."
[ -f samconfig.toml ] || {
    echo "Copy samconfig.example.toml to samconfig.toml, and edit it." >&2
    exit 1
}
scripts/tools.sh sam checks
export PATH="$PWD/.tools/checks/bin:$PATH"

# The stack, its Region and NAME=VALUE of each parameter, NUL-separated, because PolicyJson may have several lines.
settings=$(mktemp)
trap 'rm -f "$settings"' EXIT
.tools/sam/bin/python - "${1:-default}" > "$settings" << 'PYTHON'
import sys
from pathlib import Path

from samcli.cli.types import CfnParameterOverridesType
from samcli.lib.config.samconfig import SamConfig
from samcli.yamlhelper import yaml_parse

found = SamConfig(Path.cwd(), "samconfig.toml").get_all(["deploy"], "parameters", env=sys.argv[1])
values = CfnParameterOverridesType().convert(found["parameter_overrides"], None, None)
declared = yaml_parse(Path("template.yaml").read_text())["Parameters"]
if missing := declared.keys() - values.keys():
    sys.exit(f"samconfig.toml has no line for {', '.join(sorted(missing))}, so `sam deploy` would not change it.")
print(found["stack_name"], found["region"], *(f"{name}={value}" for name, value in values.items()), sep="\0", end="\0")
PYTHON
mapfile -d '' -t settings_list < "$settings"
TEMPLATE=$PWD/template.yaml STACK=${settings_list[0]} AWS_REGION=${settings_list[1]} \
    bash install.sh preview "${settings_list[@]:2}"
