//! TCP as the operating system has it.

use std::{io, net::SocketAddr};

use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};

use super::coalesced::Coalesced;

/// A connection, as hyper wants it.
pub(super) type Stream = TokioIo<Coalesced>;

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
    /// The address is in use, is not this machine's, or needs a privilege.
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
        Ok(Accepted {
            stream: stream.into_std()?,
            peer,
        })
    }
}

/// An accepted connection that belongs to no runtime yet, so that it can move to a worker.
pub(super) struct Accepted {
    stream: std::net::TcpStream,
    peer: SocketAddr,
}

impl Accepted {
    pub(super) fn peer(&self) -> SocketAddr {
        self.peer
    }

    /// Makes it a connection of the current runtime.
    pub(super) fn into_stream(self) -> io::Result<Stream> {
        let stream = TcpStream::from_std(self.stream)?;
        stream.set_nodelay(true)?;
        Ok(TokioIo::new(Coalesced(stream)))
    }
}

/// Connects to `host_and_port`, trying each address that the name has.
pub(super) async fn connect(host_and_port: &str) -> io::Result<Stream> {
    let stream = TcpStream::connect(host_and_port).await?;
    stream.set_nodelay(true)?;
    Ok(TokioIo::new(Coalesced(stream)))
}
