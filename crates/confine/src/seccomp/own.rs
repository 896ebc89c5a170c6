//! What a program of ours may ask of the kernel once it has confined itself: files
//! below descriptors and names, time, memory, threads, its own descriptors. No other
//! program, no other process, and sockets only of the kinds that were asked for.
//!
//! Shorter than the list for strangers in `table.rs`: we know what runs here. What
//! is in neither list does not exist (`ENOSYS`).

use std::collections::BTreeMap;

use super::rules::{
    Answer, Clause, EPERM, NAMESPACES, NO_FAMILY, Test, Verdict, core_dumps, is, masked, modes,
    number, only, plain, terminal,
};
use super::table::{DENIED, DENIED_HERE};

/// What is open in the filter beyond the files and time of every such program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Own {
    /// Our own process id: the only one that may be signalled, to abort.
    pub(crate) pid: u32,
    /// Internet stream sockets.
    pub(crate) tcp: bool,
    /// What a resolver of names needs: datagrams, and libraries loaded late.
    pub(crate) names: bool,
    /// Unix stream sockets.
    pub(crate) local: bool,
}

const ALLOWED: &[libc::c_long] = &[
    libc::SYS_brk,
    libc::SYS_clock_getres,
    libc::SYS_clock_gettime,
    libc::SYS_clock_nanosleep,
    libc::SYS_close,
    libc::SYS_close_range,
    libc::SYS_copy_file_range,
    libc::SYS_dup,
    libc::SYS_dup3,
    libc::SYS_epoll_create1,
    libc::SYS_epoll_ctl,
    libc::SYS_epoll_pwait,
    libc::SYS_epoll_pwait2,
    libc::SYS_eventfd2,
    libc::SYS_exit,
    libc::SYS_exit_group,
    libc::SYS_faccessat,
    libc::SYS_faccessat2,
    libc::SYS_fadvise64,
    libc::SYS_fallocate,
    // Of what is open, and without the capability only to a group of ours.
    libc::SYS_fchown,
    libc::SYS_fcntl,
    libc::SYS_fdatasync,
    libc::SYS_flock,
    libc::SYS_fstat,
    libc::SYS_fstatfs,
    libc::SYS_fsync,
    libc::SYS_ftruncate,
    libc::SYS_futex,
    libc::SYS_futex_waitv,
    libc::SYS_get_robust_list,
    libc::SYS_getcpu,
    libc::SYS_getcwd,
    libc::SYS_getdents64,
    libc::SYS_getegid,
    libc::SYS_geteuid,
    libc::SYS_getgid,
    libc::SYS_getgroups,
    libc::SYS_getpeername,
    libc::SYS_getpid,
    libc::SYS_getppid,
    libc::SYS_getrandom,
    libc::SYS_getresgid,
    libc::SYS_getresuid,
    libc::SYS_getrusage,
    libc::SYS_getsockname,
    libc::SYS_getsockopt,
    libc::SYS_gettid,
    libc::SYS_gettimeofday,
    libc::SYS_getuid,
    libc::SYS_linkat,
    libc::SYS_lseek,
    libc::SYS_madvise,
    libc::SYS_membarrier,
    libc::SYS_mincore,
    libc::SYS_mlock,
    libc::SYS_mremap,
    libc::SYS_mseal,
    libc::SYS_msync,
    libc::SYS_munlock,
    libc::SYS_munmap,
    libc::SYS_nanosleep,
    libc::SYS_newfstatat,
    // Its flags are behind a pointer, but what it opens Landlock judges, and it is
    // how a path is opened beneath a root.
    libc::SYS_openat2,
    libc::SYS_pipe2,
    libc::SYS_ppoll,
    libc::SYS_pread64,
    libc::SYS_preadv,
    libc::SYS_preadv2,
    libc::SYS_pselect6,
    libc::SYS_pwrite64,
    libc::SYS_pwritev,
    libc::SYS_pwritev2,
    libc::SYS_read,
    libc::SYS_readahead,
    libc::SYS_readlinkat,
    libc::SYS_readv,
    libc::SYS_recvfrom,
    libc::SYS_recvmmsg,
    libc::SYS_recvmsg,
    libc::SYS_renameat2,
    libc::SYS_restart_syscall,
    libc::SYS_rseq,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigpending,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_rt_sigsuspend,
    libc::SYS_rt_sigtimedwait,
    libc::SYS_sched_getaffinity,
    libc::SYS_sched_yield,
    libc::SYS_sendfile,
    libc::SYS_set_robust_list,
    libc::SYS_set_tid_address,
    libc::SYS_setsockopt,
    libc::SYS_shutdown,
    libc::SYS_sigaltstack,
    libc::SYS_socketpair,
    libc::SYS_splice,
    libc::SYS_statfs,
    libc::SYS_statx,
    libc::SYS_sysinfo,
    libc::SYS_timerfd_create,
    libc::SYS_timerfd_gettime,
    libc::SYS_timerfd_settime,
    libc::SYS_times,
    libc::SYS_umask,
    libc::SYS_uname,
    libc::SYS_unlinkat,
    libc::SYS_wait4,
    libc::SYS_waitid,
    libc::SYS_write,
    libc::SYS_writev,
];

#[cfg(target_arch = "x86_64")]
const ALLOWED_HERE: &[libc::c_long] = &[
    libc::SYS_access,
    libc::SYS_arch_prctl,
    libc::SYS_dup2,
    libc::SYS_epoll_create,
    libc::SYS_epoll_wait,
    libc::SYS_getdents,
    libc::SYS_getrlimit,
    libc::SYS_link,
    libc::SYS_lstat,
    libc::SYS_pipe,
    libc::SYS_poll,
    libc::SYS_readlink,
    libc::SYS_rename,
    libc::SYS_renameat,
    libc::SYS_rmdir,
    libc::SYS_select,
    libc::SYS_stat,
    libc::SYS_sync_file_range,
    libc::SYS_time,
    libc::SYS_unlink,
];
#[cfg(not(target_arch = "x86_64"))]
const ALLOWED_HERE: &[libc::c_long] = &[];

/// What exists and is not for us: other programs, other processes, other identities.
const REFUSED: &[libc::c_long] = &[
    libc::SYS_accept,
    libc::SYS_accept4,
    libc::SYS_chdir,
    libc::SYS_execve,
    libc::SYS_execveat,
    libc::SYS_fchownat,
    libc::SYS_kill,
    libc::SYS_listen,
    libc::SYS_memfd_create,
    libc::SYS_mknodat,
    libc::SYS_pidfd_open,
    libc::SYS_pidfd_send_signal,
    libc::SYS_rt_sigqueueinfo,
    libc::SYS_rt_tgsigqueueinfo,
    libc::SYS_symlinkat,
    libc::SYS_tkill,
    libc::SYS_unshare,
    libc::SYS_utimensat,
];

#[cfg(target_arch = "x86_64")]
const REFUSED_HERE: &[libc::c_long] = &[
    libc::SYS_chmod,
    libc::SYS_chown,
    libc::SYS_fork,
    libc::SYS_lchown,
    libc::SYS_mknod,
    libc::SYS_symlink,
    libc::SYS_vfork,
];
#[cfg(not(target_arch = "x86_64"))]
const REFUSED_HERE: &[libc::c_long] = &[];

/// The questions and the naming of threads among what prctl(2) does.
const TALK: [libc::c_int; 6] = [
    libc::PR_SET_NAME,
    libc::PR_GET_NAME,
    libc::PR_GET_DUMPABLE,
    libc::PR_GET_NO_NEW_PRIVS,
    libc::PR_GET_SECCOMP,
    libc::PR_CAPBSET_READ,
];

/// The argument of mmap(2) and mprotect(2) that says what the memory is for.
const PROTECTION: u8 = 2;

/// The flag of a sending call by which it connects, `MSG_FASTOPEN`.
const FAST_OPEN: u32 = libc::MSG_FASTOPEN as u32;

/// Every number we know, with its verdict.
pub(super) fn verdicts(own: &Own) -> BTreeMap<u32, Verdict> {
    let mut all: BTreeMap<u32, Verdict> = modes().into_iter().collect();
    let lists = [(ALLOWED, Answer::Allow), (ALLOWED_HERE, Answer::Allow)];
    let refused = [DENIED, DENIED_HERE, REFUSED, REFUSED_HERE].map(|list| (list, EPERM));
    for (list, answer) in lists.into_iter().chain(refused) {
        all.extend(list.iter().map(|call| (number(*call), plain(answer))));
    }
    // By name, a mode could be changed outside of the roots, which Landlock does not see.
    all.insert(number(libc::SYS_fchmodat), plain(EPERM));
    let thread = NAMESPACES | libc::CLONE_THREAD as u32;
    all.insert(number(libc::SYS_clone), only(0, thread, &[libc::CLONE_THREAD as u32], EPERM));
    all.insert(number(libc::SYS_tgkill), only(0, u32::MAX, &[own.pid], EPERM));
    all.insert(number(libc::SYS_prctl), only(0, u32::MAX, &TALK.map(|it| it as u32), EPERM));
    all.insert(number(libc::SYS_ioctl), terminal());
    all.insert(number(libc::SYS_prlimit64), core_dumps(1));
    all.insert(number(libc::SYS_socket), sockets(own));
    let reaches = own.tcp || own.local || own.names;
    let connect = if reaches { Answer::Allow } else { EPERM };
    all.insert(number(libc::SYS_connect), plain(connect));
    for (call, flags) in [(libc::SYS_sendto, 3), (libc::SYS_sendmsg, 2), (libc::SYS_sendmmsg, 3)] {
        all.insert(number(call), no_fast_open(flags));
    }
    // A resolver binds the netlink socket by which it learns about addresses.
    all.insert(number(libc::SYS_bind), plain(if own.names { Answer::Allow } else { EPERM }));
    let code = if own.names { plain(Answer::Allow) } else { no_new_code() };
    all.insert(number(libc::SYS_mmap), code.clone());
    all.insert(number(libc::SYS_mprotect), code);
    all
}

/// Everything that we run is loaded already.
fn no_new_code() -> Verdict {
    let executable = libc::PROT_EXEC as u32;
    let test = Test { argument: PROTECTION, mask: executable, value: executable };
    let clause = Clause { tests: vec![test], answer: EPERM };
    Verdict { clauses: vec![clause], otherwise: Answer::Allow }
}

/// Sending that connects first, to a port that Landlock is not asked about.
fn no_fast_open(flags: u8) -> Verdict {
    let clause = Clause { tests: vec![masked(flags, FAST_OPEN)], answer: EPERM };
    Verdict { clauses: vec![clause], otherwise: Answer::Allow }
}

fn sockets(own: &Own) -> Verdict {
    let mut kinds = Vec::new();
    for family in [libc::AF_INET, libc::AF_INET6] {
        if own.tcp {
            kinds.extend([0, libc::IPPROTO_TCP].map(|p| (family, libc::SOCK_STREAM, p)));
        }
        if own.names {
            kinds.extend([0, libc::IPPROTO_UDP].map(|p| (family, libc::SOCK_DGRAM, p)));
        }
    }
    if own.names {
        kinds.push((libc::AF_NETLINK, libc::SOCK_RAW, libc::NETLINK_ROUTE));
    }
    if own.local {
        kinds.push((libc::AF_UNIX, libc::SOCK_STREAM, 0));
    }
    let clause = |(family, kind, protocol): (i32, i32, i32)| Clause {
        tests: vec![
            is(0, family as u32),
            Test { argument: 1, mask: 0xf, value: kind as u32 },
            is(2, protocol as u32),
        ],
        answer: Answer::Allow,
    };
    Verdict { clauses: kinds.into_iter().map(clause).collect(), otherwise: NO_FAMILY }
}
