#!/usr/bin/env bash
# Tests what template.yaml deploys and what install.sh does, on this machine: ministack is AWS, lightsail-emulator is
# Lightsail, and the Lambda function is our own binary. Takes some minutes, and needs curl, jq and strip.
#
#   scripts/stack.sh [ARGUMENT]...     # of pytest, such as scripts/test_stack.py
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/tools.sh stack checks sam
# The features of the tests, so that nothing is built twice.
cargo build --quiet --locked --workspace --bins --examples
export PYTHONDONTWRITEBYTECODE=1
# The AWS CLI waits for seconds at a time, so several tests run at once, each group with an AWS of its own.
exec .tools/stack/bin/python -m pytest --quiet --numprocesses 4 --dist loadgroup -p no:cacheprovider --disable-warnings "${@:-scripts}"
