//! The mounts of a namespace, as `/proc/self/mountinfo` lists them (proc(5)).

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

/// One mount.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mount {
    /// Its number, which `/proc/PID/fdinfo` names too.
    pub(crate) id: u64,
    /// The number of the mount that it is mounted on.
    pub(crate) parent: u64,
    /// The kernel's own number of its file system, as inotify marks have it.
    pub(crate) device: u64,
    /// Where it is mounted.
    pub(crate) point: PathBuf,
}

/// Every mount; a line that cannot be read is none.
pub(crate) fn parse(list: &[u8]) -> Vec<Mount> {
    list.split(|byte| *byte == b'\n').filter_map(line).collect()
}

/// In the order in which a path leads to each: what is mounted on a mount before
/// it, and what hides a mount before what else is mounted on that.
pub(crate) fn topmost_first(mounts: &[Mount]) -> Vec<&Mount> {
    let mut order = Vec::with_capacity(mounts.len());
    let known = |id: u64| mounts.iter().any(|mount| mount.id == id);
    for mount in mounts.iter().filter(|mount| !known(mount.parent)) {
        visit(mount, mounts, &mut order);
    }
    order
}

fn visit<'a>(mount: &'a Mount, mounts: &'a [Mount], order: &mut Vec<&'a Mount>) {
    let on_it = |other: &&Mount| other.parent == mount.id && other.id != mount.id;
    let (hiding, inside): (Vec<&Mount>, Vec<&Mount>) =
        mounts.iter().filter(on_it).partition(|other| other.point == mount.point);
    hiding.into_iter().chain(inside).for_each(|other| visit(other, mounts, order));
    order.push(mount);
}

fn line(line: &[u8]) -> Option<Mount> {
    let mut words = line.split(|byte| *byte == b' ');
    let id = number(words.next()?)?;
    let parent = number(words.next()?)?;
    let device = std::str::from_utf8(words.next()?).ok()?;
    let (major, minor) = device.split_once(':')?;
    let (major, minor): (u64, u64) = (major.parse().ok()?, minor.parse().ok()?);
    let point = PathBuf::from(OsString::from_vec(unescape(words.nth(1)?)));
    Some(Mount { id, parent, device: major << 20 | minor, point })
}

fn number(word: &[u8]) -> Option<u64> {
    std::str::from_utf8(word).ok()?.parse().ok()
}

/// Blanks, line ends and backslashes stand as three octal digits.
fn unescape(word: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(word.len());
    let mut rest = word;
    while let Some((first, after)) = rest.split_first() {
        let octal = after.get(..3).filter(|_| *first == b'\\');
        let byte = octal
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 8).ok());
        match byte {
            Some(byte) => {
                out.push(byte);
                rest = after.get(3..).unwrap_or_default();
            }
            None => {
                out.push(*first);
                rest = after;
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A root of two copies: a pin in the lower one, a place in the upper one.
    #[test]
    fn what_hides_goes_first() {
        let mount = |id, parent, point: &str| Mount { id, parent, device: 1, point: point.into() };
        let mounts =
            [mount(2, 1, "/r"), mount(3, 2, "/r"), mount(4, 2, "/r/g"), mount(5, 3, "/r/g/h")];
        let order: Vec<u64> = topmost_first(&mounts).iter().map(|mount| mount.id).collect();
        assert_eq!(order, [5, 3, 4, 2]);
    }

    #[test]
    fn lines_of_proc() {
        let list =
            b"36 35 98:1 /mnt1 /mnt/a\\040b\\134c rw,noatime master:1 - ext3 /dev/root rw\nodd\n";
        let mount =
            Mount { id: 36, parent: 35, device: 98 << 20 | 1, point: PathBuf::from("/mnt/a b\\c") };
        assert_eq!(parse(list), [mount]);
    }
}
