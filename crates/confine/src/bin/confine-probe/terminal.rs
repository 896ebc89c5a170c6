//! The person's terminal: pr14-pr17.

use crate::Outcome::{self, Held, Leak};
use crate::{Attempt, any, at, attempt, raw, said};

pub(crate) const ATTEMPTS: &[Attempt] = &[
    attempt("pr14", "type into the terminal", || request(libc::TIOCSTI)),
    attempt("pr15", "type into it with high bits set (CVE-2019-10063)", || {
        request(libc::TIOCSTI | 1 << 32)
    }),
    attempt("pr16", "drive the console (TIOCLINUX)", || request(libc::TIOCLINUX)),
    attempt("pr17", "open the controlling terminal", || said(std::fs::File::open("/dev/tty"))),
];

/// On a pipe the kernel refuses anyway; that the filter answers is what counts.
fn request(request: libc::Ioctl) -> Outcome {
    let character = b'#';
    let request = request.cast_signed();
    any([0, 1, 2].map(|fd| match raw(libc::SYS_ioctl, &[fd, request, at(&character)]) {
        Err(error) if error.raw_os_error() == Some(libc::EPERM) => Held(error.to_string()),
        other => Leak(format!("not filtered: {other:?}")),
    }))
}
