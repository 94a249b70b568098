//! Resources used by a process, from `/proc`. All values of an ended process are 0.

use std::fs;

/// Clock ticks of `/proc/PID/stat` per second (`USER_HZ`, 100 on every Linux architecture in use).
const TICKS_PER_S: f64 = 100.0;

/// CPU time and context switches of one process, or the sum of several.
#[derive(Debug, Clone, Copy, Default)]
pub struct Usage {
    /// User and system time, in seconds, including threads that have ended.
    pub cpu_s: f64,
    /// Voluntary and involuntary context switches of the threads that still run.
    pub switches: u64,
}

impl Usage {
    /// The usage of a process since it started.
    pub fn of(process: u32) -> Self {
        Self {
            cpu_s: cpu_s(process).unwrap_or_default(),
            switches: switches(process),
        }
    }

    /// The sum.
    pub fn and(self, other: Self) -> Self {
        Self {
            cpu_s: self.cpu_s + other.cpu_s,
            switches: self.switches + other.switches,
        }
    }

    /// The difference to an earlier usage of the same processes.
    pub fn since(self, earlier: Self) -> Self {
        Self {
            cpu_s: self.cpu_s - earlier.cpu_s,
            switches: self.switches.saturating_sub(earlier.switches),
        }
    }
}

fn cpu_s(process: u32) -> Option<f64> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The second field, the program's name in parentheses, may contain blanks.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = |index: usize| fields.get(index)?.parse::<f64>().ok();
    Some((ticks(11)? + ticks(12)?) / TICKS_PER_S)
}

fn switches(process: u32) -> u64 {
    let threads = fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten();
    let statuses = threads.filter_map(|thread| fs::read_to_string(thread.ok()?.path().join("status")).ok());
    statuses
        .map(|status| field(&status, "voluntary_ctxt_switches:") + field(&status, "nonvoluntary_ctxt_switches:"))
        .sum()
}

/// Resident memory, in KiB.
pub fn resident_kib(process: u32) -> u64 {
    memory_kib(process, "VmRSS:")
}

/// Peak resident memory, in KiB.
pub fn resident_kib_max(process: u32) -> u64 {
    memory_kib(process, "VmHWM:")
}

fn memory_kib(process: u32, name: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    field(&status, name)
}

/// The number after a field's name; 0 if there is none.
fn field(status: &str, name: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let value = line.and_then(|rest| rest.split_whitespace().next()?.parse().ok());
    value.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_running_process_has_memory_cpu_time_and_switches() {
        let own = std::process::id();
        assert!(resident_kib(own) > 0 && resident_kib_max(own) >= resident_kib(own) / 2);
        assert!(cpu_s(own).is_some());
        let status = "voluntary_ctxt_switches:\t7\nnonvoluntary_ctxt_switches:\t5\n";
        assert_eq!(field(status, "voluntary_ctxt_switches:"), 7);
        assert_eq!(field(status, "nonvoluntary_ctxt_switches:"), 5);
    }
}
