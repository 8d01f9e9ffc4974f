//! What the system says about a process: its processor time and its memory; and a limit for it.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// The processor time that all threads of a process have used.
pub fn processor_time(process: u32) -> io::Result<Duration> {
    let mut nanoseconds = 0;
    for thread in fs::read_dir(format!("/proc/{process}/task"))? {
        let used = fs::read_to_string(thread?.path().join("schedstat"))?;
        let used = used.split_whitespace().next().and_then(|n| n.parse().ok());
        nanoseconds += used.unwrap_or(0);
    }
    Ok(Duration::from_nanos(nanoseconds))
}

/// The most memory that a process has had in use so far, in MB.
pub fn peak_memory(process: u32) -> io::Result<f64> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    let kb = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<f64>().ok());
    Ok(kb.unwrap_or(0.0) / 1024.0)
}

/// A control group whose processes have only a share of one processor. It is removed when dropped.
pub struct Limit(PathBuf);

impl Limit {
    /// 7.2 % of a processor, which is what Lambda gives a function of 128 MB (it gives a whole
    /// one at 1,769 MB), in periods of 20 ms. Fails where control groups of version 1 are not, or
    /// are not writable.
    pub fn of_128_mb() -> io::Result<Self> {
        let folder = format!("/sys/fs/cgroup/cpu/lambda-128-mb-{}", std::process::id());
        fs::create_dir(&folder)?;
        let limit = Self(folder.into());
        fs::write(limit.0.join("cpu.cfs_period_us"), "20000")?;
        fs::write(limit.0.join("cpu.cfs_quota_us"), "1447")?;
        Ok(limit)
    }

    /// Limits a process from now on.
    pub fn hold(&self, process: u32) -> io::Result<()> {
        fs::write(self.0.join("cgroup.procs"), process.to_string())
    }
}

impl Drop for Limit {
    fn drop(&mut self) {
        // It cannot be removed as long as a process is in it; what is left is an empty folder.
        let _ = fs::remove_dir(&self.0);
    }
}
