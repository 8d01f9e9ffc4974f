//! A run of the deployed policy, as a schedule starts it.

use lightsail_emulator::{Region, World};
use serde_json::{Value, json};
use test_support::deployed::{Deployed, Outcome};
use test_support::in_process::stay_within_a_day;

use crate::BINARY;

const POLICY: &str = r#"{ "sources": [ { "region": "us-west-2" } ], "destinations": ["us-east-1", "eu-west-1"],
    "retention": { "keepLast": 1 } }"#;

/// Two sources, and one that has no automatic snapshots; a copy takes no time.
const WORLD: &str = r#"{ "copySeconds": 0, "regions": { "us-west-2": {
    "instances": [ { "name": "web", "autoSnapshots": [ { "date": "today" } ] }, { "name": "off" } ],
    "disks": [ { "name": "data", "autoSnapshots": [ { "date": "today" } ] } ] } } }"#;

#[tokio::test]
async fn a_schedule_runs_the_policy_of_the_environment() {
    stay_within_a_day();
    let world = World::from_json(WORLD).unwrap();
    let mut deployed = Deployed::with(BINARY, world, &[("COPY_POLICY", POLICY)]).await;
    let event = include_str!("../../events/schedule-scheduler.json");
    let event: Value = serde_json::from_str(event).unwrap();
    let invocation = deployed.send(&event).await;
    let answer = invocation.answer();
    assert_eq!(answer["summary"]["started"], 4);
    assert_eq!(answer["coverage"].as_array().unwrap().len(), 6);
    for (event, count) in [("copy_result", 4), ("coverage", 6), ("invocation", 1)] {
        assert_eq!(invocation.events(event).len(), count, "{event}");
    }
    let mut records = invocation.lines();
    records.retain(|line| line["_aws"] != Value::Null);
    let [record] = &records[..] else {
        panic!("{records:#?}")
    };
    let expected = (&json!("local"), &json!(1), &json!(4));
    let found = (
        &record["FunctionName"],
        &record["Runs"],
        &record["CopiesStarted"],
    );
    assert_eq!(found, expected);

    let answer = deployed.answer(&json!({})).await;
    assert_eq!(answer["summary"]["exists"], 4);
    assert_eq!(deployed.names_in(Region::UsEast1).len(), 2);
}
