#!/usr/bin/env bash
# Measures the size and speed of the function and of comparable programs, and writes docs/benchmarks.md. With arguments,
# measures only these parts, prints the results and writes no file. Run it on an idle machine. The first run takes about
# an hour on two processors, much of it for builds.
# Needs the Rust toolchain, Python 3.10 to 3.13 for the boto3 script, and valgrind for the part instructions.
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
