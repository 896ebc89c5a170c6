//! Where connections arrive: a port, or a socket in the file system that only we may open.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use rustix::fs::{Mode, chmod};
use rustix::net::{
    AddressFamily, SocketAddrUnix, SocketFlags, SocketType, bind, listen, socket_with,
};
use rustix::process::geteuid;
use tokio::net::{TcpStream, UnixStream};

use super::caller::{Caller, Standing};
use super::owner;
use super::tls::Tls;

/// How many connections may wait for us.
const BACKLOG: i32 = 128;

/// Where we listen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// A port.
    Tcp(SocketAddr),
    /// A socket in the file system.
    Unix(PathBuf),
}

/// Bound, and not yet served.
#[derive(Debug)]
pub struct Listener(Bound, Option<Arc<Tls>>, Arc<AtomicUsize>);

#[derive(Debug)]
enum Bound {
    Tcp(std::net::TcpListener),
    Unix(std::os::unix::net::UnixListener, Name),
}

/// The name of a socket in the file system; taken away with the listener.
#[derive(Debug)]
pub(super) struct Name {
    path: PathBuf,
    /// Device and inode: what has this name later may be somebody else's.
    is: (u64, u64),
}

/// Served.
pub(super) enum Door {
    Tcp(tokio::net::TcpListener, Option<Arc<Tls>>),
    Unix(
        tokio::net::UnixListener,
        #[expect(dead_code, reason = "it lasts as long as the door")] Name,
    ),
}

/// One connection.
#[derive(Debug)]
pub(super) enum Stream {
    Tcp(TcpStream, SocketAddr, Option<Arc<Tls>>),
    Unix(UnixStream),
}

impl Listener {
    /// Binds. A socket in the file system can be opened by our own account only; one that was
    /// left behind by a process of ours is replaced.
    ///
    /// # Errors
    /// When the place is taken, or is no place for it.
    pub fn bind(address: &Address) -> io::Result<Self> {
        match address {
            Address::Tcp(address) => {
                let listener = std::net::TcpListener::bind(address)?;
                listener.set_nonblocking(true)?;
                Ok(Self(Bound::Tcp(listener), None, Arc::default()))
            }
            Address::Unix(path) => {
                clear(path)?;
                let socket = socket_with(
                    AddressFamily::UNIX,
                    SocketType::STREAM,
                    SocketFlags::CLOEXEC | SocketFlags::NONBLOCK,
                    None,
                )?;
                bind(&socket, &SocketAddrUnix::new(path)?)?;
                let name = Name::of(path)?;
                // Nobody is let in before we listen.
                chmod(path, Mode::RUSR | Mode::WUSR)?;
                listen(&socket, BACKLOG)?;
                Ok(Self(Bound::Unix(socket.into(), name), None, Arc::default()))
            }
        }
    }

    /// What arrives at a port is encrypted. Nobody but us hears a socket in the file system.
    #[must_use]
    pub fn encrypted(self, tls: Arc<Tls>) -> Self {
        Self(self.0, Some(tls), self.2)
    }

    /// Where it is: with the port that we were given.
    ///
    /// # Errors
    /// When the system does not say.
    pub fn local(&self) -> io::Result<Address> {
        match &self.0 {
            Bound::Tcp(listener) => listener.local_addr().map(Address::Tcp),
            Bound::Unix(_, name) => Ok(Address::Unix(name.path.clone())),
        }
    }

    /// How many connections there are, now and later.
    #[must_use]
    pub fn connections(&self) -> Arc<AtomicUsize> {
        Arc::clone(&self.2)
    }

    pub(super) fn open(self) -> io::Result<Door> {
        Ok(match self.0 {
            Bound::Tcp(listener) => Door::Tcp(tokio::net::TcpListener::from_std(listener)?, self.1),
            Bound::Unix(listener, name) => {
                Door::Unix(tokio::net::UnixListener::from_std(listener)?, name)
            }
        })
    }
}

impl Door {
    /// The next connection.
    ///
    /// # Cancel safety
    /// Safe: no connection is lost.
    pub(super) async fn accept(&self) -> io::Result<Stream> {
        match self {
            Self::Tcp(listener, tls) => {
                let (stream, peer) = listener.accept().await?;
                // An event waits for no other to fill its packet.
                let _ = stream.set_nodelay(true);
                Ok(Stream::Tcp(stream, peer, tls.clone()))
            }
            Self::Unix(listener, _) => Ok(Stream::Unix(listener.accept().await?.0)),
        }
    }
}

impl Stream {
    /// Where it comes from, unless that is a socket in the file system.
    pub(super) const fn address(&self) -> Option<IpAddr> {
        match self {
            Self::Tcp(_, peer, _) => Some(peer.ip()),
            Self::Unix(_) => None,
        }
    }

    /// Who is at the other end.
    pub(super) fn caller(&self) -> Caller {
        match self {
            Self::Tcp(stream, peer, _) => {
                let uid = stream.local_addr().ok().and_then(|here| owner::owner(*peer, here));
                Caller {
                    uid,
                    address: Some(*peer),
                    certificate: None,
                    standing: Standing::default(),
                }
            }
            Self::Unix(stream) => {
                let uid = stream.peer_cred().ok().map(|peer| peer.uid());
                Caller { uid, address: None, certificate: None, standing: Standing::default() }
            }
        }
    }
}

/// Takes away a socket of ours on which nobody listens any more.
fn clear(path: &Path) -> io::Result<()> {
    let found = match path.symlink_metadata() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        found => found?,
    };
    if !found.file_type().is_socket() || found.uid() != geteuid().as_raw() {
        return Err(io::ErrorKind::AlreadyExists.into());
    }
    match std::os::unix::net::UnixStream::connect(path) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            std::fs::remove_file(path)
        }
        _ => Err(io::ErrorKind::AddrInUse.into()),
    }
}

impl Name {
    fn of(path: &Path) -> io::Result<Self> {
        Ok(Self { path: path.to_owned(), is: identity(path)? })
    }
}

impl Drop for Name {
    fn drop(&mut self) {
        if identity(&self.path).is_ok_and(|is| is == self.is) {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

fn identity(path: &Path) -> io::Result<(u64, u64)> {
    let found = path.symlink_metadata()?;
    Ok((found.dev(), found.ino()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;

    use super::*;

    /// A socket's path has 107 bytes, and TMPDIR may be longer.
    fn short() -> tempfile::TempDir {
        tempfile::tempdir_in("/tmp").unwrap()
    }

    fn mode(path: &Path) -> u32 {
        path.symlink_metadata().unwrap().mode() & 0o777
    }

    #[test]
    fn a_socket_is_ours_alone_and_goes_with_us() {
        let folder = short();
        let path = folder.path().join("s");
        let listener = Listener::bind(&Address::Unix(path.clone())).unwrap();
        assert_eq!(listener.local().unwrap(), Address::Unix(path.clone()));
        assert_eq!(mode(&path), 0o600);
        UnixStream::connect(&path).unwrap();
        drop(listener);
        assert!(!path.exists());
    }

    #[test]
    fn only_a_socket_that_was_left_behind_is_replaced() {
        let folder = short();
        let path = folder.path().join("s");
        let address = Address::Unix(path.clone());
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        assert!(path.exists(), "std leaves it");
        let first = Listener::bind(&address).unwrap();
        let taken = Listener::bind(&address).unwrap_err();
        assert_eq!(taken.kind(), io::ErrorKind::AddrInUse);
        UnixStream::connect(&path).unwrap();

        // Another took the name: that one stays.
        std::fs::remove_file(&path).unwrap();
        std::fs::write(&path, "mine").unwrap();
        drop(first);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "mine");
        assert!(Listener::bind(&address).is_err(), "a file is no socket");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "mine");

        let link = folder.path().join("link");
        std::os::unix::fs::symlink(folder.path().join("nowhere"), &link).unwrap();
        assert!(Listener::bind(&Address::Unix(link)).is_err(), "nor is a link");
    }

    #[test]
    fn the_port_is_the_one_that_we_were_given() {
        let any = Address::Tcp("127.0.0.1:0".parse().unwrap());
        let Address::Tcp(local) = Listener::bind(&any).unwrap().local().unwrap() else {
            panic!("another kind")
        };
        assert_ne!(local.port(), 0);
    }
}
