//! Two runs of one policy at once.

use super::*;

/// Another run, which sets a tag of the copy of `web` just before this run makes its `nth` call of
/// this operation in us-east-1. That call then ends as `fault` says.
fn another_run_sets(
    function: &InProcess,
    tag: (&'static str, String),
    before: (Operation, usize),
    fault: Fault,
) {
    let emulator = function.emulator.clone();
    let (operation, nth) = before;
    let mut count = 0;
    function.emulator.on_call(move |call| {
        if call.operation != operation || call.region.as_str() != "us-east-1" {
            return Fault::None;
        }
        count += 1;
        if count != nth {
            return Fault::None;
        }
        set_tag(&emulator, tag.0, tag.1.clone());
        fault.clone()
    });
}

#[tokio::test(start_paused = true)]
async fn a_drill_that_another_run_starts_keeps_its_mark() {
    let create = Operation::CreateInstancesFromSnapshot;
    let refused = Fault::insufficient_capacity();
    let waiting = vec![outcome("drill-web-D", "waiting")];
    for (before, fault, expected) in [
        // After the plan, between mark and start, and while this run is refused.
        ((Operation::GetBundles, 1), Fault::None, vec![]),
        ((Operation::GetInstanceSnapshot, 2), Fault::None, vec![]),
        ((create, 1), refused, waiting),
    ] {
        let function = in_process(&json!({}), &json!({ "names": ["web"] }));
        let others = Timestamp::now() - 1.seconds();
        let tag = (DRILL_STARTED_TAG, others.to_string());
        another_run_sets(&function, tag, before, fault);
        let run = function.run().await;
        assert_eq!(outcomes(&run), expected, "{before:?}");
        assert_eq!(mark(&function), Some(others), "{before:?}");
        assert_eq!(instances(&function), [], "{before:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_drill_that_another_run_has_ended_does_not_fail() {
    let passed = format!("{} passed 7m", days_ago(0));
    for (instances, hours) in [(vec![], 4), (vec![existing(5)], 5)] {
        let function = in_process(
            &json!({ "instances": instances }),
            &json!({ "names": ["web"], "checks": [ { "port": 1 } ] }),
        );
        age_mark(&function, hours);
        // The snapshots of instances were read before.
        let before = (Operation::GetDiskSnapshots, 1);
        another_run_sets(
            &function,
            (DRILLED_TAG, passed.clone()),
            before,
            Fault::None,
        );
        let run = function.run().await;
        let waiting = outcome("drill-web-D", "waiting");
        assert_eq!(outcomes(&run), [waiting], "{instances:?}");
        assert!(run.result.is_ok(), "{instances:?}");
        assert_eq!(verdict(&function), Some(passed.clone()), "{instances:?}");
        function.pass(61);
        assert_eq!(self::instances(&function), [], "{instances:?}");
    }
}
