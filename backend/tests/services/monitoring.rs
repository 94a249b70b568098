//! The dashboard and the alerts name only exported metrics, and every alert has an entry in the runbook.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use testing::skip_or_fail;

use crate::client::Client;
use crate::fixture::start_shop;
use crate::metrics::{families, scrape};

const ALERTS: &str = include_str!("../../deploy/prometheus-alerts.yml");
const DASHBOARD: &str = include_str!("../../deploy/grafana-dashboard.json");
const RUNBOOK: &str = include_str!("../../../docs/RUNBOOK.md");

/// The metrics that an expression names.
fn metrics_of(expression: &str) -> BTreeSet<String> {
    let words = expression.split(|character: char| !character.is_ascii_alphanumeric() && character != '_');
    let metrics = words.filter(|word| word.starts_with("bookstore_") || word.starts_with("process_"));
    metrics.map(str::to_owned).collect()
}

/// The values of `key` in a YAML file with one value per line.
fn values<'a>(yaml: &'a str, key: &str) -> Vec<&'a str> {
    let key = format!("{key}: ");
    let lines = yaml.lines().map(|line| line.trim_start().trim_start_matches("- "));
    lines.filter_map(|line| line.strip_prefix(&*key)).collect()
}

#[tokio::test]
async fn dashboard_and_alerts_name_only_metrics_that_are_exported() {
    let (shop, _) = start_shop();
    let mut exported = BTreeSet::new();
    for service in ["catalog", "order", "frontend"] {
        let text = scrape(&Client::of(&shop.process, service)).await;
        exported.extend(families(&text));
        let histograms = text
            .lines()
            .filter_map(|line| line.strip_prefix("# TYPE ")?.strip_suffix(" histogram"));
        exported.extend(histograms.flat_map(|name| ["bucket", "sum", "count"].map(|part| format!("{name}_{part}"))));
    }
    let dashboard: Value = serde_json::from_str(DASHBOARD).unwrap();
    let panels = dashboard["panels"].as_array().unwrap().iter();
    let queries = panels.flat_map(|panel| panel["targets"].as_array().into_iter().flatten());
    let mut expressions: Vec<&str> = queries.map(|query| query["expr"].as_str().unwrap()).collect();
    assert!(expressions.len() > 40, "{}", expressions.len());
    expressions.extend(values(ALERTS, "expr"));
    for expression in expressions {
        let missing: Vec<String> = metrics_of(expression).difference(&exported).cloned().collect();
        assert!(missing.is_empty(), "{missing:?} in {expression}");
    }
}

#[test]
fn every_alert_has_an_entry_in_the_runbook_and_every_entry_an_alert() {
    let alerts = BTreeSet::from_iter(values(ALERTS, "alert"));
    let entries = RUNBOOK.lines().filter_map(|line| line.strip_prefix("## Bookstore"));
    let entries: Vec<String> = entries.map(|name| format!("Bookstore{name}")).collect();
    assert!(alerts.len() > 10);
    assert_eq!(alerts, entries.iter().map(String::as_str).collect());
    for entry in RUNBOOK.split("\n## Bookstore").skip(1) {
        for part in ["* **Symptom**: ", "* **Cause**: ", "* **Action**: "] {
            assert!(entry.contains(part), "{part} is missing: {entry}");
        }
    }
}

#[test]
fn promtool_accepts_the_alerts_and_the_configuration() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy");
    // The configuration names the file of the alerts.
    let output = Command::new("promtool")
        .args(["check", "config", "prometheus.yml"])
        .current_dir(folder)
        .output();
    let Ok(output) = output else {
        return skip_or_fail("promtool", "install it (Debian: `apt-get install prometheus`)");
    };
    let found = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{found}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(
        found.contains(&format!("{} rules found", values(ALERTS, "alert").len())),
        "{found}"
    );
}
