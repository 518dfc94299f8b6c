//! Connections that know what has really gone out: a download is attested only when the kernel took its octets.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::Notify;

/// Send buffer of a connection: what the kernel may hold without the client having it.
const SEND_BUFFER: u32 = 64 << 10;

/// How many octets of the present body were handed over, and how many of them the kernel took.
#[derive(Default)]
pub struct Sent {
    /// Octets that the body gave to the server.
    given: AtomicU64,
    /// Octets of them that the kernel has taken.
    taken: AtomicU64,
    /// The connection is gone.
    closed: AtomicBool,
    changed: Notify,
}

impl Sent {
    /// Begins a new body on the connection.
    pub fn begin(&self) {
        self.given.store(0, Ordering::SeqCst);
        self.taken.store(0, Ordering::SeqCst);
    }

    /// The body hands octets over.
    pub fn give(&self, octets: u64) {
        self.given.fetch_add(octets, Ordering::SeqCst);
    }

    /// Octets taken so far, and whether the connection is gone.
    pub fn state(&self) -> (u64, bool) {
        (
            self.taken.load(Ordering::SeqCst),
            self.closed.load(Ordering::SeqCst),
        )
    }

    /// Waits for a change of [`Sent::state`].
    pub async fn changed(&self) {
        self.changed.notified().await;
    }

    /// Everything handed over before is with the kernel.
    fn flushed(&self) {
        let given = self.given.load(Ordering::SeqCst);
        if self.taken.swap(given, Ordering::SeqCst) != given {
            self.changed.notify_one();
        }
    }

    fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
        self.changed.notify_one();
    }
}

/// What handlers know of their connection.
#[derive(Clone)]
pub struct Connection {
    pub peer: SocketAddr,
    pub sent: Arc<Sent>,
}

/// A listener whose connections count.
pub struct Counting(TcpListener);

impl Counting {
    /// Binds an address.
    ///
    /// # Errors
    /// As the operating system says.
    pub fn bind(address: SocketAddr) -> io::Result<Self> {
        let socket = if address.is_ipv4() {
            TcpSocket::new_v4()?
        } else {
            TcpSocket::new_v6()?
        };
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
        (
            CountedStream {
                stream,
                sent: Arc::default(),
            },
            peer,
        )
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.0.local_addr()
    }
}

impl Connected<IncomingStream<'_, Counting>> for Connection {
    fn connect_info(stream: IncomingStream<'_, Counting>) -> Self {
        Self {
            peer: *stream.remote_addr(),
            sent: stream.io().sent.clone(),
        }
    }
}

/// A TCP stream that notes when everything handed over has been taken.
pub struct CountedStream {
    stream: TcpStream,
    sent: Arc<Sent>,
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
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    /// The server flushes only after it has written all that it holds.
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
