//! TCP as madsim has it, made to behave like the operating system's where they differ.
//!
//! madsim's streams tell their ends apart from the network: a dial over a cut link is refused at
//! once, and a peer's death is known at once even behind a partition. Here such news waits until a
//! packet could have carried it. madsim also sends a packet on every flush and spends a millisecond
//! on each: here only a flush with something to send does, at most once a millisecond.

use std::{
    io,
    net::SocketAddr,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use hyper_util::rt::TokioIo;
use madsim::{
    net::{NetSim, TcpListener, TcpStream},
    time::{Sleep, sleep},
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::links::{self, End};

/// A connection, as hyper wants it.
pub(super) type Stream = TokioIo<SimStream>;

/// What a packet costs madsim at least, and so the time in which flushes share one.
const PACKET_TIME: Duration = Duration::from_millis(1);
/// How long madsim's instant connections take here.
const DIAL_TIME: Duration = Duration::from_millis(5);
/// First and longest pause between looks at a link that lets nothing through.
const PROBE_PAUSE_MIN: Duration = Duration::from_millis(5);
const PROBE_PAUSE_MAX: Duration = Duration::from_secs(1);

/// A bound socket that accepts connections.
#[derive(Debug)]
pub struct Listener {
    socket: TcpListener,
    addr: SocketAddr,
}

impl Listener {
    /// Binds to `addr`; port 0 takes a free one.
    ///
    /// # Errors
    /// The address is in use on this simulated node, or not this node's.
    pub async fn bind(addr: SocketAddr) -> io::Result<Self> {
        let socket = TcpListener::bind(addr).await?;
        let addr = socket.local_addr()?;
        Ok(Self { socket, addr })
    }

    /// Where it listens; tells which port was given where port 0 was asked for.
    pub fn local_addr(&self) -> SocketAddr {
        self.addr
    }

    pub(super) async fn accept(&self) -> io::Result<Accepted> {
        let (stream, peer) = self.socket.accept().await?;
        Ok(Accepted { stream, peer })
    }
}

/// An accepted connection.
pub(super) struct Accepted {
    stream: TcpStream,
    peer: SocketAddr,
}

impl Accepted {
    pub(super) fn peer(&self) -> SocketAddr {
        self.peer
    }

    pub(super) fn into_stream(self) -> io::Result<Stream> {
        Ok(TokioIo::new(SimStream::new(self.stream)?))
    }
}

/// Connects to `host_and_port`. Like a real dial it goes on trying while the link lets nothing
/// through; it is refused only where a packet arrives and finds no listener.
pub(super) async fn connect(host_and_port: &str) -> io::Result<Stream> {
    let mut pause = PROBE_PAUSE_MIN;
    loop {
        let mut dial = pin!(TcpStream::connect(host_and_port));
        let (connected, arrived) = std::future::poll_fn(|cx| {
            let (polled, arrived) = watch_for_packet(|| dial.as_mut().poll(cx));
            polled.map(|connected| (connected, arrived))
        })
        .await;
        if connected.is_err() && !arrived {
            sleep(pause).await;
            pause = (pause * 2).min(PROBE_PAUSE_MAX);
            continue;
        }
        sleep(DIAL_TIME).await;
        let stream = SimStream::new(connected?)?;
        // A dial needs both directions.
        let link = stream.end.link;
        while links::is_held(link) || links::is_held(links::back(link)) {
            sleep(PROBE_PAUSE_MIN).await;
        }
        return Ok(TokioIo::new(stream));
    }
}

/// Runs one synchronous step and says whether a packet got through in it. madsim counts a packet
/// once the link has let it pass, before it looks for a socket at the other end.
fn watch_for_packet<R>(step: impl FnOnce() -> R) -> (R, bool) {
    let net = NetSim::current();
    let before = net.stat().msg_count;
    let result = step();
    (result, net.stat().msg_count != before)
}

/// A madsim stream with an operating system's manners.
pub(super) struct SimStream {
    io: TcpStream,
    end: Arc<End>,
    /// Whether bytes were written since the last flush.
    unsent: bool,
    gate: Gate,
    news: Option<HeldNews>,
}

impl SimStream {
    fn new(io: TcpStream) -> io::Result<Self> {
        Ok(Self {
            end: End::new((io.local_addr()?.ip(), io.peer_addr()?.ip())),
            io,
            unsent: false,
            gate: Gate::default(),
            news: None,
        })
    }
}

impl AsyncRead for SimStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        this.end.check_reset()?;
        this.end.note_reader(cx);
        if links::is_held(links::back(this.end.link)) {
            return Poll::Pending;
        }
        if this.news.is_none() {
            let filled = buf.filled().len();
            ready!(Pin::new(&mut this.io).poll_read(cx, buf))?;
            if buf.filled().len() > filled {
                return Poll::Ready(Ok(()));
            }
        }
        this.news
            .get_or_insert_default()
            .poll(&mut this.io, cx)
            .map(Ok)
    }
}

impl AsyncWrite for SimStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.end.check_reset()?;
        self.unsent = true;
        Pin::new(&mut self.io).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.end.check_reset()?;
        if !self.unsent {
            return Poll::Ready(Ok(()));
        }
        let delay = links::delay(self.end.link);
        ready!(self.gate.poll_pass(cx, delay));
        self.unsent = false;
        match watch_for_packet(|| Pin::new(&mut self.io).poll_flush(cx)) {
            // The peer is gone, but nothing can have said so: the bytes are on their way to nobody.
            (Poll::Ready(Err(_)), false) => Poll::Ready(Ok(())),
            (flushed, _) => flushed,
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.as_mut().poll_flush(cx))?;
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

/// Lets one flush through per [`PACKET_TIME`]; what is written meanwhile shares the next packet.
#[derive(Default)]
struct Gate {
    closed: Option<Pin<Box<Sleep>>>,
    /// The link is slow, and a packet is on its way.
    held: Option<Pin<Box<Sleep>>>,
}

impl Gate {
    fn poll_pass(&mut self, cx: &mut Context<'_>, delay: Duration) -> Poll<()> {
        if let Some(closed) = &mut self.closed {
            ready!(closed.as_mut().poll(cx));
            self.closed = None;
        }
        if self.held.is_none() && !delay.is_zero() {
            self.held = Some(Box::pin(sleep(delay)));
        }
        if let Some(held) = &mut self.held {
            ready!(held.as_mut().poll(cx));
            self.held = None;
        }
        self.closed = Some(Box::pin(sleep(PACKET_TIME)));
        Poll::Ready(())
    }
}

/// News of the end of the peer's stream, held back until a packet passes between the two nodes.
struct HeldNews {
    pause: Duration,
    waiting: Option<Pin<Box<Sleep>>>,
    told: bool,
}

impl Default for HeldNews {
    fn default() -> Self {
        Self {
            pause: PROBE_PAUSE_MIN,
            waiting: None,
            told: false,
        }
    }
}

impl HeldNews {
    fn poll(&mut self, io: &mut TcpStream, cx: &mut Context<'_>) -> Poll<()> {
        while !self.told {
            if let Some(waiting) = &mut self.waiting {
                ready!(waiting.as_mut().poll(cx));
            }
            (_, self.told) = watch_for_packet(|| Pin::new(&mut *io).poll_flush(cx));
            self.waiting = Some(Box::pin(sleep(self.pause)));
            self.pause = (self.pause * 2).min(PROBE_PAUSE_MAX);
        }
        Poll::Ready(())
    }
}
