//! Renders a report as one self-contained HTML file with SVG charts.

mod chart;

use std::fmt::{self, Display, Formatter, Write};

use chart::{Chart, Line};

use super::Report;
use super::number::ms;
use super::report::{Operation, Violation};
use super::tally::Second;
use super::workload::Share;

/// The most books listed.
const BOOKS_MAX: usize = 100;
/// The most faults listed.
const FAULTS_MAX: usize = 500;

const STYLE: &str = include_str!("style.css");

/// Text that is escaped and sanitized when it is written.
struct Text<'a>(&'a str);

impl Display for Text<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for letter in common::text::sanitize(self.0).chars() {
            match letter {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                other => f.write_char(other)?,
            }
        }
        Ok(())
    }
}

impl Report {
    /// The report as an HTML document.
    pub fn html(&self) -> String {
        let mut page = String::new();
        // Writing into a string cannot fail.
        let _ = self.write_html(&mut page);
        page
    }

    fn write_html(&self, out: &mut String) -> fmt::Result {
        let verdict = self.audit.verdict.word();
        writeln!(
            out,
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <title>Autopilot: {verdict}, seed {}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>",
            self.seed
        )?;
        writeln!(
            out,
            "<h1>Autopilot <span class=\"{verdict}\">{verdict}</span></h1>\n<p>{} requests in {:.1} s, {:.1} a second; {} \
             shoppers, mix {}, {} books, seed {}, plan {}.</p>",
            self.requests,
            self.elapsed_s,
            self.rate,
            self.shoppers,
            self.mix,
            self.workload.popularity,
            self.seed,
            Text(&self.plan)
        )?;
        self.write_charts(out)?;
        self.write_operations(out)?;
        self.write_audit(out)?;
        self.write_faults(out)?;
        self.write_books(out)?;
        writeln!(out, "</body>\n</html>")
    }

    fn write_charts(&self, out: &mut String) -> fmt::Result {
        let overview = &self.overview;
        #[expect(clippy::cast_precision_loss, reason = "counts of a second, below 2⁵³")]
        let line = |name, class, of: fn(&Second) -> u64, divisor: f64| Line {
            name,
            class,
            values: overview.points.iter().map(|point| of(point) as f64 / divisor).collect(),
        };
        let stride_s = overview.stride_s.max(1);
        let per_second = f64::from(u32::try_from(stride_s).unwrap_or(u32::MAX));
        let marks: Vec<f64> = self
            .faults
            .iter()
            .flat_map(|faults| &faults.events)
            .map(|event| event.at_s)
            .collect();
        let throughput = Chart {
            title: "Operations a second",
            lines: vec![
                line("all", "a", |second| second.requests, per_second),
                line("sold", "b", |second| second.sold, per_second),
                line("failed", "c", |second| second.failed, per_second),
            ],
            stride_s,
            marks: &marks,
        };
        let latency = Chart {
            title: "Latency in milliseconds",
            lines: vec![
                line("p50", "a", |second| second.p50_us, 1_000.0),
                line("p95", "b", |second| second.p95_us, 1_000.0),
                line("p99", "c", |second| second.p99_us, 1_000.0),
            ],
            stride_s,
            marks: &marks,
        };
        throughput.write(out)?;
        latency.write(out)
    }

    fn write_operations(&self, out: &mut String) -> fmt::Result {
        writeln!(
            out,
            "<h2>Operations</h2>\n<table>\n<tr><th></th><th>requests</th><th>mix</th><th>measured</th><th>ok</th><th>failed</th>\
             <th>p50 ms</th><th>p95 ms</th><th>p99 ms</th><th>p99.9 ms</th><th>max ms</th></tr>"
        )?;
        for (name, operation, share) in self.verbs() {
            write_operation(out, name, operation, share)?;
        }
        let outcomes = &self.outcomes;
        writeln!(
            out,
            "</table>\n<p>{} sold, {} sold out, {} unavailable, {} unknown, {} errors.</p>",
            outcomes.sold, outcomes.sold_out, outcomes.unavailable, outcomes.unknown, outcomes.error
        )
    }

    fn write_audit(&self, out: &mut String) -> fmt::Result {
        let audit = &self.audit;
        writeln!(
            out,
            "<h2>Audit</h2>\n<table>\n<tr><th>check</th><th>looked at</th></tr>"
        )?;
        for (check, count) in &audit.checks {
            writeln!(out, "<tr><td>{check}</td><td>{count}</td></tr>")?;
        }
        for check in &audit.skipped {
            writeln!(out, "<tr><td>{check}</td><td>not checked</td></tr>")?;
        }
        writeln!(
            out,
            "</table>\n<p>{} ledger entries belong to other clients.</p>",
            audit.others
        )?;
        if let Some(note) = &audit.note {
            writeln!(out, "<p>{}</p>", Text(note))?;
        }
        for Violation { check, detail, history } in &audit.violations {
            writeln!(out, "<p class=\"violated\">{check}: {}</p>", Text(detail))?;
            for line in history {
                writeln!(out, "<pre>{}</pre>", Text(line))?;
            }
        }
        Ok(())
    }

    fn write_faults(&self, out: &mut String) -> fmt::Result {
        let Some(faults) = &self.faults else { return Ok(()) };
        writeln!(
            out,
            "<h2>Faults</h2>\n<p>{:.1} a second before the first fault, {:.1} from then on: {:.0}% kept. {} requests were \
             duplicated. Services ended unasked {} times.</p>\n<table>\n<tr><th>fault</th><th>times</th><th>longest ms</th>\
             <th>recovery p50 ms</th><th>recovery max ms</th></tr>",
            faults.calm_rate,
            faults.rate,
            faults.kept * 100.0,
            faults.duplicated,
            faults.died
        )?;
        for (name, kind) in &faults.kinds {
            writeln!(
                out,
                "<tr><td>{name}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
                kind.count, kind.lasted_ms_max, kind.recovered_ms_p50, kind.recovered_ms_max
            )?;
        }
        writeln!(
            out,
            "</table>\n<details><summary>One by one</summary>\n<table>\n<tr><th>fault</th><th>target</th><th>at s</th>\
             <th>lasted ms</th><th>recovery ms</th></tr>"
        )?;
        for event in faults.events.iter().take(FAULTS_MAX) {
            let recovered = event.recovered_ms.map_or_else(|| "-".to_owned(), |ms| ms.to_string());
            writeln!(
                out,
                "<tr><td>{}</td><td>{}</td><td>{:.1}</td><td>{}</td><td>{recovered}</td></tr>",
                event.kind.name(),
                event.target,
                event.at_s,
                event.lasted_ms
            )?;
        }
        writeln!(out, "</table></details>")
    }

    fn write_books(&self, out: &mut String) -> fmt::Result {
        writeln!(
            out,
            "<h2>Stock</h2>\n<table>\n<tr><th>title</th><th>item</th><th>start</th><th>sold</th><th>restocked</th><th>end</th>\
             <th>left</th></tr>"
        )?;
        for line in self.stock.iter().take(BOOKS_MAX) {
            let full = f64::from(line.start.max(line.end).max(1));
            writeln!(
                out,
                "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td>\
                 <td><meter value=\"{:.3}\"></meter></td></tr>",
                Text(&line.title),
                line.item,
                line.start,
                line.sold,
                line.restocked,
                line.end,
                f64::from(line.end) / full
            )?;
        }
        writeln!(out, "</table>")?;
        match self.stock.len().checked_sub(BOOKS_MAX) {
            Some(more @ 1..) => writeln!(out, "<p>And {more} more books.</p>"),
            _ => Ok(()),
        }
    }
}

fn write_operation(out: &mut String, name: &str, operation: &Operation, share: &Share) -> fmt::Result {
    let latency = &operation.latency_us;
    writeln!(
        out,
        "<tr><td>{name}</td><td>{}</td><td>{:.2}%</td><td>{:.2}%</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td>\
         <td>{}</td><td>{}</td></tr>",
        operation.requests,
        share.declared * 100.0,
        share.measured * 100.0,
        operation.ok,
        operation.failed,
        ms(latency.p50),
        ms(latency.p95),
        ms(latency.p99),
        ms(latency.p999),
        ms(latency.max)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_from_a_store_is_never_markup() {
        let hostile = "<script>alert(\"a & b\")</script>\u{202e}";
        let written = Text(hostile).to_string();
        assert!(
            written.starts_with("&lt;script&gt;alert(&quot;a &amp; b&quot;)&lt;/script&gt;"),
            "{written}"
        );
        assert!(!written.contains('\u{202e}'));
    }
}
