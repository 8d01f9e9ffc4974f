//! The runs of a day: one run, two at once, or one that crashes.

use std::time::Duration;

use jiff::SignedDuration;
use lightsail_snapshot_copier::MassDeletion;

use super::Weeks;

impl Weeks {
    pub(super) async fn run_of_the_day(&mut self, seed: u64) -> Result<(), String> {
        let minute = self.rng.i64(361..1200);
        let today = self.clock.now();
        self.clock
            .wait_until(today + SignedDuration::from_mins(minute))
            .await;
        self.run_with_faults(seed).await
    }

    /// A run, or two at once, or one that crashes.
    pub(super) async fn run_with_faults(&mut self, seed: u64) -> Result<(), String> {
        match self.rng.u8(0..8) {
            0 => {
                self.log(|| "two runs at once".to_owned());
                self.counts.count("overlapping runs");
                // Each may delete as many copies as one alone.
                self.watch_run(MassDeletion::Allowed);
                let first = self.prepare(seed, Duration::ZERO);
                // Only the milliseconds of their marks tell apart two runs that start a drill at once.
                let second = self.prepare(seed + 1, Duration::from_millis(1));
                self.watch.lock().unwrap().overlap = true;
                let (one, two) = tokio::join!(first, second);
                self.watch.lock().unwrap().overlap = false;
                self.check_results(&one)?;
                self.check_results(&two)?;
            }
            1 => {
                let most_calls = self.drills.lock().unwrap().calls_before_crash();
                let number = self.emulator.call_count() + self.rng.u64(1..most_calls);
                self.watch.lock().unwrap().crash_at = Some(number);
                let crash = self.crash.clone();
                self.watch_run(self.mass_deletion);
                let run = self.prepare(seed, Duration::ZERO);
                let crashed = tokio::select! {
                    // Tokio's random order would not come from the seed.
                    biased;
                    () = crash.notified() => true,
                    _ = run => false,
                };
                self.watch.lock().unwrap().crash_at = None;
                if crashed {
                    self.log(|| "the run crashes".to_owned());
                    self.counts.count("crashes");
                    self.drills.lock().unwrap().crash(&self.emulator);
                }
            }
            _ => {
                let run = self.run(seed).await;
                self.check_results(&run)?;
            }
        }
        Ok(())
    }
}
