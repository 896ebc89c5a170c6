//! What this machine can enforce, proven by doing it.

use crate::trouble::{Part, Trouble};

/// What a person can do about a missing piece.
pub(crate) fn fix_for(trouble: &Trouble) -> String {
    let what = trouble.what.as_str();
    let fix = match trouble.errno {
        _ if trouble.part == Part::SelfTest => "report this: the kernel did not keep a promise",
        libc::ENOSPC if what.contains("user namespace") => {
            "raise `user.max_user_namespaces` with sysctl"
        }
        libc::EPERM | libc::EACCES if what.contains("user namespace") || what.contains("write") => {
            "allow user namespaces for this program: `sysctl kernel.apparmor_restrict_unprivileged_userns=0` or an AppArmor profile, `sysctl kernel.unprivileged_userns_clone=1` on Debian"
        }
        libc::ENOSYS | libc::EPERM if what.contains("namespace") => {
            "run outside the container, or allow it user namespaces"
        }
        libc::EPERM if what.contains("/proc") => {
            "run outside the container, or without its masked /proc"
        }
        libc::ENOSYS => "use a newer kernel: 5.14 or later",
        _ if what.contains("landlock") => "use a kernel with Landlock, 6.2 or later, enabled at boot",
        _ => "see `portcullis doctor`, or accept less with `--confinement landlock`",
    };
    fix.to_owned()
}
