#!/usr/bin/env bash
# Installs, changes, upgrades and removes lightsail-snapshot-copier, with the AWS CLI alone. Made for AWS CloudShell.
#
#   bash install.sh                         install, or upgrade to the release of this script
#   bash install.sh set NAME=VALUE...       change parameters, for instance: set KeepDaily=7 KeepMonthly=12
#   bash install.sh show                    show the parameters
#   bash install.sh remove                  remove everything except copies and drill instances
#
# The stack is made in the Region of the AWS CLI. Run it in a destination Region, because that works when a source
# Region is down. STACK is the stack's name (default: lightsail-snapshot-copier), ARCHITECTURE its processor for a new
# stack (arm64 or x86_64, default: arm64).
set -euo pipefail

ADDRESS=${ADDRESS:-@ADDRESS@}
STACK=${STACK:-lightsail-snapshot-copier}
NAME=lightsail-snapshot-copier

fail() {
    echo "install.sh: $*" >&2
    exit 1
}

ask() { # PROMPT VARIABLE
    printf '%s: ' "$1" >&2
    IFS= read -r "$2" || fail "no answer"
}

confirm() {
    local answer
    printf '%s [y/N]: ' "$1" >&2
    # The end of the input is a no.
    IFS= read -r answer || answer=
    [ "$answer" = y ] || [ "$answer" = yes ]
}

deployed() { # NAME: the value of a deployed parameter, empty without a stack
    aws cloudformation describe-stacks --stack-name "$STACK" --output text \
        --query "Stacks[0].Parameters[?ParameterKey=='$1'].ParameterValue" 2> /dev/null || true
}

stack_exists() {
    local status
    status=$(aws cloudformation describe-stacks --stack-name "$STACK" --output text \
        --query 'Stacks[0].StackStatus' 2> /dev/null || true)
    case $status in
        # A first deployment that was refused or failed leaves such a stack, which cannot be updated.
        "" | REVIEW_IN_PROGRESS) return 1 ;;
        ROLLBACK_COMPLETE | ROLLBACK_FAILED)
            aws cloudformation delete-stack --stack-name "$STACK"
            aws cloudformation wait stack-delete-complete --stack-name "$STACK"
            return 1
            ;;
    esac
}

fetch() { # FILE...: this release's files, verified, into the current folder
    curl -fsSL --retry 3 -O "$ADDRESS/SHA256SUMS" || fail "cannot download $ADDRESS/SHA256SUMS"
    local file
    for file in "$@"; do
        curl -fsSL --retry 3 -O "$ADDRESS/$file" || fail "cannot download $ADDRESS/$file"
        grep -E "^[0-9a-f]{64}  $file\$" SHA256SUMS | sha256sum --check --status ||
            fail "$file does not have the checksum of the release. Nothing was changed."
    done
}

bucket() { # the bucket for code in this account and Region, made if there is none
    local account bucket
    account=$(aws sts get-caller-identity --query Account --output text)
    bucket=$NAME-$account-$REGION
    if ! aws s3api head-bucket --bucket "$bucket" --expected-bucket-owner "$account" > /dev/null 2>&1; then
        # us-east-1 is the only Region without a location constraint.
        if [ "$REGION" = us-east-1 ]; then
            aws s3api create-bucket --bucket "$bucket" > /dev/null
        else
            aws s3api create-bucket --bucket "$bucket" \
                --create-bucket-configuration "LocationConstraint=$REGION" > /dev/null
        fi
        aws s3api put-public-access-block --bucket "$bucket" --public-access-block-configuration \
            BlockPublicAcls=true,IgnorePublicAcls=true,BlockPublicPolicy=true,RestrictPublicBuckets=true
    fi
    echo "$bucket"
}

package() { # TEMPLATE: uploads the code for an architecture and points the template to it
    local architecture=$1 zip=$NAME-$1.zip
    fetch template.yaml "$zip"
    sed -i "s|$NAME-arm64\.zip|$zip|" template.yaml
    aws cloudformation package --template-file template.yaml --s3-bucket "$(bucket)" --s3-prefix "$STACK" \
        --output-template-file packaged.yaml > /dev/null
    echo "code for $architecture is uploaded"
}

deploy() { # NAME=VALUE...: parameters that are not given keep their values
    aws cloudformation deploy --stack-name "$STACK" --template-file packaged.yaml --capabilities CAPABILITY_IAM \
        --no-fail-on-empty-changeset --parameter-overrides "$@"
}

deployed_template() {
    aws cloudformation get-template --stack-name "$STACK" --template-stage Original --output json |
        jq -r '.TemplateBody | if type == "string" then . else tojson end'
}

function_name() {
    aws cloudformation describe-stacks --stack-name "$STACK" --output text \
        --query "Stacks[0].Outputs[?OutputKey=='FunctionName'].OutputValue"
}

dry_run() { # shows what the next run would do
    echo '{"dryRun": true}' > payload.json
    # Without a read time-out, because the CLI would invoke again after a minute.
    aws lambda invoke --function-name "$(function_name)" --cli-read-timeout 0 --payload fileb://payload.json \
        answer.json > /dev/null
    jq -r '
        def why: if .error then " (\(.error.code): \(.error.message))" else "" end;
        (if .errorType then .errorMessage else "summary: \(.summary | tojson)" end),
        (.unread[]? | "\(.region) could not be read: \(.operation)\(why)"),
        (.rulesSelectingNothing[]? | "selects nothing: \(.)"),
        (.deletions[]? | "delete \(.region) \(.snapshotName): \(.outcome)\(why)"),
        (.copies[]? | select(.outcome != "exists") | "copy to \(.destinationRegion) \(.targetSnapshotName): \(.outcome)\(why)"),
        (.drills[]? | "drill in \(.destinationRegion) \(.instanceName): \(.outcome)\(why)"),
        (.coverage[]? | select(.status != "protected" and .status != "pending")
            | "\(.status) in \(.destinationRegion): \(.sourceRegion)/\(.sourceResourceName) (\(.reason))")
    ' answer.json
}

change() { # NAME=VALUE...: deploys paused, shows a dry run, and resumes or takes the change back
    local before=() state=ENABLED argument
    if stack_exists; then
        state=$(deployed State)
        # NUL-separated, because PolicyJson may have several lines.
        mapfile -d '' -t before < <(aws cloudformation describe-stacks --stack-name "$STACK" --output json |
            jq -j '.Stacks[0].Parameters[] | "\(.ParameterKey)=\(.ParameterValue)\u0000"')
        deployed_template > previous.yaml
    fi
    for argument in "$@"; do
        case $argument in State=*) state=${argument#State=} ;; esac
    done
    echo "deploying, with the schedule paused"
    deploy "$@" State=DISABLED
    echo "the next run would do this:"
    dry_run || echo "the dry run failed" >&2
    if confirm "keep this?"; then
        [ "$state" = DISABLED ] || deploy "State=$state"
    elif [ -f previous.yaml ]; then
        mv previous.yaml packaged.yaml
        deploy "${before[@]}"
        fail "took the change back"
    else
        fail "the schedule stays paused. To start it: bash install.sh set State=ENABLED"
    fi
}

install() {
    local sources destinations email architecture
    if stack_exists; then
        package "$(deployed Architecture)"
        change
    else
        ask "Regions of the servers to back up, such as us-west-2 or us-west-2,eu-west-1" sources
        ask "Regions to keep copies in (Enter: $REGION)" destinations
        ask "e-mail address for alarms, or none" email
        architecture=${ARCHITECTURE:-arm64}
        package "$architecture"
        change "SourceRegions=$sources" "DestinationRegions=${destinations:-$REGION}" "AlarmEmail=$email" \
            "Architecture=$architecture"
        [ "$email" = none ] || echo "Confirm the subscription: AWS mails a link to $email."
    fi
}

finish() {
    echo "done. bash install.sh show lists the parameters."
    # Also after an interrupted change, which nothing else would report.
    if [ "$(deployed State)" = DISABLED ]; then
        echo "The schedule is paused. To start it: bash install.sh set State=ENABLED"
    fi
}

set_parameters() {
    [ $# -gt 0 ] || fail "set needs NAME=VALUE"
    stack_exists || fail "there is no stack $STACK in $REGION"
    deployed_template > packaged.yaml
    case "$*" in
        *Architecture=*) fail "an upgrade with another processor needs its code: remove the stack and install it again. Copies stay." ;;
        State=ENABLED | State=DISABLED) deploy "$@" ;;
        *) change "$@" ;;
    esac
}

remove() {
    stack_exists || fail "there is no stack $STACK in $REGION"
    confirm "remove $STACK from $REGION? Copies and drill instances stay, and Lightsail charges for them" || exit 1
    local bucket
    bucket=$(bucket)
    aws cloudformation delete-stack --stack-name "$STACK"
    aws cloudformation wait stack-delete-complete --stack-name "$STACK"
    aws s3 rm --quiet --recursive "s3://$bucket/$STACK/"
    # Other stacks may use the bucket.
    aws s3api delete-bucket --bucket "$bucket" 2> /dev/null || true
    echo "removed"
}

main() {
    local tool command=${1:-install}
    [ $# = 0 ] || shift
    for tool in aws curl jq sha256sum; do
        command -v "$tool" > /dev/null || fail "$tool is missing. AWS CloudShell has it."
    done
    REGION=${AWS_REGION:-${AWS_DEFAULT_REGION:-$(aws configure get region || true)}}
    [ -n "$REGION" ] || fail "the AWS CLI has no Region: export AWS_REGION=us-east-1"
    export AWS_REGION=$REGION AWS_PAGER=
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    cd "$work"
    case $command in
        install)
            install
            finish
            ;;
        set)
            set_parameters "$@"
            finish
            ;;
        show)
            aws cloudformation describe-stacks --stack-name "$STACK" --output table \
                --query 'Stacks[0].Parameters[].[ParameterKey, ParameterValue]'
            ;;
        remove) remove ;;
        *) fail "unknown command $command: install, set, show or remove" ;;
    esac
}

main "$@"
