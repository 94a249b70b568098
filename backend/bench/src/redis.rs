//! A purchase straight on Redis, its log synced before every answer, sent by `redis-benchmark`.
//!
//! What a purchase must be to be durable and to happen once: a script that gives the earlier answer to a known order,
//! refuses where the shelf is empty, else takes a copy and notes the order. Redis runs it alone, so nothing comes between.

use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

use crate::ask::Ask;
use crate::processes::{self, Program, Setup};
use crate::report::{Bound, Heading, Report};
use crate::sample::{Bench, Samples, median, ratio};
use crate::tool;

/// The order's id is the argument; its first twelve digits say which of four books.
const SCRIPT: &str = "local order = 'order:' .. ARGV[1] \
    local known = redis.call('GET', order) \
    if known then return known end \
    local book = 'book:' .. (1 + tonumber(string.sub(ARGV[1], 1, 12)) % 4) \
    local stock = tonumber(redis.call('GET', book)) \
    if not stock or stock < 1 then return 'sold-out' end \
    redis.call('DECRBY', book, 1) \
    local receipt = book .. ':1:' .. (stock - 1) \
    redis.call('SET', order, receipt) \
    return receipt";
/// `redis-benchmark` puts twelve random digits in each of the two places.
const ORDER: &str = "__rand_int__:__rand_int__";
const DRAWN_FROM: &str = "2147483647";
const STOCK: u64 = 1_000_000_000;
/// Purchases that tell how many make a whole round.
const FIRST: u32 = 20_000;

const HEADING: Heading = Heading {
    title: "Against a purchase straight on Redis",
    about: "Redis with `appendonly yes`, `appendfsync always`, no snapshots and no rewriting of its log, on the same disk. \
            `redis-benchmark` (one thread, no pipelining) calls a script by its SHA: known orders are answered again, \
            else stock is checked, taken and the order's id noted. Redis, too, syncs once for all that it read together. Ours: \
            three processes, CSV, HTTP and JSON.",
    columns: &["what", "connections", "bookstore/s", "Redis/s", "ratio"],
};

/// A server of its own, which ends with this.
struct Server {
    child: Child,
    address: SocketAddr,
    _folder: TempDir,
}

impl Drop for Server {
    fn drop(&mut self) {
        // Nothing of it is kept.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Server {
    fn start() -> Result<Self> {
        let (folder, address) = (tempfile::tempdir()?, processes::free_address()?);
        let child = Command::new("redis-server")
            .args(["--bind", "127.0.0.1", "--port", &address.port().to_string()])
            .args(["--appendonly", "yes", "--appendfsync", "always"])
            .args(["--save", "", "--auto-aof-rewrite-percentage", "0"])
            .arg("--dir")
            .arg(folder.path())
            .stdout(Stdio::null())
            .spawn()
            .context("redis-server")?;
        let server = Self {
            child,
            address,
            _folder: folder,
        };
        processes::wait_for(address)?;
        for book in 1..=4 {
            server.ask(&["SET", &format!("book:{book}"), &STOCK.to_string()])?;
        }
        Ok(server)
    }

    fn ask(&self, command: &[&str]) -> Result<String> {
        let port = self.address.port().to_string();
        let arguments = [&["-p", &port, "--raw"], command].concat();
        Ok(tool::output("redis-cli", &arguments)?.trim().to_owned())
    }

    /// So many purchases; how many a second.
    fn buy(&self, connections: u32, purchases: u32) -> Result<f64> {
        let sha = self.ask(&["SCRIPT", "LOAD", SCRIPT])?;
        let told = tool::run(
            Command::new("redis-benchmark")
                .args(["-p", &self.address.port().to_string(), "--csv", "-r", DRAWN_FROM])
                .args(["-c", &connections.to_string(), "-n", &purchases.to_string()])
                .args(["EVALSHA", &sha, "0", ORDER]),
        )?;
        let line = told.lines().last().unwrap_or_default();
        // The test's name has the script's digest and the order in it, but no comma.
        let rate = line.split(',').nth(1).map(|rate| rate.trim_matches('"').parse());
        rate.context("redis-benchmark told no rate")?
            .with_context(|| format!("redis-benchmark: {line}"))
    }

    /// That every purchase was one: as many copies are gone as orders are noted, and hardly an id came twice.
    fn check(&self, purchases: u32) -> Result<()> {
        let mut gone = 0;
        for book in 1..=4 {
            gone += STOCK - self.ask(&["GET", &format!("book:{book}")])?.parse::<u64>()?;
        }
        let orders = self.ask(&["DBSIZE"])?.parse::<u64>()? - 4;
        ensure!(
            gone == orders && orders * 100 >= u64::from(purchases) * 99,
            "Redis noted {orders} orders and sold {gone} copies in {purchases} purchases"
        );
        Ok(())
    }

    /// A round: purchases a second, for about so long.
    fn measure(&self, connections: u32, time: Duration) -> Result<f64> {
        let first = self.buy(connections, FIRST)?;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a float becomes the nearest number that there is"
        )]
        let purchases = (first * time.as_secs_f64()) as u32;
        let rate = self.buy(connections, purchases)?;
        self.check(FIRST + purchases)?;
        Ok(rate)
    }
}

/// Measures it.
///
/// # Errors
/// When a program does not start, or answers anything but success.
pub(crate) async fn measure(connections: u32, bench: &Bench, report: &mut Report) -> Result<()> {
    let name = format!("redis-{connections}");
    let missing = ["redis-server", "redis-benchmark", "redis-cli"]
        .into_iter()
        .find(|program| tool::find(program).is_none());
    if let Some(program) = missing {
        report.skip(&name, &format!("{program} is not installed"));
        return Ok(());
    }
    let (mut ours, mut theirs) = (Samples::new()?, Vec::new());
    for _ in 0..bench.rounds {
        let redis = Server::start()?;
        theirs.push(redis.measure(connections, bench.time)?);
        drop(redis);
        let program = Program::bookstore(&bench.binaries, &Setup::default())?;
        bench.sample(&mut ours, &program, Ask::Buy, connections).await?;
    }
    let ratio = ratio(&ours.rates, &theirs);
    let cells = vec![
        "durable buy".to_owned(),
        connections.to_string(),
        format!("{:.0}", ours.rate()),
        format!("{:.0}", median(&theirs)),
        format!("{ratio:.2}"),
    ];
    report.row(&HEADING, cells);
    let what =
        format!("durable buy, three processes, CSV ÷ Redis with its log synced always, {connections} connections");
    report.goal(&name, &what, ratio, Bound::AtLeast(1.0));
    Ok(())
}
