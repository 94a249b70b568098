//! The terminal of a client: sends frames to the connection, one at a time.

use std::io::{self, Write};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crossterm::clipboard::CopyToClipboard;
use crossterm::cursor::Show;
use crossterm::event::{DisableBracketedPaste, DisableMouseCapture, EnableBracketedPaste, EnableMouseCapture};
use crossterm::queue;
use crossterm::terminal::{
    BeginSynchronizedUpdate, Clear, ClearType, EndSynchronizedUpdate, EnterAlternateScreen, LeaveAlternateScreen,
};
use ratatui::backend::CrosstermBackend;
use ratatui::layout::Rect;
use ratatui::{Frame, Terminal, TerminalOptions, Viewport};
use tokio::sync::mpsc;

use super::limits::{CELLS_MAX, COLUMNS_MAX};
use crate::commands::Chunk;
use crate::terminal::TerminalBackend;

/// Size for a client whose terminal reports none.
const SIZE_DEFAULT: (u16, u16) = (80, 24);

/// The current size of a client's terminal, in cells.
#[derive(Debug)]
pub(super) struct Size(AtomicU32);

impl Size {
    pub(super) fn new(columns: u32, rows: u32) -> Arc<Self> {
        let size = Self(AtomicU32::default());
        size.set(columns, rows);
        Arc::new(size)
    }

    /// Stores a size, reduced to the limits.
    pub(super) fn set(&self, columns: u32, rows: u32) {
        let columns = columns.min(COLUMNS_MAX);
        let rows = rows.min(CELLS_MAX / columns.max(1)).min(u32::from(u16::MAX));
        self.0.store(columns << 16 | rows, Ordering::Relaxed);
    }

    pub(super) fn get(&self) -> (u16, u16) {
        let both = self.0.load(Ordering::Relaxed).to_be_bytes();
        let (columns, rows) = (
            u16::from_be_bytes([both[0], both[1]]),
            u16::from_be_bytes([both[2], both[3]]),
        );
        match (columns, rows) {
            (0, _) | (_, 0) => SIZE_DEFAULT,
            size => size,
        }
    }
}

/// The bytes of the next chunk.
#[derive(Debug, Clone, Default)]
struct Buffer(Arc<Mutex<Vec<u8>>>);

impl Buffer {
    fn take(&self) -> Vec<u8> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut buffer = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        buffer.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

pub(super) struct RemoteTerminal {
    terminal: Terminal<CrosstermBackend<Buffer>>,
    buffer: Buffer,
    size: Arc<Size>,
    /// Size of the last frame; `None` if the next frame must draw every cell.
    drawn_size: Option<(u16, u16)>,
    chunks: mpsc::Sender<Chunk>,
}

impl RemoteTerminal {
    /// A terminal that sends its output to `chunks`.
    pub(super) fn new(size: Arc<Size>, mouse: bool, chunks: mpsc::Sender<Chunk>) -> io::Result<Self> {
        let mut buffer = Buffer::default();
        queue!(buffer, EnterAlternateScreen, EnableBracketedPaste)?;
        if mouse {
            queue!(buffer, EnableMouseCapture)?;
        }
        let first_size = size.get();
        Ok(Self {
            terminal: screen(first_size, &buffer)?,
            buffer,
            size,
            drawn_size: Some(first_size),
            chunks,
        })
    }

    /// Sends the buffer; only called if the terminal is ready.
    fn send(&mut self) -> io::Result<()> {
        let sent = self.chunks.try_send(Chunk::Out(self.buffer.take()));
        sent.map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}

impl TerminalBackend for RemoteTerminal {
    fn size(&mut self) -> io::Result<(u16, u16)> {
        Ok(self.size.get())
    }

    fn is_ready(&self) -> bool {
        self.chunks.capacity() > 0
    }

    async fn ready(&mut self) -> io::Result<()> {
        let permit = self.chunks.reserve().await;
        permit.map(drop).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }

    fn draw(&mut self, paint: impl FnOnce(&mut Frame<'_>)) -> io::Result<()> {
        let size = self.size.get();
        if Some(size) != self.drawn_size {
            queue!(self.buffer, Clear(ClearType::All))?;
            self.terminal = screen(size, &self.buffer)?;
            self.drawn_size = Some(size);
        }
        queue!(self.buffer, BeginSynchronizedUpdate)?;
        self.terminal.draw(paint)?;
        queue!(self.buffer, EndSynchronizedUpdate)?;
        self.send()
    }

    fn clear(&mut self) -> io::Result<()> {
        self.drawn_size = None;
        Ok(())
    }

    fn copy(&mut self, text: &str) -> io::Result<()> {
        // A slow reader must not fill the queue with copied texts.
        if !self.is_ready() {
            return Ok(());
        }
        queue!(self.buffer, CopyToClipboard::to_clipboard_from(text))?;
        self.send()
    }

    /// Does nothing: the client's shell suspends the client.
    async fn suspend(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn reacquire(&mut self) -> io::Result<()> {
        self.clear()
    }
}

/// The bytes that restore a client's terminal, followed by a sentence.
pub(super) fn leave(sentence: &str) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    queue!(
        bytes,
        EndSynchronizedUpdate,
        DisableMouseCapture,
        DisableBracketedPaste,
        LeaveAlternateScreen,
        Show
    )?;
    if !sentence.is_empty() {
        writeln!(bytes, "{sentence}")?;
    }
    Ok(bytes)
}

/// An empty screen. A new size needs a new screen, because ratatui's resize functions query the terminal of this process.
fn screen((width, height): (u16, u16), buffer: &Buffer) -> io::Result<Terminal<CrosstermBackend<Buffer>>> {
    let viewport = Viewport::Fixed(Rect::new(0, 0, width, height));
    Terminal::with_options(CrosstermBackend::new(buffer.clone()), TerminalOptions { viewport })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_is_bounded_and_none_is_the_usual_one() {
        for (sent, used) in [
            ((120, 36), (120, 36)),
            ((0, 0), (80, 24)),
            ((0, 50), (80, 24)),
            ((u32::MAX, u32::MAX), (500, 40)),
            ((1, u32::MAX), (1, 20_000)),
        ] {
            assert_eq!(Size::new(sent.0, sent.1).get(), used);
        }
    }

    #[test]
    fn a_frame_for_a_slow_reader_is_not_queued() {
        let (chunks, mut sent) = mpsc::channel(1);
        let mut terminal = RemoteTerminal::new(Size::new(80, 24), true, chunks).unwrap();
        assert!(terminal.is_ready());
        terminal
            .draw(|frame| frame.render_widget("first", frame.area()))
            .unwrap();
        assert!(!terminal.is_ready());
        let Ok(Chunk::Out(frame)) = sent.try_recv() else {
            panic!("no frame")
        };
        let text = String::from_utf8(frame).unwrap();
        assert!(text.starts_with("\u{1b}[?1049h") && text.contains("first"));
        assert!(terminal.is_ready());
        drop(sent);
        assert!(terminal.draw(|_| {}).is_err());
    }
}
