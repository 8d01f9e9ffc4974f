//! What happened in a simulation.

use std::collections::BTreeMap;
use std::fmt;

/// How often each situation of a scenario occurred.
#[derive(Clone, Debug)]
pub struct Counts(BTreeMap<&'static str, u64>);

impl Counts {
    /// None of these situations has occurred yet.
    pub fn of(situations: &[&'static str]) -> Self {
        Self(situations.iter().map(|situation| (*situation, 0)).collect())
    }

    /// Counts a situation once.
    pub fn count(&mut self, situation: &'static str) {
        self.add(situation, 1);
    }

    /// Counts a situation several times.
    pub fn add(&mut self, situation: &'static str, times: u64) {
        let count = self.0.get_mut(situation);
        *count.unwrap_or_else(|| panic!("{situation:?} is not in the scenario's list")) += times;
    }

    /// Adds other counts, also those of other situations.
    pub fn merge(&mut self, other: &Self) {
        for (situation, times) in &other.0 {
            *self.0.entry(situation).or_default() += times;
        }
    }

    /// Returns the counts so far, and starts again at 0.
    pub fn take(&mut self) -> Self {
        let zeros = self.0.keys().map(|situation| (*situation, 0)).collect();
        Self(std::mem::replace(&mut self.0, zeros))
    }

    /// How often a situation occurred.
    pub fn get(&self, situation: &str) -> u64 {
        self.0.get(situation).copied().unwrap_or_default()
    }

    /// The situations that never occurred.
    pub fn missing(&self) -> Vec<&'static str> {
        let missing = self.0.iter().filter(|(_, times)| **times == 0);
        missing.map(|(situation, _)| *situation).collect()
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (situation, times) in &self.0 {
            write!(f, "\n  {times:>9} {situation}")?;
        }
        Ok(())
    }
}
