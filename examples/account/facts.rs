//! How each fact is asked. The same calls go to Lightsail and to the emulator, so that the answers can
//! be compared.

use std::time::Duration;

use jiff::Timestamp;
use lightsail_snapshot_copier::{
    CopyResult, CopySource, Deadline, NameOrigin, Outcome, Recorder, Region, RunEvent,
    SnapshotCopy, run_copies,
};
use serde_json::{Value, json};

use crate::calls::{Call, Check, TAG, member};
use crate::{Error, Options, tag_keys};

/// Regions that an account has to enable.
const OPT_IN: [&str; 4] = [
    "ap-east-1",
    "eu-south-2",
    "ap-southeast-3",
    "ap-southeast-5",
];
const NEEDS_TAG_RESOURCE: Option<&str> = Some("createWithTagsNeedsTagResource");
/// More than EC2 allows at once.
const MANY_COPIES: usize = 25;

pub async fn ask(check: &Check, options: &Options) -> Result<(), Error> {
    refusals(check).await?;
    let zones = zones(check).await?;
    let snapshot = disk(check, &zones[0]).await?;
    let copy = copies(check, "Disk", &snapshot).await?;
    if options.limit {
        copy_limit(check, &snapshot).await?;
    }
    restore_disk(check, &zones[1], &copy).await?;
    if options.instance
        && let Some((instance, snapshot)) = instance(check, &zones[0]).await?
    {
        let copy = copies(check, "Instance", &snapshot).await?;
        restore_instance(check, &zones[1], &copy).await?;
        add_on(check, &instance).await?;
    }
    Ok(())
}

fn tags() -> Value {
    json!([{ "key": TAG, "value": "1" }])
}

/// What needs no resource.
async fn refusals(check: &Check) -> Result<(), Error> {
    let missing = check.name("missing");
    let call = check.get(check.to, "DiskSnapshot", &missing).await;
    check.fact("a missing name", None, call.summary());
    let call = copy(check, &missing, "copy-of-missing").await;
    check.fact("a copy of a missing snapshot", None, call.summary());
    let mut answer = "all Regions are enabled here".to_owned();
    for region in OPT_IN {
        let call = check.get(region.parse()?, "DiskSnapshot", &missing).await;
        if call.status != Some(400) || call.answer["__type"] != "NotFoundException" {
            answer = call.summary();
            break;
        }
    }
    check.fact("a Region that is not enabled", None, answer);
    Ok(())
}

async fn copy(check: &Check, snapshot: &str, target: &str) -> Call {
    let request = json!({ "sourceRegion": check.from, "sourceSnapshotName": snapshot,
                          "targetSnapshotName": check.name(target) });
    check.call(check.to, "CopySnapshot", request).await
}

/// The first Availability Zone of both Regions.
async fn zones(check: &Check) -> Result<[String; 2], Error> {
    let request = json!({ "includeAvailabilityZones": true });
    let call = check.need(check.from, "GetRegions", request).await?;
    let regions = call.answer["regions"].as_array().into_iter().flatten();
    let with_zones: Vec<_> = regions
        .filter(|r| r["availabilityZones"][0].is_object())
        .collect();
    let lacks_a = |region: &&&Value| {
        let a = format!("{}a", region["name"].as_str().unwrap_or_default());
        let mut zones = region["availabilityZones"].as_array().into_iter().flatten();
        zones.all(|zone| zone["zoneName"] != a)
    };
    let lacking: Vec<_> = with_zones
        .iter()
        .filter(lacks_a)
        .filter_map(|r| r["name"].as_str())
        .collect();
    let answer = format!(
        "in all of {} Regions except [{}]",
        with_zones.len(),
        lacking.join(", ")
    );
    check.fact("{region}a exists", None, answer);
    Ok([check.from, check.to].map(|region| {
        let found = with_zones
            .iter()
            .find(|found| found["name"] == region.as_str());
        let zone = found.and_then(|found| found["availabilityZones"][0]["zoneName"].as_str());
        zone.map_or_else(|| format!("{region}a"), str::to_owned)
    }))
}

/// Creates a disk and its snapshot, and returns the snapshot's name.
async fn disk(check: &Check, zone: &str) -> Result<String, Error> {
    let (disk, snapshot, from) = (check.name("disk"), check.name("disk-snapshot"), check.from);
    let new = json!({ "diskName": disk, "availabilityZone": zone, "sizeInGb": 8, "tags": tags() });
    check.need(from, "CreateDisk", new).await?;
    check.ready(from, "Disk", &disk).await?;
    let new = |name: &str| json!({ "diskName": disk, "diskSnapshotName": name, "tags": tags() });
    let call = check.call(from, "CreateDiskSnapshot", new(&disk)).await;
    check.fact(
        "a name that another kind of resource has",
        None,
        call.summary(),
    );
    check
        .need(from, "CreateDiskSnapshot", new(&snapshot))
        .await?;
    let call = copy(check, &snapshot, "early-copy").await;
    check.fact("a copy of a pending snapshot", None, call.summary());
    check.ready(from, "DiskSnapshot", &snapshot).await?;
    Ok(snapshot)
}

/// Copies a snapshot twice, asks what can be asked of a copy, and returns the name of the one that
/// remains.
async fn copies(check: &Check, kind: &str, snapshot: &str) -> Result<String, Error> {
    let fact = |name, option, answer| check.fact(format!("{kind} copy: {name}"), option, answer);
    let snapshot_kind = format!("{kind}Snapshot");
    let [copy, second] =
        ["copy", "copy-2"].map(|what| check.name(&format!("{}-{what}", member(kind))));
    let (results, calls) = start_copies(check, snapshot, &[&copy, &second]).await?;
    if let Some(error) = results.into_iter().find_map(|result| result.error) {
        return Err(error.into());
    }
    fact("CopySnapshot answers", None, calls[0].summary());

    let start = check.log.len();
    let first = check
        .until(check.to, &snapshot_kind, &copy, Call::is_accepted)
        .await?;
    let looks = check.log.len() - start;
    fact(
        "found by look-up number",
        Some("copyInvisibleSeconds"),
        looks.to_string(),
    );
    let arn = first.item()[format!("from{kind}Arn")]
        .as_str()
        .unwrap_or_default();
    let region = match arn.split(':').nth(3) {
        Some(region) if region == check.from.as_str() => "source",
        Some(region) if region == check.to.as_str() => "destination",
        _ => arn,
    };
    fact(
        "the Region in its source ARN",
        Some("copyArnRegion"),
        region.to_owned(),
    );
    let source = check.get(check.from, &snapshot_kind, snapshot).await;
    let is_own = first.item()["createdAt"] != source.item()["createdAt"];
    let created = if is_own { "its own" } else { "its source's" };
    fact("createdAt", Some("copyCreatedAt"), created.to_owned());
    fact(
        "tags, of a tagged snapshot",
        None,
        format!("{:?}", tag_keys(first.item())),
    );

    let request =
        json!({ "resourceName": copy, "tags": [{ "key": "set-while-pending", "value": "1" }] });
    let call = check.call(check.to, "TagResource", request).await;
    let answer = format!("{}: {}", first.state(), call.summary());
    fact("tagged while", Some("pendingCopyCanBeTagged"), answer);
    let before = check.get(check.to, &snapshot_kind, &second).await;
    let call = check.delete(check.to, &snapshot_kind, &second).await;
    let answer = format!("{}: {}", before.state(), call.summary());
    fact("deleted while", Some("pendingCopyCanBeDeleted"), answer);
    let (results, calls) = start_copies(check, snapshot, &[&copy]).await?;
    let says = results.first().map(|result| result.outcome);
    fact(
        "its name again",
        None,
        format!("{}; the function says {says:?}", calls[0].summary()),
    );

    let available = check.ready(check.to, &snapshot_kind, &copy).await?;
    fact(
        "tags when it is available",
        None,
        format!("{:?}", tag_keys(available.item())),
    );
    Ok(copy)
}

/// Starts copies with the function's own code. Returns its results, and its calls of CopySnapshot.
async fn start_copies(
    check: &Check,
    snapshot: &str,
    targets: &[&str],
) -> Result<(Vec<CopyResult>, Vec<Call>), Error> {
    let event_time = Timestamp::now();
    let copy = |target: &&str| {
        Ok(SnapshotCopy {
            source_region: check.from,
            source: CopySource::Manual {
                snapshot: snapshot.into(),
            },
            destination: check.to,
            target: target.parse()?,
            name_origin: NameOrigin::Requested { event_time },
        })
    };
    let copies = targets
        .iter()
        .map(copy)
        .collect::<Result<Vec<_>, Error>>()?;
    let start = check.log.len();
    let recorder = Recorder::new(&|_| ());
    let deadline = Deadline::for_copies(Duration::from_secs(30));
    run_copies(&check.lightsail, copies, false, deadline, &recorder).await;
    let results = recorder
        .into_events()
        .into_iter()
        .filter_map(RunEvent::try_as_copy_result);
    let mut calls = check.log.since(start);
    calls.retain(|call| call.operation == "CopySnapshot");
    match calls.is_empty() {
        true => Err("the function did not call CopySnapshot".into()),
        false => Ok((results.collect(), calls)),
    }
}

async fn copy_limit(check: &Check, snapshot: &str) -> Result<(), Error> {
    let names: Vec<_> = (1..=MANY_COPIES)
        .map(|n| check.name(&format!("many-{n}")))
        .collect();
    let targets: Vec<_> = names.iter().map(String::as_str).collect();
    let (results, calls) = start_copies(check, snapshot, &targets).await?;
    let refused = calls.iter().find(|call| !call.is_accepted());
    let refused = refused.map_or_else(|| "no refusal".to_owned(), Call::summary);
    let started = results
        .iter()
        .filter(|result| result.outcome == Outcome::Started)
        .count();
    let kind = results
        .iter()
        .find_map(|result| Some(result.error.as_ref()?.kind));
    let answer =
        format!("{started} of {MANY_COPIES} started; {refused}; the function says {kind:?}");
    check.fact(
        "the limit of copies in progress",
        Some("copyLimitWording"),
        answer,
    );
    Ok(())
}

/// Creates a disk from a copy, and deletes the copy meanwhile.
async fn restore_disk(check: &Check, zone: &str, copy: &str) -> Result<(), Error> {
    let disk = check.name("restored-disk");
    let new = json!({ "diskName": disk, "diskSnapshotName": copy, "availabilityZone": zone,
                      "sizeInGb": 8, "tags": tags() });
    check.need(check.to, "CreateDiskFromSnapshot", new).await?;
    delete_in_use(check, "Disk", &disk, copy).await?;
    Ok(())
}

async fn delete_in_use(check: &Check, kind: &str, made: &str, copy: &str) -> Result<Call, Error> {
    let before = check.get(check.to, kind, made).await;
    let call = check
        .delete(check.to, &format!("{kind}Snapshot"), copy)
        .await;
    let answer = format!("{}: {}", before.state(), call.summary());
    let name = format!("{kind}: its snapshot deleted while it is");
    check.fact(name, Some("snapshotInUseCanBeDeleted"), answer);
    let after = check.ready(check.to, kind, made).await?;
    check.fact(
        format!("{kind}: its state after that"),
        None,
        after.state().to_owned(),
    );
    Ok(after)
}

/// Creates the smallest instance and its snapshot, and returns their names. A role that may not tag
/// instances gets a refusal, which is an answer.
async fn instance(check: &Check, zone: &str) -> Result<Option<(String, String)>, Error> {
    let (instance, snapshot) = (check.name("instance"), check.name("instance-snapshot"));
    let from = check.from;
    let new = json!({ "instanceNames": [instance], "availabilityZone": zone, "tags": tags(),
                      "blueprintId": "amazon_linux_2023", "bundleId": smallest(check, from).await? });
    let call = check.call(from, "CreateInstances", new).await;
    check.fact(
        "Instance: created with tags",
        NEEDS_TAG_RESOURCE,
        call.summary(),
    );
    if !call.is_accepted() {
        return Ok(None);
    }
    check.ready(from, "Instance", &instance).await?;
    let new = json!({ "instanceName": instance, "instanceSnapshotName": snapshot, "tags": tags() });
    check.need(from, "CreateInstanceSnapshot", new).await?;
    check.ready(from, "InstanceSnapshot", &snapshot).await?;
    Ok(Some((instance, snapshot)))
}

/// The cheapest bundle for Linux with an IPv4 address.
async fn smallest(check: &Check, region: Region) -> Result<String, Error> {
    let call = check.need(region, "GetBundles", json!({})).await?;
    let bundles = call.answer["bundles"].as_array().into_iter().flatten();
    let fits = bundles.filter(|bundle| {
        bundle["supportedPlatforms"][0] == "LINUX_UNIX"
            && bundle["isActive"] == true
            && bundle["publicIpv4AddressCount"] != 0
    });
    let price = |bundle: &&Value| bundle["price"].as_f64().unwrap_or(f64::MAX);
    let cheapest = fits.min_by(|a, b| price(a).total_cmp(&price(b)));
    let id = cheapest.and_then(|bundle| bundle["bundleId"].as_str());
    Ok(id.ok_or("the Region has no bundle for Linux")?.to_owned())
}

/// Creates an instance from a copy with tags, if that is allowed, and deletes the copy meanwhile.
async fn restore_instance(check: &Check, zone: &str, copy: &str) -> Result<(), Error> {
    let name = check.name("restored-instance");
    let new = json!({ "instanceNames": [name], "instanceSnapshotName": copy, "availabilityZone": zone,
                      "bundleId": smallest(check, check.to).await?, "tags": tags() });
    let call = check
        .call(check.to, "CreateInstancesFromSnapshot", new)
        .await;
    check.fact(
        "Instance: created from a copy, with tags",
        NEEDS_TAG_RESOURCE,
        call.summary(),
    );
    if call.is_accepted() {
        let made = delete_in_use(check, "Instance", &name, copy).await?;
        let ports = made.item()["networking"]["ports"]
            .as_array()
            .into_iter()
            .flatten();
        let ports: Vec<_> = ports.map(|port| port["fromPort"].to_string()).collect();
        check.fact("Instance: its open ports", None, ports.join(", "));
        check.fact(
            "Instance: its tags",
            None,
            format!("{:?}", tag_keys(made.item())),
        );
    }
    Ok(())
}

async fn add_on(check: &Check, instance: &str) -> Result<(), Error> {
    let request =
        json!({ "resourceName": instance, "addOnRequest": { "addOnType": "AutoSnapshot" } });
    check.need(check.from, "EnableAddOn", request).await?;
    let is_on = |call: &Call| call.item()["addOns"][0]["status"] == "Enabled";
    check.until(check.from, "Instance", instance, is_on).await?;
    let call = check.delete(check.from, "Instance", instance).await;
    check.fact(
        "Instance: deleted with an add-on",
        Some("addOnsBlockDeletion"),
        call.summary(),
    );
    Ok(())
}
