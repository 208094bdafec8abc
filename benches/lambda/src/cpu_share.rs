//! The share of a processor that Lambda gives a function: 1,769 MB of memory buy a whole one.
//!
//! See <https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html>.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

/// The memory that buys a whole processor, in megabytes.
const WHOLE_PROCESSOR: u64 = 1769;
/// The kernel hands out processor time by periods of this length, in microseconds.
const PERIOD: u64 = 20_000;

/// A control group whose processes share a part of a processor.
#[derive(Clone)]
pub struct CpuShare {
    directory: PathBuf,
}

impl CpuShare {
    /// The share of a function with so much memory.
    ///
    /// # Errors
    /// Where this machine allows no control groups.
    pub fn of_memory(megabytes: u64) -> Result<Self> {
        let quota = PERIOD * megabytes / WHOLE_PROCESSOR;
        let name = format!("lambda-bench-{}", std::process::id());
        let (second, first) = (Path::new("/sys/fs/cgroup").join(&name), Path::new("/sys/fs/cgroup/cpu").join(&name));
        let is_second = Path::new("/sys/fs/cgroup/cgroup.controllers").exists();
        let directory = if is_second { second } else { first };
        fs::create_dir(&directory).with_context(|| format!("making {}", directory.display()))?;
        let share = Self { directory };
        if is_second {
            share.write("cpu.max", &format!("{quota} {PERIOD}"))?;
        } else {
            share.write("cpu.cfs_period_us", &PERIOD.to_string())?;
            share.write("cpu.cfs_quota_us", &quota.to_string())?;
        }
        Ok(share)
    }

    /// Gives a process no more than the share from now on.
    pub fn limit(&self, pid: u32) -> Result<()> {
        self.write("cgroup.procs", &pid.to_string())
    }

    /// Removes the group, whose processes have ended.
    pub fn remove(self) {
        // An empty directory of the kernel's: the worst that can come of leaving it is clutter.
        let _ = fs::remove_dir(&self.directory);
    }

    fn write(&self, file: &str, text: &str) -> Result<()> {
        let path = self.directory.join(file);
        fs::write(&path, text).with_context(|| format!("writing {}", path.display()))
    }
}
