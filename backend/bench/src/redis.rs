//! A purchase on Redis with a synced log, sent by `redis-benchmark`.
//!
//! The purchase is durable and happens once: a script answers a known order as before, refuses if the stock is too low, else
//! takes a copy and stores the order. Redis runs scripts one at a time.

use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;
use testing::ReservedAddress;

use crate::goal::Bound;
use crate::operation::Operation;
use crate::processes::Setup;
use crate::report::{Heading, Report};
use crate::sample::{Samples, Settings, ratio};
use crate::tool;

/// The argument is the order's id, whose first twelve digits choose one of four books.
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
/// `redis-benchmark` replaces both by twelve random digits.
const ORDER_ID: &str = "__rand_int__:__rand_int__";
const RANDOM_RANGE: &str = "2147483647";
const STOCK: u64 = 1_000_000_000;
/// Purchases whose rate determines the number of purchases of a round.
const CALIBRATION: u32 = 20_000;

const START_TIMEOUT: Duration = Duration::from_secs(10);

const HEADING: Heading = Heading {
    title: "Against a purchase straight on Redis",
    about: "Redis with `appendonly yes`, `appendfsync always`, no snapshots and no rewriting of its log, on the same disk. \
            `redis-benchmark` (one thread, no pipelining) calls a script by its SHA: known orders are answered again, \
            else stock is checked and taken and the order's id is stored. Redis, too, syncs once for all requests that it read together. Ours: \
            three processes, CSV, HTTP and JSON.",
    columns: "what | connections | bookstore/s | Redis/s | ratio",
};

/// A running Redis server; dropping it ends the server.
struct Server {
    child: Child,
    address: ReservedAddress,
    _folder: TempDir,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Server {
    fn start() -> Result<Self> {
        let (folder, address) = (tempfile::tempdir()?, ReservedAddress::new()?);
        let child = Command::new("redis-server")
            .args(["--bind", "127.0.0.1", "--port", &address.get().port().to_string()])
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
        server.wait_until_listening()?;
        for book in 1..=4 {
            server.query(&["SET", &format!("book:{book}"), &STOCK.to_string()])?;
        }
        Ok(server)
    }

    fn wait_until_listening(&self) -> Result<()> {
        let start = Instant::now();
        while TcpStream::connect(self.address.get()).is_err() {
            ensure!(start.elapsed() < START_TIMEOUT, "redis-server does not listen");
            std::thread::park_timeout(Duration::from_millis(5));
        }
        Ok(())
    }

    fn port(&self) -> String {
        self.address.get().port().to_string()
    }

    fn query(&self, command: &[&str]) -> Result<String> {
        let port = self.port();
        let arguments = [&["-p", &port, "--raw"], command].concat();
        Ok(tool::output("redis-cli", &arguments)?.trim().to_owned())
    }

    fn buy(&self, connections: u32, purchases: u32) -> Result<f64> {
        let sha = self.query(&["SCRIPT", "LOAD", SCRIPT])?;
        let output = tool::run(
            Command::new("redis-benchmark")
                .args(["-p", &self.port(), "--csv", "-r", RANDOM_RANGE])
                .args(["-c", &connections.to_string(), "-n", &purchases.to_string()])
                .args(["EVALSHA", &sha, "0", ORDER_ID]),
        )?;
        let line = output.lines().last().unwrap_or_default();
        // The first column, the test's name, contains no comma.
        let rate = line.split(',').nth(1).map(|rate| rate.trim_matches('"').parse());
        rate.context("redis-benchmark printed no rate")?
            .with_context(|| format!("redis-benchmark: {line}"))
    }

    /// Checks that the sold copies match the stored orders, and that almost no id was drawn twice.
    fn check(&self, purchases: u32) -> Result<()> {
        let mut gone = 0;
        for book in 1..=4 {
            gone += STOCK - self.query(&["GET", &format!("book:{book}")])?.parse::<u64>()?;
        }
        let orders = self.query(&["DBSIZE"])?.parse::<u64>()? - 4;
        ensure!(
            gone == orders && orders * 100 >= u64::from(purchases) * 99,
            "Redis stored {orders} orders and sold {gone} copies in {purchases} purchases"
        );
        Ok(())
    }

    /// Runs a round of about `time`; returns the purchases per second.
    fn measure(&self, connections: u32, time: Duration) -> Result<f64> {
        let rate = self.buy(connections, CALIBRATION)?;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a positive float is rounded down"
        )]
        let purchases = (rate * time.as_secs_f64()) as u32;
        let rate = self.buy(connections, purchases)?;
        self.check(CALIBRATION + purchases)?;
        Ok(rate)
    }
}

pub(crate) async fn measure(connections: u32, settings: &Settings, report: &mut Report) -> Result<()> {
    let name = format!("redis-{connections}");
    let (mut ours, mut theirs) = (Samples::new()?, Vec::new());
    for _ in 0..settings.rounds {
        let redis = Server::start()?;
        theirs.push(redis.measure(connections, settings.time)?);
        drop(redis);
        let program = settings.bookstore(&Setup::default())?;
        settings
            .sample(&mut ours, &program, Operation::Buy, connections)
            .await?;
    }
    let names = vec!["durable buy".to_owned(), connections.to_string()];
    report.row(&HEADING, [names, ours.against(&theirs)].concat());
    let what =
        format!("durable buy, three processes, CSV ÷ Redis with its log synced always, {connections} connections");
    report.goal(&name, &what, ratio(&ours.rates, &theirs), Bound::AtLeast(1.0));
    Ok(())
}
