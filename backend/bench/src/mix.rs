//! Purchases among reads that saturate the cores: the autopilot's mix `shopping`.

use anyhow::{Context, Result};
use autopilot::{Handle, Mix, Settings as Workload};
use common::client::{ServiceEndpoint, ShopClient, http_client};
use serde_json::Value;

use crate::goal::Bound;
use crate::processes::Setup;
use crate::report::{Heading, Report};
use crate::sample::{Settings, median};

const SHOPPERS: u32 = 64;
const SEED: u64 = 1;

const HEADING: Heading = Heading {
    title: "Purchases among reads",
    about: "One process, CSV store, the autopilot's mix `shopping` (63.5 % searches, 35.3 % lookups, 1.2 % purchases), 64 shoppers without \
            think time, within the benchmark: reads saturate the cores.",
    columns: "what | a second | p50 µs | p99 µs",
};

pub(crate) async fn measure(settings: &Settings, report: &mut Report) -> Result<()> {
    let mut ratios = [Vec::new(), Vec::new()];
    for _ in 0..settings.rounds {
        let setup = Setup {
            in_one_process: true,
            ..Setup::default()
        };
        let program = settings.bookstore(&setup)?;
        let url = format!("http://{}", program.address);
        let endpoint = ServiceEndpoint::parse(http_client()?, &url).map_err(anyhow::Error::msg)?;
        let workload = Workload {
            shoppers: SHOPPERS,
            duration: Some(settings.time * 3),
            warm_up: settings.time / 2,
            seed: SEED,
            mix: Mix::SHOPPING,
            ..Workload::default()
        };
        let run = Handle::start(ShopClient::new(endpoint, None), workload);
        let run = serde_json::to_value(&*run.ended().await?)?;
        let elapsed_s = number(&run, "/elapsed_s")?;
        let latency_us =
            |kind: &str, quantile: &str| number(&run, &format!("/operations/{kind}/latency_us/{quantile}"));
        for kind in ["search", "lookup", "buy"] {
            let rate = number(&run, &format!("/operations/{kind}/requests"))? / elapsed_s;
            let cells = [rate, latency_us(kind, "p50")?, latency_us(kind, "p99")?];
            let cells = cells.map(|cell| format!("{cell:.0}"));
            report.row(&HEADING, [vec![kind.to_owned()], cells.to_vec()].concat());
        }
        for (quantile, ratios) in ["p50", "p99"].into_iter().zip(&mut ratios) {
            ratios.push(latency_us("buy", quantile)? / latency_us("search", quantile)?.max(1.0));
        }
    }
    for (quantile, ratios) in ["p50", "p99"].into_iter().zip(&ratios) {
        let what = format!("mix shopping, 64 shoppers: {quantile} of purchases ÷ of searches");
        report.goal(
            &format!("mix-{quantile}"),
            &what,
            median(ratios),
            Bound::AtMost(2.0, ""),
        );
    }
    Ok(())
}

fn number(report: &Value, pointer: &str) -> Result<f64> {
    let number = report.pointer(pointer).and_then(Value::as_f64);
    number.with_context(|| format!("the autopilot's report has no {pointer}"))
}
