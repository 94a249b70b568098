//! A front-end for tests: one thread a connection, plain HTTP/1.1, every request kept.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Output, Stdio};
use std::sync::{Arc, Mutex};

/// A request as it came in.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    /// Method and path with query, like `GET /topics`.
    pub(crate) line: String,
    /// Header fields, names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    /// The body.
    pub(crate) body: String,
}

impl Asked {
    /// A header field's value.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(field, _)| field == name)
            .map(|(_, value)| value.as_str())
    }
}

/// What the front-end does with a request.
pub(crate) enum Reply {
    /// Answers with a status and a body.
    Body(u16, String),
    /// Hangs up without an answer.
    HangUp,
    /// Sends this beginning of an event stream and then nothing, until the reader hangs up.
    Stream(String),
}

/// A front-end, listening for as long as the test's process lives.
pub(crate) struct FrontEnd {
    url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl FrontEnd {
    /// Answers every request as `reply` says; it is told how many came before.
    pub(crate) fn new(reply: impl Fn(usize, &Asked) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (asked, reply) = (Arc::<Mutex<Vec<Asked>>>::default(), Arc::new(reply));
        let kept = Arc::clone(&asked);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (kept, reply) = (Arc::clone(&kept), Arc::clone(&reply));
                std::thread::spawn(move || serve(&stream.unwrap(), &kept, &*reply));
            }
        });
        Self { url, asked }
    }

    /// One that gives the same answer to everything.
    pub(crate) fn always(status: u16, body: &str) -> Self {
        let body = body.to_owned();
        Self::new(move |_, _| Reply::Body(status, body.clone()))
    }

    /// Where it is.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// All requests so far.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// Runs `bookstore` with these arguments, and `--url` before them.
    pub(crate) fn bookstore(&self, arguments: &str) -> Output {
        bookstore(&format!("--url {} {arguments}", self.url))
    }
}

/// The program, with these arguments and none of the environment's variables about it.
pub(crate) fn command(arguments: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bookstore"));
    command
        .args(arguments.split_whitespace())
        .env_remove("BOOKSTORE_URL")
        .env_remove("BOOKSTORE_ADMIN_TOKEN")
        // Whoever runs the tests may have a configuration of their own.
        .env("XDG_CONFIG_HOME", "/nonexistent")
        .stdin(Stdio::null());
    command
}

/// Runs the program to its end.
pub(crate) fn bookstore(arguments: &str) -> Output {
    command(arguments).output().unwrap()
}

/// The exit code, standard output and standard error.
pub(crate) fn said(output: &Output) -> (i32, String, String) {
    (
        output.status.code().unwrap(),
        String::from_utf8(output.stdout.clone()).unwrap(),
        String::from_utf8(output.stderr.clone()).unwrap(),
    )
}

fn serve(stream: &TcpStream, kept: &Mutex<Vec<Asked>>, reply: &dyn Fn(usize, &Asked) -> Reply) {
    let mut reader = BufReader::new(stream);
    while let Some(asked) = read(&mut reader) {
        let before = {
            let mut kept = kept.lock().unwrap();
            kept.push(asked.clone());
            kept.len() - 1
        };
        let (status, body) = match reply(before, &asked) {
            Reply::Body(status, body) => (status, body),
            Reply::HangUp => return,
            Reply::Stream(events) => {
                let answer = format!("HTTP/1.1 200 x\r\ncontent-type: text/event-stream\r\n\r\n{events}");
                if (&*stream).write_all(answer.as_bytes()).is_ok() {
                    let _ = reader.read_line(&mut String::new());
                }
                return;
            }
        };
        let head = if body.starts_with("event:") {
            "content-type: text/event-stream\r\nconnection: close\r\n".to_owned()
        } else {
            format!("content-type: application/json\r\ncontent-length: {}\r\n", body.len())
        };
        let answer = format!("HTTP/1.1 {status} x\r\n{head}\r\n{body}");
        if (&*stream).write_all(answer.as_bytes()).is_err() || body.starts_with("event:") {
            return;
        }
    }
}

fn read(reader: &mut BufReader<&TcpStream>) -> Option<Asked> {
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
    let mut asked = Asked {
        line: first.trim_end().trim_end_matches(" HTTP/1.1").to_owned(),
        headers,
        body: String::new(),
    };
    let length = asked
        .header("content-length")
        .map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    asked.body = String::from_utf8(body).ok()?;
    Some(asked)
}
