#!/usr/bin/env bash
# Builds the function as `sam deploy` would, and puts it into a zip for the console or `aws lambda
# update-function-code`: .aws-sam/lightsail-snapshot-copier-ARCHITECTURE.zip. The same sources and tools give the same
# zip, byte for byte.
#
#   scripts/package.sh [x86_64|arm64]     # default: this machine's; some minutes. Needs cargo.
set -euo pipefail
cd "$(dirname "$0")/.."
machine=$(uname -m)
architecture=${1:-${machine/aarch64/arm64}}
zip=.aws-sam/lightsail-snapshot-copier-$architecture.zip
scripts/tools.sh

# cargo-lambda, and the zig that it links with.
export PATH="$PWD/.tools/sam/bin:$PATH" SAM_CLI_TELEMETRY=0 AWS_DEFAULT_REGION=us-east-1
# The paths of this machine are not to be in the binary.
export RUSTFLAGS="--remap-path-prefix=$PWD=. --remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=cargo ${RUSTFLAGS:-}"
# SAM cannot tell cargo-lambda to keep to Cargo.lock; this fails where it would not.
cargo metadata --locked --format-version 1 > /dev/null

sam build --build-dir .aws-sam/build --parameter-overrides "Architecture=$architecture"

python3 - "$zip" <<'PYTHON'
import hashlib, pathlib, sys, zipfile

target = pathlib.Path(sys.argv[1])
bootstrap = pathlib.Path(".aws-sam/build/Function/bootstrap")
entry = zipfile.ZipInfo("bootstrap", date_time=(1980, 1, 1, 0, 0, 0))
entry.external_attr = 0o100755 << 16
entry.compress_type = zipfile.ZIP_DEFLATED
with zipfile.ZipFile(target, "w") as archive:
    archive.writestr(entry, bootstrap.read_bytes(), compresslevel=9)
with zipfile.ZipFile(target) as archive:
    for info in archive.infolist():
        print(f"{info.filename}: {info.file_size:,} bytes, {info.compress_size:,} in the zip")
print(f"{target}: {target.stat().st_size:,} bytes, SHA-256 {hashlib.sha256(target.read_bytes()).hexdigest()}")
PYTHON
