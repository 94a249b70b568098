//! Renders a report as one self-contained HTML file with SVG charts.

use common::text::sanitize;
use maud::{Markup, PreEscaped, html};

use super::Report;
use super::faults::FaultsReport;
use super::report::Audit;
use super::svg::{Line, LineChart};
use super::table::Table;
use super::tally::Second;

/// The most books in the stock table.
const BOOKS_MAX: usize = 100;
/// The most faults in the list.
const FAULTS_MAX: usize = 500;

const STYLE: &str = include_str!("report.css");

impl Report {
    /// The report as an HTML document.
    pub fn html(&self) -> String {
        let verdict = self.audit.verdict.to_string();
        let page = html! {
            (PreEscaped("<!doctype html>\n"))
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    title { "Autopilot: " (verdict) ", seed " (self.seed) }
                    style { (PreEscaped(STYLE)) }
                }
                body {
                    h1 { "Autopilot " span class=(verdict) { (verdict) } }
                    p {
                        (self.headline()) ", " (self.workload.popularity) " books."
                    }
                    (self.charts())
                    h2 { "Operations" }
                    (self.operations_table())
                    p { (self.outcomes) }
                    @if let Some(baskets) = self.baskets { p { (baskets) } }
                    @if let Some(schedule) = self.schedule { p { (schedule) } }
                    (self.audit.markup())
                    @if let Some(faults) = &self.faults { (faults.markup()) }
                    h2 { "Stock" }
                    (self.stock_table(BOOKS_MAX))
                    p { (self.omitted_books(BOOKS_MAX)) }
                }
            }
        };
        page.into_string()
    }

    fn charts(&self) -> Markup {
        let overview = &self.overview;
        let line = |name, class, of: fn(&Second) -> u64, divisor: f64| Line {
            name,
            class,
            values: overview.points.iter().map(|point| of(point) as f64 / divisor).collect(),
        };
        let stride_s = overview.stride_s.max(1);
        let faults = self.faults.iter().flat_map(|faults| &faults.events);
        let events_s: Vec<f64> = faults.map(|event| event.at_s).collect();
        let chart = |title, lines: [Line; 3]| LineChart {
            title,
            lines,
            stride_s,
            events_s: &events_s,
        };
        let per_second = stride_s as f64;
        let throughput = [
            line("all", "a", |second| second.requests, per_second),
            line("sold", "b", |second| second.sold, per_second),
            line("failed", "c", |second| second.failed, per_second),
        ];
        let latency = [
            line("p50", "a", |second| second.p50_us, 1_000.0),
            line("p95", "b", |second| second.p95_us, 1_000.0),
            line("p99", "c", |second| second.p99_us, 1_000.0),
        ];
        html! {
            (chart("Operations a second", throughput).markup())
            (chart("Latency in milliseconds", latency).markup())
        }
    }
}

impl Audit {
    fn markup(&self) -> Markup {
        let made = self.checks.iter().map(|(check, count)| (*check, count.to_string()));
        let skipped = self.skipped.iter().map(|check| (*check, "not checked".to_owned()));
        let rows = made.chain(skipped).map(|(check, count)| vec![check.to_owned(), count]);
        html! {
            h2 { "Audit" }
            (Table::new(&["check", "checked"], rows))
            p { (self.others) " ledger entries belong to other clients." }
            @if let Some(note) = &self.note { p { (sanitize(note)) } }
            @for violation in &self.violations {
                p class="violated" { (violation.check) ": " (sanitize(&violation.detail)) }
                @for line in &violation.history { pre { (sanitize(line)) } }
            }
        }
    }
}

impl FaultsReport {
    fn markup(&self) -> Markup {
        let events = self.events.iter().take(FAULTS_MAX).map(|event| {
            vec![
                event.kind.to_string(),
                event.target.to_owned(),
                format!("{:.1}", event.at_s),
                event.lasted_ms.to_string(),
                event.recovered_ms.map_or("-".to_owned(), |ms| ms.to_string()),
            ]
        });
        html! {
            h2 { "Faults" }
            p { (self.sentence()) }
            (self.kinds_table())
            details {
                summary { "One by one" }
                (Table::new(&["fault", "target", "at s", "lasted ms", "recovery ms"], events))
            }
        }
    }
}
