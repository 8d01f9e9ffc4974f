//! The days of a seed with drills.

use jiff::SignedDuration;
use jiff::civil::Date;

use crate::weeks::Weeks;

impl Weeks {
    /// What happens before the runs of a day: to the policy, and in the account.
    pub(in super::super) fn change_drills(&mut self, day: Date) {
        let mut drills = self.drills.lock().unwrap();
        drills.morning(&self.emulator, day, &mut self.rules.policy);
    }

    /// The runs of a day after the usual one.
    pub(in super::super) async fn more_runs(&mut self, seed: u64) -> Result<(), String> {
        self.check_drills()?;
        let runs = self.drills.lock().unwrap().rules.more_runs;
        for _ in 0..runs {
            let pause = SignedDuration::from_mins(self.rng.i64(10..200));
            self.clock.wait_until(self.clock.now() + pause).await;
            self.run_with_faults(seed).await?;
            self.check_drills()?;
        }
        Ok(())
    }
}
