//! Metrics of the process, with the names that Prometheus' client libraries use. All but the CPU time are read from `/proc`, so
//! they exist on Linux only.

use std::fs;

use rustix::process::{Resource, getrlimit};

use super::exposition::Exposition;

/// Writes the metrics that the system provides.
pub(super) fn write_metrics(out: &mut Exposition) {
    let stat = Stat::read();
    let ticks_per_second = rustix::param::clock_ticks_per_second();
    let spent = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    out.counter("process_cpu_seconds_total", "User and system time spent in seconds")
        .value(format_args!("{}.{:09}", spent.tv_sec, spent.tv_nsec));
    let help = "Start time since the Unix epoch in seconds";
    let started = stat
        .as_ref()
        .and_then(|stat| Some(boot_time_s()? + stat.start_ticks / ticks_per_second));
    out.gauge("process_start_time_seconds", help).value_if(started);
    let memory = stat.as_ref().map(|stat| stat.virtual_bytes);
    out.gauge("process_virtual_memory_bytes", "Virtual memory in bytes")
        .value_if(memory);
    let page_bytes = u64::try_from(rustix::param::page_size()).unwrap_or_default();
    let memory = stat.as_ref().map(|stat| stat.resident_pages.saturating_mul(page_bytes));
    out.gauge("process_resident_memory_bytes", "Resident memory in bytes")
        .value_if(memory);
    out.gauge("process_threads", "Threads")
        .value_if(stat.map(|stat| stat.threads));
    // One of them is the folder that is being read.
    let open = fs::read_dir("/proc/self/fd")
        .ok()
        .map(|descriptors| descriptors.count().saturating_sub(1));
    out.gauge("process_open_fds", "Open file descriptors").value_if(open);
    let max = getrlimit(Resource::Nofile).current;
    out.gauge("process_max_fds", "The most file descriptors that may be open")
        .value_if(max);
}

/// Fields of `/proc/self/stat` (proc_pid_stat(5)).
struct Stat {
    threads: u64,
    /// The start of the process, since the system was started.
    start_ticks: u64,
    virtual_bytes: u64,
    resident_pages: u64,
}

impl Stat {
    fn read() -> Option<Self> {
        Self::parse(&fs::read_to_string("/proc/self/stat").ok()?)
    }

    fn parse(stat: &str) -> Option<Self> {
        // The name of the program, which is the second field, may contain blanks and brackets.
        let (_, rest) = stat.rsplit_once(')')?;
        let fields: Vec<&str> = rest.split_whitespace().collect();
        // `fields` begins with field 3.
        let field = |number: usize| fields.get(number - 3)?.parse::<u64>().ok();
        Some(Self {
            threads: field(20)?,
            start_ticks: field(22)?,
            virtual_bytes: field(23)?,
            resident_pages: field(24)?,
        })
    }
}

/// When the system was started, in seconds since the Unix epoch.
fn boot_time_s() -> Option<u64> {
    let stat = fs::read_to_string("/proc/stat").ok()?;
    stat.lines()
        .find_map(|line| line.strip_prefix("btime "))?
        .trim()
        .parse()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_programs_name_does_not_shift_the_fields() {
        let stat = "7 (a (b) c) S 1 2 3 4 5 6 7 8 9 10 150 50 13 14 15 16 12 18 1000 4096 3 20";
        let stat = Stat::parse(stat).unwrap();
        assert_eq!((stat.threads, stat.start_ticks), (12, 1_000));
        assert_eq!((stat.virtual_bytes, stat.resident_pages), (4_096, 3));
    }
}
