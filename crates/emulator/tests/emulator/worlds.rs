//! Reading a world, and names of Regions.

use jiff::civil::date;
use jiff::{SignedDuration, Timestamp};
use lightsail_emulator::world::{AutoSnapshotDate, Source};
use lightsail_emulator::{AutoSnapshotStatus, Region, World};

fn error(json: &str) -> String {
    World::from_json(json).unwrap_err().to_string()
}

#[test]
fn absent_members_have_their_defaults() {
    assert_eq!(World::from_json("{}").unwrap(), World::default());
    let world = World::from_json(
        r#"{"copySeconds":0.5,"copyLimit":3,"pageSize":2,"open":{"copyLimitWording":"quota"},"regions":{"us-west-2":{
            "instances":[{"name":"a","autoSnapshots":[{"date":"2026-11-22"}]}]}}}"#,
    )
    .unwrap();
    assert_eq!(world.copy_time, SignedDuration::from_millis(500));
    let instance = &world.regions[&Region::UsWest2].instances[0];
    let expected =
        Source::named("a").with_auto_snapshot(date(2026, 11, 22), AutoSnapshotStatus::Success);
    assert_eq!(instance, &expected);
}

#[test]
fn errors_have_a_path() {
    let in_region = |inside: &str| error(&format!(r#"{{"regions":{{"us-west-2":{{{inside}}}}}}}"#));
    for (found, expected) in [
        (error("{"), "EOF"),
        (error("{} {}"), "trailing characters"),
        (error(r#"{"regoins":{}}"#), "regoins: unknown field"),
        (
            error(r#"{"regions":{"us-west-9":{}}}"#),
            "regions.us-west-9: Lightsail has no Region \"us-west-9\"",
        ),
        (error(r#"{"pageSize":0}"#), "pageSize: must be at least 1"),
        (error(r#"{"copySeconds":-1}"#), "copySeconds: -1 is not"),
        (
            in_region(r#""instances":[{"name":"a","tag":{}}]"#),
            "regions.us-west-2.instances[0].tag: unknown field `tag`",
        ),
        (
            in_region(r#""instances":[{"name":""}]"#),
            "regions.us-west-2.instances[0].name: must not be empty",
        ),
        (
            in_region(r#""disks":[{"name":"a","autoSnapshots":[{"date":"2026-02-30"}]}]"#),
            "regions.us-west-2.disks[0].autoSnapshots[0].date: \"2026-02-30\" is neither",
        ),
        (
            in_region(r#""disks":[{"name":"a","autoSnapshots":[{"date":"today-x"}]}]"#),
            "no number of days",
        ),
        (
            in_region(r#""instances":[{"name":"a"}],"diskSnapshots":[{"name":"b"},{"name":"a"}]"#),
            "regions.us-west-2.diskSnapshots[1].name: us-west-2 already has a resource named \"a\"",
        ),
        (
            in_region(
                r#""instances":[{"name":"a","autoSnapshots":[{"date":"2026-11-22"},{"date":"2026-11-22"}]}]"#,
            ),
            "regions.us-west-2.instances[0].autoSnapshots[1].date: is used twice",
        ),
        (
            in_region(r#""disks":[{"name":"a","attachedTo":"b"}]"#),
            "regions.us-west-2.disks[0].attachedTo: the Region has no instance named \"b\"",
        ),
        (
            in_region(r#""disks":[{"name":"a","ports":[]}]"#),
            "regions.us-west-2.disks[0].ports: is only for instances",
        ),
        (
            in_region(r#""instances":[{"name":"a","attachedTo":"b"}]"#),
            "regions.us-west-2.instances[0].attachedTo: is only for disks",
        ),
        (
            in_region(r#""instances":[{"name":"a","bundleId":"huge"}]"#),
            "regions.us-west-2.instances[0].bundleId: unknown bundle \"huge\"",
        ),
        (
            in_region(
                r#""instances":[{"name":"a","blueprintId":"windows_server_2022","autoSnapshots":[]}]"#,
            ),
            "regions.us-west-2.instances[0].autoSnapshots: Lightsail makes no automatic",
        ),
        (
            in_region(r#""instanceSnapshots":[{"name":"a","state":"unknown"}]"#),
            "regions.us-west-2.instanceSnapshots[0].state: only disk snapshots",
        ),
        (
            in_region(r#""instances":[{"name":"a","ports":[{"toPort":1}]}]"#),
            "regions.us-west-2.instances[0].ports[0]",
        ),
        (
            in_region(r#""staticIps":["a"],"keyPairs":["a"]"#),
            "regions.us-west-2.keyPairs[0].name: us-west-2 already has",
        ),
        (
            error(r#"{"open":{"copyArnRegion":"here"}}"#),
            "open.copyArnRegion: unknown variant `here`",
        ),
    ] {
        assert!(found.contains(expected), "{found}");
    }
}

#[test]
fn the_demo_world_is_valid() {
    assert!(World::demo().regions.len() >= 2);
}

#[test]
fn dates_may_be_relative_to_today() {
    let now: Timestamp = "2026-03-01T00:30:00Z".parse().unwrap();
    for (text, expected) in [
        ("today", date(2026, 3, 1)),
        ("today-1", date(2026, 2, 28)),
        ("2019-09-25", date(2019, 9, 25)),
    ] {
        let read = AutoSnapshotDate::try_from(text.to_owned()).unwrap();
        assert_eq!(read.resolve(now), expected);
    }
}

#[test]
fn every_name_of_a_region_parses() {
    for &region in Region::ALL {
        assert_eq!(region.as_str().parse(), Ok(region));
        assert_eq!(serde_json::to_value(region).unwrap(), region.as_str());
    }
    for name in ["", "US-EAST-1", "us-east-1a", "us-gov-west-1"] {
        assert!(name.parse::<Region>().is_err(), "{name}");
    }
}
