//! Restarts without a refused connection or a lost request, and the notifications to systemd.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use rustix::process::Signal;
use testing::Process;

use crate::bookstored::{ANY_PORT, all_arguments, command, prepare, start, try_start};
use crate::client::{Client, key};
use crate::fixture::StoreFixture;

/// Enough requests that a client needs more than one connection.
const CLIENTS: usize = 6;

/// Starts `bookstored` with a listener that this process has opened, as systemd does.
fn start_with_listener(listener: &TcpListener, name: &str, services: usize, arguments: &[&str]) -> Process {
    let mut shell = Command::new("sh");
    let script = "export LISTEN_PID=$$ LISTEN_FDS=1; exec \"$0\" \"$@\" 3<&0 0</dev/null";
    shell.args(["-c", script, env!("CARGO_BIN_EXE_bookstored")]);
    let mut command = prepare(shell, arguments);
    let listener: OwnedFd = listener.try_clone().unwrap().into();
    command
        .env("LISTEN_FDNAMES", name)
        .stdin(Stdio::from(listener))
        .stderr(Stdio::null());
    Process::start(&mut command, services).unwrap()
}

/// A client that keeps its connection until the server closes it.
struct KeptConnection<'a> {
    address: &'a str,
    open: Option<BufReader<TcpStream>>,
}

impl KeptConnection<'_> {
    /// Sends a request; panics if the connection is refused or ends without a whole answer. Returns the status.
    fn send(&mut self, head: &str, body: &str) -> u16 {
        let mut open = self.open.take().unwrap_or_else(|| {
            let stream = TcpStream::connect(self.address).unwrap();
            stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
            BufReader::new(stream)
        });
        let length = body.len();
        let request = format!("{head} HTTP/1.1\r\nhost: localhost\r\ncontent-length: {length}\r\n\r\n{body}");
        open.get_mut().write_all(request.as_bytes()).unwrap();
        let (mut status, mut length, mut is_kept) = (None, 0, true);
        loop {
            let mut line = String::new();
            assert_ne!(
                open.read_line(&mut line).unwrap(),
                0,
                "the connection ended without an answer"
            );
            let line = line.trim_end().to_ascii_lowercase();
            match line.split_once(": ") {
                None if line.is_empty() => break,
                None => status = line.split(' ').nth(1).map(|status| status.parse().unwrap()),
                Some(("content-length", value)) => length = value.parse().unwrap(),
                Some(("connection", "close")) => is_kept = false,
                Some(_) => {}
            }
        }
        open.read_exact(&mut vec![0; length]).unwrap();
        self.open = is_kept.then_some(open);
        status.unwrap()
    }
}

#[tokio::test]
async fn front_ends_behind_one_listener_are_restarted_in_turn_without_a_refused_or_lost_request() {
    let store = StoreFixture::csv();
    let catalog = start(&["catalog", "--store", &store.url, "--listen", ANY_PORT]);
    let urls = ["--catalog-url", catalog.url("catalog")];
    let order = start(&[&["order", "--listen", ANY_PORT], &urls[..]].concat());
    let arguments = [
        &["frontend", "--drain-delay", "300ms", "--order-url", order.url("order")],
        &urls[..],
    ]
    .concat();
    let listener = TcpListener::bind(ANY_PORT).unwrap();
    let start = || start_with_listener(&listener, "frontend", 1, &arguments);
    let mut frontends = vec![start(), start()];
    let address = listener.local_addr().unwrap().to_string();
    assert_eq!(frontends[0].address("frontend"), address);
    Client::of(&frontends[0], "frontend").get("/readyz").await;
    let (is_over, sold) = (AtomicBool::new(false), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|client| {
                let (is_over, sold, address) = (&is_over, &sold, &address);
                scope.spawn(move || {
                    let mut connection = KeptConnection { address, open: None };
                    let mut requests = 0;
                    while !is_over.load(Ordering::Relaxed) {
                        assert_eq!(connection.send("GET /search?item=2", ""), 200);
                        requests += 1;
                        if requests % 50 == client {
                            assert_eq!(connection.send("POST /buy", r#"{"item":2}"#), 200);
                            sold.fetch_add(1, Ordering::Relaxed);
                        }
                    }
                    requests
                })
            })
            .collect();
        for _ in 0..2 * frontends.len() {
            frontends.push(start());
            assert!(frontends.remove(0).stop().success());
        }
        is_over.store(true, Ordering::Relaxed);
        for client in clients {
            assert!(client.join().unwrap() > 0);
        }
    });
    let left = Client::of(&catalog, "catalog").get("/lookup/2").await.json()["stock"].as_u64();
    assert_eq!(
        left,
        Some(500 - sold.load(Ordering::Relaxed) as u64),
        "a purchase was lost or done twice"
    );
}

#[tokio::test]
async fn connections_wait_in_an_inherited_listener_while_the_only_process_restarts() {
    let store = StoreFixture::csv();
    let listener = TcpListener::bind(ANY_PORT).unwrap();
    let start = || start_with_listener(&listener, "bookstore.socket", 3, &all_arguments(&store.url));
    let shop = start();
    let address = listener.local_addr().unwrap().to_string();
    assert_eq!(
        shop.address("frontend"),
        address,
        "a listener with another name is the front-end's"
    );
    assert!(shop.stop().success());
    let waiting = std::thread::spawn(move || {
        let mut connection = KeptConnection {
            address: &address,
            open: None,
        };
        connection.send("GET /livez", "")
    });
    let shop = start();
    assert_eq!(waiting.join().unwrap(), 200);
    drop(shop);
}

#[test]
fn an_inherited_listener_beyond_loopback_needs_a_service_token_too() {
    let listener = TcpListener::bind("0.0.0.0:0").unwrap();
    let store = StoreFixture::csv();
    let arguments = ["catalog", "--store", &store.url, "--listen", ANY_PORT];
    let started = std::panic::catch_unwind(|| start_with_listener(&listener, "catalog", 1, &arguments));
    assert!(started.is_err(), "it was accepted");
    assert!(try_start(&arguments).is_ok());
}

#[tokio::test]
async fn systemd_is_notified_when_the_services_are_ready_reload_and_stop() {
    let store = StoreFixture::csv();
    let path = store.path("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(testing::WAIT_TIMEOUT)).unwrap();
    let receive = || {
        let mut message = [0; 256];
        let length = socket.recv(&mut message).unwrap();
        String::from_utf8_lossy(&message[..length]).into_owned()
    };
    let mut command = command(&all_arguments(&store.url));
    let shop = Process::start(command.env("NOTIFY_SOCKET", &path).stderr(Stdio::null()), 3).unwrap();
    assert_eq!(receive(), "READY=1");
    assert_eq!(Client::of(&shop, "frontend").buy(1, 1, Some(&key())).await.status, 200);
    shop.signal(Signal::HUP);
    assert!(receive().starts_with("RELOADING=1\nMONOTONIC_USEC="));
    assert_eq!(receive(), "READY=1");
    assert!(shop.stop().success());
    assert_eq!(receive(), "STOPPING=1");
}
