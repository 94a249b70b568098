//! The summary of a report as plain text.

use std::fmt::Write;

use super::number::ms;
use super::report::{Audit, Report};

impl Report {
    /// The summary: a few aligned lines of sanitized text.
    pub fn summary(&self) -> String {
        let mut text = String::new();
        // Writing into a string cannot fail.
        let _ = self.write_summary(&mut text);
        text
    }

    fn write_summary(&self, out: &mut String) -> std::fmt::Result {
        writeln!(
            out,
            "{} requests in {:.1} s ({:.1}/s), {} {}, mix {}, seed {}, plan {}",
            self.requests,
            self.elapsed_s,
            self.rate,
            self.shoppers,
            if self.shoppers == 1 { "shopper" } else { "shoppers" },
            self.mix,
            self.seed,
            self.plan
        )?;
        writeln!(
            out,
            "\n{:8}{:>10}{:>8}{:>8}{:>10}{:>10}{:>10}{:>10}{:>10}{:>10}{:>10}",
            "", "requests", "mix %", "is %", "ok", "failed", "p50 ms", "p95 ms", "p99 ms", "p99.9 ms", "max ms"
        )?;
        for (name, verb, share) in self.verbs() {
            let latency = &verb.latency_us;
            writeln!(
                out,
                "{name:8}{:>10}{:>8.2}{:>8.2}{:>10}{:>10}{:>10}{:>10}{:>10}{:>10}{:>10}",
                verb.requests,
                share.declared * 100.0,
                share.measured * 100.0,
                verb.ok,
                verb.failed,
                ms(latency.p50),
                ms(latency.p95),
                ms(latency.p99),
                ms(latency.p999),
                ms(latency.max)
            )?;
        }
        let outcomes = &self.outcomes;
        writeln!(
            out,
            "\nsold {}   sold out {}   unavailable {}   unknown {}   error {}",
            outcomes.sold, outcomes.sold_out, outcomes.unavailable, outcomes.unknown, outcomes.error
        )?;
        self.write_stock(out)?;
        if let Some(faults) = &self.faults {
            faults.write_summary(out)?;
        }
        self.audit.write_summary(out)
    }

    fn write_stock(&self, out: &mut String) -> std::fmt::Result {
        const LINES_MAX: usize = 20;
        writeln!(
            out,
            "\n{:>6}{:>11}{:>11}{:>11}{:>11}  title",
            "item", "start", "sold", "restocked", "end"
        )?;
        for line in self.stock.iter().take(LINES_MAX) {
            let title = common::text::sanitize(&line.title);
            writeln!(
                out,
                "{:>6}{:>11}{:>11}{:>11}{:>11}  {title}",
                line.item, line.start, line.sold, line.restocked, line.end
            )?;
        }
        if let Some(more) = self.stock.len().checked_sub(LINES_MAX).filter(|more| *more > 0) {
            writeln!(out, "       and {more} more books")?;
        }
        Ok(())
    }
}

impl Audit {
    fn write_summary(&self, out: &mut String) -> std::fmt::Result {
        write!(out, "\naudit: {}", self.verdict.word())?;
        for (check, count) in self.checks.iter().filter(|(_, count)| **count > 0) {
            write!(out, "   {check} {count}")?;
        }
        if self.others > 0 {
            write!(out, "   entries of others {}", self.others)?;
        }
        if !self.skipped.is_empty() {
            write!(out, "\n  not checked: {}", self.skipped.join(", "))?;
        }
        if let Some(note) = &self.note {
            write!(out, "\n  {}", common::text::sanitize(note))?;
        }
        for violation in &self.violations {
            write!(
                out,
                "\n  {}: {}",
                violation.check,
                common::text::sanitize(&violation.detail)
            )?;
            for line in &violation.history {
                write!(out, "\n      {}", common::text::sanitize(line))?;
            }
        }
        let untold = self.found.saturating_sub(self.violations.len() as u64);
        if untold > 0 {
            write!(out, "\n  and {untold} more violations")?;
        }
        Ok(())
    }
}
