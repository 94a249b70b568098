//! A TCP stream that a token aborts: its reads and writes then fail, which ends the SSH library's task.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

pub(super) struct AbortableSocket {
    stream: TcpStream,
    /// Each direction has its own future, because different tasks may poll them.
    read_abort: Pin<Box<WaitForCancellationFutureOwned>>,
    write_abort: Pin<Box<WaitForCancellationFutureOwned>>,
}

impl AbortableSocket {
    pub(super) fn new(stream: TcpStream, abort: &CancellationToken) -> Self {
        let aborted = || Box::pin(abort.clone().cancelled_owned());
        Self {
            stream,
            read_abort: aborted(),
            write_abort: aborted(),
        }
    }

    fn check_write_abort(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        match self.write_abort.as_mut().poll(context) {
            Poll::Ready(()) => Err(io::ErrorKind::ConnectionAborted.into()),
            Poll::Pending => Ok(()),
        }
    }
}

impl AsyncRead for AbortableSocket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.read_abort.as_mut().poll(context).is_ready() {
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for AbortableSocket {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.check_write_abort(context)?;
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.check_write_abort(context)?;
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.check_write_abort(context)?;
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
