//! The processor time and memory of a process, from `/proc`, and a limit of its processor time.

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

/// The peak memory of a process, in MB.
pub fn peak_memory(process: u32) -> io::Result<f64> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    let kb = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<f64>().ok());
    Ok(kb.unwrap_or(0.0) / 1024.0)
}

/// A control group that limits its processes to a share of one processor. Dropping it removes it.
pub struct Limit(PathBuf);

impl Limit {
    /// 7.2 % of a processor, in periods of 20 ms. Lambda gives this share to a function with 128 MB,
    /// and a whole processor at 1,769 MB.
    ///
    /// # Errors
    ///
    /// Fails without writable control groups of version 1.
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
        // Fails while a process is in it. Then the group stays behind.
        let _ = fs::remove_dir(&self.0);
    }
}
