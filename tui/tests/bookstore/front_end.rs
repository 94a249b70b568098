//! A front-end for tests: one thread per connection, plain HTTP/1.1, every request is recorded.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Timeout of every wait, long enough for a loaded machine.
pub(crate) const WAIT_TIMEOUT: Duration = Duration::from_secs(60);

/// A recorded request.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    /// Method, path and query, such as `GET /topics`.
    pub(crate) line: String,
    /// Header fields, names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(field, _)| field == name)
            .map(|(_, value)| value.as_str())
    }
}

/// The front-end's reaction to a request.
pub(crate) enum Reply {
    /// A status and a body.
    Body(u16, String),
    /// No answer; the connection is closed.
    HangUp,
    /// The beginning of an event stream, which then stays open and silent until the client closes it.
    OpenStream(String),
    /// An event stream that ends.
    EndedStream(String),
}

/// A front-end that listens until the test process ends.
pub(crate) struct FrontEnd {
    url: String,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl FrontEnd {
    /// Starts a front-end that answers every request with `reply`, which gets the number of earlier requests.
    pub(crate) fn new(reply: impl Fn(usize, &Request) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (requests, reply) = (Arc::<Mutex<Vec<Request>>>::default(), Arc::new(reply));
        let received = Arc::clone(&requests);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (received, reply) = (Arc::clone(&received), Arc::clone(&reply));
                std::thread::spawn(move || serve(&stream.unwrap(), &received, &*reply));
            }
        });
        Self { url, requests }
    }

    pub(crate) fn always(status: u16, body: &str) -> Self {
        let body = body.to_owned();
        Self::new(move |_, _| Reply::Body(status, body.clone()))
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }

    /// The idempotency keys of all requests to buy so far.
    pub(crate) fn order_keys(&self) -> Vec<String> {
        let requests = self.requests();
        let buys = requests.iter().filter(|request| request.line == "POST /buy");
        buys.map(|buy| buy.header("idempotency-key").unwrap().to_owned())
            .collect()
    }

    /// Waits until the front-end has received `count` requests.
    pub(crate) fn wait_for_requests(&self, count: usize) {
        let start = Instant::now();
        while self.requests.lock().unwrap().len() < count {
            assert!(
                start.elapsed() < WAIT_TIMEOUT,
                "fewer than {count} requests within {WAIT_TIMEOUT:?}"
            );
            std::thread::yield_now();
        }
    }

    /// Runs `bookstore` with these arguments, and `--url` before them.
    pub(crate) fn bookstore(&self, arguments: &str) -> Output {
        bookstore(&format!("--url {} {arguments}", self.url))
    }
}

/// The command `bookstore` with these arguments, without the environment variables that configure it.
pub(crate) fn command(arguments: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bookstore"));
    command
        .args(arguments.split_whitespace())
        .env_remove("BOOKSTORE_URL")
        .env_remove("BOOKSTORE_ADMIN_TOKEN")
        .env_remove("BOOKSTORE_CA")
        // The configuration file of the user who runs the tests must have no effect.
        .env("XDG_CONFIG_HOME", "/nonexistent")
        // The orders of the tests must not enter the journal of that user.
        .env("XDG_DATA_HOME", env!("CARGO_TARGET_TMPDIR"))
        .stdin(Stdio::null());
    command
}

/// The three services over a store in that folder, with the front-end at that address.
pub(crate) fn serve_all(folder: &Path, listen: &str) -> Command {
    let store = folder.join("store");
    command(&format!(
        "serve all --store csv:{} --listen {listen} --catalog-listen 127.0.0.1:0 --order-listen 127.0.0.1:0",
        store.display()
    ))
}

/// Starts the program, with its output in pipes.
pub(crate) fn spawn(arguments: &str) -> Child {
    let mut command = command(arguments);
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Runs the program to its end.
pub(crate) fn bookstore(arguments: &str) -> Output {
    command(arguments).output().unwrap()
}

/// The exit code, standard output and standard error.
pub(crate) fn exit_and_output(output: &Output) -> (i32, String, String) {
    (
        output.status.code().unwrap(),
        String::from_utf8(output.stdout.clone()).unwrap(),
        String::from_utf8(output.stderr.clone()).unwrap(),
    )
}

fn serve(stream: &TcpStream, received: &Mutex<Vec<Request>>, reply: &dyn Fn(usize, &Request) -> Reply) {
    let mut reader = BufReader::new(stream);
    while let Some(request) = read(&mut reader) {
        let before = {
            let mut received = received.lock().unwrap();
            received.push(request.clone());
            received.len() - 1
        };
        let reply = reply(before, &request);
        let (status, head, body) = match &reply {
            Reply::Body(status, body) => (
                *status,
                format!("application/json\r\ncontent-length: {}", body.len()),
                body,
            ),
            Reply::OpenStream(events) | Reply::EndedStream(events) => (200, "text/event-stream".to_owned(), events),
            Reply::HangUp => return,
        };
        let answer = format!("HTTP/1.1 {status} x\r\ncontent-type: {head}\r\n\r\n{body}");
        if (&*stream).write_all(answer.as_bytes()).is_err() || matches!(reply, Reply::EndedStream(_)) {
            return;
        }
        // The client sends nothing after an open stream: the next read waits until it closes the connection.
    }
}

fn read(reader: &mut BufReader<&TcpStream>) -> Option<Request> {
    let mut first = String::new();
    reader.read_line(&mut first).ok().filter(|bytes| *bytes > 0)?;
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(": ") else {
            break;
        };
        headers.push((name.to_lowercase(), value.to_owned()));
    }
    let mut request = Request {
        line: first.trim_end().trim_end_matches(" HTTP/1.1").to_owned(),
        headers,
        body: String::new(),
    };
    let length = request
        .header("content-length")
        .map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    request.body = String::from_utf8(body).ok()?;
    Some(request)
}
