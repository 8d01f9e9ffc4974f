#!/usr/bin/env bash
# Installs, changes, upgrades and removes lightsail-snapshot-copier, with the AWS CLI alone. Made for AWS CloudShell.
# `bash install.sh --help` lists the commands.
set -euo pipefail

ADDRESS=${ADDRESS:-@ADDRESS@}
STACK=${STACK:-lightsail-snapshot-copier}
NAME=lightsail-snapshot-copier
# The Regions of Lightsail.
REGIONS=" us-east-1 us-east-2 us-west-2 eu-west-1 eu-west-2 eu-west-3 eu-central-1 eu-north-1 eu-south-2 ca-central-1
 ap-east-1 ap-south-1 ap-southeast-1 ap-southeast-2 ap-southeast-3 ap-southeast-5 ap-northeast-1 ap-northeast-2
 sa-east-1 "

usage() {
    cat << 'HELP'
usage: bash install.sh [COMMAND]

  install              install, or upgrade to the release of this script (the default)
  set NAME=VALUE...    change parameters, for instance: set KeepDaily=7 KeepMonthly=12
  preview NAME=VALUE... show what the next run would do with these parameters, and change nothing
  show                 show the parameters
  status               show what is protected, which alarms are on, and whether mails arrive
  remove               remove everything except copies and drill instances
  restore OPTION...    restore servers from their copies with lightsail-copies of this release. Prints the plan; with
                       --yes, carries it out. Needs no stack: restore --region us-east-1

The stack is in the Region of the AWS CLI (AWS_REGION). Run this in a Region that copies go to, because that works when
a Region of the servers is down.

  STACK=NAME           another stack (default: lightsail-snapshot-copier)
  ARCHITECTURE=x86_64  the processor of a new stack (default: arm64)
  TEMPLATE=FILE        the template of a preview (default: the deployed one)
HELP
}

fail() {
    echo "install.sh: $*" >&2
    exit 1
}

# --- What an interruption, a failure and a no restore

undo=

leave() {
    local code=$?
    trap '' HUP INT TERM
    set +e
    [ -z "$undo" ] || $undo
    rm -rf "$work"
    exit "$code"
}

undo_install() {
    echo "removing what was installed" >&2
    delete_stack
    delete_code
}

undo_upgrade() { # one request is enough, also if this shell ends before the stack is updated
    echo "going back to the version that was deployed, with State=$state" >&2
    aws cloudformation cancel-update-stack --stack-name "$STACK" 2> /dev/null ||
        aws cloudformation update-stack --stack-name "$STACK" --template-body file://previous.yaml \
            --capabilities CAPABILITY_IAM CAPABILITY_AUTO_EXPAND --parameters "$previous" > /dev/null
}

# --- Questions

ask() { # PROMPT: the answer into $answer
    printf '%s: ' "$1" >&2
    IFS= read -r answer || fail "no answer"
}

confirm() {
    local answer
    printf '%s [y/N]: ' "$1" >&2
    # The end of the input is a no.
    IFS= read -r answer || answer=
    case $answer in y | Y | yes | Yes | YES) ;; *) return 1 ;; esac
}

is_region() {
    case $REGIONS in *[[:space:]]"$1"[[:space:]]*) ;; *) return 1 ;; esac
}

normalize_regions() { # TEXT: its Regions, separated by commas, into $answer. Fails with the reason
    local region found=
    for region in $(tr '[:upper:],;' '[:lower:]  ' <<< "$1" | tr -cd '[:alnum:] -'); do
        if ! is_region "$region"; then
            if is_region "${region%?}"; then
                echo "$region is an Availability Zone. Its Region is ${region%?}." >&2
            else
                echo "Lightsail has no Region $region. Its Regions are:${REGIONS//$'\n'/}" >&2
            fi
            return 1
        fi
        case ,$found, in *,$region,*) ;; *) found=$found${found:+,}$region ;; esac
    done
    [ -n "$found" ] || {
        echo "at least one Region is needed" >&2
        return 1
    }
    answer=$found
}

ask_regions() { # PROMPT DEFAULT: Regions into $answer
    while ask "$1" && ! normalize_regions "${answer:-$2}"; do :; done
}

ask_matching() { # PROMPT DEFAULT PATTERN: an answer with this form into $answer
    while ask "$1" && answer=${answer:-$2} && ! [[ $answer =~ $3 ]]; do
        echo "this is not possible: $answer" >&2
    done
}

# --- The stack

read_stack() { # its description into $stack, which is empty if there is none
    stack=
    if aws cloudformation describe-stacks --stack-name "$STACK" --output json > stacks.json 2> error; then
        stack=$(jq '.Stacks[0]' stacks.json)
    elif ! grep -q "(ValidationError).* does not exist" error; then
        fail "cannot read the stack $STACK in $REGION: $(cat error)"
    fi
    case $(jq -r '.StackStatus // ""' <<< "${stack:-null}") in
        # A first deployment that was refused or failed leaves such a stack, which cannot be updated.
        REVIEW_IN_PROGRESS | CREATE_FAILED | ROLLBACK_COMPLETE | ROLLBACK_FAILED | DELETE_IN_PROGRESS)
            delete_stack
            aws cloudformation wait stack-delete-complete --stack-name "$STACK"
            stack=
            ;;
        *_IN_PROGRESS) fail "the stack $STACK is being changed. Try again when that is over." ;;
    esac
}

need_stack() {
    read_stack
    [ -n "$stack" ] || fail "there is no stack $STACK in $REGION"
}

delete_stack() {
    aws cloudformation delete-stack --stack-name "$STACK"
}

delete_code() {
    aws s3 rm --quiet --recursive "s3://$bucket/$STACK/"
    # Other stacks may use the bucket.
    aws s3api delete-bucket --bucket "$bucket" --expected-bucket-owner "$account" 2> /dev/null || true
}

parameter() {
    jq -r --arg name "$1" '.Parameters[] | select(.ParameterKey == $name).ParameterValue' <<< "$stack"
}

output() {
    jq -r --arg name "$1" '.Outputs[] | select(.OutputKey == $name).OutputValue' <<< "$stack"
}

deploy() { # NAME=VALUE...: the template with these parameters. The others keep their values
    if ! aws cloudformation deploy --stack-name "$STACK" --template-file template.yaml --capabilities CAPABILITY_IAM \
        --no-fail-on-empty-changeset --parameter-overrides "$@" > deploy.log 2>&1; then
        cat deploy.log >&2
        aws cloudformation describe-stack-events --stack-name "$STACK" --max-items 20 --output json |
            jq -r '.StackEvents[] | select((.ResourceStatus | endswith("FAILED")) and .ResourceStatusReason)
                | "\(.LogicalResourceId): \(.ResourceStatusReason)"' >&2 || true
        fail "the deployment failed"
    fi
}

deployed_template() { # into template.yaml
    aws cloudformation get-template --stack-name "$STACK" --template-stage Original --output json > template.json
    jq -r '.TemplateBody | if type == "string" then . else tojson end' template.json > template.yaml
}

# --- The release

fetch() { # FILE...: this release's files, verified, into the current folder
    curl -fsSL --retry 3 -O "$ADDRESS/SHA256SUMS" || fail "cannot download $ADDRESS/SHA256SUMS"
    local file
    for file in "$@"; do
        curl -fsSL --retry 3 -O "$ADDRESS/$file" || fail "cannot download $ADDRESS/$file"
        grep -E "^[0-9a-f]{64}  $file\$" SHA256SUMS | sha256sum --check --status ||
            fail "$file does not have the checksum of the release. Nothing was changed."
    done
}

find_bucket() { # the bucket for code in this account and Region into $bucket. Fails if there is none
    account=$(aws sts get-caller-identity --query Account --output text) || fail "cannot read the account"
    bucket=$NAME-$account-$REGION
    aws s3api head-bucket --bucket "$bucket" --expected-bucket-owner "$account" > /dev/null 2> error && return
    grep -qF "(404)" error || fail "cannot use the bucket $bucket: $(cat error)"
    return 1
}

package() { # ARCHITECTURE: uploads the code, and points template.yaml to it
    local zip=$NAME-$1.zip key
    fetch template.yaml "$zip"
    if ! find_bucket; then
        # us-east-1 is the only Region without a location constraint.
        if [ "$REGION" = us-east-1 ]; then
            aws s3api create-bucket --bucket "$bucket" > /dev/null
        else
            aws s3api create-bucket --bucket "$bucket" \
                --create-bucket-configuration "LocationConstraint=$REGION" > /dev/null
        fi
    fi
    aws s3api put-public-access-block --bucket "$bucket" --expected-bucket-owner "$account" \
        --public-access-block-configuration \
        BlockPublicAcls=true,IgnorePublicAcls=true,BlockPublicPolicy=true,RestrictPublicBuckets=true
    key=$STACK/$(sha256sum "$zip" | cut -c 1-64).zip
    aws s3api put-object --bucket "$bucket" --expected-bucket-owner "$account" --key "$key" --body "$zip" > /dev/null
    sed -i "s|$NAME-arm64\.zip|s3://$bucket/$key|" template.yaml
    grep -qF "s3://$bucket/$key" template.yaml || fail "template.yaml does not name the code"
}

# --- The function

invoke() { # PAYLOAD: the function's answer into answer.json
    local function
    function=$(output FunctionName)
    printf '%s' "$1" > payload.json
    rm -f answer.json
    # Without a read time-out, because the CLI would invoke again after a minute.
    aws lambda invoke --function-name "$function" --cli-read-timeout 0 --payload fileb://payload.json answer.json \
        > /dev/null || fail "the function cannot be invoked"
}

show_answer() { # what answer.json says: first what needs attention. Fails unless it is the answer of a run
    jq -r '
        def why: if .error then " (\(.error.code): \(.error.message))" else "" end;
        def at_most($many): .[:$many][], (if length > $many then "… and \(length - $many) more" else empty end);
        (if .summary then empty else .errorMessage // "the function answered \(tojson)" end),
        ([.unread[]? | "\(.region) could not be read: \(.operation)\(why)"] | at_most(20)),
        ([.rulesSelectingNothing[]? | "selects nothing: \(.)"] | at_most(20)),
        ([.deletions[]? | "delete \(.region) \(.snapshotName): \(.outcome)\(why)"] | at_most(100)),
        ([.copies[]? | select(.outcome != "exists")
            | "copy to \(.destinationRegion) \(.targetSnapshotName): \(.outcome)\(why)"] | at_most(100)),
        ([.drills[]? | "drill in \(.destinationRegion) \(.instanceName): \(.outcome)\(why)"] | at_most(20)),
        ([.coverage[]? | select(.status != "protected" and .status != "pending")
            | "\(.status) in \(.destinationRegion): \(.sourceRegion)/\(.sourceResourceName) (\(.reason))"] | at_most(100)),
        (if .summary then "in all: " + ([.summary | to_entries[] | select(.value > 0) | "\(.value) \(.key)"] | join(", ")
            | if . == "" then "nothing to do" else . end) else empty end)
    ' answer.json
    jq -e '.summary' answer.json > /dev/null
}

# The same policy that the template makes of its parameters.
policy() { # PARAMETERS
    jq -c '
        def list: split(",");
        def unless_empty(value): if . == "" then {} else value end;
        # A deployed template can be older than this script.
        ({ExceptNames: "", SourceTags: "", DrillNames: "", DrillChecks: "", PolicyJson: ""} + .) |
        if .PolicyJson != "" then .PolicyJson | fromjson else
            {
                sources: [{regions: .SourceRegions | list, names: .SourceNames | list, types: .SourceTypes | list}
                    + (.ExceptNames | unless_empty({exceptNames: list}))
                    + (.SourceTags | unless_empty({tags: list | map(split("=") | {(.[0]): .[1]}) | add}))],
                destinations: .DestinationRegions | list,
                retention: [{keepLast: .KeepLast}, {keepDaily: .KeepDaily}, {keepWeekly: .KeepWeekly},
                    {keepMonthly: .KeepMonthly}, {keepYearly: .KeepYearly}] | add | map_values(tonumber),
                backfill: (.Backfill == "true"),
                maxRecoveryPointAgeHours: .MaxRecoveryPointAgeHours | tonumber
            } + (.DrillChecks as $checks | .DrillNames | unless_empty({drills:
                ({names: (if . == "-" then [] else list end)} + ($checks | unless_empty({checks: fromjson})))}))
        end' <<< "$1"
}

read_parameters() { # NAME=VALUE...: $parameters are those of template.yaml after the change, $policy is the new policy
    local argument declared changed='{}'
    declared=$(aws cloudformation get-template-summary --template-body file://template.yaml --output json |
        jq '[.Parameters[] | {(.ParameterKey): (.DefaultValue // "")}] | add')
    for argument in "$@"; do
        jq -e --arg name "${argument%%=*}" 'has($name)' <<< "$declared" > /dev/null ||
            fail "there is no parameter ${argument%%=*}. bash install.sh show lists them."
        [ "${argument#*=}" != "$argument" ] || fail "$argument has no value: $argument=VALUE"
        changed=$(jq --arg name "${argument%%=*}" --arg value "${argument#*=}" '.[$name] = $value' <<< "$changed")
    done
    before=$(jq '[.Parameters[] | {(.ParameterKey): .ParameterValue}] | add' <<< "$stack")
    parameters=$(jq -n --argjson a "$declared" --argjson b "$before" --argjson c "$changed" '$a + $b + $c')
    local wrong
    wrong=$(jq -r '[to_entries[] | select((.key | test("^Keep|Hours$")) and (.value | test("^[0-9]{1,5}$") | not)).key]
        | first // empty' <<< "$parameters")
    [ -z "$wrong" ] || fail "$wrong must be a number"
    policy=$(policy "$parameters" 2> /dev/null) || fail "PolicyJson or DrillChecks is not JSON"
}

preview() { # shows what the deployed function would do with $policy. Fails if it cannot judge it
    invoke "{\"dryRun\": true, \"policy\": $policy}"
    echo "policy: $policy"
    echo "With it, the next run would do this:"
    show_answer
}

# --- Commands

set_parameters() {
    need_stack
    deployed_template
    read_parameters "$@"
    case " $*" in
        *" Architecture="*) fail "another processor needs other code: remove the stack and install it again. Copies stay." ;;
    esac
    if [ "$(policy "$before")" != "$policy" ]; then
        preview || fail "nothing was changed"
        confirm "deploy this?" || fail "nothing was changed"
    fi
    deploy "$@"
    finish
}

show_preview() {
    read_stack
    [ -n "$stack" ] || fail "there is no stack $STACK in $REGION yet. bash install.sh shows the first run before it starts."
    if [ -n "${TEMPLATE:-}" ]; then cp "$TEMPLATE" template.yaml; else deployed_template; fi
    read_parameters "$@"
    preview
}

upgrade() {
    state=$(parameter State)
    deployed_template
    mv template.yaml previous.yaml
    package "$(parameter Architecture)"
    read_parameters
    if preview; then
        confirm "upgrade?" || fail "nothing was changed"
        deploy "State=$state"
    else
        echo "The deployed version cannot say what the new one would do."
        confirm "upgrade with the schedule paused, and look then?" || fail "nothing was changed"
        previous=$(jq --arg state "$state" '[.Parameters[].ParameterKey | {ParameterKey: .}
            + if . == "State" then {ParameterValue: $state} else {UsePreviousValue: true} end]' <<< "$stack")
        undo=undo_upgrade
        deploy State=DISABLED
        need_stack
        preview || true
        confirm "keep this?" || fail "took the upgrade back"
        deploy "State=$state"
        undo=
    fi
    finish
}

show_first_run() {
    jq -r --argjson keep "$1" '
        def dollars: . * 100 | round / 100;
        [.coverage[]? | select(.through == null)] as $coverage
        | ($coverage | map({sourceRegion, sourceResourceName, resourceType}) | unique | group_by(.resourceType)
            | map("\(length) \(if .[0].resourceType == "Disk" then "disk" else "server" end)\(if length == 1 then "" else "s" end)")
            | join(" and ")) as $sources
        | ($coverage | map(.sizeGb // 0) | add // 0) as $stored
        | ([.transfer // {} | .[].gigabytes] | add // 0) as $moved
        | "", "Selected: \(if $sources == "" then "NOTHING" else $sources end).",
            (.transfer // {} | to_entries[] | "Copies of the first run to \(.key): \(.value.copies), at most \(.value.gigabytes) GB."),
            "Their transfer costs once at most \($moved * 0.02 | dollars) dollars within the United States, more elsewhere.",
            "The copies of all cost a month at least \($stored * 0.05 | dollars) dollars (one full copy of each),",
            (if $keep == 0 then "and without limit, because all copies are kept."
                else "at most \($stored * $keep * 0.05 | dollars) dollars (\($keep) full copies of each)." end),
            "Prices of November 2026: 0.02 dollars a GB for the transfer, 0.05 dollars a GB and month for storage.", ""
    ' answer.json
}

offer_snapshots() { # automatic snapshots of the sources in answer.json that have none
    local off all
    jq -c '[.coverage[]? | select(.through == null) | {sourceRegion, sourceResourceName, reasonCode}] | unique | .[]' \
        answer.json > sources.json
    jq -c 'select(.reasonCode == "AutoSnapshotsOff")' sources.json > off.json
    all=$(wc -l < sources.json) off=$(wc -l < off.json)
    [ "$off" -gt 0 ] || return 0
    echo "Lightsail makes no automatic snapshots of these, so they get no copies:"
    jq -r '"  \(.sourceRegion) \(.sourceResourceName)"' off.json
    confirm "$off of $all. Turn them on?" || return 0
    while IFS= read -r source; do
        jq '{resourceName: .sourceResourceName, addOnRequest: {addOnType: "AutoSnapshot"}}' <<< "$source" > add-on.json
        aws lightsail enable-add-on --region "$(jq -r .sourceRegion <<< "$source")" --cli-input-json file://add-on.json \
            > /dev/null < /dev/null || echo "  still off: $(jq -r .sourceResourceName <<< "$source")" >&2
    done < off.json
    echo "The first ones are made within a day, and copied then. Leave out what stays off, such as Windows servers, later:"
    echo "    bash install.sh set ExceptNames=NAME,NAME"
}

show_subscription() {
    local email topic state
    email=$(parameter AlarmEmail)
    topic=$(output AlarmTopicArn)
    state=$(aws sns list-subscriptions-by-topic --topic-arn "$topic" --output json |
        jq -r --arg email "$email" '[.Subscriptions[] | select(.Endpoint == $email).SubscriptionArn][0] // "missing"')
    case $email/$state in
        none/*) echo "Mail: none. Nobody hears of alarms unless another subscriber of $topic does." ;;
        */PendingConfirmation) echo "Mail: NOT CONFIRMED. CLICK THE LINK IN THE MAIL FROM AWS TO $email. Until then nothing reaches you." ;;
        */arn:*) echo "Mail: to $email, confirmed." ;;
        *) echo "Mail: NO SUBSCRIPTION of $email. Set AlarmEmail again." ;;
    esac
}

install() {
    local sources destinations email keep default=
    ask_regions "Regions of the servers to back up, such as us-west-2 or us-west-2,eu-west-1" ""
    sources=$answer
    # Enter must not put copies beside the servers.
    case ,$sources, in *,$REGION,*) ;; *) ! is_region "$REGION" || default=$REGION ;; esac
    ask_regions "Regions to keep copies in${default:+ (Enter: $default)}" "$default"
    destinations=$answer
    for answer in ${destinations//,/ }; do
        case ,$sources, in
            *,$answer,*)
                echo "WARNING: servers of $answer get copies in $answer too. These are lost with the Region." >&2
                confirm "go on?" || fail "nothing was installed"
                ;;
        esac
    done
    ask_matching "e-mail address for the report and alarms, or none" "" '^(none|[^@[:space:]]+@[^@[:space:]]+\.[^@[:space:]]+)$'
    email=$answer
    ask_matching "daily copies to keep of each server, 0 for all (Enter: 14)" 14 '^(0|[1-9][0-9]{0,3})$'
    keep=$answer
    local architecture=${ARCHITECTURE:-arm64}
    package "$architecture"
    echo "installing, with the schedule paused"
    undo=undo_install
    deploy "SourceRegions=$sources" "DestinationRegions=$destinations" "AlarmEmail=$email" "KeepDaily=$keep" \
        "Architecture=$architecture" State=DISABLED
    need_stack
    invoke '{"dryRun": true}'
    show_answer || fail "the dry run failed"
    show_first_run "$keep"
    offer_snapshots
    confirm "Start? The first run begins at once, then one each hour" || fail "nothing is installed"
    deploy State=ENABLED
    undo=
    need_stack
    echo "The first run:"
    invoke '{}'
    show_answer || echo "THE RUN FAILED, see above. The next one tries again in an hour."
    show_subscription
    if [ "$email" != none ] && confirm "Send a test alarm? Click the link in the mail from AWS first"; then
        aws cloudwatch set-alarm-state --alarm-name "$STACK-failing" --state-value ALARM \
            --state-reason "A test of the mail. Nothing is wrong."
    fi
    finish
}

status() {
    local topic queue letters
    need_stack
    topic=$(output AlarmTopicArn)
    queue=$(output DeadLetterQueueUrl)
    letters=$(aws sqs get-queue-attributes --queue-url "$queue" --output text \
        --attribute-names ApproximateNumberOfMessages --query Attributes.ApproximateNumberOfMessages)
    invoke '{"report": "daily", "dryRun": true}'
    jq -r '.report.text // .errorMessage' answer.json
    echo
    echo "Alarms that are on:"
    aws cloudwatch describe-alarms --state-value ALARM --output json |
        jq -r --arg topic "$topic" '[.MetricAlarms[] | select(.AlarmActions | index($topic)) | "  \(.AlarmName): \(.AlarmDescription)"]
            | if length == 0 then "  none" else .[] end'
    show_subscription
    echo "Events whose attempts all failed (dead letters): $letters"
    show_state
}

show_state() {
    if [ "$(parameter State)" = DISABLED ]; then
        echo "The schedule is PAUSED. To start it: bash install.sh set State=ENABLED"
    else
        echo "The schedule is on: a run each hour."
    fi
}

finish() {
    need_stack
    echo "done. bash install.sh status shows how things are, bash install.sh show the parameters."
    show_state
}

remove() {
    need_stack
    confirm "remove $STACK from $REGION? Copies and drill instances stay, and Lightsail charges for them" ||
        fail "nothing was removed"
    delete_stack
    aws cloudformation wait stack-delete-complete --stack-name "$STACK"
    if find_bucket; then delete_code; fi
    echo "removed"
}

restore() { # OPTION...: the exit status is that of lightsail-copies
    local machine file
    machine=$(uname -m)
    file=lightsail-copies-${machine/aarch64/arm64}
    fetch "$file"
    chmod +x "$file"
    "./$file" restore "$@"
}

check() { # COMMAND ARGUMENT...: ends the script for wrong usage, before any question or call
    case $1/$# in
        -h/* | --help/* | help/*) usage && exit ;;
        set/1) fail "set needs NAME=VALUE" ;;
        install/1 | show/1 | status/1 | remove/1 | set/* | preview/* | restore/*) ;;
        *) usage >&2 && exit 2 ;;
    esac
    [[ $STACK =~ ^[A-Za-z][A-Za-z0-9-]*$ ]] || fail "STACK=$STACK is no name of a stack: letters, digits and hyphens"
    case ${ARCHITECTURE:-arm64} in
        arm64 | x86_64) ;;
        *) fail "ARCHITECTURE=$ARCHITECTURE is neither arm64 nor x86_64" ;;
    esac
    case $1/$ADDRESS in install/@* | restore/@*) fail "this is the source. Use the install.sh of a release." ;; esac
}

main() {
    local tool command=${1:-install}
    [ $# = 0 ] || shift
    check "$command" "$@"
    for tool in aws curl jq sha256sum; do
        command -v "$tool" > /dev/null || fail "$tool is missing. AWS CloudShell has it."
    done
    REGION=${AWS_REGION:-${AWS_DEFAULT_REGION:-$(aws configure get region || true)}}
    [ -n "$REGION" ] || [ "$command" = restore ] || fail "the AWS CLI has no Region: export AWS_REGION=us-east-1"
    export AWS_REGION=$REGION AWS_DEFAULT_REGION=$REGION AWS_PAGER=
    work=$(mktemp -d)
    trap leave EXIT
    trap 'exit 129' HUP
    trap 'exit 130' INT
    trap 'exit 143' TERM
    cd "$work"
    case $command in
        install)
            read_stack
            if [ -n "$stack" ]; then upgrade; else install; fi
            ;;
        set) set_parameters "$@" ;;
        preview) show_preview "$@" ;;
        show)
            need_stack
            jq -r '.Parameters[] | "\(.ParameterKey)=\(.ParameterValue)"' <<< "$stack"
            ;;
        status) status ;;
        remove) remove ;;
        restore) restore "$@" ;;
    esac
}

main "$@"
