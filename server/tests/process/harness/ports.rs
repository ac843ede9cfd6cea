//! Ports that nobody else gets while a test has them.

use std::net::{Ipv4Addr, SocketAddr};

use tokio::net::TcpSocket;

/// A port of 127.0.0.1, chosen by the kernel. A socket that is bound to it and does not listen
/// keeps the kernel from giving it to anybody else, connections that go out included, while a
/// server that allows the reuse of addresses (as all do that restart) can listen there.
pub(crate) struct Port {
    number: u16,
    _held: TcpSocket,
}

impl Port {
    pub(crate) fn free() -> Self {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.set_reuseaddr(true).expect("addresses can be reused");
        socket
            .bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))
            .expect("a free port");
        let number = socket.local_addr().expect("it is bound").port();
        Self {
            number,
            _held: socket,
        }
    }

    pub(crate) fn number(&self) -> u16 {
        self.number
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.number)
    }
}
