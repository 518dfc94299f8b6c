//! Connections that know what has really gone out: a download is attested only when the kernel took its octets.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll};

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::Notify;

/// Send buffer of a connection: what the kernel may hold without the client having it.
const SEND_BUFFER: u32 = 64 << 10;

/// What became of the octets of one body.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct State {
    /// Octets that the body gave to the server.
    pub given: u64,
    /// Octets of them that the kernel has taken for certain.
    pub taken: u64,
    /// The connection is gone: so many octets may have been taken, counted by what was written since the last flush.
    pub closed: Option<u64>,
    /// Octets up to which the progress is stored.
    stored: u64,
}

/// One body on its way to the client.
#[derive(Default)]
pub struct Sent {
    state: Mutex<State>,
    /// Wakes who watches the progress.
    changed: Notify,
    /// Wakes the body.
    room: Notify,
}

impl Sent {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The body hands octets over.
    pub fn give(&self, octets: u64) {
        self.lock().given += octets;
    }

    #[must_use]
    pub fn state(&self) -> State {
        *self.lock()
    }

    /// Waits for a change of [`Sent::state`] by the connection.
    pub async fn changed(&self) {
        self.changed.notified().await;
    }

    /// The progress is stored so far.
    pub fn stored(&self, octets: u64) {
        self.lock().stored = octets;
        self.room.notify_one();
    }

    /// Waits until fewer than `most` octets are given and not stored.
    pub async fn room(&self, most: u64) {
        loop {
            let state = self.state();
            if state.given - state.stored < most {
                return;
            }
            self.room.notified().await;
        }
    }

    fn flushed(&self) {
        let mut state = self.lock();
        if state.taken != state.given {
            state.taken = state.given;
            self.changed.notify_one();
        }
    }

    fn close(&self, written: u64) {
        let mut state = self.lock();
        state.closed = Some(state.given.min(state.taken + written));
        self.changed.notify_one();
    }
}

/// The bodies under way on one connection: usually one, but the next may begin before the last octets of the one
/// before it are out.
#[derive(Default)]
pub struct Bodies(Mutex<Line>);

#[derive(Default)]
struct Line {
    bodies: Vec<Weak<Sent>>,
    /// Octets written since the last flush.
    written: u64,
    closed: bool,
}

impl Bodies {
    fn lock(&self) -> MutexGuard<'_, Line> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins a new body on the connection.
    pub fn begin(&self) -> Arc<Sent> {
        let sent = Arc::<Sent>::default();
        let mut line = self.lock();
        line.bodies.retain(|b| b.strong_count() > 0);
        line.bodies.push(Arc::downgrade(&sent));
        if line.closed {
            sent.close(0);
        }
        sent
    }

    /// The kernel took octets: of heads or bodies, in the order in which they were handed over.
    fn written(&self, octets: usize) {
        self.lock().written += octets as u64;
    }

    /// Everything handed over before is with the kernel.
    fn flushed(&self) {
        let mut line = self.lock();
        line.written = 0;
        line.bodies.iter().filter_map(Weak::upgrade).for_each(|b| b.flushed());
    }

    fn close(&self) {
        let mut line = self.lock();
        line.closed = true;
        let written = line.written;
        line.bodies.iter().filter_map(Weak::upgrade).for_each(|b| b.close(written));
    }
}

/// What handlers know of their connection.
#[derive(Clone)]
pub struct Connection {
    pub peer: SocketAddr,
    pub sent: Arc<Bodies>,
}

/// A listener whose connections count.
pub struct Counting(TcpListener);

impl Counting {
    /// Binds an address.
    ///
    /// # Errors
    /// As the operating system says.
    pub fn bind(address: SocketAddr) -> io::Result<Self> {
        let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        socket.set_reuseaddr(true)?;
        socket.set_send_buffer_size(SEND_BUFFER)?;
        socket.bind(address)?;
        Ok(Self(socket.listen(1024)?))
    }

    /// The address bound, with the port that a port of 0 became.
    ///
    /// # Errors
    /// As the operating system says.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

impl Listener for Counting {
    type Io = CountedStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        let (stream, peer) = Listener::accept(&mut self.0).await;
        // Answers are small and whole; waiting to fill a packet only delays them.
        stream.set_nodelay(true).ok();
        (CountedStream { stream, sent: Arc::default() }, peer)
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.0.local_addr()
    }
}

impl Connected<IncomingStream<'_, Counting>> for Connection {
    fn connect_info(stream: IncomingStream<'_, Counting>) -> Self {
        Self { peer: *stream.remote_addr(), sent: stream.io().sent.clone() }
    }
}

/// A TCP stream that notes when everything handed over has been taken.
pub struct CountedStream {
    stream: TcpStream,
    sent: Arc<Bodies>,
}

impl CountedStream {
    fn count(&self, wrote: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if let Poll::Ready(Ok(octets)) = wrote {
            self.sent.written(octets);
        }
        wrote
    }
}

impl Drop for CountedStream {
    fn drop(&mut self) {
        self.sent.close();
    }
}

impl AsyncRead for CountedStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for CountedStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let wrote = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.count(wrote)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let wrote = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.count(wrote)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    /// The server (hyper, HTTP/1) hands a flush down only when its write buffer is empty, and it takes a body's frame
    /// into that buffer in the same poll in which the body gives it.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(cx);
        if matches!(flushed, Poll::Ready(Ok(()))) {
            self.sent.flushed();
        }
        flushed
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
