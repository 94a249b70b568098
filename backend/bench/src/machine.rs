//! The machine and the commit of a measurement.

use std::fs::File;
use std::io::Write as _;
use std::time::Instant;

use anyhow::Result;
use common::Timestamp;
use serde::Serialize;

use crate::tool;

/// The number of timed syncs.
const SYNCS: usize = 100;

#[derive(Debug, Default, Serialize)]
pub(crate) struct Machine {
    commit: String,
    date: String,
    cpu: String,
    cores: usize,
    memory_gib: u64,
    kernel: String,
    /// The file system of the stores' folder.
    filesystem: String,
    /// The median time to append a block to a file in the stores' folder and sync it, in microseconds.
    sync_us: u128,
}

impl Machine {
    pub(crate) fn detect() -> Result<Self> {
        let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
        let value = |text: &str, name: &str| {
            let line = text.lines().find(|line| line.starts_with(name));
            let value = line.and_then(|line| line.split_once(':'));
            value.map(|(_, value)| value.trim().to_owned()).unwrap_or_default()
        };
        let memory = value(&read("/proc/meminfo"), "MemTotal");
        let memory_kib = memory.split(' ').next().and_then(|kib| kib.parse::<u64>().ok());
        let changed = tool::output("git", &["status", "--porcelain"]).is_ok_and(|changes| !changes.trim().is_empty());
        let commit = tool::output("git", &["rev-parse", "--short=12", "HEAD"]).unwrap_or_default();
        let folder = tempfile::env::temp_dir().display().to_string();
        let filesystem = tool::output("stat", &["-f", "-c", "%T", &folder]).unwrap_or_default();
        Ok(Self {
            commit: format!("{}{}", commit.trim(), if changed { " and changes" } else { "" }),
            date: Timestamp::now().to_string(),
            cpu: value(&read("/proc/cpuinfo"), "model name"),
            cores: std::thread::available_parallelism().map_or(0, usize::from),
            memory_gib: memory_kib.unwrap_or_default() / 1024 / 1024,
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
            filesystem: filesystem.trim().to_owned(),
            sync_us: sync_us()?,
        })
    }

    pub(crate) fn sentence(&self) -> String {
        let day = self.date.split('T').next().unwrap_or_default();
        format!(
            "Commit {}, {day}, {}, {} cores, {} GiB, Linux {}; stores on {}, where a block is appended and synced in {} µs.",
            self.commit, self.cpu, self.cores, self.memory_gib, self.kernel, self.filesystem, self.sync_us
        )
    }
}

/// The median time to append a block to a file and sync it, in microseconds.
pub(crate) fn sync_us() -> Result<u128> {
    let folder = tempfile::tempdir()?;
    let mut file = File::create(folder.path().join("file"))?;
    let mut took = Vec::with_capacity(SYNCS);
    for _ in 0..SYNCS {
        let begun = Instant::now();
        file.write_all(&[b'.'; 4096])?;
        file.sync_data()?;
        took.push(begun.elapsed().as_micros());
    }
    took.sort_unstable();
    Ok(took.get(SYNCS / 2).copied().unwrap_or_default())
}
