#!/usr/bin/env bash
# Builds the function as `sam build` does, and writes .aws-sam/lightsail-snapshot-copier-ARCHITECTURE.zip. Builds the command
# with the same tools, for CloudShell and any Linux with glibc 2.30, and writes .aws-sam/lightsail-copies-ARCHITECTURE. The
# same sources and tools write the same bytes. Needs cargo and takes some minutes.
#
#   scripts/package.sh [x86_64|arm64]     # default: the architecture of this machine
set -euo pipefail
cd "$(dirname "$0")/.."
machine=$(uname -m)
architecture=${1:-${machine/aarch64/arm64}}
zip=.aws-sam/lightsail-snapshot-copier-$architecture.zip
scripts/tools.sh sam

# For cargo-lambda, and for zig, which links for the other architecture.
export PATH="$PWD/.tools/sam/bin:$PATH" SAM_CLI_TELEMETRY=0 AWS_DEFAULT_REGION=us-east-1
# Keeps the paths of this machine out of the binary.
export RUSTFLAGS="--remap-path-prefix=$PWD=. --remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=cargo ${RUSTFLAGS:-}"
# SAM cannot pass --locked to cargo-lambda. This fails if Cargo.lock is not up to date.
cargo metadata --locked --format-version 1 > /dev/null

case $architecture in
    x86_64) flag=--x86-64 ;;
    *) flag=--arm64 ;;
esac
mkdir -p .aws-sam
cargo lambda build --release --locked "$flag" --package lightsail-copies --bin lightsail-copies --lambda-dir .aws-sam/copies
cp .aws-sam/copies/lightsail-copies/bootstrap ".aws-sam/lightsail-copies-$architecture"

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
