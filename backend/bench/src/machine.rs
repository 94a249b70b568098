//! Where and when it was measured.

use std::fs::File;
use std::io::Write as _;
use std::time::Instant;

use anyhow::Result;
use common::Timestamp;
use serde::Serialize;

use crate::tool;

/// Syncs that are timed to tell how fast the disk is.
const SYNCS: usize = 100;

/// The machine, the code and the moment.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Machine {
    commit: String,
    date: String,
    cpu: String,
    cores: usize,
    memory_gib: u64,
    kernel: String,
    /// Of the disk that the stores are on.
    filesystem: String,
    /// What it takes there to append a block to a file and to sync it, in the median.
    sync_us: u128,
}

impl Machine {
    /// This one.
    ///
    /// # Errors
    /// When nothing can be written where the stores will be.
    pub(crate) fn find() -> Result<Self> {
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
        let place = tempfile::env::temp_dir().display().to_string();
        Ok(Self {
            commit: format!("{}{}", commit.trim(), if changed { " and changes" } else { "" }),
            date: Timestamp::now().to_string(),
            cpu: value(&read("/proc/cpuinfo"), "model name"),
            cores: std::thread::available_parallelism().map_or(0, usize::from),
            memory_gib: memory_kib.unwrap_or_default() / 1024 / 1024,
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
            filesystem: tool::output("stat", &["-f", "-c", "%T", &place])
                .unwrap_or_default()
                .trim()
                .to_owned(),
            sync_us: sync_us()?,
        })
    }

    /// In a sentence.
    pub(crate) fn sentence(&self) -> String {
        let Self {
            commit,
            date,
            cpu,
            cores,
            memory_gib,
            kernel,
            filesystem,
            sync_us,
        } = self;
        let day = date.split('T').next().unwrap_or_default();
        format!(
            "Commit {commit}, {day}, {cpu}, {cores} cores, {memory_gib} GiB, Linux {kernel}; stores on {filesystem}, where \
             a block is appended and synced in {sync_us} µs."
        )
    }
}

fn sync_us() -> Result<u128> {
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
