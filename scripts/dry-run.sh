#!/usr/bin/env bash
# Shows what a run would do with the policy of samconfig.toml, before `sam deploy` deploys it. The deployed function
# does the dry run, with its permissions, and changes nothing.
#
#   scripts/dry-run.sh [--config-env default]     # needs AWS credentials
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/tools.sh sam
exec .tools/sam/bin/python scripts/dry_run.py "$@"
