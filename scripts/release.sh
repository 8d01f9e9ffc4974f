#!/usr/bin/env bash
# Makes the files of a release in .aws-sam/release: a zip and the command lightsail-copies for each architecture, the
# template for these zips, install.sh, the bill of materials, and SHA256SUMS. The same sources and tools make the same files.
#
#   scripts/release.sh ADDRESS [ARCHITECTURE]...     # ADDRESS: where the files will be published
#                                                    # default architectures: arm64 x86_64
set -euo pipefail
cd "$(dirname "$0")/.."
address=${1:?the address that the files will have}
shift
[ $# -gt 0 ] || set -- arm64 x86_64
name=lightsail-snapshot-copier
release=.aws-sam/release
rm -rf "$release"
mkdir -p "$release"

for architecture in "$@"; do
    scripts/package.sh "$architecture"
    cp ".aws-sam/$name-$architecture.zip" ".aws-sam/lightsail-copies-$architecture" "$release/"
done

# Without the sources there is nothing to build, and the code is the zip beside the template.
sed -e "s|^      CodeUri: \.$|      CodeUri: $name-arm64.zip|" -e '/^      BuildMethod:/d' -e '/^      BuildProperties:/,+1d' \
    template.yaml > "$release/template.yaml"
grep -q "CodeUri: $name-arm64.zip" "$release/template.yaml"
sed "s|@ADDRESS@|$address|" install.sh > "$release/install.sh"
cp LICENSE "$release/"

# The bill of materials: what the function is built from. The date of the commit makes it reproducible.
tool=.tools/cargo/bin/cargo-cyclonedx version=0.5.9
if ! [ -x "$tool" ] || ! grep -qF "\"cargo-cyclonedx $version " .tools/cargo/.crates.toml; then
    cargo install --quiet --locked --root .tools/cargo cargo-cyclonedx --version "$version"
fi
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
export SOURCE_DATE_EPOCH
"$tool" cyclonedx --quiet --format json --spec-version 1.5 --no-build-deps --manifest-path Cargo.toml \
    --target x86_64-unknown-linux-gnu --override-filename sbom
mv sbom.json "$release/$name.cdx.json"
# It writes one for each package of the workspace.
rm bench/sbom.json crates/*/sbom.json

(cd "$release" && sha256sum -- * > SHA256SUMS)
cat "$release/SHA256SUMS"
