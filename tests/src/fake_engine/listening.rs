use std::fs;
use std::io;
use std::net::ToSocketAddrs;
use std::path::{Path, PathBuf};
use std::process;

use hyperwire_core::hyperd::Endpoint;
use socket2::{Domain, SockAddr, Socket, Type};

/// Clients that the system lets wait; a storm has more at once than the usual 128.
const BACKLOG: i32 = 1024;

/// Where an engine listens.
pub(super) struct Listener {
    socket: Socket,
    endpoint: Endpoint,
    files: Vec<PathBuf>,
}

impl Listener {
    /// Takes a place to listen, and a file there that a killed engine has left, as hyperd does.
    pub(super) fn bind(endpoint: &Endpoint) -> Result<Self, String> {
        let bound = match endpoint {
            Endpoint::Domain { path } => bind_domain(Path::new(path)),
            Endpoint::Tcp { host, port } => bind_tcp(host, *port),
            _ => return Err(format!("{endpoint} is of a new kind")),
        };
        bound.map_err(|error| format!("listening on {endpoint}: {error}"))
    }

    /// What to announce: with the port that the system chose.
    pub(super) fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// What has to be removed at an orderly end.
    pub(super) fn files(&self) -> Vec<PathBuf> {
        self.files.clone()
    }

    pub(super) fn accept(&self) -> io::Result<Socket> {
        self.socket.accept().map(|(socket, _)| socket)
    }
}

fn bind_domain(path: &Path) -> io::Result<Listener> {
    let mut pid_file = path.as_os_str().to_owned();
    pid_file.push(".pid");
    let pid_file = PathBuf::from(pid_file);
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.bind(&SockAddr::unix(path)?)?;
    socket.listen(BACKLOG)?;
    let files = vec![path.to_owned(), pid_file];
    if let Err(error) = fs::write(&files[1], process::id().to_string()) {
        // The disk is full; what is of no use must not stay.
        files.iter().for_each(|file| drop(fs::remove_file(file)));
        return Err(error);
    }
    let endpoint = Endpoint::Domain { path: path.to_string_lossy().into_owned() };
    Ok(Listener { socket, endpoint, files })
}

fn bind_tcp(host: &str, port: u16) -> io::Result<Listener> {
    let address = (host, port).to_socket_addrs()?.next().ok_or(io::ErrorKind::AddrNotAvailable)?;
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    let bound = socket.local_addr()?.as_socket().ok_or(io::ErrorKind::AddrNotAvailable)?;
    let endpoint = Endpoint::Tcp { host: host.to_owned(), port: bound.port() };
    Ok(Listener { socket, endpoint, files: Vec::new() })
}
