//! The shop over SSH, with OpenSSH's client.
#![cfg(feature = "sshd")]

use std::ffi::OsString;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use portable_pty::CommandBuilder;
use rustix::process::Signal;
use tempfile::TempDir;
use testing::{Process, skip_or_fail};

use crate::front_end::{WAIT_TIMEOUT, exit_and_output};
use crate::screen::{DEFAULT_SIZE, Home, Screen, baskets_in};
use crate::sessions::stock;
use crate::test_shop::{Fault, correct_shop, shop};

/// A running `bookstore sshd`, and a client with two keys.
struct Ssh {
    server: Process,
    client: TempDir,
}

impl Ssh {
    /// Starts a server. `None` if the test is skipped because no SSH client is installed.
    fn start(home: &Home, arguments: &str) -> Option<Self> {
        let client = tempfile::tempdir().unwrap();
        for key in ["key", "other"] {
            let mut keygen = Command::new("ssh-keygen");
            keygen
                .args(["-q", "-t", "ed25519", "-N", "", "-f"])
                .arg(client.path().join(key));
            if keygen.status().is_err() {
                skip_or_fail(
                    "ssh",
                    "install OpenSSH's client (Debian: `apt-get install openssh-client`)",
                );
                return None;
            }
        }
        let server = serve(home, arguments);
        Some(Self { server, client })
    }

    fn restart(&mut self, home: &Home, arguments: &str) {
        self.server.send_kill();
        self.server = serve(home, arguments);
    }

    /// The arguments of a client with this key; a client without a key is a guest.
    fn arguments(&self, key: Option<&str>, arguments: &[&str]) -> Vec<OsString> {
        let port = self.server.address("sshd").rsplit_once(':').unwrap().1;
        let file = |name: &str| self.client.path().join(name).into_os_string();
        // A server that listens at another port after a restart must have the same key.
        let mut known_hosts = OsString::from("-oUserKnownHostsFile=");
        known_hosts.push(file("known_hosts"));
        let fixed = [
            "-F",
            "none",
            "-a",
            "-x",
            "-p",
            port,
            "-oHostKeyAlias=shop",
            "-oStrictHostKeyChecking=accept-new",
        ];
        let mut all: Vec<OsString> = fixed.map(OsString::from).to_vec();
        all.extend([known_hosts, "-oIdentitiesOnly=yes".into(), "-oLogLevel=ERROR".into()]);
        match key {
            Some(key) => all.extend(["-i".into(), file(key)]),
            None => all.push("-oPubkeyAuthentication=no".into()),
        }
        all.extend(arguments.iter().map(OsString::from));
        all
    }

    /// Runs a client to its end; `arguments` begin with its options and `127.0.0.1`.
    fn run(&self, key: Option<&str>, arguments: &[&str]) -> (i32, String, String) {
        let mut client = Command::new("ssh");
        client.args(self.arguments(key, arguments)).stdin(Stdio::null());
        exit_and_output(&client.output().unwrap())
    }

    fn command(&self, line: &str) -> (i32, String, String) {
        self.run(Some("key"), &["127.0.0.1", line])
    }

    /// Opens the shop in a pseudo-terminal.
    fn open(&self, key: Option<&str>, options: &[&str]) -> Screen {
        let mut client = CommandBuilder::new("ssh");
        client.args(self.arguments(key, options));
        client.arg("127.0.0.1");
        Screen::run(&Home::new(), DEFAULT_SIZE, client)
    }

    fn open_live(&self, key: Option<&str>) -> Screen {
        let screen = self.open(key, &[]);
        screen.wait_for_text("● live");
        screen
    }
}

fn serve(home: &Home, arguments: &str) -> Process {
    Process::start(&mut home.command(&format!("sshd --listen 127.0.0.1:0 {arguments}")), 1).unwrap()
}

/// The baskets of all customers.
fn baskets(home: &Home) -> String {
    let customers = home.journal().with_file_name("sshd").join("customers");
    let customers = fs::read_dir(customers).unwrap();
    customers.map(|folder| baskets_in(&folder.unwrap().path())).collect()
}

/// Presses keys that buy one copy of the first book.
fn buy(screen: &mut Screen) {
    screen.open_dialog("\rb");
    screen.press("y");
    screen.wait_for_text("✓ sold");
    screen.press("\r");
    screen.wait_until_gone("Close");
}

#[test]
fn a_customer_shops_over_ssh_and_finds_the_order_again() {
    let home = Home::new();
    let Some(mut ssh) = Ssh::start(&home, "") else { return };
    let mut screen = ssh.open_live(Some("key"));
    screen.wait_for_text("RPCs for Dummies");
    buy(&mut screen);
    assert_eq!(stock(&home, 1), 399);
    screen.resize((60, 20));
    screen.wait_for("the hints in the last row", |screen| {
        let contents = screen.contents();
        contents.lines().nth(19).is_some_and(|hints| hints.contains("help"))
    });
    screen.press("3");
    screen.wait_for_text("not offered over SSH");
    screen.press("a");
    screen.wait_for_text("basket 1");
    screen.wait_for("the basket to be saved", |_| baskets(&home).contains("\"item\":1"));
    // The network fails, and later the server.
    screen.signal(Signal::KILL);
    drop(screen);
    ssh.server.send_kill();
    assert_eq!(stock(&home, 1), 399, "the store of the server lacks the sale");
    ssh.restart(&home, "");
    let mut screen = ssh.open_live(Some("key"));
    screen.wait_for_text("basket 1");
    screen.press("2");
    screen.wait_for_text("✓ sold");
    screen.wait_until_gone("Autopilot");
    screen.press("\u{3}");
    screen.assert_terminal_restored();
    assert_eq!(screen.exit_code(), 0);
    let (code, out, _) = ssh.command("orders");
    assert!(
        code == 0 && out.contains("sold") && !out.contains(home.store().to_str().unwrap()),
        "{out}"
    );
    let (code, out, err) = ssh.run(Some("other"), &["127.0.0.1", "orders"]);
    assert_eq!((code, out.as_str(), err.trim()), (0, "", "No orders yet."));
    assert!(
        !home.journal().exists(),
        "the journal of the server's user has an order"
    );
    assert!(ssh.server.stop().success());
}

#[test]
fn a_guest_keeps_no_orders_and_the_shop_says_so() {
    let (home, shop) = (Home::new(), correct_shop());
    let Some(ssh) = Ssh::start(&home, &format!("--url {}", shop.url())) else {
        return;
    };
    let mut screen = ssh.open_live(None);
    screen.wait_for_text("You are a guest");
    buy(&mut screen);
    screen.press("2");
    screen.wait_for_text("✓ sold");
    screen.press("\u{3}");
    assert_eq!(screen.exit_code(), 0);
    let mut screen = ssh.open(None, &["-l", "guest"]);
    screen.press("2");
    screen.wait_for_text("● live");
    assert!(!screen.written().contains("✓ sold"));
}

#[test]
fn an_order_without_an_answer_is_looked_up_by_the_next_session_and_never_sent_again() {
    let (home, shop) = (Home::new(), shop(9, Fault::NeverAnswersSales));
    let arguments = format!("--url {}", shop.url());
    let Some(mut ssh) = Ssh::start(&home, &arguments) else {
        return;
    };
    let mut screen = ssh.open_live(Some("key"));
    screen.wait_for_text("A Book");
    screen.open_dialog("\rb");
    screen.press("y");
    screen.wait_for("the order to be sent", |_| !shop.order_keys().is_empty());
    ssh.server.send_kill();
    ssh.restart(&home, &arguments);
    let mut screen = ssh.open_live(Some("key"));
    screen.press("2");
    screen.wait_for_text("✓ sold");
    assert_eq!(shop.order_keys().len(), 1);
}

#[test]
fn only_the_commands_of_customers_are_available() {
    let home = Home::new();
    let Some(ssh) = Ssh::start(&home, "") else { return };
    let (code, out, err) = ssh.command("search graduate");
    assert!(code == 0 && out.contains("Surviving"), "{out}{err}");
    let (code, out, err) = ssh.command("lookup 2 --json");
    let book: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(
        (code, book["title"].as_str().unwrap(), err.as_str()),
        (0, "RPCs for Dummies", "")
    );
    assert_eq!(ssh.command("lookup 99").0, 1);
    let (code, out, _) = ssh.command("buy 2:3");
    assert!(code == 0 && out.contains("120.00"), "{out}");
    let (code, out, _) = ssh.command("search --topic 'distributed systems'");
    assert!(code == 0 && out.lines().count() == 3, "{out}");
    let (code, out, _) = ssh.command("help");
    assert!(
        code == 0 && out.contains("watch") && !out.contains("autopilot"),
        "{out}"
    );
    let long = format!("search {}", "x".repeat(9_000));
    for (line, sentence) in [
        ("sh", "unrecognized subcommand"),
        ("autopilot --headless", "unrecognized subcommand"),
        ("man /tmp", "unrecognized subcommand"),
        ("restock 1 --to 0", "unrecognized subcommand"),
        ("topics --url http://127.0.0.1:1", "unexpected argument"),
        ("topics --token t", "unexpected argument"),
        ("topics --ca /etc/passwd", "unexpected argument"),
        ("search x --limit 1001", "at most 1000"),
        ("search 'x", "not closed"),
        (long.as_str(), "too long"),
    ] {
        let (code, out, err) = ssh.command(line);
        assert!(
            code == 2 && out.is_empty() && err.contains(sentence),
            "{code} {line}: {err}"
        );
    }
    let (code, _, err) = ssh.run(Some("key"), &["-T", "127.0.0.1"]);
    assert!(code == 2 && err.contains("needs a terminal"), "{err}");
    let (code, _, err) = ssh.run(Some("key"), &["-W", "127.0.0.1:22", "127.0.0.1"]);
    assert!(code == 255 && err.contains("forwarding failed"), "{err}");
    let (code, _, err) = ssh.run(Some("key"), &["-s", "127.0.0.1", "sftp"]);
    assert!(code == 255 && err.contains("subsystem request failed"), "{err}");
    let remote = ["-N", "-R", "0:127.0.0.1:22", "-oExitOnForwardFailure=yes", "127.0.0.1"];
    assert_eq!(ssh.run(Some("key"), &remote).0, 255);
}

#[test]
fn the_clients_variables_choose_the_style_and_a_dumb_terminal_is_refused() {
    let (home, shop) = (Home::new(), correct_shop());
    let Some(ssh) = Ssh::start(&home, &format!("--url {}", shop.url())) else {
        return;
    };
    let plain = ssh.open(
        Some("key"),
        &["-oSetEnv=NO_COLOR=1 LANG=C BOOKSTORE_URL=http://127.0.0.1:1"],
    );
    plain.wait_for_text("* live");
    assert!(!plain.written().contains("\u{1b}[36m") && !plain.written().contains("\u{1b}[38;5;6m"));
    let mut dumb = ssh.open(Some("key"), &["-oSetEnv=TERM=dumb"]);
    dumb.wait_for_text("needs a terminal");
    assert_eq!(dumb.exit_code(), 2);
}

#[test]
fn watching_prints_sales_until_it_is_interrupted() {
    let home = Home::new();
    let Some(ssh) = Ssh::start(&home, "") else { return };
    let mut client = CommandBuilder::new("ssh");
    client.args(ssh.arguments(Some("key"), &["-t", "127.0.0.1", "watch"]));
    let mut screen = Screen::run(&Home::new(), DEFAULT_SIZE, client);
    screen.wait_for_text("live at");
    assert_eq!(exit_and_output(&home.bookstore("buy 1 --quantity 7")).0, 0);
    screen.wait_for_text("stock    393");
    screen.press("\u{3}");
    assert_eq!(screen.exit_code(), 130);
}

#[test]
fn only_listed_keys_change_books_and_only_with_the_token() {
    let home = Home::new();
    let Some(mut ssh) = Ssh::start(&home, "") else { return };
    let listed = ssh.client.path().join("key.pub");
    ssh.restart(&home, &format!("--shopkeepers {}", listed.display()));
    let mut screen = ssh.open_live(Some("key"));
    screen.wait_for_text("RPCs for Dummies");
    screen.press("\rt");
    screen.wait_for_text("Withdraw");
    let mut screen = ssh.open_live(Some("other"));
    screen.wait_for_text("RPCs for Dummies");
    screen.press("\rt");
    screen.wait_for_text("Cannot change now");
    let arguments = format!(
        "sshd --listen 127.0.0.1:0 --url http://127.0.0.1:9 --shopkeepers {}",
        listed.display()
    );
    let (code, _, err) = exit_and_output(&home.bookstore(&arguments));
    assert!(code == 2 && err.contains("needs the shopkeeper's token"), "{err}");
}

#[test]
fn every_session_limit_ends_or_refuses_a_session() {
    let (home, shop) = (Home::new(), correct_shop());
    let at = |limits: &str| format!("--url {} {limits}", shop.url());
    let Some(mut ssh) = Ssh::start(&home, &at("--max-per-key 1")) else {
        return;
    };
    let mut first = ssh.open_live(Some("key"));
    let (code, _, err) = ssh.command("topics");
    assert!(
        code == 1 && err.contains("reached its limit of concurrent sessions"),
        "{err}"
    );
    assert_eq!(ssh.run(Some("other"), &["127.0.0.1", "topics"]).0, 0);
    first.press("\u{3}");
    assert_eq!(first.exit_code(), 0);
    assert_eq!(ssh.command("topics").0, 0);
    for limits in ["--max-sessions 1", "--max-per-address 1"] {
        ssh.restart(&home, &at(limits));
        let mut first = ssh.open_live(Some("key"));
        assert_eq!(ssh.run(Some("other"), &["127.0.0.1", "topics"]).0, 255, "{limits}");
        first.press("\u{3}");
        assert_eq!(first.exit_code(), 0);
        let start = Instant::now();
        while ssh.command("topics").0 != 0 {
            assert!(start.elapsed() < WAIT_TIMEOUT, "the session is still counted");
        }
    }
    for (limits, sentence) in [
        ("--idle-timeout 1s", "no key was pressed for 1 s"),
        ("--max-time 1s", "at most 1 s"),
    ] {
        ssh.restart(&home, &at(limits));
        let mut screen = ssh.open(Some("key"), &[]);
        screen.wait_for_text(sentence);
        screen.assert_terminal_restored();
        assert_eq!(screen.exit_code(), 0);
    }
    let (code, _, _) = ssh.command("watch");
    assert_eq!(code, 143, "the limit applies to commands too");
    ssh.restart(&home, &at("--login-timeout 1s"));
    let mut silent = TcpStream::connect(ssh.server.address("sshd")).unwrap();
    silent.set_read_timeout(Some(WAIT_TIMEOUT)).unwrap();
    let mut received = Vec::new();
    silent.read_to_end(&mut received).unwrap();
    assert!(received.starts_with(b"SSH-2.0-bookstore\r\n"));
    // A client that sends its identification string, but never logs in.
    let mut silent = TcpStream::connect(ssh.server.address("sshd")).unwrap();
    silent.set_read_timeout(Some(WAIT_TIMEOUT)).unwrap();
    silent.write_all(b"SSH-2.0-silent\r\n").unwrap();
    let mut received = Vec::new();
    let _ = silent.read_to_end(&mut received);
    assert!(received.len() > 100, "the server sends no list of algorithms");
}

#[test]
fn a_flood_of_refused_connections_prints_one_line() {
    let (home, shop) = (Home::new(), correct_shop());
    let folder = tempfile::tempdir().unwrap();
    let messages = folder.path().join("messages");
    for limit in ["--max-sessions 1", "--max-per-address 1"] {
        let mut command = home.command(&format!("sshd --listen 127.0.0.1:0 --url {} {limit}", shop.url()));
        command.stderr(fs::File::create(&messages).unwrap());
        let server = Process::start(&mut command, 1).unwrap();
        let connect = || TcpStream::connect(server.address("sshd")).unwrap();
        // A connection counts from before its login.
        let mut accepted = connect();
        accepted.read_exact(&mut [0; 4]).unwrap();
        for _ in 0..100 {
            // The server prints its line before it closes the connection.
            let mut refused = connect();
            refused.set_read_timeout(Some(WAIT_TIMEOUT)).unwrap();
            assert!(matches!(refused.read(&mut [0; 4]), Ok(0) | Err(_)));
        }
        let messages = fs::read_to_string(&messages).unwrap();
        let refusals: Vec<_> = messages.lines().filter(|line| line.contains("refused")).collect();
        assert!(
            refusals.len() == 1 && refusals[0].contains("connections"),
            "{refusals:?}"
        );
    }
}

#[test]
fn a_client_that_stops_reading_gets_the_newest_frame_when_it_reads_again() {
    let home = Home::new();
    let Some(ssh) = Ssh::start(&home, "") else { return };
    let mut screen = ssh.open_live(Some("key"));
    screen.wait_for_text("RPCs for Dummies");
    screen.press("\r");
    screen.wait_for_text("b buy");
    screen.signal(Signal::STOP);
    for _ in 0..4 {
        assert_eq!(exit_and_output(&home.bookstore("buy 1 --quantity 5")).0, 0);
    }
    screen.signal(Signal::CONT);
    screen.wait_for_text("380");
}

#[test]
fn stopping_the_server_ends_its_sessions_and_its_host_key_stays() {
    let (home, shop) = (Home::new(), correct_shop());
    let Some(mut ssh) = Ssh::start(&home, &format!("--url {}", shop.url())) else {
        return;
    };
    let mut screen = ssh.open_live(Some("key"));
    let server = std::mem::replace(&mut ssh.server, serve(&home, &format!("--url {}", shop.url())));
    assert!(server.stop().success());
    screen.wait_for_text("The shop is closing");
    screen.assert_terminal_restored();
    assert_eq!(screen.exit_code(), 0);
    assert_eq!(ssh.command("topics").0, 0, "the client knows the host key");
    let mode = |path: &Path| {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::metadata(path).unwrap().permissions().mode() & 0o777
    };
    let folder = home.store().with_file_name("sshd");
    assert_eq!((mode(&folder), mode(&folder.join("host_key"))), (0o700, 0o600));
}
