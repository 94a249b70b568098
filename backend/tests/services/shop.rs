//! A shop for a test: processes with a store in a folder of their own, gone when the test ends.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

pub(crate) const TOKEN: &str = "a-token-for-tests";
/// Waiting for longer than this means that what is waited for does not come.
const PATIENCE: Duration = Duration::from_secs(30);

/// One `bookstored`.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    /// Name and address of each service, in the order in which they were told.
    pub(crate) services: Vec<(String, String)>,
}

impl Process {
    /// Starts it and waits until it says where its services answer.
    pub(crate) fn start(arguments: &[&str]) -> Self {
        Self::try_start(arguments).unwrap_or_else(|| panic!("bookstored {arguments:?} did not start"))
    }

    /// The same; nothing if it ends instead.
    pub(crate) fn try_start(arguments: &[&str]) -> Option<Self> {
        Self::try_spawn(command(arguments), arguments)
    }

    /// Starts it with a limit that a shell's `ulimit` sets.
    pub(crate) fn start_with_limit(limit: &str, arguments: &[&str]) -> Self {
        let mut shell = Command::new("sh");
        let script = format!(r#"{limit} && exec "$0" "$@""#);
        shell.args(["-c", &script, env!("CARGO_BIN_EXE_bookstored")]);
        let started = Self::try_spawn(prepare(shell, arguments), arguments);
        started.unwrap_or_else(|| panic!("bookstored {arguments:?} did not start"))
    }

    fn try_spawn(mut command: Command, arguments: &[&str]) -> Option<Self> {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let expected = if arguments.first() == Some(&"all") { 3 } else { 1 };
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let services: Vec<_> = lines
            .by_ref()
            .take(expected)
            .map(|line| {
                let line = line.unwrap();
                let mut words = line.split(' ').skip(1).map(str::to_owned);
                (words.next().unwrap(), words.next().unwrap())
            })
            .collect();
        let started = services.len() == expected;
        let process = Self { child, services };
        started.then_some(process)
    }

    pub(crate) fn url(&self, name: &str) -> String {
        let found = self.services.iter().find(|(service, _)| service == name);
        found.unwrap_or_else(|| panic!("no {name} runs")).1.clone()
    }

    /// The address without the scheme, to listen there again.
    pub(crate) fn address(&self, name: &str) -> String {
        self.url(name).trim_start_matches("http://").to_owned()
    }

    pub(crate) fn signal(&self, signal: &str) {
        let sent = Command::new("kill")
            .args([signal, &self.child.id().to_string()])
            .status()
            .unwrap();
        assert!(sent.success());
    }

    /// A clean stop.
    pub(crate) fn stop(mut self) -> ExitStatus {
        self.signal("-TERM");
        self.child.wait().unwrap()
    }

    /// `kill -9`.
    pub(crate) fn kill(mut self) {
        self.send_kill();
        self.child.wait().unwrap();
    }

    /// `kill -9`, without waiting for the end.
    pub(crate) fn send_kill(&mut self) {
        self.child.kill().unwrap();
    }

    /// Its memory in use (resident set), in KiB.
    pub(crate) fn resident_kib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }

    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Stopped already, most often.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs `bookstored` to its end; what it left with and said on standard error.
pub(crate) fn run(arguments: &[&str]) -> (Option<i32>, String) {
    let ran = output(arguments);
    (ran.status.code(), String::from_utf8(ran.stderr).unwrap())
}

/// Runs `bookstored` to its end.
pub(crate) fn output(arguments: &[&str]) -> Output {
    command(arguments).output().unwrap()
}

fn command(arguments: &[&str]) -> Command {
    prepare(Command::new(env!("CARGO_BIN_EXE_bookstored")), arguments)
}

fn prepare(mut command: Command, arguments: &[&str]) -> Command {
    command
        .args(arguments)
        .env("BOOKSTORE_ADMIN_TOKEN", TOKEN)
        .env("BOOKSTORE_LOG", "warn")
        .stdin(Stdio::null());
    for variable in [
        "BOOKSTORE_STORE",
        "BOOKSTORE_LISTEN",
        "BOOKSTORE_BOOKS",
        "BOOKSTORE_GRACE",
        "NO_COLOR",
    ] {
        command.env_remove(variable);
    }
    command
}

/// A folder for a store.
pub(crate) struct Store(TempDir);

impl Store {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn folder(&self) -> PathBuf {
        self.0.path().join("store")
    }

    pub(crate) fn url(&self) -> String {
        format!("csv:{}", self.folder().display())
    }

    /// A file beside the store.
    pub(crate) fn beside(&self, name: &str, content: &str) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    }

    /// Starts the whole shop over it in one process, on free ports.
    pub(crate) fn open_all(&self) -> Process {
        open_all(&self.url())
    }

    /// The stock of a book in the catalog file.
    pub(crate) fn stock_at_rest(&self, item: u32) -> i64 {
        rows(&self.folder().join("catalog.csv"))
            .iter()
            .find(|row| row[0] == item.to_string())
            .map(|row| row[2].parse().unwrap())
            .unwrap()
    }

    /// The rows of the ledger, without its markers.
    pub(crate) fn ledger(&self) -> Vec<Vec<String>> {
        rows(&self.folder().join("ledger.csv"))
            .into_iter()
            .filter(|row| row[2] != "checkpoint")
            .collect()
    }
}

/// Starts the whole shop over a store in one process, on free ports.
pub(crate) fn open_all(store: &str) -> Process {
    Process::start(&all_arguments(store))
}

/// The arguments of the whole shop in one process, on free ports.
pub(crate) fn all_arguments(store: &str) -> [&str; 9] {
    let free = "127.0.0.1:0";
    [
        "all",
        "--store",
        store,
        "--listen",
        free,
        "--catalog-listen",
        free,
        "--order-listen",
        free,
    ]
}

fn rows(path: &Path) -> Vec<Vec<String>> {
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_path(path).unwrap();
    reader
        .records()
        .map(|row| row.unwrap().iter().map(str::to_owned).collect())
        .collect()
}

/// An answer, whole.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) body: String,
}

impl Reply {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// The status and, of a problem, its code.
    pub(crate) fn verdict(&self) -> (u16, String) {
        let code = self.json()["code"].as_str().unwrap_or_default().to_owned();
        if !code.is_empty() {
            assert_eq!(self.header("content-type"), Some("application/problem+json"));
            assert_eq!(self.json()["status"], self.status);
        }
        (self.status, code)
    }
}

/// A customer with connections of their own.
#[derive(Debug, Clone)]
pub(crate) struct Customer {
    pub(crate) http: reqwest::Client,
    pub(crate) url: String,
}

impl Customer {
    pub(crate) fn of(process: &Process, service: &str) -> Self {
        Self {
            http: common::client::http_client().unwrap(),
            url: process.url(service),
        }
    }

    pub(crate) fn request(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        self.http
            .request(method.parse().unwrap(), format!("{}{path}", self.url))
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        send(self.request("GET", path)).await
    }

    pub(crate) async fn post(&self, path: &str, body: &str) -> Reply {
        send(self.request("POST", path).body(body.to_owned())).await
    }

    pub(crate) async fn buy(&self, item: u32, quantity: u32, key: Option<&str>) -> Reply {
        let body = format!(r#"{{"item":{item},"quantity":{quantity}}}"#);
        let request = self.request("POST", "/buy").body(body);
        send(match key {
            Some(key) => request.header("idempotency-key", key),
            None => request,
        })
        .await
    }

    pub(crate) async fn stock(&self, item: u32) -> i64 {
        self.get(&format!("/search?item={item}")).await.json()["stock"]
            .as_i64()
            .unwrap()
    }
}

pub(crate) async fn send(request: reqwest::RequestBuilder) -> Reply {
    try_send(request).await.unwrap()
}

pub(crate) async fn try_send(request: reqwest::RequestBuilder) -> reqwest::Result<Reply> {
    let response = request.timeout(PATIENCE).send().await?;
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    Ok(Reply {
        status,
        headers,
        body: response.text().await?,
    })
}

/// Waits until something is so.
pub(crate) async fn eventually<T, F: Future<Output = Option<T>>>(what: &str, mut look: impl FnMut() -> F) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(begun.elapsed() < PATIENCE, "{what}: waited in vain");
        tokio::task::yield_now().await;
    }
}

pub(crate) fn key() -> String {
    uuid::Uuid::now_v7().to_string()
}
