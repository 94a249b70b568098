//! The event loop with random keys: after every message the screen equals a full redraw.

use std::cell::RefCell;
use std::future::pending;
use std::rc::Rc;
use std::sync::{Arc, Mutex};

use common::client::{ServiceEndpoint, ShopClient, ShopEvent, StreamItem, http_client};
use common::wire::StockEvent;
use common::{Seq, Stock};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use ratatui::Frame;
use ratatui::Terminal;
use ratatui::backend::{Backend as _, TestBackend};
use ratatui::buffer::{Buffer, Cell};
use ratatui::layout::{Position, Rect};

use super::*;
use crate::app::{Command, Overlay, RunStatus};
use crate::effect::Request;
use crate::input::{MouseAction, MouseEvent};
use crate::journal::JournalLocation;
use crate::keymap::Chord;
use crate::tests::catalog::{answer, lost, number, receipt, receipt_of, sold_out, too_few, unreachable};
use crate::tests::fixture::{Fixture, text};
use crate::theme::Theme;
use crate::ui::autopilot::pane::AutopilotPane;

/// Key presses of the normal suite. `BOOKSTORE_KEY_PRESSES` names another number, such as 200000.
const KEY_PRESSES: usize = 3_000;
/// Key presses of one shop, before the next one opens at another size, in another theme and with another autopilot.
const KEY_PRESSES_PER_SHOP: usize = 250;
const SIZES: [(u16, u16); 5] = [(40, 10), (45, 12), (80, 24), (120, 36), (160, 45)];
const THEMES: [(Theme, bool); 3] = [(Theme::Dark, false), (Theme::Light, false), (Theme::Mono, true)];

/// The characters and the cursor of the last frame, and when it was drawn.
struct Drawn {
    terminal: Terminal<TestBackend>,
    size: (u16, u16),
    at: Instant,
}

/// A terminal that keeps its cells, like a real one: a frame changes only the cells that differ.
#[derive(Clone)]
struct KeepingTerminal(Rc<RefCell<Drawn>>);

impl TerminalBackend for KeepingTerminal {
    fn size(&mut self) -> io::Result<(u16, u16)> {
        Ok(self.0.borrow().size)
    }

    fn draw(&mut self, paint: impl FnOnce(&mut Frame<'_>)) -> io::Result<()> {
        let mut drawn = self.0.borrow_mut();
        drawn.at = Instant::now();
        drawn.terminal.draw(paint).unwrap();
        // A real terminal keeps no cell behind a wide character.
        let hidden = hidden(drawn.terminal.backend().buffer());
        let blank = Cell::default();
        let blanks = hidden.iter().map(|at| (at.x, at.y, &blank));
        drawn.terminal.backend_mut().draw(blanks).unwrap();
        Ok(())
    }

    fn clear(&mut self) -> io::Result<()> {
        self.0.borrow_mut().terminal.clear().unwrap();
        Ok(())
    }

    fn copy(&mut self, _: &str) -> io::Result<()> {
        Ok(())
    }

    async fn suspend(&mut self) -> io::Result<()> {
        self.clear()
    }

    fn reacquire(&mut self) -> io::Result<()> {
        self.clear()
    }
}

/// A run without shoppers: its commands change its state, and its numbers change at a call of the test.
#[derive(Clone, Default)]
struct ScriptedRun(Arc<Mutex<(RunStatus, u64)>>, Arc<Mutex<Option<(RunStatus, u64)>>>);

impl ScriptedRun {
    fn state(&self) -> (RunStatus, u64) {
        *self.0.lock().unwrap()
    }

    fn advance(&self) {
        let mut state = self.0.lock().unwrap();
        if state.0.running && !state.0.paused && !state.0.frozen {
            state.1 += 1;
        }
    }
}

impl ScreenView for ScriptedRun {
    fn draw(&mut self, frame: &mut Frame<'_>, area: Rect, _: &Appearance) {
        frame.render_widget(format!("{:?}", self.state()), area);
        *self.1.lock().unwrap() = Some(self.state());
    }

    fn run(&mut self, command: Command) {
        let mut state = self.0.lock().unwrap();
        let status = &mut state.0;
        match command {
            Command::Start => {
                status.running = !status.running;
                status.has_run = true;
                status.paused = false;
            }
            Command::Pause => status.paused = status.running && !status.paused,
            Command::Freeze => status.frozen = !status.frozen,
            Command::Expand => status.expanded = !status.expanded,
            Command::Close => status.expanded = false,
            Command::More => status.shoppers += 1,
            _ => {}
        }
    }

    fn status(&self) -> RunStatus {
        self.state().0
    }

    fn has_changed(&mut self) -> bool {
        *self.1.lock().unwrap() != Some(self.state())
    }
}

/// A shop in its loop, with the fixed catalog's answers and no network.
struct Shop {
    session: Session<KeepingTerminal>,
    sources: Sources,
    keys: mpsc::Sender<io::Result<InputEvent>>,
    events: mpsc::Sender<Event>,
    terminal: KeepingTerminal,
    run: Option<ScriptedRun>,
    seq: u64,
    _folder: tempfile::TempDir,
}

impl Shop {
    /// A stocked shop; `scripted` if its autopilot runs, without one it has never run.
    fn open(size: (u16, u16), (theme, ascii): (Theme, bool), scripted: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (keys, input) = mpsc::channel(100);
        let (sender, events) = mpsc::channel(100);
        let drawn = Drawn {
            terminal: Terminal::new(TestBackend::new(size.0, size.1)).unwrap(),
            size,
            at: Instant::now(),
        };
        let terminal = KeepingTerminal(Rc::new(RefCell::new(drawn)));
        let mut app = Fixture::stocked(size.0, size.1).app;
        app.autopilot.available = Ok(());
        let appearance = Appearance::new(theme, ascii, false);
        let runner = EffectRunner::new(
            sender.clone(),
            JournalLocation {
                folder: folder.path().to_owned(),
                changes: None,
            },
        );
        let mut session = Session::new(terminal.clone(), app, appearance, runner);
        let run = scripted.then(ScriptedRun::default);
        session.autopilot_view = Some(match &run {
            Some(run) => Box::new(run.clone()),
            None => Box::new(idle_pane()),
        });
        session.start().unwrap();
        let sources = Sources {
            input,
            events,
            opening: pending().boxed(),
            signals: Signals::listen().unwrap(),
            exit_when: pending().boxed(),
        };
        Self {
            session,
            sources,
            keys,
            events: sender,
            terminal,
            run,
            seq: 100,
            _folder: folder,
        }
    }

    fn press(&self, key: Chord) {
        self.keys.try_send(Ok(InputEvent::Key(key.into()))).unwrap();
    }

    fn send(&self, event: Event) {
        self.events.try_send(event).unwrap();
    }

    fn resize(&self, size: (u16, u16)) {
        let mut drawn = self.terminal.0.borrow_mut();
        drawn.size = size;
        drawn.terminal.backend_mut().resize(size.0, size.1);
        let (columns, rows) = size;
        self.keys.try_send(Ok(InputEvent::Resized { columns, rows })).unwrap();
    }

    /// Answers some of the pending requests.
    fn answer(&mut self, random: &mut StdRng) {
        for request in std::mem::take(&mut self.session.runner.pending) {
            let event = match &request {
                Request::Buy { sent, .. } => Some(Event::BuyCompleted {
                    order: sent.order,
                    result: match random.random_range(0..3) {
                        0 => {
                            let lines = sent.lines.iter().filter(|line| line.item.get() <= 8);
                            let lines: Vec<_> = lines
                                .map(|line| (line.item.get(), line.quantity.get().into()))
                                .collect();
                            Ok(receipt_of(sent.order, &lines, 50))
                        }
                        1 if sent.lines.len() > 1 => Err(too_few(&[(sent.lines[0].item.get(), 0, 1)])),
                        1 => Err(sold_out()),
                        _ => Err(lost()),
                    },
                }),
                Request::Order(order) => Some(Event::OrderLoaded {
                    order: *order,
                    result: Ok(receipt(*order, 1, 1, 51)),
                }),
                Request::Topics if random.random_bool(0.2) => Some(Event::TopicsLoaded(Err(unreachable()))),
                _ => answer(&request),
            };
            if let Some(event) = event {
                self.send(event);
            }
        }
    }

    fn move_stock(&mut self, random: &mut StdRng) {
        self.seq += 1;
        self.send(Event::Stream(StreamItem::Event(ShopEvent::Stock(StockEvent {
            seq: Seq(self.seq),
            item: number(random.random_range(1..10)),
            stock: Stock::try_from(random.random_range(0..600_u64)).unwrap(),
            change: random.random_range(-1..1),
            at: Timestamp::from_micros(0),
        }))));
    }

    /// Runs the loop for a time; returns whether the shop was left.
    async fn pass(&mut self, time: Duration) -> bool {
        let run = tokio::time::timeout(time, self.session.run(&mut self.sources)).await;
        run.is_ok_and(|reason| reason.is_ok())
    }

    /// A full redraw at the time of the last frame.
    fn fresh(&mut self) -> (Buffer, Option<Position>) {
        let app = &mut self.session.app;
        let now = app.now.elapsed;
        app.now.elapsed = self.terminal.0.borrow().at - self.session.started;
        let (columns, rows) = self.terminal.0.borrow().size;
        let mut terminal = Terminal::new(TestBackend::new(columns, rows)).unwrap();
        let appearance = &self.session.appearance;
        match &self.run {
            // It shares the state, and notes its draws elsewhere: the session must find changes by itself.
            Some(run) => {
                let mut view = ScriptedRun(Arc::clone(&run.0), Arc::default());
                terminal
                    .draw(|frame| drop(ui::draw(frame, app, appearance, Some(&mut view))))
                    .unwrap();
            }
            // Without a run nothing changes but by commands.
            None => {
                let view = self.session.autopilot_view.as_deref_mut();
                terminal
                    .draw(|frame| drop(ui::draw(frame, app, appearance, view)))
                    .unwrap();
            }
        }
        app.now.elapsed = now;
        (shown(terminal.backend().buffer()), cursor(&terminal))
    }

    /// Fails if the screen differs from a full redraw.
    fn assert_screen_is_fresh(&mut self, what: impl Fn() -> String) {
        let now = self.session.app.now.elapsed;
        if let Some((notice, until)) = &self.session.app.notices.toast {
            let is_due = *until + TICK_INTERVAL_MIN + FRAME_INTERVAL < now;
            assert!(!is_due, "{}: {notice:?} is still shown", what());
        }
        let fresh = self.fresh();
        let drawn = self.terminal.0.borrow();
        let shown = (shown(drawn.terminal.backend().buffer()), cursor(&drawn.terminal));
        if shown == fresh {
            return;
        }
        let cells = fresh.0.diff(&shown.0);
        panic!(
            "{}\nis shown:\n{}\na fresh draw:\n{}\ncursor {:?}, fresh {:?}; {} cells differ, the first: {:?}",
            what(),
            text(&shown.0),
            text(&fresh.0),
            shown.1,
            fresh.1,
            cells.len(),
            cells.first(),
        );
    }
}

fn cursor(terminal: &Terminal<TestBackend>) -> Option<Position> {
    let backend = terminal.backend();
    backend.cursor_visible().then(|| backend.cursor_position())
}

/// The cells behind the second half of a wide character.
fn hidden(buffer: &Buffer) -> Vec<Position> {
    let mut hidden = Vec::new();
    for y in 0..buffer.area.height {
        let mut x = 0;
        while x < buffer.area.width {
            let width = u16::try_from(crate::format::width(buffer[(x, y)].symbol()))
                .unwrap()
                .max(1);
            let end = (x + width).min(buffer.area.width);
            hidden.extend((x + 1..end).map(|x| Position::new(x, y)));
            x = end;
        }
    }
    hidden
}

/// The visible cells.
fn shown(buffer: &Buffer) -> Buffer {
    let mut shown = buffer.clone();
    for at in hidden(buffer) {
        shown[at].reset();
    }
    shown
}

/// The autopilot's screen before any run.
fn idle_pane() -> AutopilotPane {
    // Nothing listens on the discard port.
    let endpoint = ServiceEndpoint::parse(http_client().unwrap(), "http://127.0.0.1:9").unwrap();
    let shop = ShopClient::new(endpoint, None);
    AutopilotPane::new(autopilot::controller::Controller::new(
        shop,
        autopilot::Settings::default(),
        watch::Sender::default(),
    ))
}

/// Every key of every command, twice as often as the other keys that dialogs and text fields take.
fn key_names() -> Vec<&'static str> {
    let of_commands = Command::all().flat_map(|command| command.info().keys.split(' '));
    let keys: Vec<_> = of_commands.filter(|key| !["^C", "^Z"].contains(key)).collect();
    let others = "y n x a a B B b b 0 1 9 Backspace Delete ^U ^W w a r d i c k 戰 é Enter Enter Esc Esc 1 2 3 4";
    keys.iter()
        .copied()
        .chain(keys.iter().copied())
        .chain(others.split(' '))
        .collect()
}

fn key_presses() -> usize {
    let wanted = std::env::var("BOOKSTORE_KEY_PRESSES");
    wanted.map_or(KEY_PRESSES, |number| number.parse().unwrap())
}

#[tokio::test(start_paused = true)]
async fn after_every_message_the_screen_equals_a_fresh_draw() {
    let keys: Vec<Chord> = key_names().iter().map(|name| name.parse().unwrap()).collect();
    let (mut pressed, mut messages, mut shops) = (0, 0, 0);
    let (mut baskets, mut checkouts) = (0, 0);
    while pressed < key_presses() {
        let seed = shops;
        let mut random = StdRng::seed_from_u64(seed);
        shops += 1;
        let index = usize::try_from(seed).unwrap();
        let (size, theme) = (SIZES[index % 5], THEMES[index % 3]);
        let mut shop = Shop::open(size, theme, seed % 2 == 1);
        let mut trail = Vec::new();
        for _ in 0..KEY_PRESSES_PER_SHOP {
            let step = match random.random_range(0..100) {
                0..80 => {
                    let key = keys[random.random_range(0..keys.len())];
                    pressed += 1;
                    shop.press(key);
                    key.to_string()
                }
                80..84 => {
                    let size = SIZES[random.random_range(0..SIZES.len())];
                    shop.resize(size);
                    format!("{size:?}")
                }
                84..89 => {
                    shop.move_stock(&mut random);
                    "stock".to_owned()
                }
                89..94 => {
                    shop.answer(&mut random);
                    "answers".to_owned()
                }
                94..96 => {
                    let (column, row) = (random.random_range(0..160), random.random_range(0..45));
                    let actions = [MouseAction::Click, MouseAction::WheelUp, MouseAction::WheelDown];
                    let action = actions[random.random_range(0..3)];
                    let mouse = MouseEvent { column, row, action };
                    shop.keys.try_send(Ok(InputEvent::Mouse(mouse))).unwrap();
                    format!("{mouse:?}")
                }
                96 => {
                    shop.send(Event::Stream(StreamItem::Disconnected {
                        error: unreachable(),
                        attempt: 2,
                        retry_in: Duration::from_millis(2_400),
                    }));
                    "disconnected".to_owned()
                }
                97 => {
                    shop.send(Event::Stream(StreamItem::Connecting { attempt: 2 }));
                    "connecting".to_owned()
                }
                98 => {
                    if let Some(run) = &shop.run {
                        run.advance();
                    }
                    "the run goes on".to_owned()
                }
                _ => {
                    shop.pass(Duration::from_millis(random.random_range(500..12_000))).await;
                    "time".to_owned()
                }
            };
            trail.push(step);
            messages += 1;
            // One look at the run and one frame.
            let left = shop.pass(VIEW_POLL_INTERVAL + FRAME_INTERVAL).await;
            if left {
                // The terminal is restored without another frame.
                break;
            }
            if shop.session.app.dirty {
                // A toast has just expired: its frame is due within one frame interval.
                shop.pass(FRAME_INTERVAL).await;
            }
            match &shop.session.app.overlays[..] {
                [Overlay::Basket] => baskets += 1,
                [Overlay::Basket, Overlay::Buy(_)] => checkouts += 1,
                _ => {}
            }
            shop.assert_screen_is_fresh(|| format!("seed {seed}, {size:?}, {theme:?}: {}", trail.join(" ")));
        }
    }
    assert!(baskets > 0 && checkouts > 0, "{baskets} baskets, {checkouts} checkouts");
    // Shown with `--nocapture`.
    println!("{baskets} screens with the basket, {checkouts} with its checkout");
    println!("{pressed} key presses and {messages} messages in {shops} shops: every screen equals a fresh draw");
}

#[tokio::test(start_paused = true)]
async fn overlays_are_drawn_over_an_autopilot_screen_without_a_run() {
    let mut shop = Shop::open((100, 30), THEMES[0], false);
    for (key, shown, hidden) in [
        ("3", "No run has been started", "What every key does"),
        ("?", "What every key does", "No run has been started."),
        ("Esc", "No run has been started", "What every key does"),
    ] {
        shop.press(key.parse().unwrap());
        shop.pass(VIEW_POLL_INTERVAL + FRAME_INTERVAL).await;
        let screen = text(shop.terminal.0.borrow().terminal.backend().buffer());
        assert!(screen.contains(shown) && !screen.contains(hidden), "{key}:\n{screen}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_shop_closes_when_its_input_ends() {
    let mut shop = Shop::open((100, 30), THEMES[0], false);
    drop(std::mem::replace(&mut shop.keys, mpsc::channel(1).0));
    let reason = shop.session.run(&mut shop.sources).await.unwrap();
    assert_eq!(reason, ExitReason::HungUp);
}
