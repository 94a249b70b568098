//! What the system says of a process.

use std::fs;

/// Ticks of `/proc/PID/stat` in a second, as Linux has them on every machine of today.
const TICKS_PER_S: f64 = 100.0;

/// What a process, or several together, used so far.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Usage {
    /// Processor time, in seconds.
    pub(crate) cpu_s: f64,
    /// How often a thread was taken off a processor, because it waited or because others had their turn.
    pub(crate) switches: u64,
}

impl Usage {
    /// Of a process; threads that have ended are in the time, not in the switches.
    pub(crate) fn of(process: u32) -> Self {
        Self {
            cpu_s: cpu_s(process).unwrap_or_default(),
            switches: switches(process),
        }
    }

    /// Both together.
    pub(crate) fn and(self, other: Self) -> Self {
        Self {
            cpu_s: self.cpu_s + other.cpu_s,
            switches: self.switches + other.switches,
        }
    }

    /// What was used since then.
    pub(crate) fn since(self, earlier: Self) -> Self {
        Self {
            cpu_s: self.cpu_s - earlier.cpu_s,
            switches: self.switches.saturating_sub(earlier.switches),
        }
    }
}

fn cpu_s(process: u32) -> Option<f64> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name may have blanks; what follows it has none.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = |index: usize| fields.get(index)?.parse::<f64>().ok();
    Some((ticks(11)? + ticks(12)?) / TICKS_PER_S)
}

fn switches(process: u32) -> u64 {
    let threads = fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten();
    let statuses = threads.filter_map(|thread| fs::read_to_string(thread.ok()?.path().join("status")).ok());
    let of_one = |status: String| {
        let counts = ["voluntary_ctxt_switches:", "nonvoluntary_ctxt_switches:"];
        counts.map(|name| number(&status, name)).iter().sum::<u64>()
    };
    statuses.map(of_one).sum()
}

/// Memory that is resident now, in KiB.
pub(crate) fn resident_kib(process: u32) -> u64 {
    memory_kib(process, "VmRSS:")
}

/// The most memory that was ever resident, in KiB.
pub(crate) fn resident_kib_max(process: u32) -> u64 {
    memory_kib(process, "VmHWM:")
}

fn memory_kib(process: u32, name: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    number(&status, name)
}

/// The number after a name at the start of a line.
fn number(status: &str, name: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let value = line.and_then(|rest| rest.split_whitespace().next()?.parse().ok());
    value.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_runs_has_memory_time_and_switches() {
        let own = std::process::id();
        assert!(resident_kib(own) > 0 && resident_kib_max(own) >= resident_kib(own) / 2);
        assert!(cpu_s(own).is_some());
        let status = "voluntary_ctxt_switches:\t7\nnonvoluntary_ctxt_switches:\t5\n";
        assert_eq!(number(status, "voluntary_ctxt_switches:"), 7);
        assert_eq!(number(status, "nonvoluntary_ctxt_switches:"), 5);
    }
}
