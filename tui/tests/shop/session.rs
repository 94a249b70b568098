//! The whole shop with its event loop, network and journal, on a test terminal and against a scripted front-end.

use std::future::ready;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::client::{ServiceEndpoint, ShopClient, http_client};
use futures::FutureExt as _;
use ratatui::backend::TestBackend;
use ratatui::layout::Rect;
use ratatui::{Frame, Terminal};
use tokio::sync::{mpsc, oneshot, watch};
use tui::app::{Command, RunStatus, Screen};
use tui::input::{InputEvent, Key, KeyEvent};
use tui::keymap::Keymap;
use tui::runtime::{Error, ExitReason, Opened, Opening, Options, serve};
use tui::terminal::TerminalBackend;
use tui::theme::{Appearance, Theme};
use tui::ui::ScreenView;

use crate::fixture::{STORE, answer, text, topics};
use crate::screens::receipt;

/// The longest wait for the screen; a passing test never needs it.
const TIMEOUT: Duration = Duration::from_secs(30);

/// The requests that the front-end received, and how it answers purchases.
#[derive(Default)]
struct Seen {
    buys: Vec<String>,
    asks: Vec<String>,
    lose_buys: usize,
    orders_on_disk_at_buy: Vec<bool>,
    journal: std::path::PathBuf,
}

type Shared = Arc<Mutex<Seen>>;

/// Starts a scripted front-end; returns its address.
fn front_end(seen: &Shared) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let seen = Arc::clone(seen);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let seen = Arc::clone(&seen);
            std::thread::spawn(move || serve_one(stream, &seen));
        }
    });
    url
}

fn serve_one(stream: TcpStream, seen: &Shared) -> io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut writer = stream;
    let mut request = String::new();
    reader.read_line(&mut request)?;
    let (mut key, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let line = line.trim_end().to_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(value) = line.strip_prefix("idempotency-key: ") {
            key = value.to_owned();
        }
        if let Some(value) = line.strip_prefix("content-length: ") {
            length = value.parse().unwrap();
        }
    }
    io::copy(&mut reader.take(length), &mut io::sink())?;
    let path = request.split(' ').nth(1).unwrap_or_default().to_owned();
    let json = |value: String| {
        format!(
            "HTTP/1.1 200 OK\r\nbookstore-seq: 40\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{value}",
            value.len()
        )
    };
    let sold = |key: &str| {
        let mut sold = receipt(1, 1, 1, 41);
        sold.order = key.parse().unwrap();
        serde_json::to_string(&sold).unwrap()
    };
    let response = if path == "/topics" {
        json(serde_json::to_string(&topics()).unwrap())
    } else if path.starts_with("/search?topic=distributed") {
        let books = answer(&tui::effect::Query::Topic("distributed systems".into()));
        json(serde_json::to_string(&common::wire::BookPage { books, next: None }).unwrap())
    } else if path == "/events" {
        let events = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\nevent: hello\ndata: {{\"seq\":40,\"store\":\"{STORE}\"}}\n\n"
        );
        writer.write_all(events.as_bytes())?;
        // Waits until the client closes the connection.
        return writer.read(&mut [0; 1]).map(drop);
    } else if path == "/buy" {
        let mut seen = seen.lock().unwrap();
        seen.buys.push(key.clone());
        let on_disk = std::fs::read_to_string(&seen.journal).is_ok_and(|journal| journal.contains(&key));
        seen.orders_on_disk_at_buy.push(on_disk);
        if seen.lose_buys > 0 {
            seen.lose_buys -= 1;
            return Ok(());
        }
        json(sold(&key))
    } else if let Some(order) = path.strip_prefix("/orders/") {
        seen.lock().unwrap().asks.push(order.to_owned());
        json(sold(order))
    } else {
        "HTTP/1.1 404 Not Found\r\nconnection: close\r\ncontent-length: 0\r\n\r\n".to_owned()
    };
    writer.write_all(response.as_bytes())
}

/// A terminal that passes its frames to the test.
struct TestTerminal {
    terminal: Terminal<TestBackend>,
    frames: watch::Sender<String>,
}

impl TerminalBackend for TestTerminal {
    fn size(&mut self) -> io::Result<(u16, u16)> {
        Ok((100, 30))
    }

    fn draw(&mut self, paint: impl FnOnce(&mut Frame<'_>)) -> io::Result<()> {
        self.terminal.draw(paint).unwrap();
        self.frames.send_replace(text(self.terminal.backend().buffer()));
        Ok(())
    }

    fn clear(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn copy(&mut self, _: &str) -> io::Result<()> {
        Ok(())
    }

    async fn suspend(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn reacquire(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn opened(url: &str) -> Opened {
    let peer = ServiceEndpoint::parse(http_client().unwrap(), url).unwrap();
    Opened {
        shop: ShopClient::new(peer, None),
        store_name: "a shop".into(),
        store_closed: None,
        notices: Vec::new(),
        autopilot: None,
    }
}

struct Client {
    keys: mpsc::Sender<io::Result<InputEvent>>,
    frames: watch::Receiver<String>,
    session: tokio::task::JoinHandle<Result<ExitReason, Error>>,
}

impl Client {
    fn start(url: &str, data_folder: &std::path::Path) -> Self {
        Self::start_with(ready(Ok(opened(url))).boxed(), data_folder)
    }

    fn start_with(opening: Opening, data_folder: &std::path::Path) -> Self {
        let (keys, typed) = mpsc::channel(100);
        let (frames, seen) = watch::channel(String::new());
        let options = Options {
            opening,
            theme: Theme::Dark,
            ascii: false,
            reduced_motion: false,
            mouse: false,
            data_folder: data_folder.to_owned(),
            screen: Screen::Shop,
            keymap: Keymap::default(),
            exit_when: None,
        };
        let stage = TestTerminal {
            terminal: Terminal::new(TestBackend::new(100, 30)).unwrap(),
            frames,
        };
        let session = tokio::spawn(serve(stage, typed, options));
        Self {
            keys,
            frames: seen,
            session,
        }
    }

    fn press(&self, key: Key) {
        self.keys.try_send(Ok(InputEvent::Key(KeyEvent::plain(key)))).unwrap();
    }

    async fn wait_for_text(&mut self, wanted: &str) {
        self.wait_for(wanted, |frame| frame.contains(wanted)).await;
    }

    async fn wait_for(&mut self, what: &str, wanted: impl Fn(&str) -> bool) {
        let seen = self.frames.wait_for(|frame| wanted(frame));
        if tokio::time::timeout(TIMEOUT, seen).await.is_err() {
            panic!("no {what:?} in\n{}", *self.frames.borrow());
        }
    }

    /// Opens the dialog and waits until the journal has been read.
    async fn open_dialog(&mut self) {
        self.press(Key::Char('b'));
        self.wait_for("the dialog", |frame| {
            frame.contains("Cancel") && !frame.contains("still being read")
        })
        .await;
    }

    async fn quit(self) {
        self.keys.try_send(Ok(InputEvent::Key(KeyEvent::ctrl('c')))).unwrap();
        tokio::time::timeout(TIMEOUT, self.session)
            .await
            .unwrap()
            .unwrap()
            .unwrap();
    }
}

fn shared(folder: &std::path::Path, lose_buys: usize) -> Shared {
    Arc::new(Mutex::new(Seen {
        lose_buys,
        journal: folder.join("orders.jsonl"),
        ..Seen::default()
    }))
}

#[tokio::test]
async fn a_book_is_bought_and_its_order_was_on_disk_before_the_request() {
    let folder = tempfile::tempdir().unwrap();
    let seen = shared(folder.path(), 0);
    let mut client = Client::start(&front_end(&seen), folder.path());
    client.wait_for_text("● live").await;
    client.wait_for_text("RPCs for Dummies").await;
    client.open_dialog().await;
    client.press(Key::Char('y'));
    client.wait_for_text("✓ sold").await;
    client.quit().await;
    assert_eq!(seen.lock().unwrap().orders_on_disk_at_buy, [true]);

    let mut client = Client::start(&front_end(&seen), folder.path());
    client.press(Key::Char('2'));
    client.wait_for_text("✓ sold").await;
    client.quit().await;
    let seen = seen.lock().unwrap();
    assert_eq!(
        (seen.buys.len(), seen.asks.len()),
        (1, 0),
        "a settled order is neither sent nor looked up again"
    );
}

#[tokio::test]
async fn a_lost_answer_is_resolved_with_the_same_key() {
    let folder = tempfile::tempdir().unwrap();
    let seen = shared(folder.path(), 1);
    let mut client = Client::start(&front_end(&seen), folder.path());
    client.wait_for_text("RPCs for Dummies").await;
    client.open_dialog().await;
    client.press(Key::Char('y'));
    client.wait_for_text("✓ sold").await;
    client.quit().await;
    let seen = seen.lock().unwrap();
    assert_eq!(seen.buys.len(), 2);
    assert_eq!(seen.buys[0], seen.buys[1]);
}

#[tokio::test]
async fn an_undecided_order_of_a_killed_shop_is_looked_up_and_not_sent() {
    let folder = tempfile::tempdir().unwrap();
    let seen = shared(folder.path(), usize::MAX);
    let url = front_end(&seen);
    let mut client = Client::start(&url, folder.path());
    client.wait_for_text("RPCs for Dummies").await;
    client.open_dialog().await;
    client.press(Key::Char('y'));
    client.wait_for_text("unknown, checking").await;
    client.session.abort();
    let sent = seen.lock().unwrap().buys.len();

    let mut client = Client::start(&url, folder.path());
    client.press(Key::Char('2'));
    client.wait_for_text("✓ sold").await;
    client.quit().await;
    let seen = seen.lock().unwrap();
    // A request of the aborted loop may still have been on its way.
    assert!(seen.buys.len() <= sent + 1 && !seen.asks.is_empty());
    assert!(seen.asks.iter().all(|order| *order == seen.buys[0]));
}

#[tokio::test]
async fn an_unreachable_shop_can_be_opened() {
    let folder = tempfile::tempdir().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let mut client = Client::start(&url, folder.path());
    client.wait_for_text("Topics").await;
    client.wait_for_text("reconnecting").await;
    client.press(Key::Char('?'));
    client.wait_for_text("What every key does").await;
    client.quit().await;
}

#[tokio::test]
async fn overlays_are_drawn_over_an_autopilot_screen_without_a_run() {
    struct Still;
    impl ScreenView for Still {
        fn draw(&mut self, frame: &mut Frame<'_>, area: Rect, _: &Appearance) {
            frame.render_widget("no run", area);
        }
        fn run(&mut self, _: Command) {}
        fn status(&self) -> RunStatus {
            RunStatus::default()
        }
        fn has_changed(&mut self) -> bool {
            false
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let seen = shared(folder.path(), 0);
    let opened = Opened {
        autopilot: Some(Box::new(Still)),
        ..opened(&front_end(&seen))
    };
    let mut client = Client::start_with(ready(Ok(opened)).boxed(), folder.path());
    client.wait_for_text("RPCs for Dummies").await;
    client.press(Key::Char('3'));
    client.wait_for_text("no run").await;
    client.press(Key::Char('?'));
    client.wait_for_text("What every key does").await;
    client.press(Key::Esc);
    client
        .wait_for("the screen without the help", |frame| {
            !frame.contains("What every key does")
        })
        .await;
    client.quit().await;
}

#[tokio::test]
async fn the_screen_is_usable_while_the_store_opens() {
    let folder = tempfile::tempdir().unwrap();
    let seen = shared(folder.path(), 0);
    let (open, opening) = oneshot::channel();
    let mut client = Client::start_with(async { Ok(opening.await.unwrap()) }.boxed(), folder.path());
    client.wait_for_text("opening the store").await;
    client.press(Key::Char('?'));
    client.wait_for_text("What every key does").await;
    client.press(Key::Esc);
    open.send(opened(&front_end(&seen))).unwrap();
    client.wait_for_text("a shop").await;
    client.wait_for_text("● live").await;
    client.wait_for_text("RPCs for Dummies").await;
    client.quit().await;
}

#[tokio::test]
async fn a_store_that_does_not_open_closes_the_shop_with_its_error() {
    let folder = tempfile::tempdir().unwrap();
    let failed = async {
        tokio::task::yield_now().await;
        Err(tui::connect::Error::Url("no address".to_owned()))
    };
    let client = Client::start_with(failed.boxed(), folder.path());
    let ended = tokio::time::timeout(TIMEOUT, client.session).await.unwrap().unwrap();
    assert!(matches!(ended, Err(Error::Connect(why)) if why.to_string().contains("no address")));
}

#[tokio::test]
async fn the_shop_closes_when_its_input_ends() {
    let folder = tempfile::tempdir().unwrap();
    let client = Client::start("http://127.0.0.1:9", folder.path());
    drop(client.keys);
    let left = tokio::time::timeout(TIMEOUT, client.session).await.unwrap().unwrap();
    assert_eq!(left.unwrap(), ExitReason::HungUp);
}
