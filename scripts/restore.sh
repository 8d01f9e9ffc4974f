#!/usr/bin/env bash
# Restores Lightsail instances and disks from the copies in a Region. Prints a plan; with --yes, carries it out. Can be
# run again after any failure. Needs the AWS CLI, jq and the caller's permissions. See docs/restoring.md.
set -euo pipefail

usage() {
    cat << 'USAGE'
restore.sh --region REGION [options]

  --region REGION     restore from the copies in this Region, to this Region
  --name GLOB         restore only these instances and disks; may be repeated. With a slash, the glob also selects the
                      source Region: --name 'us-west-2/WordPress-*'
  --as-of DATE        use the newest copy of this date (YYYY-MM-DD) or earlier
  --zone ZONE         create everything in this Availability Zone. Default: the first one of the Region
  --suffix TEXT       append this to the names: -restored
  --bundle OLD=NEW    use another bundle in place of one that is not available; may be repeated
  --yes               create what the plan says. Without it, nothing is changed

Exit status: 0 nothing failed, 1 something failed or cannot be restored, 2 wrong usage
USAGE
}

wrong_usage() {
    echo "restore.sh: $1" >&2
    echo "Try: restore.sh --help" >&2
    exit 2
}

stop() {
    echo "restore.sh: $1" >&2
    exit 1
}

# shellcheck disable=SC2016 # The dollar signs are jq's.
glob_program='
def matches_glob($glob):
    ($glob | gsub("(?<c>[.+^$(){}|\\\\])"; "\\\(.c)") | gsub("\\*"; ".*") | gsub("\\?"; ".") | gsub("\\[!"; "[^"))
    as $regex | test("^(\($regex))$");
'

region='' zone='' suffix='' as_of='' yes=false
names='[]' bundle_map='{}'

read_arguments() {
    local option value
    while [ $# -gt 0 ]; do
        option=$1
        shift
        case $option in
            --yes) yes=true && continue ;;
            -h | --help) usage && exit 0 ;;
            --*=*) value=${option#*=} option=${option%%=*} ;;
            --*)
                [ $# -gt 0 ] || wrong_usage "$option is unknown or needs a value"
                value=$1
                shift
                ;;
            *) wrong_usage "unexpected argument: $option" ;;
        esac
        case $option in
            --region) region=$value ;;
            --zone) zone=$value ;;
            --suffix) suffix=$value ;;
            --as-of) as_of=$value ;;
            --name)
                jq -en --arg glob "$value" "$glob_program"' try ("" | matches_glob($glob) | true) catch false' > /dev/null ||
                    wrong_usage "--name is not a valid glob: $value"
                names=$(jq -c --arg name "$value" '. + [$name]' <<< "$names")
                ;;
            --bundle)
                [[ $value =~ ^[^=]+=[^=]+$ ]] || wrong_usage "--bundle needs OLD=NEW, not $value"
                bundle_map=$(jq -c --arg old "${value%%=*}" --arg new "${value#*=}" '.[$old] = $new' <<< "$bundle_map")
                ;;
            *) wrong_usage "unknown option: $option" ;;
        esac
    done
    [[ $region =~ ^[a-z]{2}(-[a-z]+)+-[0-9]+$ ]] || wrong_usage "--region needs a Region such as us-east-1"
    [[ $suffix =~ ^([A-Za-z0-9_-]*[A-Za-z0-9_])?$ ]] ||
        wrong_usage "--suffix may contain letters, digits, - and _, and ends in no -"
    [ -z "$as_of" ] || jq -en --arg date "$as_of" \
        '$date == (try ($date | strptime("%Y-%m-%d") | mktime | strftime("%Y-%m-%d")) catch "")' > /dev/null ||
        wrong_usage "--as-of needs a date, YYYY-MM-DD, not $as_of"
}

# No command may read the answers that are meant for the question below.
lightsail() {
    aws lightsail "$@" --region "$region" --output json < /dev/null
}

# Reads everything that the plan depends on. Calls to source Regions may fail, because those may be down.
read_inventory() {
    local source
    lightsail get-instance-snapshots > "$work/instance-snapshots.json" || stop "cannot read the snapshots in $region"
    lightsail get-disk-snapshots > "$work/disk-snapshots.json" || stop "cannot read the disk snapshots in $region"
    lightsail get-bundles --include-inactive > "$work/bundles.json" || stop "cannot read the bundles of $region"
    lightsail get-regions --include-availability-zones > "$work/regions.json" || stop "cannot read the Regions"
    read_restored
    echo '{}' > "$work/originals.json"
    make_plan
    for source in $(jq -r '[.entries[] | select(.action == "create" and .kind == "instance") | .region] | unique[]' \
        "$work/plan.json"); do
        if AWS_MAX_ATTEMPTS=2 aws lightsail get-instances --region "$source" --output json --cli-connect-timeout 5 \
            --cli-read-timeout 20 < /dev/null > "$work/source.json" 2> /dev/null; then
            jq -c --arg region "$source" --slurpfile found "$work/source.json" \
                '.[$region] = [$found[0].instances[] | select(.state.name == "running") | .name]' \
                "$work/originals.json" > "$work/next.json"
            mv "$work/next.json" "$work/originals.json"
        fi
    done
    quota=$(AWS_MAX_ATTEMPTS=1 aws service-quotas get-service-quota --region "$region" --service-code lightsail \
        --quota-code L-4259AF9B --query Quota.Value --output text --cli-connect-timeout 5 --cli-read-timeout 10 \
        < /dev/null 2> /dev/null) || quota=null
    [[ $quota =~ ^[0-9.]+$ ]] || quota=null
    make_plan
}

read_restored() {
    lightsail get-instances > "$work/instances.json" || stop "cannot read the instances in $region"
    lightsail get-disks > "$work/disks.json" || stop "cannot read the disks in $region"
}

# The plan: {zone, problems: [text], entries: [{kind, region, resource, name, snapshot, date, action, …}], others:
# [{name, from}] (snapshots that are no copies of a policy)}. Actions: create, finish (ours, incomplete), done (ours), other (somebody else's resource has the name), with (contained in an
# instance's copy), blocked.
make_plan() {
    jq -n --arg region "$region" --arg zone "$zone" --arg suffix "$suffix" --arg asOf "$as_of" \
        --argjson quota "${quota:-null}" --argjson names "$names" --argjson bundleMap "$bundle_map" \
        --slurpfile instanceSnapshots "$work/instance-snapshots.json" \
        --slurpfile diskSnapshots "$work/disk-snapshots.json" --slurpfile instances "$work/instances.json" \
        --slurpfile disks "$work/disks.json" --slurpfile bundles "$work/bundles.json" \
        --slurpfile regions "$work/regions.json" --slurpfile originals "$work/originals.json" \
        "$glob_program $plan_program" > "$work/plan.json"
}

# shellcheck disable=SC2016 # The dollar signs are jq's.
plan_program='
def tag($key): [(.tags // [])[] | select(.key == $key) | .value // ""] | first;
def is_selected:
    . as $copy | ($names | length) == 0 or any($names[]; . as $glob
        | (if $glob | contains("/") then "\($copy.region)/\($copy.resource)" else $copy.resource end)
        | matches_glob($glob));

# A copy that a policy made, whose tags may be missing: {region, resource, date}.
def origin_of($from):
    . as $snapshot
    | (tag("snapshot-copier:source") // "") as $source | tag("snapshot-copier:recovery-point") as $date
    | if $date != null and ($source | contains("/")) then
        ($source | capture("^(?<region>[^/]+)/(?<resource>.+)$")) + {date: $date}
      elif $from != null and (.name | startswith("\($from)-")) then
        (.name[($from | length) + 1:]
            | try capture("^(?<region>[a-z]{2}(-[a-z]+)+-[0-9]+)-(?<date>[0-9]{4}-[0-9]{2}-[0-9]{2})$") catch null
            // empty)
        | {region, date, resource: $from}
      else empty end;

# Firewall rules. The tags continue in ports-2, ports-3, …; no tag means that the rules are unknown.
def port_tokens:
    . as $snapshot | tag("snapshot-copier:ports") as $first
    | if $first == null then null
      else [$first, (label $out | range(2; 50) as $number
            | $snapshot | tag("snapshot-copier:ports-\($number)") // break $out)]
        | join(" ") | split(" ") | map(select(. != ""))
      end;
def port_infos:
    map(capture("^(?<protocol>[a-z0-9]+):(?<from>-?[0-9]+)(-(?<to>-?[0-9]+))?(@(?<range>.+))?$"))
    | group_by([.protocol, .from, .to]) | map({
        fromPort: (.[0].from | tonumber), toPort: (.[0].to // .[0].from | tonumber), protocol: .[0].protocol,
        cidrs: [.[] | if .range == null then "0.0.0.0/0" else .range | select(test("^[0-9.]+(/[0-9]+)?$")) end],
        ipv6Cidrs: [.[] | if .range == null then "::/0" else .range | select(contains(":")) end],
        cidrListAliases: [.[].range | select(. != null and (contains(":") or test("^[0-9.]+(/[0-9]+)?$") | not))]
    });

($bundles[0].bundles | map({key: .bundleId, value: .}) | from_entries) as $bundle
| ($instances[0].instances | map({key: .name, value: .}) | from_entries) as $instance
| ($disks[0].disks | map({key: .name, value: .}) | from_entries) as $disk
| ([$regions[0].regions[] | select(.name == $region) | .availabilityZones[] | select(.state == "available") | .zoneName])
    as $zones
| (now + 86400 | strftime("%Y-%m-%d")) as $tomorrow
| [
    ($instanceSnapshots[0].instanceSnapshots[] | . as $snapshot | origin_of(.fromInstanceName)
        + {kind: "instance", snapshot: $snapshot.name, state: $snapshot.state, created: $snapshot.createdAt,
            sizeInGb: $snapshot.sizeInGb, fromBundle: $snapshot.fromBundleId, tokens: ($snapshot | port_tokens),
            disks: [($snapshot.fromAttachedDisks // [])[] | select(.isSystemDisk != true)]}),
    ($diskSnapshots[0].diskSnapshots[] | . as $snapshot | origin_of(.fromDiskName)
        + {kind: "disk", snapshot: $snapshot.name, state: $snapshot.state, created: $snapshot.createdAt,
            sizeInGb: $snapshot.sizeInGb, disks: []})
  ] as $copies

# The bundle for a copy, or why there is none.
| def choose_bundle:
    . as $copy | ($bundleMap[.fromBundle] // .fromBundle) as $id | $bundle[$id] as $found
    | if $found != null and $found.isActive and $found.diskSizeInGb >= .sizeInGb then
        {bundle: $id, price: $found.price, vCpus: $found.cpuCount}
      else
        ($bundle[.fromBundle] // {instanceType: (.fromBundle | split("_")[0]), ramSizeInGb: 0, cpuCount: 0,
            supportedPlatforms: [if .fromBundle | contains("_win_") then "WINDOWS" else "LINUX_UNIX" end]}) as $old
        | ([$bundle[] | select(.isActive and .supportedPlatforms == $old.supportedPlatforms
                and .diskSizeInGb >= $copy.sizeInGb and .ramSizeInGb >= $old.ramSizeInGb
                and .cpuCount >= $old.cpuCount and (.publicIpv4AddressCount // 1) == ($old.publicIpv4AddressCount // 1)
                and ($old.price != null or .instanceType == $old.instanceType))]
            | min_by(.price)) as $near
        | (if $found != null and $found.isActive then "the disk of bundle \($id) is smaller than the copy (\(.sizeInGb) GB)"
            else "bundle \($id) is not available in \($region)" end)
        + (if $near == null then "" else "; try --bundle \(.fromBundle)=\($near.bundleId) (\($near.price) USD a month)" end)
        | {problem: .}
      end;

# The copy that a resource was made from. Of a copy that retention has deleted, only the name is left.
def used_copy($snapshot):
    .resource as $resource
    | ([$copies[] | select(.snapshot == $snapshot)] | first)
    // (({name: $snapshot} | origin_of($resource)) // {region: null, resource: null, date: "?"})
        + {snapshot: $snapshot, tokens: null, disks: []};

# Why a restore that has the name already is not the one that was asked for. Without --as-of, it may come from an older
# copy, because newer copies arrive between two runs.
def mismatch($used):
    .region as $from | .resource as $resource
    | if $used.region != $from or ($used.resource != $resource and all($used.disks[]; .name != $resource)) then
        "the name \(.name) is taken by the restore of "
        + (if $used.region == null then "the snapshot \($used.snapshot)" else "\($used.region)/\($used.resource)" end) + "; use --suffix"
      elif $asOf != "" and $used.snapshot != .snapshot then
        "\(.name) was made from \($used.snapshot), not from \(.snapshot); use another --suffix"
      else null end;

# What to do with a copy, from what has its name already.
def decide:
    ($instance[.name] // $disk[.name]) as $found
    | ($found // {} | tag("snapshot-copier:restored")) as $ours
    | if $found == null then
        if .kind == "disk" then . + {action: "create"}
        else choose_bundle as $choice | . + $choice
            | [.disks[].newName | select($disk[.] != null or $instance[.] != null)] as $taken
            | if .problem == null and ($taken | length) > 0 then
                .problem = "the name of its disk \($taken[0]) is in use; use --suffix" else . end
            | .action = (if .problem == null then "create" else "blocked" end)
        end
      elif $ours == null or ($disk[.name] != null) != (.kind == "disk") then . + {action: "other"}
      else
        . as $entry | used_copy($ours) as $used
        | . + {snapshot: $used.snapshot, date: $used.date, tokens: $used.tokens, bundle: $found.bundleId,
            address: $found.publicIpAddress, state: ($found.state.name? // $found.state),
            newer: (if .date > $used.date then .date else null end), problem: mismatch($used),
            setPorts: (.kind == "instance" and $used.tokens != null
                and ($found | tag("snapshot-copier:ports-set")) == null),
            tagDisks: [$disk[] | select(.attachedTo == $entry.name and .isSystemDisk != true
                and tag("snapshot-copier:restored") == null) | .name]}
        | .action = (if .problem != null then "blocked" elif .setPorts or (.tagDisks | length) > 0 or .state == "pending" then "finish" else "done" end)
      end;

[$copies[] | select(is_selected and .date <= $tomorrow)] | group_by([.region, .resource, .kind])
| map(
    . as $all | [.[] | select(.state == "available" or .state == "completed")] as $available
    | [$available[] | select($asOf == "" or .date <= $asOf)] | max_by([.date, .created]) as $copy
    | if $copy == null then
        $all[0] + {name: ($all[0].resource + $suffix), action: "blocked", snapshot: null, date: null, disks: [],
            problem: (if ($available | length) > 0 then "no copy of \($asOf) or earlier; the oldest is of \([$available[].date] | min)"
                else "no available copy (\([$all[].state] | group_by(.) | map("\(length) \(.[0])") | join(", ")))" end)}
      else
        $copy + {name: ($copy.resource + $suffix)}
        | .name as $name
        | .disks = [.disks | to_entries[] | .value
            + {newName: ((.value.name // "\($name)-disk-\(.key + 1)") + (if .value.name then $suffix else "" end))}]
      end)
| ([.[] | select(.kind == "instance") | .region as $from | .disks[] | {key: "\($from)/\(.name)", value: true}]
    | from_entries) as $contained
| map(if .kind == "disk" and $contained["\(.region)/\(.resource)"] then . + {action: "with"}
    elif .action == "blocked" then . else decide end)
| ([.[] | select(.action != "with")] | group_by(.name) | map(select(length > 1)[].name) | unique) as $twice
| map(if .action != "with" and (.name as $name | any($twice[]; . == $name)) then
        . + {action: "blocked", problem: ("several sources have this name; restore one at a time,"
            + " and all but one with a --suffix: --name \(.region)/\(.resource)")}
    else . end
    | . + {isRunning: (.action == "create" and .kind == "instance"
            and (.resource as $resource | any(($originals[0][.region] // [])[]; . == $resource)))})
| sort_by(.name) as $entries
| ([$copies[] | select(.date <= $tomorrow) | {key: .snapshot, value: true}] | from_entries) as $known
| ([$entries[] | select(.action == "create" and .kind == "instance")]) as $new
| {
    zone: (if $zone == "" then $zones[0] else $zone end),
    quota: $quota,
    entries: [$entries[] | .ports = (if .tokens == null then null else .tokens | port_infos end)],
    others: [($instanceSnapshots[0].instanceSnapshots[] | {name, from: .fromInstanceName}),
        ($diskSnapshots[0].diskSnapshots[] | {name, from: .fromDiskName})
        | select($known[.name] | not)
        | select((.from // "") as $from
            | ($names | length) == 0 or any($names[]; . as $glob | $from | matches_glob($glob | sub("^.*/"; ""))))],
    problems: [
        (if ($zones | length) == 0 then "\($region) is not a Region of Lightsail, or none of its zones is available"
         elif $zone != "" and all($zones[]; . != $zone) then "\($zone) is not an available zone of \($region): \($zones | join(", "))"
         else empty end),
        ($names[] | . as $glob | select(any($copies[];
            (if $glob | contains("/") then "\(.region)/\(.resource)" else .resource end) | matches_glob($glob)) | not)
            | "no copy of \(.) in \($region)")
    ],
    warnings: [
        ([$instance[].hardware.cpuCount // 2] | add // 0) as $usedCpus | ([$new[].vCpus] | add // 0) as $newCpus
        | ($quota // 20) as $limit
        | if ($new | length) > 0 and (($instance | length) + ($new | length) > $limit or $usedCpus + $newCpus > $limit) then
            "quota: \(if $quota == null then "it could not be read; the default is 20" else "it is \($quota)" end)."
            + " There would be \(($instance | length) + ($new | length)) instances with \($usedCpus + $newCpus) vCPUs."
            + " Ask for more in the console: Service Quotas, Lightsail, Instances (it counts vCPUs)"
          else empty end
    ]
  }
'

print_plan() {
    jq -r --arg region "$region" '
        def first_few: .[:3] + (if length > 3 then ["…"] else [] end) | join(", ");
        def fill($width): . as $text | if length >= $width then . else $text + " " * ($width - length) end;
        ([.entries[].name | length] | max // 0) as $width
        | ([.problems[], .warnings[]] + [.entries[] | select(.problem) | "\(.region)/\(.resource): \(.problem)"]
            + [.entries[] | select(.action == "create" and .kind == "instance" and .tokens == null)
                | "\(.name): its firewall rules are unknown, because the copy has no tag snapshot-copier:ports; it gets the default ports"]
            + [.entries[] | select(.isRunning)
                | "\(.name): the original, \(.region)/\(.resource), still runs; two servers would send mail and run jobs"]) as $notes
        | (if ($notes | length) > 0 then "Problems", ($notes[] | "  \(.)"), "" else empty end),
        "Plan for \($region), zone \(.zone)",
        (.entries[] | select(.action != "blocked")
            | "  \({create: "create", finish: "finish", done: "done", other: "skip", with: "with"}[.action] | fill(6)) "
            + (.name | fill($width)) + " "
            + if .action == "other" then " the name belongs to another resource, which stays as it is"
              elif .action == "with" then " the disk comes with the copy of the instance that it was attached to"
              else " \(.date) \(.snapshot)"
                + (if .action != "create" then "" elif .kind == "disk" then "  disk \(.sizeInGb) GB"
                    else "  \(.bundle) \(.price) USD a month"
                        + "  disks: \(if (.disks | length) == 0 then "none" else [.disks[] | "\(.newName) \(.sizeInGb) GB"] | join(", ") end)"
                        + "  ports: \(if .tokens == null then "default" elif .tokens == [] then "none" else .tokens | join(" ") end)" end)
                + (if .action == "finish" then "  to do: \([if .state == "pending" then "wait" else empty end,
                        if .setPorts then "ports" else empty end, if (.tagDisks | length) > 0 then "disk tags" else empty end]
                        | join(", "))" else "" end)
                + (if .newer then "  a newer copy is of \(.newer)" else "" end)
              end),
        (.others | select(length > 0)
            | "  \(length) other snapshot\(if length == 1 then "" else "s" end) of \([.[].from // "unknown sources"] | unique | first_few)"
            + " \(if length == 1 then "is" else "are" end) not restored by this script: \([.[].name] | first_few)"),
        ([.entries[] | select(.action == "create" and .kind == "instance")]
            | "", "\(length) instances to create: \([.[].price] | add // 0) USD a month, without disks and transfer.")
        ' "$work/plan.json"
}

# Entries of the plan as lines of JSON.
entries() {
    jq -c ".entries[] | select($1)" "$work/plan.json"
}

value() {
    jq -r ".$1" <<< "$entry"
}

failures=0
failed() {
    echo "failed: $1: $2" >&2
    failures=$((failures + 1))
}

# Runs a call that changes something. Lightsail may accept it and report a failed operation.
change() {
    local what=$1 answer error
    shift
    if ! answer=$(lightsail "$@" 2> "$work/error"); then
        failed "$what" "$(tr -s '\n' ' ' < "$work/error")"
        return 1
    fi
    error=$(jq -r '[.operations[]?, .operation?] | map(select(.status? == "Failed"))
        | map("\(.errorCode): \(.errorDetails)") | join("; ")' <<< "$answer")
    [ -z "$error" ] || failed "$what" "$error"
    [ -z "$error" ]
}

# Leaves out the servers whose originals still run, unless the answer is yes.
ask_about_originals() {
    local originals answer=''
    originals=$(jq -r '[.entries[] | select(.isRunning) | "\(.region)/\(.resource)"] | join(" ")' "$work/plan.json")
    [ -n "$originals" ] || return 0
    echo
    printf 'These originals still run: %s\nCreate second servers? [y/N] ' "$originals"
    if ! read -r answer && [ -z "$answer" ]; then
        echo
        failed "$originals" "the originals still run, and nobody answered the question"
    fi
    case $answer in
        y | Y | yes | Yes) return 0 ;;
    esac
    jq -c '.entries |= map(if .isRunning then .action = "declined" else . end)' "$work/plan.json" > "$work/next.json"
    mv "$work/next.json" "$work/plan.json"
}

restored_tag() {
    jq -cn --arg snapshot "$1" '[{key: "snapshot-copier:restored", value: $snapshot}]'
}

create_all() {
    local entry name mapping arguments
    zone=$(jq -r .zone "$work/plan.json")
    while read -r entry; do
        name=$(value name)
        arguments=(--availability-zone "$zone" --tags "$(restored_tag "$(value snapshot)")")
        if [ "$(value kind)" = disk ]; then
            change "$name" create-disk-from-snapshot --disk-name "$name" --disk-snapshot-name "$(value snapshot)" \
                --size-in-gb "$(value sizeInGb)" "${arguments[@]}" || continue
        else
            mapping=$(jq -c '{(.name): [.disks[] | {originalDiskPath: .path, newDiskName: .newName}]}' <<< "$entry")
            [ "$(jq '.disks | length' <<< "$entry")" = 0 ] || arguments+=(--attached-disk-mapping "$mapping")
            change "$name" create-instances-from-snapshot --instance-names "$name" \
                --instance-snapshot-name "$(value snapshot)" --bundle-id "$(value bundle)" "${arguments[@]}" || continue
        fi
        echo "created $name"
        echo "$entry" >> "$work/created"
    done < <(entries '.action == "create"')
}

# Waits until everything that was created, now or by an earlier run, is ready. A new resource may be missing in the
# lists for some seconds.
wait_until_ready() {
    local deadline=$((SECONDS + 1200)) waiting
    echo "waiting until all of them run"
    while true; do
        read_restored
        waiting=$(jq -rn --slurpfile awaited "$work/awaited" --slurpfile instances "$work/instances.json" \
            --slurpfile disks "$work/disks.json" '
            ([$instances[0].instances[] | {key: .name, value: .state.name}, ($disks[0].disks[] | {key: .name, value: .state})]
                | from_entries) as $state
            | [$awaited[] | .name | select(($state[.] // "pending") == "pending")] | join(" ")')
        [ -n "$waiting" ] || return 0
        if [ "$SECONDS" -ge "$deadline" ]; then
            failed "$waiting" "not running after 20 minutes; run this script again later"
            return 0
        fi
        sleep 5
    done
}

# Sets firewalls and tags disks, of what was created now and of what an earlier run left incomplete. A firewall is set
# only once, because its owner may have changed it since.
finish_all() {
    local entry name disk
    read_restored
    make_plan
    while read -r entry; do
        name=$(value name)
        if [ "$(value state)" = pending ]; then
            continue
        fi
        if [ "$(value setPorts)" = true ] &&
            change "$name" put-instance-public-ports --instance-name "$name" --port-infos "$(jq -c .ports <<< "$entry")"; then
            change "$name" tag-resource --resource-name "$name" --tags key=snapshot-copier:ports-set,value=true || true
        fi
        for disk in $(jq -r '.tagDisks[]' <<< "$entry"); do
            change "$disk" tag-resource --resource-name "$disk" --tags "$(restored_tag "$(value snapshot)")" || true
        done
    done < <(entries '.action == "finish"')
}

print_restored() {
    read_restored
    make_plan
    jq -r --arg region "$region" '[.entries[] | select(.action == "done" or .action == "finish")] | select(length > 0)
        | "", "Restored in \($region)", (.[]
        | "  \(.name)  \(.state)  \(if .kind == "instance" then .address // "no address" else "disk" end)  from \(.snapshot)",
        if .kind == "disk" and .state == "available" then
            "    attach it: aws lightsail attach-disk --region \($region) --disk-name \(.name) --instance-name NAME"
            + " --disk-path /dev/xvdf" else empty end)' \
        "$work/plan.json"
}

main() {
    local tool
    for tool in aws jq; do
        command -v "$tool" > /dev/null || stop "$tool is not installed"
    done
    read_arguments "$@"
    export AWS_PAGER=
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    touch "$work/created"

    read_inventory
    print_plan
    failures=$(jq '(.problems | length) + ([.entries[] | select(.action == "blocked")] | length)' "$work/plan.json")
    if [ "$(jq '.entries | length' "$work/plan.json")" = 0 ]; then
        stop "there is nothing to restore"
    fi
    if ! $yes; then
        echo "Nothing was changed. Add --yes to carry this out."
    elif [ "$(jq '.problems | length' "$work/plan.json")" != 0 ]; then
        echo "Nothing was changed, because of the problems at the top."
    else
        ask_about_originals
        create_all
        { cat "$work/created" && entries '.action == "finish"'; } > "$work/awaited"
        if [ -s "$work/awaited" ]; then
            wait_until_ready
            finish_all
        fi
        print_restored
    fi
    [ "$failures" = 0 ] || exit 1
}

main "$@"
