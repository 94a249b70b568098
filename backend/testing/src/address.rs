//! Ports that stay reserved for as long as a test needs them.

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use tokio::net::TcpSocket;

/// A free loopback address, reserved until this is dropped, for a server that is started later or several times.
///
/// A socket that never listens binds the port. Servers can still listen on it, because they set `SO_REUSEADDR` as this socket
/// does. The kernel assigns the port to no other program and to no outgoing connection, and refuses connections while no
/// server listens.
#[derive(Debug)]
pub struct ReservedAddress {
    address: SocketAddr,
    _socket: TcpSocket,
}

impl ReservedAddress {
    /// Reserves a free port.
    ///
    /// # Errors
    /// If no port is free.
    pub fn new() -> io::Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.set_reuseaddr(true)?;
        socket.bind((Ipv4Addr::LOCALHOST, 0).into())?;
        Ok(Self {
            address: socket.local_addr()?,
            _socket: socket,
        })
    }

    /// The address.
    pub fn get(&self) -> SocketAddr {
        self.address
    }

    /// The address as an `http` URL.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl fmt::Display for ReservedAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.address.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn a_reserved_port_refuses_connections_until_a_server_listens_and_again_after_it_ended() {
        let reserved = ReservedAddress::new().unwrap();
        for _ in 0..2 {
            let refused = TcpStream::connect(reserved.get()).unwrap_err();
            assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
            let server = TcpListener::bind(reserved.get()).unwrap();
            let _client = TcpStream::connect(reserved.get()).unwrap();
            let _connection = server.accept().unwrap();
        }
    }
}
