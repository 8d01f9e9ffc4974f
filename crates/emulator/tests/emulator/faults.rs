//! Faults, seen by a client on a socket and, on paused time, by one in this process.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use lightsail_emulator::Operation::*;
use lightsail_emulator::{
    Answered, Dropped, Emulator, Fault, Region, Running, SnapshotState, StatusCode, World,
};
use serde_json::json;

use crate::support::{InProcess, Seen, Signer, exchange};

const COPY: &str = r#"{ "sourceRegion": "us-west-2", "sourceResourceName": "WordPress-1",
    "useLatestRestorableAutoSnapshot": true, "targetSnapshotName": "Copy-1" }"#;

/// An emulator on a socket.
async fn start() -> (Emulator, Running) {
    let emulator = Emulator::new(World::demo());
    let running = emulator.clone().start().await.unwrap();
    (emulator, running)
}

/// Sends CopySnapshot with this fault. Returns what the client saw, and whether the copy exists.
async fn copy_with(fault: Fault) -> (Seen, bool) {
    let (emulator, running) = start().await;
    emulator.fault_next(CopySnapshot, 1, fault);
    let seen = exchange(&running.url(), "us-east-1", "CopySnapshot", COPY).await;
    let made = emulator.snapshot(Region::UsEast1, "Copy-1").is_some();
    (seen, made)
}

#[tokio::test]
async fn without_a_fault_there_is_an_answer() {
    let (seen, made) = copy_with(Fault::None).await;
    let Seen::Answer(200, content_type, body) = seen else {
        panic!("{seen:?}");
    };
    assert_eq!(content_type, "application/x-amz-json-1.1");
    assert!(body.starts_with(r#"{"operations":[{"#), "{body}");
    assert!(made);
}

#[tokio::test]
async fn a_call_can_be_throttled_or_fail() {
    for (fault, status, code) in [
        (Fault::throttled(), 400, "ThrottlingException"),
        (Fault::internal(), 500, "ServiceException"),
    ] {
        let (seen, made) = copy_with(fault).await;
        let Seen::Answer(seen_status, _, body) = seen else {
            panic!("{seen:?}");
        };
        assert_eq!(seen_status, status);
        assert!(
            body.starts_with(&format!(r#"{{"__type":"{code}","#)),
            "{body}"
        );
        assert!(!made);
    }
}

#[tokio::test]
async fn an_answer_can_be_anything() {
    let fault = Fault::answer(StatusCode::BAD_GATEWAY, "text/html", "<h1>Bad Gateway</h1>");
    let (seen, made) = copy_with(fault).await;
    let Seen::Answer(502, content_type, body) = seen else {
        panic!("{seen:?}");
    };
    assert_eq!(
        (content_type.as_str(), body.as_str()),
        ("text/html", "<h1>Bad Gateway</h1>")
    );
    assert!(!made);
}

#[tokio::test]
async fn an_answer_can_get_lost() {
    let (seen, made) = copy_with(Fault::LoseAnswer).await;
    assert!(matches!(seen, Seen::Nothing), "{seen:?}");
    assert!(made);
}

#[tokio::test]
async fn a_request_can_get_lost() {
    let (seen, made) = copy_with(Fault::Drop).await;
    assert!(matches!(seen, Seen::Nothing), "{seen:?}");
    assert!(!made);
}

#[tokio::test]
async fn an_answer_can_be_garbled() {
    let (seen, made) = copy_with(Fault::GarbledAnswer).await;
    let Seen::Answer(200, _, body) = seen else {
        panic!("{seen:?}");
    };
    assert!(serde_json::from_str::<serde_json::Value>(&body).is_err());
    assert!(made);
}

#[tokio::test]
async fn a_copy_can_fail_later() {
    let (seen, made) = copy_with(Fault::CopyFails).await;
    assert!(matches!(seen, Seen::Answer(200, ..)), "{seen:?}");
    assert!(made);
}

#[tokio::test]
async fn an_answer_can_be_delayed() {
    let wait = Duration::from_millis(200);
    let start = std::time::Instant::now();
    let (seen, made) = copy_with(Fault::None.after(wait)).await;
    assert!(matches!(seen, Seen::Answer(200, ..)), "{seen:?}");
    assert!(made && start.elapsed() >= wait);
}

#[tokio::test]
async fn a_hanging_call_ends_when_its_client_disconnects() {
    let (emulator, running) = start().await;
    emulator.fault_next(CopySnapshot, 2, Fault::Hang);
    let url = running.url();
    for _ in 0..2 {
        let call = exchange(&url, "us-east-1", "CopySnapshot", COPY);
        tokio::time::timeout(Duration::from_millis(100), call)
            .await
            .unwrap_err();
        // The server needs a moment to notice that the connection is closed.
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(emulator.call_count(), 2);
    assert_eq!(emulator.peak_in_flight(Region::UsEast1), 1);
    assert_eq!(emulator.snapshot(Region::UsEast1, "Copy-1"), None);
}

#[tokio::test]
async fn the_server_stops_when_it_is_dropped() {
    let (_, running) = start().await;
    let url = running.url();
    drop(running);
    tokio::time::sleep(Duration::from_millis(50)).await;
    let host = url.strip_prefix("http://").unwrap();
    tokio::net::TcpStream::connect(host).await.unwrap_err();
}

#[tokio::test]
async fn a_hook_chooses_the_fault_of_each_call() {
    let lightsail = InProcess::of(World::demo());
    let emulator = lightsail.emulator.clone();
    lightsail.emulator.on_call(move |call| {
        // A hook may inspect its emulator.
        assert_eq!(emulator.call_count(), call.number);
        match call.operation {
            GetInstances if call.number % 2 == 1 => Fault::throttled(),
            CopySnapshot if call.body["targetSnapshotName"] == "Bad-1" => Fault::CopyFails,
            _ => Fault::None,
        }
    });
    let refused = lightsail
        .refusal(Region::UsWest2, GetInstances, json!({}))
        .await;
    assert_eq!(refused.code, "ThrottlingException");
    lightsail
        .call(Region::UsWest2, GetInstances, json!({}))
        .await
        .unwrap();
    for target in ["Bad-1", "Good-1"] {
        let body = json!({ "sourceRegion": "us-west-2", "sourceResourceName": "Data-1",
            "useLatestRestorableAutoSnapshot": true, "targetSnapshotName": target });
        lightsail
            .call(Region::UsEast1, CopySnapshot, body)
            .await
            .unwrap();
    }
    lightsail.advance(jiff::SignedDuration::from_mins(1));
    let states = ["Bad-1", "Good-1"].map(|name| {
        lightsail
            .emulator
            .snapshot(Region::UsEast1, name)
            .unwrap()
            .state
    });
    assert_eq!(states, [SnapshotState::Error, SnapshotState::Available]);

    let numbers: Vec<_> = lightsail
        .emulator
        .take_calls()
        .iter()
        .map(|call| call.number)
        .collect();
    assert_eq!(numbers, [1, 2, 3, 4]);
    assert_eq!(lightsail.emulator.calls(), []);
    lightsail.emulator.record_calls(false);
    lightsail
        .call(Region::UsWest2, GetDisks, json!({}))
        .await
        .unwrap();
    assert_eq!(lightsail.emulator.calls(), []);
    assert_eq!(lightsail.emulator.call_count(), 5);
}

#[tokio::test]
async fn queued_faults_apply_in_order_and_before_the_hook() {
    let lightsail = InProcess::of(World::demo());
    lightsail.emulator.on_call(|_| Fault::internal());
    lightsail
        .emulator
        .fault_next(GetDisks, 2, Fault::throttled());
    lightsail.emulator.fault_next(GetDisks, 1, Fault::None);
    lightsail
        .emulator
        .fault_next_in(Region::UsEast1, GetDisks, 1, Fault::None);
    let mut codes = Vec::new();
    for _ in 0..4 {
        let answer = lightsail.call(Region::UsWest2, GetDisks, json!({})).await;
        codes.push(answer.err().map(|refused| refused.code));
    }
    let codes: Vec<_> = codes
        .iter()
        .map(|code| code.as_deref().unwrap_or("none"))
        .collect();
    assert_eq!(
        codes,
        [
            "ThrottlingException",
            "ThrottlingException",
            "none",
            "ServiceException"
        ]
    );
    lightsail
        .call(Region::UsEast1, GetDisks, json!({}))
        .await
        .unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_delay_uses_tokios_time() {
    let lightsail = Arc::new(InProcess::of(World::demo()));
    lightsail
        .emulator
        .on_call(|_| Fault::None.after(Duration::from_secs(3600)));
    let start = tokio::time::Instant::now();
    let calls: Vec<_> = (0..5)
        .map(|_| {
            let lightsail = Arc::clone(&lightsail);
            tokio::spawn(async move { lightsail.call(Region::UsWest2, GetDisks, json!({})).await })
        })
        .collect();
    for call in calls {
        call.await.unwrap().unwrap();
    }
    assert_eq!(start.elapsed().as_secs(), 3600);
    assert_eq!(lightsail.emulator.peak_in_flight(Region::UsWest2), 5);
    assert_eq!(lightsail.emulator.peak_in_flight(Region::UsEast1), 0);
}

#[tokio::test]
async fn the_observer_is_told_how_each_request_ended() {
    let lightsail = InProcess::of(World::demo());
    let seen = Arc::new(Mutex::new(Vec::<Answered>::new()));
    let log = Arc::clone(&seen);
    lightsail
        .emulator
        .on_answer(move |answered| log.lock().unwrap().push(answered.clone()));
    lightsail
        .call(Region::UsWest2, GetDisks, json!({}))
        .await
        .unwrap();
    lightsail.emulator.fault_next(GetDisks, 1, Fault::Drop);
    let request =
        Signer::new("us-west-2", lightsail.now()).request("127.0.0.1:1", "GetDisks", "{}");
    assert_eq!(lightsail.emulator.call(request).await.unwrap_err(), Dropped);
    let request = http::Request::new(bytes::Bytes::new());
    lightsail.emulator.call(request).await.unwrap();
    let seen = seen.lock().unwrap();
    let ends: Vec<_> = seen
        .iter()
        .map(|one| {
            (
                one.region,
                one.operation,
                one.status.map(|status| status.as_u16()),
            )
        })
        .collect();
    let here = Some(Region::UsWest2);
    assert_eq!(
        ends,
        [
            (here, Some(GetDisks), Some(200)),
            (here, Some(GetDisks), None),
            (None, None, Some(400))
        ]
    );
    assert_eq!(
        seen[2].error.as_ref().unwrap().code,
        "MissingAuthenticationTokenException"
    );
}
