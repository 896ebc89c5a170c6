//! Verdicts in, classic BPF out.
//!
//! Numbers with the same verdict in a row become one range, and the ranges a
//! binary search: a call is decided in seven comparisons instead of hundreds.

use std::collections::BTreeMap;

use libc::sock_filter;

use super::rules::{ABSENT, Answer, Test, Verdict};

const LOAD: u16 = (libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16;
const AND: u16 = (libc::BPF_ALU | libc::BPF_AND | libc::BPF_K) as u16;
const IF_EQUAL: u16 = (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16;
const IF_AT_LEAST: u16 = (libc::BPF_JMP | libc::BPF_JGE | libc::BPF_K) as u16;
const JUMP: u16 = (libc::BPF_JMP | libc::BPF_JA) as u16;
const RETURN: u16 = (libc::BPF_RET | libc::BPF_K) as u16;

/// Offsets in `struct seccomp_data`.
const NUMBER: u32 = 0;
const MACHINE: u32 = 4;
const ARGUMENTS: u32 = 16;

#[cfg(target_arch = "x86_64")]
pub(super) const OURS: u32 = 0xc000_003e;
#[cfg(target_arch = "aarch64")]
pub(super) const OURS: u32 = 0xc000_00b7;

/// From this number on, up to the next range's first, this is the verdict.
struct Range<'a> {
    first: u32,
    verdict: Option<&'a Verdict>,
}

/// The whole program. A call in another machine's numbering kills the process:
/// nothing we start speaks it, and no list here would mean what it says.
pub(super) fn program(verdicts: &BTreeMap<u32, Verdict>) -> Vec<sock_filter> {
    let mut out = vec![
        plain(LOAD, MACHINE),
        branch(IF_EQUAL, OURS, 1, 0),
        plain(RETURN, libc::SECCOMP_RET_KILL_PROCESS),
        plain(LOAD, NUMBER),
    ];
    out.extend(search(&ranges(verdicts)));
    out
}

fn ranges(verdicts: &BTreeMap<u32, Verdict>) -> Vec<Range<'_>> {
    let mut out = vec![Range { first: 0, verdict: None }];
    let mut next = 0;
    for (number, verdict) in verdicts {
        if *number != next {
            push(&mut out, next, None);
        }
        push(&mut out, *number, Some(verdict));
        next = number.saturating_add(1);
    }
    push(&mut out, next, None);
    out
}

fn push<'a>(out: &mut Vec<Range<'a>>, first: u32, verdict: Option<&'a Verdict>) {
    match out.last_mut() {
        Some(last) if last.verdict == verdict => {}
        Some(last) if last.first == first => last.verdict = verdict,
        _ => out.push(Range { first, verdict }),
    }
}

fn search(ranges: &[Range<'_>]) -> Vec<sock_filter> {
    let (lower, upper) = ranges.split_at(ranges.len() / 2);
    let (Some(pivot), false) = (upper.first(), lower.is_empty()) else {
        return upper.first().map_or_else(Vec::new, |only| decide(only.verdict));
    };
    let (below, above) = (search(lower), search(upper));
    // A conditional jump reaches 255 instructions, a plain one everything.
    let mut out = vec![branch(IF_AT_LEAST, pivot.first, 0, 1), plain(JUMP, length(&below))];
    out.extend(below);
    out.extend(above);
    out
}

fn decide(verdict: Option<&Verdict>) -> Vec<sock_filter> {
    let Some(verdict) = verdict else { return vec![answer(ABSENT)] };
    let mut out = Vec::new();
    for clause in &verdict.clauses {
        let mut rest = vec![answer(clause.answer)];
        for one in clause.tests.iter().rev() {
            let mut with = test(*one, length(&rest));
            with.append(&mut rest);
            rest = with;
        }
        out.append(&mut rest);
    }
    out.push(answer(verdict.otherwise));
    out
}

/// Falls through if the test holds, else skips the rest of its clause.
fn test(test: Test, rest: u32) -> Vec<sock_filter> {
    let mut out = vec![plain(LOAD, ARGUMENTS + 8 * u32::from(test.argument))];
    if test.mask != u32::MAX {
        out.push(plain(AND, test.mask));
    }
    out.push(branch(IF_EQUAL, test.value, 0, u8::try_from(rest).unwrap_or(u8::MAX)));
    out
}

fn answer(answer: Answer) -> sock_filter {
    let value = match answer {
        Answer::Allow => libc::SECCOMP_RET_ALLOW,
        Answer::Errno(errno) => libc::SECCOMP_RET_ERRNO | u32::from(errno),
    };
    plain(RETURN, value)
}

fn length(program: &[sock_filter]) -> u32 {
    u32::try_from(program.len()).unwrap_or(u32::MAX)
}

fn plain(code: u16, k: u32) -> sock_filter {
    branch(code, k, 0, 0)
}

fn branch(code: u16, k: u32, jt: u8, jf: u8) -> sock_filter {
    sock_filter { code, jt, jf, k }
}
