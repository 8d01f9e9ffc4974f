#!/usr/bin/env bash
# Fuzzes what is read from outside: payloads, policies and Lightsail's answers (fuzz/). Fails if it finds something, and
# says with which input. Every run begins with the inputs in fuzz/corpus/, and keeps the new ones that it comes across in
# .tools/fuzz/, for the next one.
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
    # Unoptimised: it only calls cargo, and is there sooner.
    cargo install --quiet --locked --debug --version "$version" --root "$tool" cargo-fuzz
fi
export PATH="$PWD/$tool/bin:$PATH"

# The instrumentation that counts what is reached is all that it needs, and stable Rust has that. A sanitizer would look
# for misuse of memory, which code that forbids `unsafe` cannot make.
options=(--dev --sanitizer none)
cargo metadata --locked --manifest-path fuzz/Cargo.toml --format-version 1 > /dev/null
cargo fuzz build "${options[@]}"
for target in "${targets[@]}"; do
    echo "== $target, for $seconds s"
    scratch=.tools/fuzz/$target
    mkdir -p "$scratch"
    # Every new input has a line, which is too much to read.
    cargo fuzz run "${options[@]}" "$target" "$scratch" "fuzz/corpus/$target" -- \
        -max_total_time="$seconds" -max_len=4096 -timeout=10 -rss_limit_mb=1024 -print_final_stats=1 \
        -dict="fuzz/dictionaries/$target.dict" 2>&1 |
        grep --line-buffered --invert-match --extended-regexp '^(#[0-9]+\s+(NEW|REDUCE|RELOAD)|\s*NEW_FUNC)'
done
