//! The summary of a report as plain text, and the parts that the HTML page shares with it.

use std::fmt::{self, Display, Formatter};

use common::text::sanitize;

use super::number::ms;
use super::outcome::Outcomes;
use super::report::{Audit, BasketStats, Report};
use super::table::Table;

/// The most books in the text's stock table.
const BOOKS_MAX: usize = 20;

impl Report {
    /// The summary: a few aligned lines of sanitized text.
    pub fn summary(&self) -> String {
        let faults = self.faults.as_ref();
        let faults = faults.map(|faults| format!("\n{}{}\n", faults.kinds_table(), faults.sentence()));
        let baskets = self.baskets.map(|baskets| format!("\n{baskets}"));
        let schedule = self.schedule.map(|schedule| format!("\n{schedule}"));
        format!(
            "{}\n\n{}\n{}{}{}\n\n{}{}{}{}",
            self.headline(),
            self.operations_table(),
            self.outcomes,
            baskets.unwrap_or_default(),
            schedule.unwrap_or_default(),
            self.stock_table(BOOKS_MAX),
            self.omitted_books(BOOKS_MAX),
            faults.unwrap_or_default(),
            self.audit
        )
    }

    pub(super) fn headline(&self) -> String {
        format!(
            "{} requests in {:.1} s ({:.1}/s), {} {}, mix {}, seed {}, plan {}",
            self.requests,
            self.elapsed_s,
            self.rate,
            self.shoppers,
            if self.shoppers == 1 { "shopper" } else { "shoppers" },
            self.mix,
            self.seed,
            self.plan
        )
    }

    pub(super) fn operations_table(&self) -> Table {
        let operations = self.operations.named().into_iter().zip(self.workload.shares.named());
        let rows = operations.map(|((name, operation), (_, share))| {
            let latency = &operation.latency_us;
            let percent = |share: f64| format!("{:.2}%", share * 100.0);
            let mut cells = vec![
                name.to_owned(),
                operation.requests.to_string(),
                percent(share.declared),
                percent(share.measured),
                operation.ok.to_string(),
                operation.failed.to_string(),
            ];
            cells.extend([latency.p50, latency.p95, latency.p99, latency.p999, latency.max].map(ms));
            cells
        });
        let columns = &[
            "", "requests", "mix", "measured", "ok", "failed", "p50 ms", "p95 ms", "p99 ms", "p99.9 ms", "max ms",
        ];
        Table::new(columns, rows)
    }

    /// The stock of the first books.
    pub(super) fn stock_table(&self, books_max: usize) -> Table {
        let lines = self.stock.iter().take(books_max);
        let rows = lines.clone().map(|line| {
            vec![
                line.item.to_string(),
                line.start.to_string(),
                line.sold.to_string(),
                line.restocked.to_string(),
                line.end.to_string(),
                line.title.clone(),
            ]
        });
        let left = |end: u32, start: u32| f64::from(end) / f64::from(start.max(end).max(1));
        let columns = &["item", "start", "sold", "restocked", "end", "title"];
        Table {
            meters: lines.map(|line| left(line.end, line.start)).collect(),
            ..Table::new(columns, rows)
        }
    }

    pub(super) fn omitted_books(&self, books_max: usize) -> String {
        match self.stock.len().checked_sub(books_max) {
            Some(more @ 1..) => format!("and {more} more books\n"),
            _ => String::new(),
        }
    }
}

impl Display for Outcomes {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "sold {}   sold out {}   unavailable {}   unknown {}   error {}",
            self.sold, self.sold_out, self.unavailable, self.unknown, self.error
        )
    }
}

impl Display for BasketStats {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "lines {} ({:.2} an order)   orders refused for one short line {}",
            self.lines, self.lines_per_order, self.refused_for_one_line
        )
    }
}

impl Display for Audit {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "\naudit: {}", self.verdict)?;
        for (check, count) in self.checks.iter().filter(|(_, count)| **count > 0) {
            write!(f, "   {check} {count}")?;
        }
        if self.others > 0 {
            write!(f, "   entries of others {}", self.others)?;
        }
        if !self.skipped.is_empty() {
            write!(f, "\n  not checked: {}", self.skipped.join(", "))?;
        }
        if let Some(note) = &self.note {
            write!(f, "\n  {}", sanitize(note))?;
        }
        for violation in &self.violations {
            write!(f, "\n  {}: {}", violation.check, sanitize(&violation.detail))?;
            for line in &violation.history {
                write!(f, "\n      {}", sanitize(line))?;
            }
        }
        let omitted = self.found.saturating_sub(self.violations.len() as u64);
        if omitted > 0 {
            write!(f, "\n  and {omitted} more violations")?;
        }
        Ok(())
    }
}
