//! Why nothing was done: words that a model can act on, without a path of the host.

use rustix::io::Errno;

use super::Kind;

/// Nothing was read, or nothing was changed, because of this.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BeneathError {
    /// The path, or a link in it, leads out of the root.
    #[error("leads outside the allowed directory")]
    Outside,
    /// There is nothing of this name.
    #[error("does not exist")]
    NotFound,
    /// A file where a directory is needed.
    #[error("not a directory")]
    NotADirectory,
    /// A directory where a file is needed.
    #[error("is a directory")]
    IsADirectory,
    /// A pipe, a socket, a device, a link.
    #[error("not a regular file but a {0}")]
    NotAFile(Kind),
    /// `/proc`, `/sys` and their like, mounted below the root.
    #[error("belongs to a file system of the kernel's own")]
    Pseudo,
    /// There is something of this name already.
    #[error("exists already")]
    Exists,
    /// A directory that is not empty.
    #[error("the directory is not empty")]
    NotEmpty,
    /// The path or one of its names is longer than the file system takes.
    #[error("the path or a name in it is too long")]
    TooLong,
    /// No name for a file: empty, with a zero, or the root itself.
    #[error("not a name that a file can have")]
    BadName,
    /// Nothing may change here.
    #[error("read-only")]
    ReadOnly,
    /// What editors, shells and git run without asking stays as it is.
    #[error("protected: this place stays read-only")]
    Protected,
    /// The account that we run under may not.
    #[error("permission denied")]
    Denied,
    /// The disk or the quota is full.
    #[error("no space left")]
    NoSpace,
    /// The file would be larger than may be.
    #[error("the file would be too large")]
    TooLarge,
    /// Links that lead to links, or to themselves.
    #[error("too many links")]
    TooManyLinks,
    /// Somebody else changed it meanwhile.
    #[error("changed while it was looked at; try again")]
    Changed,
    /// The two paths are on different file systems.
    #[error("on another file system")]
    OtherFilesystem,
    /// A directory would be moved into itself.
    #[error("a directory cannot be moved into itself")]
    IntoItself,
    /// In use by the system, such as a mount point.
    #[error("in use by the system")]
    Busy,
    /// Not a machine on which paths can be held beneath a directory.
    #[error("this kernel cannot hold paths beneath a directory (openat2)")]
    Unsupported,
    /// Something else.
    #[error("input or output failed ({})", .0.raw_os_error())]
    Io(Errno),
}

impl From<Errno> for BeneathError {
    fn from(errno: Errno) -> Self {
        match errno {
            Errno::XDEV => Self::Outside,
            Errno::NOENT => Self::NotFound,
            Errno::NOTDIR => Self::NotADirectory,
            Errno::ISDIR => Self::IsADirectory,
            Errno::NXIO | Errno::NODEV => Self::NotAFile(Kind::Other),
            Errno::EXIST => Self::Exists,
            Errno::NOTEMPTY => Self::NotEmpty,
            Errno::NAMETOOLONG => Self::TooLong,
            Errno::INVAL | Errno::ILSEQ => Self::BadName,
            Errno::ROFS => Self::ReadOnly,
            Errno::ACCESS | Errno::PERM => Self::Denied,
            Errno::NOSPC | Errno::DQUOT => Self::NoSpace,
            Errno::FBIG | Errno::OVERFLOW => Self::TooLarge,
            Errno::LOOP => Self::TooManyLinks,
            Errno::AGAIN | Errno::STALE => Self::Changed,
            Errno::BUSY | Errno::TXTBSY => Self::Busy,
            Errno::NOSYS => Self::Unsupported,
            other => Self::Io(other),
        }
    }
}

impl From<std::io::Error> for BeneathError {
    fn from(error: std::io::Error) -> Self {
        Errno::from_io_error(&error).map_or(Self::Io(Errno::IO), Self::from)
    }
}
