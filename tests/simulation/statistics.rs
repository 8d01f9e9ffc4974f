//! What happened in a simulation.

/// Counts over all seeds. They show that the faults occur.
#[derive(Clone, Debug, Default)]
pub struct Totals {
    pub calls: u64,
    pub runs: u64,
    pub crashes: u64,
    pub overlaps: u64,
    pub faults: u64,
    pub outages: u64,
    pub copies_started: u64,
    pub copies_errored: u64,
    pub copies_deferred: u64,
    pub deletions: u64,
    pub sources_removed: u64,
}

impl Totals {
    /// Adds the counts of another seed.
    pub fn add(&mut self, other: &Self) {
        self.calls += other.calls;
        self.runs += other.runs;
        self.crashes += other.crashes;
        self.overlaps += other.overlaps;
        self.faults += other.faults;
        self.outages += other.outages;
        self.copies_started += other.copies_started;
        self.copies_errored += other.copies_errored;
        self.copies_deferred += other.copies_deferred;
        self.deletions += other.deletions;
        self.sources_removed += other.sources_removed;
    }

    /// Each count with its name.
    pub fn named(&self) -> [(&'static str, u64); 11] {
        [
            ("calls", self.calls),
            ("runs", self.runs),
            ("crashes", self.crashes),
            ("overlapping runs", self.overlaps),
            ("faults", self.faults),
            ("outages", self.outages),
            ("copies", self.copies_started),
            ("copies that ended in error", self.copies_errored),
            ("deferred copies", self.copies_deferred),
            ("deletions", self.deletions),
            ("removed sources", self.sources_removed),
        ]
    }
}
