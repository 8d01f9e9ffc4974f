//! What must hold in every run, whatever the scenario. None of it uses the code of the plan.

pub mod coverage;
pub mod deletions;
pub mod retries;

/// Returns the problem if a condition does not hold.
pub fn expect(holds: bool, problem: impl FnOnce() -> String) -> Result<(), String> {
    match holds {
        true => Ok(()),
        false => Err(problem()),
    }
}
