//! The terminal of this process: raw mode and the alternate screen, always restored: at the exit, in a panic, on a signal,
//! and while the program is suspended.

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

/// A terminal to draw on. The event loop uses no more than this, so that the shop can be served over another transport.
pub trait TerminalBackend {
    /// Width and height in cells.
    ///
    /// # Errors
    /// The terminal's I/O error.
    fn size(&mut self) -> io::Result<(u16, u16)>;

    /// Draws one frame.
    ///
    /// # Errors
    /// The terminal's I/O error.
    fn draw(&mut self, paint: impl FnOnce(&mut Frame<'_>)) -> io::Result<()>;

    /// Makes the next frame draw every cell.
    ///
    /// # Errors
    /// The terminal's I/O error.
    fn clear(&mut self) -> io::Result<()>;

    /// Puts a text on the user's clipboard.
    ///
    /// # Errors
    /// The terminal's I/O error.
    fn copy(&mut self, text: &str) -> io::Result<()>;

    /// Restores the terminal, stops the program until the shell continues it, and acquires the terminal again.
    ///
    /// # Errors
    /// The terminal's I/O error.
    fn suspend(&mut self) -> impl Future<Output = io::Result<()>>;

    /// Acquires the terminal again after another program used it.
    ///
    /// # Errors
    /// The terminal's I/O error.
    fn reacquire(&mut self) -> io::Result<()>;
}

/// Whether the terminal is acquired and must be restored.
static ACQUIRED: AtomicBool = AtomicBool::new(false);
/// Notified when a panic has restored the terminal.
static PANICKED: Notify = Notify::const_new();
static HOOK: Once = Once::new();

/// The acquired terminal; dropping it restores the terminal.
#[derive(Debug)]
pub struct TerminalGuard {
    terminal: Terminal<CrosstermBackend<BufWriter<Output>>>,
    mouse: bool,
}

impl TerminalGuard {
    /// Acquires the terminal: raw mode, alternate screen, bracketed paste, and the mouse if wanted.
    ///
    /// # Errors
    /// The system's error, usually because standard output is not a terminal.
    pub fn acquire(mouse: bool) -> io::Result<Self> {
        HOOK.call_once(|| {
            let previous = std::panic::take_hook();
            std::panic::set_hook(Box::new(move |panic| {
                if ACQUIRED.load(Ordering::SeqCst) {
                    restore();
                    PANICKED.notify_one();
                }
                previous(panic);
            }));
        });
        // The mono theme honours NO_COLOR. The library would emit resets that clear bold and underline.
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

/// Standard output while the terminal is acquired. Later writes are dropped: they would reach the shell's screen, and the
/// library panics if it cannot show the cursor of a terminal that is gone.
#[derive(Debug)]
struct Output(Stdout);

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if ACQUIRED.load(Ordering::SeqCst) {
            self.0.write(bytes)
        } else {
            Ok(bytes.len())
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        if ACQUIRED.load(Ordering::SeqCst) {
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
        if !ACQUIRED.load(Ordering::SeqCst) {
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

/// Clears by a resize to the same size. The library's `clear` asks the terminal for the cursor and waits for the answer.
pub(crate) fn clear<B: Backend>(terminal: &mut Terminal<B>) -> Result<(), B::Error> {
    let size = terminal.size()?;
    terminal.resize(ratatui::layout::Rect::new(0, 0, size.width, size.height))
}

fn enter(mouse: bool) -> io::Result<()> {
    // Set first, so that an error or a panic below restores what was acquired so far.
    ACQUIRED.store(true, Ordering::SeqCst);
    let entered = enable_raw_mode().and_then(|()| {
        execute!(io::stdout(), EnterAlternateScreen, EnableBracketedPaste)?;
        if mouse {
            execute!(io::stdout(), EnableMouseCapture)?;
        }
        Ok(())
    });
    if entered.is_err() {
        restore();
    }
    entered
}

/// Undoes everything. Errors are ignored: a terminal that is gone needs no restoring.
fn restore() {
    if !ACQUIRED.swap(false, Ordering::SeqCst) {
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

/// Waits for a panic that restored the terminal.
pub(crate) async fn panicked() {
    PANICKED.notified().await;
}

/// Whether an error of the terminal means that it is gone. After a hang-up it is not even a terminal any more.
pub(crate) fn is_gone(error: &io::Error) -> bool {
    is_lost(error) || !(io::stdin().is_terminal() && io::stdout().is_terminal())
}

/// A signal to the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signal {
    /// The program must exit.
    Exit,
    /// The terminal hung up.
    HungUp,
    /// The program was stopped and continues.
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

    /// The signals that the program handles.
    #[derive(Debug)]
    pub(crate) struct Signals {
        exit: [Stream; 2],
        hangup: Stream,
        continued: Stream,
    }

    impl Signals {
        pub(crate) fn new() -> io::Result<Self> {
            // The number of SIGCONT differs between systems.
            let continued = SignalKind::from_raw(rustix::process::Signal::CONT.as_raw());
            Ok(Self {
                exit: [signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?],
                hangup: signal(SignalKind::hangup())?,
                continued: signal(continued)?,
            })
        }

        pub(crate) async fn next(&mut self) -> Signal {
            let [terminate, interrupt] = &mut self.exit;
            tokio::select! {
                _ = terminate.recv() => Signal::Exit,
                _ = interrupt.recv() => Signal::Exit,
                _ = self.hangup.recv() => Signal::HungUp,
                _ = self.continued.recv() => Signal::Continued,
            }
        }
    }

    /// Waits until the terminal hangs up; without a controlling terminal no signal reports it.
    pub(crate) async fn gone() {
        // Dropping this future closes the kept end, which ends the thread.
        let Ok((_kept, others)) = UnixStream::pair() else {
            return pending().await;
        };
        let (thread, ended) = oneshot::channel::<()>();
        std::thread::spawn(move || {
            let input = io::stdin();
            // No flag is requested, because a hang-up is always reported.
            let mut ends = [
                PollFd::new(&input, PollFlags::empty()),
                PollFd::new(&others, PollFlags::empty()),
            ];
            while poll(&mut ends, None) == Err(Errno::INTR) {}
            drop(thread);
        });
        let _ = ended.await;
    }

    /// Whether the error is that of reading or writing a terminal that hung up.
    pub(crate) fn is_lost(error: &io::Error) -> bool {
        error.raw_os_error() == Some(Errno::IO.raw_os_error())
    }

    /// Stops the whole job, as the terminal does for Ctrl-Z, so that a parent such as `cargo run` stops too.
    pub(super) async fn stop() {
        if rustix::process::kill_current_process_group(rustix::process::Signal::TSTP).is_ok() {
            // The signal may stop this thread a little later; until then it must not acquire the terminal again.
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
                Ok(()) => Signal::Exit,
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
