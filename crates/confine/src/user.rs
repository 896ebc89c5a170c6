//! Which account a server runs as.

use crate::order::Account;

/// Used when the account list has no `nobody`: the kernel's own overflow id.
const OVERFLOW: u32 = 65534;

/// An ordinary user's servers run as that user. Root's run as `asked`, a name
/// or a number, and never as root.
pub(crate) fn account(asked: Option<&str>) -> Result<Account, String> {
    let uid = rustix::process::geteuid().as_raw();
    let gid = rustix::process::getegid().as_raw();
    let ourselves = Account { uid, gid, switch: false };
    if uid != 0 {
        return Ok(ourselves);
    }
    let name = asked.unwrap_or("nobody");
    let list = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let ids = std::fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
    match find(&list, name) {
        // This root is an ordinary user under another name: nobody else exists here.
        _ if !exists(&ids, 1) && !exists(&ids, OVERFLOW) => Ok(ourselves),
        Some((0, _)) => Err(format!("user `{name}` is root: name an unprivileged account")),
        Some((uid, gid)) => Ok(Account { uid, gid, switch: true }),
        None if name == "nobody" => Ok(Account { uid: OVERFLOW, gid: OVERFLOW, switch: true }),
        None => {
            Err(format!("user `{name}` does not exist: create it, or name another with --user"))
        }
    }
}

/// The id has a meaning in this user namespace.
fn exists(map: &str, id: u32) -> bool {
    let range = |line: &str| {
        let mut words = line.split_whitespace().map(str::parse::<u64>);
        let (first, count) = (words.next()?.ok()?, words.nth(1)?.ok()?);
        Some(first..first + count)
    };
    map.lines().filter_map(range).any(|range| range.contains(&u64::from(id)))
}

fn find(list: &str, name: &str) -> Option<(u32, u32)> {
    let entry = |line: &str| -> Option<(String, u32, u32)> {
        let mut fields = line.split(':');
        let name = fields.next()?.to_owned();
        let (uid, gid) = (fields.nth(1)?.parse().ok()?, fields.next()?.parse().ok()?);
        Some((name, uid, gid))
    };
    let number = name.parse::<u32>().ok();
    let found = list
        .lines()
        .filter_map(entry)
        .find(|(entry, uid, _)| entry == name || number == Some(*uid))
        .map(|(_, uid, gid)| (uid, gid));
    found.or(number.map(|id| (id, id)))
}

#[cfg(test)]
mod tests {
    use super::find;

    #[test]
    fn accounts_are_found_by_name_and_number() {
        let list = "root:x:0:0::/root:/bin/sh\nada:x:1000:100::/home/ada:/bin/sh\nodd\n";
        for (name, expect) in [
            ("ada", Some((1000, 100))),
            ("1000", Some((1000, 100))),
            ("root", Some((0, 0))),
            ("4242", Some((4242, 4242))),
            ("eve", None),
        ] {
            assert_eq!(find(list, name), expect, "{name}");
        }
    }
}
