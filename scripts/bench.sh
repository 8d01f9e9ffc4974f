#!/usr/bin/env bash
# Measures what README.md says about size and speed, side by side with what it may be compared with, and writes
# docs/benchmarks.md; some parts only, by their names, are printed and nothing is written. Wants a machine that does
# nothing else. On two processors, an hour the first time, a good part of it building.
# Needs the Rust toolchain, Python 3.10 to 3.13 for the script that it is compared with, and valgrind for instructions.
#
#   scripts/bench.sh [cold] [warm] [instructions] [fleet] [soak] [builds]
set -euo pipefail
cd "$(dirname "$0")/.."
unset "${!AWS_@}"
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$PWD/target}
venv=.tools/bench
requirements=bench/compared/boto3/requirements.txt
results=docs/benchmarks.md

if ! cmp -s "$requirements" "$venv/installed.txt"; then
    rm -rf "$venv"
    "${PYTHON:-python3}" -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check --requirement "$requirements"
    cp "$requirements" "$venv/installed.txt"
fi

measure() {
    cargo run --quiet --locked --profile bench-harness --package bench -- "$PWD/$venv/bin/python" "$@"
}

if [ $# = 0 ]; then
    measure | tee "$CARGO_TARGET_DIR/benchmarks.md"
    mv "$CARGO_TARGET_DIR/benchmarks.md" "$results"
else
    measure "$@"
fi
