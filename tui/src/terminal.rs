//! The terminal: taken as a whole, and always given back as it was — at the end, in a panic, on a signal, while the
//! program is suspended.

use std::future::Future;
use std::io::{self, BufWriter, IsTerminal as _, Stdout, Write};
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};

use crossterm::clipboard::CopyToClipboard;
use crossterm::cursor::Show;
use crossterm::event::{DisableBracketedPaste, DisableMouseCapture, EnableBracketedPaste, EnableMouseCapture};
use crossterm::style::force_color_output;
use crossterm::terminal::{
    BeginSynchronizedUpdate, EndSynchronizedUpdate, EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode,
    enable_raw_mode,
};
use crossterm::{execute, queue};
use ratatui::backend::{Backend, CrosstermBackend};
use ratatui::{Frame, Terminal};
use tokio::sync::Notify;

/// Something to draw on. The shop's loop knows no more of a terminal than this, so that the same shop can be served over
/// another transport.
pub trait TerminalBackend {
    /// Width and height in cells.
    ///
    /// # Errors
    /// What the terminal answered.
    fn size(&mut self) -> io::Result<(u16, u16)>;

    /// Draws one frame.
    ///
    /// # Errors
    /// What the terminal answered.
    fn draw(&mut self, paint: impl FnOnce(&mut Frame<'_>)) -> io::Result<()>;

    /// Lets the next frame draw every cell.
    ///
    /// # Errors
    /// What the terminal answered.
    fn clear(&mut self) -> io::Result<()>;

    /// Puts a text on the clipboard of whoever sits there.
    ///
    /// # Errors
    /// What the terminal answered.
    fn copy(&mut self, text: &str) -> io::Result<()>;

    /// Gives the terminal back, lets the shell have it until it continues the program, and takes it again.
    ///
    /// # Errors
    /// What the terminal answered.
    fn suspend(&mut self) -> impl Future<Output = io::Result<()>>;

    /// Takes the terminal again after somebody else had it.
    ///
    /// # Errors
    /// What the terminal answered.
    fn reacquire(&mut self) -> io::Result<()>;
}

/// Whether the terminal is ours and must be given back.
static TAKEN: AtomicBool = AtomicBool::new(false);
/// Rings when a panic gave the terminal back behind the loop's back.
static PANICKED: Notify = Notify::const_new();
static HOOK: Once = Once::new();

/// The terminal of this process while it is ours.
#[derive(Debug)]
pub struct TerminalGuard {
    terminal: Terminal<CrosstermBackend<BufWriter<Output>>>,
    mouse: bool,
}

impl TerminalGuard {
    /// Takes the terminal: raw mode, alternate screen, bracketed paste, and the mouse where it is wanted.
    ///
    /// # Errors
    /// What the system said, mostly that this is no terminal.
    pub fn acquire(mouse: bool) -> io::Result<Self> {
        HOOK.call_once(|| {
            let previous = std::panic::take_hook();
            std::panic::set_hook(Box::new(move |panic| {
                if TAKEN.load(Ordering::SeqCst) {
                    restore();
                    PANICKED.notify_one();
                }
                previous(panic);
            }));
        });
        // Our own mono theme honours NO_COLOR; the library would write resets instead that clear bold and underlined.
        force_color_output(true);
        enter(mouse)?;
        let backend = CrosstermBackend::new(BufWriter::with_capacity(64 * 1024, Output(io::stdout())));
        match Terminal::new(backend) {
            Ok(terminal) => Ok(Self { terminal, mouse }),
            Err(error) => {
                restore();
                Err(error)
            }
        }
    }
}

impl Drop for TerminalGuard {
    fn drop(&mut self) {
        restore();
    }
}

/// Standard output while the terminal is ours. Event is written later leads nowhere: it would reach the shell's screen, and
/// the library panics when it cannot show the cursor of a terminal that is gone.
#[derive(Debug)]
struct Output(Stdout);

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if TAKEN.load(Ordering::SeqCst) {
            self.0.write(bytes)
        } else {
            Ok(bytes.len())
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        if TAKEN.load(Ordering::SeqCst) {
            self.0.flush()
        } else {
            Ok(())
        }
    }
}

impl TerminalBackend for TerminalGuard {
    fn size(&mut self) -> io::Result<(u16, u16)> {
        self.terminal.size().map(|size| (size.width, size.height))
    }

    fn draw(&mut self, paint: impl FnOnce(&mut Frame<'_>)) -> io::Result<()> {
        if !TAKEN.load(Ordering::SeqCst) {
            return Ok(());
        }
        queue!(self.terminal.backend_mut(), BeginSynchronizedUpdate)?;
        self.terminal.draw(paint)?;
        execute!(self.terminal.backend_mut(), EndSynchronizedUpdate)
    }

    fn clear(&mut self) -> io::Result<()> {
        clear(&mut self.terminal)
    }

    fn copy(&mut self, text: &str) -> io::Result<()> {
        execute!(self.terminal.backend_mut(), CopyToClipboard::to_clipboard_from(text))
    }

    async fn suspend(&mut self) -> io::Result<()> {
        restore();
        stop().await;
        self.reacquire()
    }

    fn reacquire(&mut self) -> io::Result<()> {
        enter(self.mouse)?;
        clear(&mut self.terminal)
    }
}

/// The library's own `clear` asks the terminal where the cursor is and waits for the answer; a resize to the same size
/// clears without asking.
pub(crate) fn clear<B: Backend>(terminal: &mut Terminal<B>) -> Result<(), B::Error> {
    let size = terminal.size()?;
    terminal.resize(ratatui::layout::Rect::new(0, 0, size.width, size.height))
}

fn enter(mouse: bool) -> io::Result<()> {
    // Noted first: a panic or an error in the middle gives back what was taken so far.
    TAKEN.store(true, Ordering::SeqCst);
    let taken = enable_raw_mode().and_then(|()| {
        execute!(io::stdout(), EnterAlternateScreen, EnableBracketedPaste)?;
        if mouse {
            execute!(io::stdout(), EnableMouseCapture)?;
        }
        Ok(())
    });
    if taken.is_err() {
        restore();
    }
    taken
}

/// Undoes everything; what fails is gone anyway.
fn restore() {
    if !TAKEN.swap(false, Ordering::SeqCst) {
        return;
    }
    let mut out = io::stdout();
    let _ = execute!(
        out,
        EndSynchronizedUpdate,
        DisableMouseCapture,
        DisableBracketedPaste,
        LeaveAlternateScreen,
        Show
    );
    let _ = disable_raw_mode();
    let _ = out.flush();
}

/// Waits for a panic that gave the terminal back.
pub(crate) async fn panicked() {
    PANICKED.notified().await;
}

/// Whether that error of the terminal means that there is none any more: what hung up is not even a terminal.
pub(crate) fn is_gone(error: &io::Error) -> bool {
    is_lost(error) || !(io::stdin().is_terminal() && io::stdout().is_terminal())
}

/// What the system tells the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signal {
    /// To leave.
    Leave,
    /// That the terminal hung up.
    HungUp,
    /// That it was stopped and goes on.
    Continued,
}

#[cfg(unix)]
mod unix {
    use super::Signal;
    use std::future::pending;
    use std::io;
    use std::os::unix::net::UnixStream;
    use std::time::Duration;

    use rustix::event::{PollFd, PollFlags, poll};
    use rustix::io::Errno;
    use tokio::signal::unix::{Signal as Stream, SignalKind, signal};
    use tokio::sync::oneshot;

    /// The signals that matter here.
    #[derive(Debug)]
    pub(crate) struct Signals {
        leave: [Stream; 2],
        hangup: Stream,
        continued: Stream,
    }

    impl Signals {
        pub(crate) fn new() -> io::Result<Self> {
            // The number of SIGCONT differs between systems; rustix knows it.
            let continued = SignalKind::from_raw(rustix::process::Signal::CONT.as_raw());
            Ok(Self {
                leave: [signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?],
                hangup: signal(SignalKind::hangup())?,
                continued: signal(continued)?,
            })
        }

        pub(crate) async fn next(&mut self) -> Signal {
            let [terminate, interrupt] = &mut self.leave;
            tokio::select! {
                _ = terminate.recv() => Signal::Leave,
                _ = interrupt.recv() => Signal::Leave,
                _ = self.hangup.recv() => Signal::HungUp,
                _ = self.continued.recv() => Signal::Continued,
            }
        }
    }

    /// Waits until the terminal hung up; without a controlling terminal no signal tells of it.
    pub(crate) async fn gone() {
        // When nobody waits any more, the end that is kept here closes, and the thread ends.
        let Ok((_kept, others)) = UnixStream::pair() else {
            return pending().await;
        };
        let (looks, ended) = oneshot::channel::<()>();
        std::thread::spawn(move || {
            let input = io::stdin();
            // Nothing is asked for: a hang-up is told unasked, and keys are no business of this.
            let mut ends = [
                PollFd::new(&input, PollFlags::empty()),
                PollFd::new(&others, PollFlags::empty()),
            ];
            while poll(&mut ends, None) == Err(Errno::INTR) {}
            drop(looks);
        });
        let _ = ended.await;
    }

    /// What reading from and writing to a terminal that hung up ends with.
    pub(crate) fn is_lost(error: &io::Error) -> bool {
        error.raw_os_error() == Some(Errno::IO.raw_os_error())
    }

    /// Stops the whole job, as the terminal itself would for Ctrl-Z, so that `cargo run` stops with us.
    pub(super) async fn stop() {
        if rustix::process::kill_current_process_group(rustix::process::Signal::TSTP).is_ok() {
            // The stop may reach another thread first; this one must not take the terminal again before it.
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

#[cfg(unix)]
use unix::stop;
#[cfg(unix)]
pub(crate) use unix::{Signals, gone, is_lost};

#[cfg(not(unix))]
mod other {
    use super::Signal;
    use std::io;

    #[derive(Debug)]
    pub(crate) struct Signals;

    impl Signals {
        pub(crate) fn new() -> io::Result<Self> {
            Ok(Self)
        }

        pub(crate) async fn next(&mut self) -> Signal {
            match tokio::signal::ctrl_c().await {
                Ok(()) => Signal::Leave,
                Err(_) => std::future::pending().await,
            }
        }
    }

    pub(crate) async fn gone() {
        std::future::pending().await
    }

    pub(crate) fn is_lost(_: &io::Error) -> bool {
        false
    }

    pub(super) async fn stop() {}
}

#[cfg(not(unix))]
use other::stop;
#[cfg(not(unix))]
pub(crate) use other::{Signals, gone, is_lost};
