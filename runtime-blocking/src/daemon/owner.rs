//! Whose process is at the other end of a loopback connection.

use std::net::{SocketAddr, TcpStream};

use hyperwire_core::control::Owner;

/// Whose process is at the other end. Asks the system; on Linux its table of connections, elsewhere nobody.
pub fn of_peer(stream: &TcpStream) -> Owner {
    match (stream.peer_addr(), stream.local_addr()) {
        (Ok(SocketAddr::V4(peer)), Ok(SocketAddr::V4(own))) => look_up(peer, own),
        _ => Owner::Unknown,
    }
}

#[cfg(target_os = "linux")]
fn look_up(peer: std::net::SocketAddrV4, own: std::net::SocketAddrV4) -> Owner {
    // proc(5): /proc/net/tcp has the addresses as the kernel keeps them, in hexadecimal digits.
    let text = |address: std::net::SocketAddrV4| {
        format!("{:08X}:{:04X}", u32::from_ne_bytes(address.ip().octets()), address.port())
    };
    let (peer, own) = (text(peer), text(own));
    let Ok(table) = std::fs::read_to_string("/proc/thread-self/net/tcp") else { return Owner::Unknown };
    let uid = table.lines().skip(1).find_map(|line| {
        let mut fields = line.split_ascii_whitespace().skip(1);
        let is_it = fields.next() == Some(&peer) && fields.next() == Some(&own);
        let state = fields.next()?;
        // 06, TIME_WAIT: the connection of nobody any more.
        if !is_it || state == "06" { None } else { fields.nth(3)?.parse::<u32>().ok() }
    });
    match uid {
        Some(uid) if uid == rustix::process::geteuid().as_raw() => Owner::SameUser,
        // Whoever was there has hung up already; it could have been anybody.
        _ => Owner::OtherUser,
    }
}

#[cfg(not(target_os = "linux"))]
fn look_up(_: std::net::SocketAddrV4, _: std::net::SocketAddrV4) -> Owner {
    Owner::Unknown
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
}
