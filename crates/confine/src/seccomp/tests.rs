//! The emitted program, run by a small interpreter.

use super::Sockets::{self, Internet, None as NoSockets};
use super::{emit, own, rules};

/// Runs the filter as the kernel would and gives the returned action.
fn run(sockets: Sockets, machine: u32, number: u32, arguments: [u64; 6]) -> u32 {
    interpret(&emit::program(&rules::verdicts(sockets)), machine, number, arguments)
}

fn interpret(program: &[libc::sock_filter], machine: u32, number: u32, arguments: [u64; 6]) -> u32 {
    let (mut at, mut register) = (0, 0u32);
    loop {
        let i = program[at];
        at += 1;
        match i.code {
            0x20 => {
                register = match i.k {
                    0 => number,
                    4 => machine,
                    k => arguments[(k as usize - 16) / 8] as u32,
                }
            }
            0x54 => register &= i.k,
            0x15 => at += usize::from(if register == i.k { i.jt } else { i.jf }),
            0x35 => at += usize::from(if register >= i.k { i.jt } else { i.jf }),
            0x05 => at += i.k as usize,
            0x06 => return i.k,
            code => panic!("unknown instruction {code:#x}"),
        }
    }
}

fn check(sockets: Sockets, call: libc::c_long, arguments: &[u64], expect: &str) {
    let mut all = [0; 6];
    all[..arguments.len()].copy_from_slice(arguments);
    let action = run(sockets, emit::OURS, call as u32, all);
    let word = match action {
        libc::SECCOMP_RET_ALLOW => "allow",
        a if a == libc::SECCOMP_RET_ERRNO | libc::EPERM as u32 => "EPERM",
        a if a == libc::SECCOMP_RET_ERRNO | libc::ENOSYS as u32 => "ENOSYS",
        a if a == libc::SECCOMP_RET_ERRNO | libc::EAFNOSUPPORT as u32 => "EAFNOSUPPORT",
        a if a == libc::SECCOMP_RET_ERRNO | libc::EINVAL as u32 => "EINVAL",
        _ => "other",
    };
    assert_eq!(word, expect, "call {call} with {arguments:?}");
}

#[test]
fn everyday_calls_pass() {
    for call in [
        libc::SYS_read,
        libc::SYS_write,
        libc::SYS_mmap,
        libc::SYS_execve,
        libc::SYS_futex,
        libc::SYS_socketpair,
        libc::SYS_exit_group,
        libc::SYS_rseq,
        libc::SYS_statx,
    ] {
        check(Internet, call, &[], "allow");
    }
}

#[test]
fn dangerous_calls_are_told_no() {
    for call in [
        libc::SYS_mount,
        libc::SYS_ptrace,
        libc::SYS_bpf,
        libc::SYS_keyctl,
        libc::SYS_setns,
        libc::SYS_move_mount,
        libc::SYS_open_by_handle_at,
        libc::SYS_process_vm_readv,
        libc::SYS_kexec_load,
    ] {
        check(Internet, call, &[], "EPERM");
    }
}

#[test]
fn the_limit_of_core_dumps_stays() {
    let resource = |number| u64::from(number);
    check(Internet, libc::SYS_prlimit64, &[0, resource(libc::RLIMIT_CORE), 0x1000], "EINVAL");
    check(Internet, libc::SYS_prlimit64, &[0, resource(libc::RLIMIT_NOFILE), 0x1000], "allow");
    #[cfg(target_arch = "x86_64")]
    for (number, expect) in [(libc::RLIMIT_CORE, "EINVAL"), (libc::RLIMIT_NOFILE, "allow")] {
        check(Internet, libc::SYS_setrlimit, &[resource(number), 0x1000], expect);
    }
}

#[test]
fn unknown_calls_do_not_exist() {
    let absent = [
        libc::SYS_clone3,
        libc::SYS_openat2,
        libc::SYS_io_uring_setup,
        libc::SYS_io_uring_enter,
        0x7fff_ffff,
        0x4000_0000, // the first number of the x32 interface
        0x4000_0027,
        1000,
    ];
    for call in absent {
        check(Internet, call, &[], "ENOSYS");
    }
}

#[test]
fn another_machine_is_killed() {
    let action = run(Internet, 0x4000_0003, 20, [0; 6]);
    assert_eq!(action, libc::SECCOMP_RET_KILL_PROCESS);
}

#[test]
fn namespaces_cannot_be_made() {
    check(Internet, libc::SYS_clone, &[libc::SIGCHLD as u64], "allow");
    check(Internet, libc::SYS_clone, &[libc::CLONE_NEWUSER as u64], "ENOSYS");
    check(Internet, libc::SYS_unshare, &[libc::CLONE_FILES as u64], "allow");
    check(Internet, libc::SYS_unshare, &[libc::CLONE_NEWUSER as u64], "ENOSYS");
    check(Internet, libc::SYS_unshare, &[libc::CLONE_NEWNS as u64 | 1 << 40], "ENOSYS");
    check(Internet, libc::SYS_unshare, &[0x80], "ENOSYS");
}

#[test]
fn sockets_by_family_and_protocol() {
    let (stream, mptcp) = (libc::SOCK_STREAM as u64, 262);
    check(Internet, libc::SYS_socket, &[2, stream, 0], "allow");
    check(Internet, libc::SYS_socket, &[10, stream, 6], "allow");
    check(Internet, libc::SYS_socket, &[2, stream, mptcp], "EAFNOSUPPORT");
    check(Internet, libc::SYS_socket, &[1, stream, 0], "EAFNOSUPPORT");
    check(Internet, libc::SYS_socket, &[40, stream, 0], "EAFNOSUPPORT");
    check(Internet, libc::SYS_socket, &[16, 3, 0], "allow");
    check(Internet, libc::SYS_socket, &[16, 3, 12], "EAFNOSUPPORT");
    check(NoSockets, libc::SYS_socket, &[2, stream, 0], "EAFNOSUPPORT");
}

#[test]
fn terminal_requests_are_compared_as_32_bits() {
    check(Internet, libc::SYS_ioctl, &[0, libc::TIOCSTI], "EPERM");
    check(Internet, libc::SYS_ioctl, &[0, libc::TIOCSTI | 1 << 32], "EPERM");
    check(Internet, libc::SYS_ioctl, &[0, libc::TCGETS], "allow");
}

#[test]
fn set_id_bits_cannot_be_set() {
    let create = libc::O_CREAT as u64;
    check(Internet, libc::SYS_fchmod, &[3, 0o4755], "EPERM");
    check(Internet, libc::SYS_fchmod, &[3, 0o755], "allow");
    check(Internet, libc::SYS_openat, &[0, 0, create, 0o2755], "EPERM");
    check(Internet, libc::SYS_openat, &[0, 0, 0, 0o4755], "allow");
    check(Internet, libc::SYS_openat, &[0, 0, create, 0o644], "allow");
    check(Internet, libc::SYS_openat, &[0, 0, 0o20_200_000, 0o4644], "EPERM");
}

#[test]
fn the_search_agrees_with_the_table() {
    let verdicts = rules::verdicts(Internet);
    for number in 0..600 {
        let allowed = run(Internet, emit::OURS, number, [0; 6]) == libc::SECCOMP_RET_ALLOW;
        let expected = match verdicts.get(&number) {
            None => false,
            Some(v) if v.clauses.is_empty() => v.otherwise == rules::Answer::Allow,
            Some(_) => continue,
        };
        assert_eq!(allowed, expected, "call {number}");
    }
}

/// A program that confined itself starts nothing, reaches nothing and becomes nobody.
#[test]
fn our_own_filter_has_no_way_to_another_program() {
    let nothing = own::Own { pid: 7, tcp: false, names: false, local: false };
    let network = own::Own { tcp: true, names: true, local: true, ..nothing };
    let allows = |own: &own::Own, call: libc::c_long, arguments: [u64; 6]| {
        let program = emit::program(&own::verdicts(own));
        interpret(&program, emit::OURS, call as u32, arguments) == libc::SECCOMP_RET_ALLOW
    };
    let thread = libc::CLONE_THREAD as u64;
    for own in [&nothing, &network] {
        for call in [libc::SYS_execve, libc::SYS_execveat, libc::SYS_clone3, libc::SYS_kill] {
            assert!(!allows(own, call, [0; 6]), "call {call}");
        }
        // It serves one client, and that is there already.
        for call in [libc::SYS_listen, libc::SYS_accept, libc::SYS_accept4] {
            assert!(!allows(own, call, [0; 6]), "call {call}");
        }
        let (quiet, fast) = (libc::MSG_NOSIGNAL as u64, libc::MSG_FASTOPEN as u64);
        for (call, at) in [(libc::SYS_sendto, 3), (libc::SYS_sendmsg, 2), (libc::SYS_sendmmsg, 3)] {
            let with = |flags| std::array::from_fn(|n| if n == at { flags } else { 0 });
            assert!(allows(own, call, with(quiet)), "call {call}");
            assert!(!allows(own, call, with(quiet | fast)), "call {call}");
        }
        assert!(allows(own, libc::SYS_clone, [thread, 0, 0, 0, 0, 0]));
        assert!(!allows(own, libc::SYS_clone, [libc::SIGCHLD as u64, 0, 0, 0, 0, 0]));
        let with_user = thread | libc::CLONE_NEWUSER as u64;
        assert!(!allows(own, libc::SYS_clone, [with_user, 0, 0, 0, 0, 0]));
        assert!(allows(own, libc::SYS_tgkill, [7, 8, 6, 0, 0, 0]));
        assert!(!allows(own, libc::SYS_tgkill, [8, 8, 6, 0, 0, 0]));
        assert!(allows(own, libc::SYS_openat2, [0; 6]));
        assert!(!allows(own, libc::SYS_fchmod, [0, 0o4755, 0, 0, 0, 0]));
    }
    let stream =
        [libc::AF_INET as u64, (libc::SOCK_STREAM | libc::SOCK_CLOEXEC) as u64, 0, 0, 0, 0];
    assert!(
        !allows(&nothing, libc::SYS_socket, stream) && allows(&network, libc::SYS_socket, stream)
    );
    let code = [0, 4096, (libc::PROT_READ | libc::PROT_EXEC) as u64, 0, 0, 0];
    assert!(!allows(&nothing, libc::SYS_mmap, code) && allows(&network, libc::SYS_mmap, code));
}
