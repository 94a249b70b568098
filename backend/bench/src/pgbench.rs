//! A purchase in plain SQL, sent by `pgbench` to the PostgreSQL server that the bookstore's store uses.

use std::path::Path;
use std::process::Command;

use anyhow::{Result, ensure};
use testing::postgres::Server;

use crate::goal::Bound;
use crate::operation::Operation;
use crate::processes::{Setup, Store};
use crate::report::{Heading, Report};
use crate::sample::{Samples, Settings, ratio};
use crate::{stores, tool};

const CONNECTIONS: u32 = 64;

const TABLES: &str = "CREATE SCHEMA straight; \
    CREATE TABLE straight.books (item int PRIMARY KEY, stock bigint NOT NULL CHECK (stock >= 0)); \
    CREATE TABLE straight.orders (id uuid PRIMARY KEY, item int NOT NULL, quantity int NOT NULL); \
    INSERT INTO straight.books SELECT item, 1000000000 FROM generate_series(1, 4) AS item;";
/// The order's unique id makes the purchase happen once; the book's row is locked as late as possible.
const STEPS: &str = r"\set item random(1, 4)
BEGIN;
INSERT INTO straight.orders VALUES (gen_random_uuid(), :item, 1) ON CONFLICT DO NOTHING;
UPDATE straight.books SET stock = stock - 1 WHERE item = :item AND stock >= 1;
COMMIT;
";
/// The transaction in one round trip.
const ONE_STATEMENT: &str = r"\set item random(1, 4)
WITH placed AS (INSERT INTO straight.orders VALUES (gen_random_uuid(), :item, 1) ON CONFLICT DO NOTHING RETURNING item)
UPDATE straight.books SET stock = stock - 1 FROM placed WHERE books.item = placed.item AND stock >= 1;
";

const HEADING: Heading = Heading {
    title: "Against a purchase in plain SQL on the same server",
    about: "`pgbench` over a Unix socket, prepared statements, four hot rows, fsync and synchronous_commit on: a transaction \
            that inserts the order (unique id) and takes a copy if there is one, in four steps and, for comparison, in one \
            statement. Ours: three processes over HTTP, store on that server.",
    columns: "what | connections | bookstore/s | SQL/s | ratio",
};

pub(crate) async fn measure(settings: &Settings, report: &mut Report) -> Result<()> {
    let Some(server) = stores::postgres() else {
        report.skip("pgbench", "no PostgreSQL server is installed");
        return Ok(());
    };
    let own = server.bin_dir().join("pgbench");
    let Some(program) = own.is_file().then_some(own).or_else(|| tool::find("pgbench")) else {
        report.skip("pgbench", "pgbench is not installed");
        return Ok(());
    };
    server.sql(TABLES);
    let (mut ours, mut steps, mut one_statement) = (Samples::new()?, Vec::new(), Vec::new());
    for _ in 0..settings.rounds {
        steps.push(run(&program, &server, STEPS, settings)?);
        one_statement.push(run(&program, &server, ONE_STATEMENT, settings)?);
        let url = server.url();
        let setup = Setup {
            store: Store::Postgres(&url),
            ..Setup::default()
        };
        let bookstore = settings.bookstore(&setup)?;
        settings
            .sample(&mut ours, &bookstore, Operation::Buy, CONNECTIONS)
            .await?;
    }
    check(&server)?;
    for (what, theirs) in [("in four steps", &steps), ("in one statement", &one_statement)] {
        let names = vec![what.to_owned(), CONNECTIONS.to_string()];
        report.row(&HEADING, [names, ours.against(theirs)].concat());
    }
    let what = "durable buy on PostgreSQL ÷ plain SQL on the same server, 4 hot rows, 64 connections";
    report.goal("pgbench", what, ratio(&ours.rates, &steps), Bound::AtLeast(5.0));
    let what = "durable buy on PostgreSQL ÷ plain SQL in one statement, 4 hot rows, 64 connections";
    report.goal(
        "pgbench-one",
        what,
        ratio(&ours.rates, &one_statement),
        Bound::AtLeast(8.0),
    );
    Ok(())
}

fn run(program: &Path, server: &Server, script: &str, settings: &Settings) -> Result<f64> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("purchase.sql");
    std::fs::write(&file, script)?;
    let socket = server.socket();
    let output = tool::run(
        Command::new(program)
            .arg("--host")
            .arg(socket.parent().unwrap_or(&socket))
            .args(["--username", "shop", "--no-vacuum", "--protocol", "prepared"])
            .args(["--client", &CONNECTIONS.to_string(), "--jobs", "2"])
            .args(["--time", &settings.time.as_secs().max(1).to_string()])
            .arg("--file")
            .arg(&file)
            .arg("postgres"),
    )?;
    tool::number_after(&output, "tps = ")
}

fn check(server: &Server) -> Result<()> {
    let is_equal = server.sql(
        "SELECT (SELECT 4 * 1000000000::bigint - sum(stock) FROM straight.books) = (SELECT count(*) FROM straight.orders)",
    );
    ensure!(is_equal == "t", "plain SQL sold other copies than were ordered");
    Ok(())
}
