//! Whose process is at the other end of a loopback connection.

use std::net::{SocketAddr, TcpStream};

use hyperwire_core::control::Owner;

/// Whose process is at the other end. Asks the system: Linux knows, elsewhere nobody does.
pub fn of_peer(stream: &TcpStream) -> Owner {
    match (stream.peer_addr(), stream.local_addr()) {
        (Ok(SocketAddr::V4(peer)), Ok(SocketAddr::V4(own))) => look_up(peer, own),
        _ => Owner::Unknown,
    }
}

/// sock_diag(7) tells of one connection in microseconds; reading the table of all of them in `/proc` takes milliseconds,
/// however few there are.
#[cfg(target_os = "linux")]
fn look_up(peer: std::net::SocketAddrV4, own: std::net::SocketAddrV4) -> Owner {
    match linux::uid_of(peer, own) {
        Ok(uid) if uid == rustix::process::geteuid().as_raw() => Owner::SameUser,
        // Also when there is no such connection: whoever was there has hung up already, and could have been anybody.
        Ok(_) => Owner::OtherUser,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Owner::OtherUser,
        Err(_) => Owner::Unknown,
    }
}

#[cfg(not(target_os = "linux"))]
fn look_up(_: std::net::SocketAddrV4, _: std::net::SocketAddrV4) -> Owner {
    Owner::Unknown
}

#[cfg(target_os = "linux")]
mod linux {
    use std::io;
    use std::net::{IpAddr, SocketAddrV4};

    use netlink_packet_core::{NLM_F_REQUEST, NetlinkHeader, NetlinkMessage, NetlinkPayload};
    use netlink_packet_sock_diag::SockDiagMessage;
    use netlink_packet_sock_diag::constants::{AF_INET, IPPROTO_TCP};
    use netlink_packet_sock_diag::inet::{ExtensionFlags, InetRequest, SocketId, StateFlags};
    use netlink_sys::protocols::NETLINK_SOCK_DIAG;
    use netlink_sys::{Socket, SocketAddr};

    /// More than one answer about one connection takes.
    const ANSWER: usize = 4096;

    /// The user of the socket that has these as its own and its peer's address.
    pub(super) fn uid_of(own: SocketAddrV4, peer: SocketAddrV4) -> io::Result<u32> {
        let socket = Socket::new(NETLINK_SOCK_DIAG)?;
        // The kernel answers before the sending returns.
        socket.set_non_blocking(true)?;
        socket.connect(&SocketAddr::new(0, 0))?;
        socket.send(&request(own, peer), 0)?;
        let mut answer = vec![0; ANSWER];
        let length = socket.recv(&mut &mut answer[..], 0)?;
        let answer = answer.get(..length).unwrap_or_default();
        let message = NetlinkMessage::<SockDiagMessage>::deserialize(answer).map_err(io::Error::other)?;
        match message.payload {
            NetlinkPayload::InnerMessage(SockDiagMessage::InetResponse(found)) => Ok(found.header.uid),
            NetlinkPayload::Error(error) => Err(error.to_io()),
            _ => Err(io::ErrorKind::InvalidData.into()),
        }
    }

    fn request(own: SocketAddrV4, peer: SocketAddrV4) -> Vec<u8> {
        let socket_id = SocketId {
            source_port: own.port(),
            destination_port: peer.port(),
            source_address: IpAddr::V4(*own.ip()),
            destination_address: IpAddr::V4(*peer.ip()),
            interface_id: 0,
            // INET_DIAG_NOCOOKIE: whichever socket has these addresses.
            cookie: [0xff; 8],
        };
        let request = InetRequest {
            family: AF_INET,
            protocol: IPPROTO_TCP,
            extensions: ExtensionFlags::empty(),
            states: StateFlags::all(),
            socket_id,
        };
        let mut header = NetlinkHeader::default();
        header.flags = NLM_F_REQUEST;
        let mut message = NetlinkMessage::new(header, SockDiagMessage::InetRequest(request).into());
        message.finalize();
        let mut bytes = vec![0; message.buffer_len()];
        message.serialize(&mut bytes);
        bytes
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn both_ends_of_a_connection_of_this_process_are_this_user() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (server, _) = listener.accept().unwrap();

        assert_eq!((of_peer(&client), of_peer(&server)), (Owner::SameUser, Owner::SameUser));
    }

    #[test]
    fn a_connection_that_is_not_there_is_nobodys() {
        let somewhere = |port| std::net::SocketAddrV4::new(std::net::Ipv4Addr::LOCALHOST, port);

        assert_eq!(look_up(somewhere(1), somewhere(2)), Owner::OtherUser);
    }
}
