#!/usr/bin/env bash
# Installs the tools of the other scripts into .tools/, where nothing else is touched: two Python environments,
# because checkov and the SAM CLI want different versions of boto3. Does nothing when they are up to date.
#
#   scripts/tools.sh            # needs Python 3.10 to 3.13
set -euo pipefail
cd "$(dirname "$0")/.."

for name in sam checkov; do
    requirements=scripts/requirements-$name.txt
    environment=.tools/$name
    if cmp -s "$requirements" "$environment/installed.txt"; then
        continue
    fi
    echo "installing $requirements into $environment"
    rm -rf "$environment"
    "${PYTHON:-python3}" -m venv "$environment"
    "$environment/bin/pip" install --quiet --disable-pip-version-check --requirement "$requirements"
    cp "$requirements" "$environment/installed.txt"
done
