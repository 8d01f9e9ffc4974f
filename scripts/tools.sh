#!/usr/bin/env bash
# Installs the tools of the other scripts into .tools/ and changes nothing else. Does nothing if they are up to date.
#
#   scripts/tools.sh [sam] [checkov] [checks]    # default: sam checkov
#
# sam, checkov and checks are Python environments (Python 3.10 to 3.13). sam and checkov are two, because they require
# different versions of boto3.
set -euo pipefail
cd "$(dirname "$0")/.."

python_environment() {
    local requirements=scripts/requirements-$1.txt environment=.tools/$1
    if cmp -s "$requirements" "$environment/installed.txt"; then
        return
    fi
    echo "installing $requirements into $environment"
    rm -rf "$environment"
    "${PYTHON:-python3}" -m venv "$environment"
    "$environment/bin/pip" install --quiet --disable-pip-version-check --requirement "$requirements"
    cp "$requirements" "$environment/installed.txt"
}

[ $# != 0 ] || set -- sam checkov
for name in "$@"; do
    case $name in
        sam | checkov | checks) python_environment "$name" ;;
        *)
            echo "unknown tool: $name" >&2
            exit 2
            ;;
    esac
done
