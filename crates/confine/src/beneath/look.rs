//! Looking: a descriptor that reads nothing tells what a thing is, before anything
//! is opened that could block or act.

use std::fmt;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::time::{Duration, SystemTime};

use rustix::fs::{
    AtFlags, FileType, Mode, OFlags, ResolveFlags, StatxFlags, StatxTimestamp, fstat, fstatfs,
    makedev, openat2, statx,
};
use rustix::io::Errno;

use super::walk;
use super::{BeneathError, PATIENCE};

/// How a file that was looked at is opened: should another thing stand there by now,
/// it neither blocks nor becomes our terminal.
pub(super) const FOR_READING: OFlags = OFlags::RDONLY.union(OFlags::NONBLOCK).union(OFlags::NOCTTY);

/// What kind of thing has a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Link,
    /// A named pipe.
    Pipe,
    /// A socket.
    Socket,
    /// A device.
    Device,
    /// Something that has no name here.
    Other,
}

/// What is known about a thing without opening it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Facts {
    /// What it is.
    pub kind: Kind,
    /// In bytes.
    pub size: u64,
    /// When its content changed last, where the file system knows.
    pub modified: Option<SystemTime>,
    /// When it was made, where the file system knows.
    pub created: Option<SystemTime>,
    /// When it was read last, where the file system knows.
    pub accessed: Option<SystemTime>,
    /// The permission bits, `0o7777` at most.
    pub mode: u32,
    /// How many names it has; a file with more than one may be changed under
    /// another name, which may lie anywhere.
    pub links: u32,
    /// The file system.
    pub device: u64,
    /// The number there.
    pub inode: u64,
    pub(super) owner: (u32, u32),
}

/// What a descriptor that can do nothing holds; `home` is the root's device, which
/// was looked at when the root was opened.
pub(super) fn seen(handle: impl AsFd, home: u64) -> Result<Facts, BeneathError> {
    let facts = facts(&handle)?;
    if facts.device != home {
        refuse_pseudo(&handle)?;
    }
    Ok(facts)
}

impl Facts {
    pub(super) fn expect_file(&self) -> Result<(), BeneathError> {
        match self.kind {
            Kind::File => Ok(()),
            Kind::Directory => Err(BeneathError::IsADirectory),
            other => Err(BeneathError::NotAFile(other)),
        }
    }

    /// Whether both speak of the same content, as far as times and sizes tell.
    #[must_use]
    pub fn is_unchanged(&self, since: &Self) -> bool {
        let all = |it: &Self| (it.device, it.inode, it.size, it.modified);
        all(self) == all(since)
    }
}

/// Opens a path beneath a descriptor, again where somebody's rename was in the way.
pub(super) fn open(
    dir: impl AsFd,
    below: &Path,
    flags: OFlags,
    resolve: ResolveFlags,
) -> Result<OwnedFd, BeneathError> {
    let below = if below.as_os_str().is_empty() { Path::new(".") } else { below };
    for _ in 0..PATIENCE {
        match openat2(&dir, below, flags | OFlags::CLOEXEC, Mode::empty(), resolve) {
            Err(Errno::AGAIN | Errno::INTR) => {}
            Err(Errno::NOSYS) => return Ok(walk::open(&dir, below, flags, resolve)?),
            done => return Ok(done?),
        }
    }
    Err(BeneathError::Changed)
}

/// What stands under a name in a directory, the link itself where it is one. One call to
/// the kernel: a single name leads nowhere else. What is mounted there is held and looked
/// at first.
pub(super) fn entry(dir: impl AsFd, name: &Path, home: u64) -> Result<Facts, BeneathError> {
    let told = tell(&dir, name, AtFlags::SYMLINK_NOFOLLOW | AtFlags::NO_AUTOMOUNT)?;
    if told.device == home {
        return Ok(told);
    }
    // A link itself can be held only by a lookup that may meet links.
    let stays = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
    seen(open(dir, name, OFlags::PATH | OFlags::NOFOLLOW, stays)?, home)
}

/// What a descriptor holds.
pub(super) fn facts(handle: impl AsFd) -> Result<Facts, BeneathError> {
    tell(handle, Path::new(""), AtFlags::EMPTY_PATH)
}

fn tell(dir: impl AsFd, name: &Path, flags: AtFlags) -> Result<Facts, BeneathError> {
    let wanted = StatxFlags::BASIC_STATS | StatxFlags::BTIME;
    let told = statx(dir, name, flags, wanted)?;
    let mask = StatxFlags::from_bits_retain(told.stx_mask);
    let at = |flag, time| mask.contains(flag).then(|| instant(time)).flatten();
    Ok(Facts {
        kind: FileType::from_raw_mode(told.stx_mode.into()).into(),
        size: told.stx_size,
        modified: at(StatxFlags::MTIME, told.stx_mtime),
        created: at(StatxFlags::BTIME, told.stx_btime),
        accessed: at(StatxFlags::ATIME, told.stx_atime),
        mode: u32::from(told.stx_mode) & 0o7777,
        links: told.stx_nlink,
        device: makedev(told.stx_dev_major, told.stx_dev_minor),
        inode: told.stx_ino,
        owner: (told.stx_uid, told.stx_gid),
    })
}

/// Whether an opened file is the thing that was looked at.
pub(super) fn same(file: impl AsFd, seen: &Facts) -> Result<bool, BeneathError> {
    let opened = fstat(file)?;
    Ok((opened.st_dev, opened.st_ino) == (seen.device, seen.inode))
}

/// File systems whose files are questions to the kernel, and not somebody's data.
/// The numbers are those of `linux/magic.h`.
const PSEUDO: &[u32] = &[
    0x9fa0,      // proc
    0x6265_6572, // sysfs
    0x6462_6720, // debugfs
    0x7472_6163, // tracefs
    0x7363_6673, // securityfs
    0xf97c_ff8c, // selinux
    0x4341_5d53, // smack
    0x5a3c_69f0, // apparmor
    0x0027_e0eb, // cgroup
    0x6367_7270, // cgroup2
    0xcafe_4a11, // bpf
    0x6265_6570, // configfs
    0x1cd1,      // devpts
    0x6e73_6673, // nsfs
    0x1980_0202, // mqueue
    0x4249_4e4d, // binfmt_misc
    0x6573_5543, // fusectl
    0xde5e_81e4, // efivarfs
    0x6165_676c, // pstore
    0x0765_5821, // resctrl
    0x6c6f_6f70, // binder
    0x6759_6969, // rpc_pipefs
    0x6e66_7364, // nfsd
    0x454d_444d, // devmem
];

/// Refuses what lies on such a file system.
pub(super) fn refuse_pseudo(handle: impl AsFd) -> Result<(), BeneathError> {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the kernel's magic has 32 bits, whatever type this machine gives it"
    )]
    let magic = fstatfs(handle)?.f_type as u32;
    if PSEUDO.contains(&magic) { Err(BeneathError::Pseudo) } else { Ok(()) }
}

fn instant(time: StatxTimestamp) -> Option<SystemTime> {
    let nanos = Duration::from_nanos(time.tv_nsec.into());
    let whole = Duration::from_secs(time.tv_sec.unsigned_abs());
    let second = if time.tv_sec < 0 {
        SystemTime::UNIX_EPOCH.checked_sub(whole)
    } else {
        SystemTime::UNIX_EPOCH.checked_add(whole)
    };
    second?.checked_add(nanos)
}

impl From<FileType> for Kind {
    fn from(kind: FileType) -> Self {
        match kind {
            FileType::RegularFile => Self::File,
            FileType::Directory => Self::Directory,
            FileType::Symlink => Self::Link,
            FileType::Fifo => Self::Pipe,
            FileType::Socket => Self::Socket,
            FileType::CharacterDevice | FileType::BlockDevice => Self::Device,
            FileType::Unknown => Self::Other,
        }
    }
}

impl Kind {
    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Directory => "directory",
            Self::Link => "link",
            Self::Pipe => "pipe",
            Self::Socket => "socket",
            Self::Device => "device",
            Self::Other => "special file",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
