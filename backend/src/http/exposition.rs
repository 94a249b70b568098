//! The text format of Prometheus (version 0.0.4): families of samples, written one after the other.

use std::fmt::{Display, Write as _};

use common::metrics::{BatchMetrics, Counter, Histogram, Snapshot};

/// The labels of a sample.
type Labels<'a> = &'a [(&'a str, &'a str)];

/// The metrics that one service exports. The families `bookstore_…` have the label `service`, which distinguishes services on
/// one dashboard.
#[derive(Debug)]
pub(crate) struct Exposition {
    text: String,
    service: &'static str,
}

impl Exposition {
    pub(super) fn of(service: &'static str) -> Self {
        let text = String::with_capacity(64 * 1024);
        Self { text, service }
    }

    pub(super) fn into_text(self) -> String {
        self.text
    }

    /// A number that only grows; its name ends with `_total`.
    pub(crate) fn counter(&mut self, name: &'static str, help: &str) -> Family<'_> {
        self.family(name, "counter", help)
    }

    /// A number that grows and falls.
    pub(crate) fn gauge(&mut self, name: &'static str, help: &str) -> Family<'_> {
        self.family(name, "gauge", help)
    }

    pub(crate) fn histogram(&mut self, name: &'static str, help: &str) -> Family<'_> {
        self.family(name, "histogram", help)
    }

    fn family(&mut self, name: &'static str, kind: &str, help: &str) -> Family<'_> {
        // Writing to a string cannot fail.
        let _ = writeln!(self.text, "# HELP {name} {help}\n# TYPE {name} {kind}");
        let service = name.starts_with("bookstore_").then_some(self.service);
        let text = &mut self.text;
        Family { text, name, service }
    }

    /// The families of queues whose items are taken in batches: the name, metrics and depth of each queue.
    pub(crate) fn batches(&mut self, queues: &[(&str, &BatchMetrics, usize)]) {
        let name_and = |name| [("queue", name)];
        let mut family = self.gauge(
            "bookstore_batch_queue_depth",
            "Order lines and other jobs that wait for the next batch",
        );
        for (name, _, depth) in queues {
            family.sample(&name_and(*name), depth);
        }
        let help = "Jobs refused because the queue was full or the wait would have been too long";
        let mut family = self.counter("bookstore_batch_rejected_total", help);
        for (name, metrics, _) in queues {
            family.sample(&name_and(*name), metrics.rejected.get());
        }
        let mut family = self.histogram("bookstore_batch_lines", "Order lines and other jobs in each batch");
        for (name, metrics, _) in queues {
            family.lines(&name_and(*name), &metrics.lines);
        }
        let help = "Time that the first purchase of each batch waited in its queue";
        let mut family = self.histogram("bookstore_batch_wait_seconds", help);
        for (name, metrics, _) in queues {
            family.durations(&name_and(*name), &metrics.wait.snapshot());
        }
        let help = "Time from taking a batch from its queue until it is answered";
        let mut family = self.histogram("bookstore_batch_duration_seconds", help);
        for (name, metrics, _) in queues {
            family.durations(&name_and(*name), &metrics.duration.snapshot());
        }
    }
}

/// One metric. Its samples are written before the next family begins.
#[derive(Debug)]
pub(crate) struct Family<'a> {
    text: &'a mut String,
    name: &'static str,
    service: Option<&'static str>,
}

impl Family<'_> {
    /// A sample with a value that Prometheus reads: a whole number or a decimal fraction.
    pub(crate) fn sample(&mut self, labels: Labels<'_>, value: impl Display) -> &mut Self {
        self.line("", labels, None, value);
        self
    }

    /// A sample without further labels.
    pub(crate) fn value(&mut self, value: impl Display) {
        self.sample(&[], value);
    }

    /// A sample without further labels; no sample for `None`.
    pub(crate) fn value_if(&mut self, value: Option<impl Display>) {
        if let Some(value) = value {
            self.value(value);
        }
    }

    /// A sample for each counter, with its name as the value of `label`.
    pub(crate) fn counters<'a>(&mut self, label: &str, counters: impl IntoIterator<Item = (&'a str, &'a Counter)>) {
        for (name, counter) in counters {
            self.sample(&[(label, name)], counter.get());
        }
    }

    /// A histogram of durations, in seconds.
    pub(crate) fn durations(&mut self, labels: Labels<'_>, snapshot: &Snapshot) {
        self.buckets(labels, snapshot, seconds);
    }

    fn lines(&mut self, labels: Labels<'_>, histogram: &Histogram) {
        self.buckets(labels, &histogram.snapshot(), |lines| lines.to_string());
    }

    fn buckets(&mut self, labels: Labels<'_>, snapshot: &Snapshot, shown: fn(u64) -> String) {
        let mut count = 0;
        let bounds = snapshot.bounds.iter().map(|&bound| shown(bound));
        for (bound, bucket) in bounds.chain(["+Inf".to_owned()]).zip(snapshot.buckets) {
            count += bucket;
            self.line("_bucket", labels, Some(("le", &bound)), count);
        }
        self.line("_sum", labels, None, shown(snapshot.sum));
        self.line("_count", labels, None, count);
    }

    fn line(&mut self, suffix: &str, labels: Labels<'_>, bound: Option<(&str, &str)>, value: impl Display) {
        self.text.push_str(self.name);
        self.text.push_str(suffix);
        let service = self.service.map(|service| ("service", service));
        let mut separator = '{';
        for (label, value) in service.into_iter().chain(labels.iter().copied()).chain(bound) {
            let value = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            let _ = write!(self.text, "{separator}{label}=\"{value}\"");
            separator = ',';
        }
        if separator == ',' {
            self.text.push('}');
        }
        let _ = writeln!(self.text, " {value}");
    }
}

/// Nanoseconds as exact decimal seconds, without trailing zeros.
pub(crate) fn seconds(ns: u64) -> String {
    let text = format!("{}.{:09}", ns / 1_000_000_000, ns % 1_000_000_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_are_written_as_prometheus_reads_them() {
        let mut exposition = Exposition::of("order");
        exposition
            .counter("bookstore_things_total", "Things")
            .sample(&[("kind", "a\"b\\c\nd")], 3);
        exposition.gauge("process_things", "Others").value(0.5);
        exposition.gauge("bookstore_absent", "None").value_if(None::<u64>);
        let histogram = Histogram::of_durations();
        histogram.record(100_000);
        histogram.record(9_000_000_000);
        let mut family = exposition.histogram("bookstore_wait_seconds", "Waits");
        family.durations(&[("queue", "q")], &histogram.snapshot());
        let text = exposition.into_text();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            lines[..8],
            [
                "# HELP bookstore_things_total Things",
                "# TYPE bookstore_things_total counter",
                r#"bookstore_things_total{service="order",kind="a\"b\\c\nd"} 3"#,
                "# HELP process_things Others",
                "# TYPE process_things gauge",
                "process_things 0.5",
                "# HELP bookstore_absent None",
                "# TYPE bookstore_absent gauge",
            ]
        );
        for (line, expected) in [
            (
                10,
                r#"bookstore_wait_seconds_bucket{service="order",queue="q",le="0.0001"} 1"#,
            ),
            (
                24,
                r#"bookstore_wait_seconds_bucket{service="order",queue="q",le="5"} 1"#,
            ),
            (
                25,
                r#"bookstore_wait_seconds_bucket{service="order",queue="q",le="+Inf"} 2"#,
            ),
            (26, r#"bookstore_wait_seconds_sum{service="order",queue="q"} 9.0001"#),
            (27, r#"bookstore_wait_seconds_count{service="order",queue="q"} 2"#),
        ] {
            assert_eq!(lines[line], expected);
        }
    }
}
