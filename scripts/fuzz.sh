#!/usr/bin/env bash
# Fuzzes the function's inputs: payloads, policies and Lightsail's responses (fuzz/). If a check fails, prints the input
# and fails. Every run starts with the inputs in fuzz/corpus/ and .tools/fuzz/, and saves new ones in .tools/fuzz/.
#
#   scripts/fuzz.sh [SECONDS-EACH] [TARGET…]    # default: 60 seconds each for event, policy and answer
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:-60}
targets=("${@:2}")
[ ${#targets[@]} != 0 ] || targets=(event policy answer)
version=0.13.2

tool=.tools/cargo-fuzz
if [ "$("$tool/bin/cargo-fuzz" --version 2> /dev/null)" != "cargo-fuzz $version" ]; then
    echo "installing cargo-fuzz $version into $tool"
    # A debug build is faster to make, and the tool only calls cargo.
    cargo install --quiet --locked --debug --version "$version" --root "$tool" cargo-fuzz
fi
export PATH="$PWD/$tool/bin:$PATH"

# Coverage instrumentation is enough, and stable Rust has it. A sanitizer finds memory errors, which code without
# `unsafe` does not have.
options=(--dev --sanitizer none)
cargo metadata --locked --manifest-path fuzz/Cargo.toml --format-version 1 > /dev/null
cargo fuzz build "${options[@]}"
for target in "${targets[@]}"; do
    echo "== $target, for $seconds s"
    scratch=.tools/fuzz/$target
    mkdir -p "$scratch"
    # Hides the line for every new input.
    cargo fuzz run "${options[@]}" "$target" "$scratch" "fuzz/corpus/$target" -- \
        -max_total_time="$seconds" -max_len=4096 -timeout=10 -rss_limit_mb=1024 -print_final_stats=1 \
        -dict="fuzz/dictionaries/$target.dict" 2>&1 |
        grep --line-buffered --invert-match --extended-regexp '^(#[0-9]+\s+(NEW|REDUCE|RELOAD)|\s*NEW_FUNC)'
done
