//! The terminal of this process: raw mode and the alternate screen. It is restored at the exit, in a panic, on a signal, and
//! while the program is suspended.

mod signals;

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

pub(crate) use signals::{Signal, Signals, is_eio, wait_for_hangup};

/// A terminal to draw on. The event loop depends only on this trait, so that the shop can be served over another transport.
pub(crate) trait TerminalBackend {
    /// Width and height in cells.
    fn size(&mut self) -> io::Result<(u16, u16)>;

    /// Whether a frame can be drawn now. Otherwise the frame is skipped, because the reader is slow.
    fn is_ready(&self) -> bool {
        true
    }

    /// Waits until a frame can be drawn. Cancel-safe.
    fn ready(&mut self) -> impl Future<Output = io::Result<()>> {
        std::future::ready(Ok(()))
    }

    fn draw(&mut self, paint: impl FnOnce(&mut Frame<'_>)) -> io::Result<()>;

    /// Makes the next frame draw every cell.
    fn clear(&mut self) -> io::Result<()>;

    fn copy(&mut self, text: &str) -> io::Result<()>;

    /// Restores the terminal, stops the program until the shell continues it, and acquires the terminal again.
    fn suspend(&mut self) -> impl Future<Output = io::Result<()>>;

    /// Acquires the terminal again after another program used it.
    fn reacquire(&mut self) -> io::Result<()>;
}

/// Whether the terminal is acquired and must be restored.
static ACQUIRED: AtomicBool = AtomicBool::new(false);
/// Notified when a panic has restored the terminal.
static PANICKED: Notify = Notify::const_new();
static HOOK: Once = Once::new();

/// The acquired terminal; dropping it restores the terminal.
#[derive(Debug)]
pub(crate) struct TerminalGuard {
    terminal: Terminal<CrosstermBackend<BufWriter<Output>>>,
    mouse: bool,
}

impl TerminalGuard {
    /// Acquires the terminal: raw mode, alternate screen, bracketed paste, and the mouse if wanted.
    pub(crate) fn acquire(mouse: bool) -> io::Result<Self> {
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
        force_colors();
        enter(mouse)?;
        let backend = CrosstermBackend::new(BufWriter::with_capacity(64 * 1024, Output(io::stdout())));
        let terminal = Terminal::new(backend).inspect_err(|_| restore())?;
        Ok(Self { terminal, mouse })
    }
}

/// Makes crossterm ignore `NO_COLOR`, because its resets would clear bold and underline. The mono theme honors the variable.
pub(crate) fn force_colors() {
    force_color_output(true);
}

impl Drop for TerminalGuard {
    fn drop(&mut self) {
        restore();
    }
}

/// Standard output while the terminal is acquired. Later writes are dropped: they would reach the shell's screen, and ratatui
/// panics if it cannot show the cursor after a hang-up.
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
        signals::stop().await;
        self.reacquire()
    }

    fn reacquire(&mut self) -> io::Result<()> {
        enter(self.mouse)?;
        clear(&mut self.terminal)
    }
}

/// Clears by a resize to the same size, because ratatui's `clear` queries the cursor position and waits for the answer.
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
    entered.inspect_err(|_| restore())
}

/// Restores the terminal. Errors are ignored: after a hang-up there is nothing to restore.
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

/// Whether an error of the terminal means a hang-up, after which the standard streams are no longer terminals.
pub(crate) fn is_hangup(error: &io::Error) -> bool {
    is_eio(error) || !(io::stdin().is_terminal() && io::stdout().is_terminal())
}
