#!/usr/bin/env bash
# Changes the code that decides (.cargo/mutants.toml) in one place after the other, and lists the changes that no test
# notices. All of them take hours, so a run can be limited.
#
#   scripts/mutants.sh [ARGUMENT OF CARGO-MUTANTS…]    # such as --shard 1/20, --in-diff FILE or --list
set -euo pipefail
cd "$(dirname "$0")/.."
version=27.1.0

tool=.tools/cargo-mutants
if [ "$("$tool/bin/cargo-mutants" mutants --version 2> /dev/null)" != "cargo-mutants $version" ]; then
    echo "installing cargo-mutants $version into $tool"
    # A debug build is faster to make, and the tool only calls cargo.
    cargo install --quiet --locked --debug --version "$version" --root "$tool" cargo-mutants
fi
# The tool copies the code to a new folder in each run. In this target folder, the dependencies stay built.
export CARGO_TARGET_DIR=$PWD/.tools/mutants/target
# Fewer random cases, because the other tests of the same rules are exact. What survives gets all of them.
export PROPTEST_CASES=${PROPTEST_CASES:-50}
exec "$tool/bin/cargo-mutants" mutants --no-shuffle --output .tools/mutants "$@"
