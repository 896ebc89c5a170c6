//! Calls whose arguments decide, and the verdict for every number.

use std::collections::BTreeMap;

use super::Sockets;
use super::table::{ALLOWED, ALLOWED_HERE, DENIED, DENIED_HERE};

/// What happens to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    /// It runs.
    Allow,
    /// It fails with this errno.
    Errno(u16),
}

/// `argument & mask == value`, on the low 32 bits: every argument judged here
/// is an `int`, and comparing 64 bits would let high bits hide a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Test {
    pub(super) argument: u8,
    pub(super) mask: u32,
    pub(super) value: u32,
}

/// If all tests hold, this is the answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Clause {
    pub(super) tests: Vec<Test>,
    pub(super) answer: Answer,
}

/// The first clause that holds decides, else the default.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) clauses: Vec<Clause>,
    pub(super) otherwise: Answer,
}

pub(super) const EPERM: Answer = Answer::Errno(libc::EPERM as u16);
/// What a call gets that is in no list: it does not exist here.
pub(super) const ABSENT: Answer = Answer::Errno(libc::ENOSYS as u16);
const NO_RESOURCE: Answer = Answer::Errno(libc::EINVAL as u16);
pub(super) const NO_FAMILY: Answer = Answer::Errno(libc::EAFNOSUPPORT as u16);

/// Every namespace flag but the time namespace's, which `clone` cannot take:
/// its low byte is the exit signal.
pub(super) const NAMESPACES: u32 = 0x7e02_0000;
const NEW_TIME: u32 = 0x80;

/// `O_TMPFILE` without the directory bit that it includes.
const TMPFILE: u32 = 0o20_000_000;
const SET_ID_BITS: [u32; 2] = [0o4000, 0o2000];

/// Every number we know, with its verdict.
pub(super) fn verdicts(sockets: Sockets) -> BTreeMap<u32, Verdict> {
    let mut all = BTreeMap::new();
    let lists = [(ALLOWED, Answer::Allow), (ALLOWED_HERE, Answer::Allow)];
    for (list, answer) in lists.into_iter().chain([(DENIED, EPERM), (DENIED_HERE, EPERM)]) {
        all.extend(list.iter().map(|call| (number(*call), plain(answer))));
    }
    all.insert(number(libc::SYS_socket), socket(sockets));
    all.insert(number(libc::SYS_clone), only(0, NAMESPACES, &[0], ABSENT));
    all.insert(number(libc::SYS_unshare), only(0, NAMESPACES | NEW_TIME, &[0], ABSENT));
    all.insert(number(libc::SYS_personality), only(0, u32::MAX, &[0, u32::MAX], ABSENT));
    all.insert(number(libc::SYS_ioctl), terminal());
    all.insert(number(libc::SYS_prlimit64), core_dumps(1));
    #[cfg(target_arch = "x86_64")]
    all.insert(number(libc::SYS_setrlimit), core_dumps(0));
    all.extend(modes());
    all
}

pub(super) fn number(call: libc::c_long) -> u32 {
    u32::try_from(call).unwrap_or(u32::MAX)
}

pub(super) fn plain(answer: Answer) -> Verdict {
    Verdict { clauses: Vec::new(), otherwise: answer }
}

/// Allowed only if the masked argument is one of these values.
pub(super) fn only(argument: u8, mask: u32, values: &[u32], otherwise: Answer) -> Verdict {
    let clause = |value: &u32| Clause {
        tests: vec![Test { argument, mask, value: *value }],
        answer: Answer::Allow,
    };
    Verdict { clauses: values.iter().map(clause).collect(), otherwise }
}

/// A unix socket inside a root would lead to whoever listens there, whatever
/// the mount says; so would a VM socket, and MPTCP walks past Landlock.
/// `socketpair` is not here: it reaches nobody.
fn socket(sockets: Sockets) -> Verdict {
    let mut pairs = vec![(libc::AF_NETLINK, libc::NETLINK_ROUTE)];
    if sockets == Sockets::Internet {
        for family in [libc::AF_INET, libc::AF_INET6] {
            pairs.extend([0, libc::IPPROTO_TCP, libc::IPPROTO_UDP].map(|p| (family, p)));
        }
    }
    let clause = |(family, protocol): (i32, i32)| Clause {
        tests: vec![is(0, family as u32), is(2, protocol as u32)],
        answer: Answer::Allow,
    };
    Verdict { clauses: pairs.into_iter().map(clause).collect(), otherwise: NO_FAMILY }
}

/// Typing into a terminal on somebody's behalf.
pub(super) fn terminal() -> Verdict {
    const TIOCCONS: u32 = 0x541d;
    let requests = [libc::TIOCSTI as u32, libc::TIOCLINUX as u32, libc::TIOCSETD as u32, TIOCCONS];
    let clause = |request| Clause { tests: vec![is(1, request)], answer: EPERM };
    Verdict { clauses: requests.into_iter().map(clause).collect(), otherwise: Answer::Allow }
}

/// A limit of core dumps that was lowered to zero would call the host's crash
/// handler (`limits.rs`). Programs that mean well lower it too, and are told by
/// an answer that they can live with.
pub(super) fn core_dumps(resource: u8) -> Verdict {
    let clause = Clause { tests: vec![is(resource, libc::RLIMIT_CORE)], answer: NO_RESOURCE };
    Verdict { clauses: vec![clause], otherwise: Answer::Allow }
}

/// A set-id file in a root would lend the user's identity to others. Opening
/// counts only when it may create.
pub(super) fn modes() -> Vec<(u32, Verdict)> {
    let plain = |call, argument| (number(call), set_id(argument, &[]));
    let opening = |call, flags: u8| {
        let creates = [libc::O_CREAT as u32, TMPFILE];
        (number(call), set_id(flags + 1, &creates.map(|bit| masked(flags, bit))))
    };
    let everywhere = [
        plain(libc::SYS_fchmod, 1),
        plain(libc::SYS_fchmodat, 2),
        plain(libc::SYS_mknodat, 2),
        plain(libc::SYS_mkdirat, 2),
        opening(libc::SYS_openat, 2),
    ];
    #[cfg(target_arch = "x86_64")]
    let here = [
        plain(libc::SYS_chmod, 1),
        plain(libc::SYS_creat, 1),
        plain(libc::SYS_mknod, 1),
        plain(libc::SYS_mkdir, 1),
        opening(libc::SYS_open, 1),
    ];
    #[cfg(not(target_arch = "x86_64"))]
    let here = [];
    everywhere.into_iter().chain(here).collect()
}

pub(super) fn set_id(mode: u8, conditions: &[Test]) -> Verdict {
    let mut clauses = Vec::new();
    for bit in SET_ID_BITS {
        let test = masked(mode, bit);
        if conditions.is_empty() {
            clauses.push(Clause { tests: vec![test], answer: EPERM });
        }
        clauses.extend(conditions.iter().map(|c| Clause { tests: vec![*c, test], answer: EPERM }));
    }
    Verdict { clauses, otherwise: Answer::Allow }
}

pub(super) fn is(argument: u8, value: u32) -> Test {
    Test { argument, mask: u32::MAX, value }
}

pub(super) fn masked(argument: u8, bit: u32) -> Test {
    Test { argument, mask: bit, value: bit }
}
