#!/usr/bin/env bash
# Runs the packaged function under AWS's own Lambda Runtime Interface Emulator against lightsail-emulator, with the
# settings of template.yaml, and checks its answers and its log: scripts/rie.py.
#
#   scripts/package.sh x86_64 && scripts/rie.sh
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/tools.sh sam
cargo build --quiet --locked --package lightsail-emulator
export SAM_CLI_TELEMETRY=0 PYTHONDONTWRITEBYTECODE=1
exec .tools/sam/bin/python scripts/rie.py "$@"
