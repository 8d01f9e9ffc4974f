//! Removes what checks made, this one or earlier ones.

use std::collections::BTreeSet;
use std::time::Duration;

use lightsail_snapshot_copier::Region;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::Error;
use crate::calls::{Check, PREFIX, TAG, member};

/// Instances come first, because they cost most.
const KINDS: [&str; 4] = ["Instance", "Disk", "InstanceSnapshot", "DiskSnapshot"];
/// A pending copy may have to be waited for before it can be deleted.
const LONGEST: Duration = Duration::from_secs(1800);
const BETWEEN_ROUNDS: Duration = Duration::from_secs(5);
/// How long nothing may be found until nothing is left: lists can show a new copy late.
pub const QUIET: Duration = Duration::from_secs(60);

/// Deletes until nothing is found for as long as `quiet`, and returns how many things it deleted.
pub async fn remove(check: &Check, quiet: Duration) -> Result<usize, Error> {
    let started = Instant::now();
    let mut last_found = started;
    let mut removed = BTreeSet::new();
    loop {
        let (mut remain, mut refusal) = (0, String::new());
        for region in [check.from, check.to] {
            for kind in KINDS {
                for name in find(check, region, kind).await? {
                    remain += 1;
                    let call = match kind {
                        "Instance" => {
                            let request =
                                json!({ "instanceName": name, "forceDeleteAddOns": true });
                            check.call(region, "DeleteInstance", request).await
                        }
                        _ => check.delete(region, kind, &name).await,
                    };
                    match call.is_accepted() {
                        true => _ = removed.insert((region, name)),
                        false => refusal = format!("{kind} {name}: {}", call.summary()),
                    }
                }
            }
        }
        if remain > 0 {
            last_found = Instant::now();
        } else if last_found.elapsed() >= quiet {
            return Ok(removed.len());
        }
        if started.elapsed() > LONGEST {
            return Err(format!("{remain} things remain. {refusal}").into());
        }
        tokio::time::sleep(BETWEEN_ROUNDS).await;
    }
}

/// The names of what checks made. Others' resources could have the prefix, but not the tag as well. A new
/// copy has no tags, so the name of its source decides too.
async fn find(check: &Check, region: Region, kind: &str) -> Result<Vec<String>, Error> {
    let (mut found, mut token) = (Vec::new(), Value::Null);
    loop {
        let request = json!({ "pageToken": token });
        let page = check.need(region, &format!("Get{kind}s"), request).await?;
        let items = page.answer[format!("{}s", member(kind))].as_array();
        for item in items.ok_or("a list without items")? {
            let is_ours =
                |value: &Value| value.as_str().is_some_and(|name| name.starts_with(PREFIX));
            let has_tag = crate::tag_keys(item).contains(&TAG);
            let is_copy = is_ours(&item["fromDiskName"]) || is_ours(&item["fromInstanceName"]);
            if is_ours(&item["name"]) && (has_tag || is_copy) {
                found.extend(item["name"].as_str().map(str::to_owned));
            }
        }
        token = page.answer["nextPageToken"].clone();
        if token.is_null() {
            return Ok(found);
        }
    }
}
