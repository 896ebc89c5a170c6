//! Which places a command hands to a program, and whether one of them is too much.

/// A place that a command names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// The word in which it stands, as a number from 0.
    pub word: usize,
    /// The place.
    pub place: String,
    /// Whether a container gets it.
    pub mounted: bool,
}

/// The sockets by which whoever holds one commands the machine.
const SOCKETS: &[&str] = &["docker.sock", "podman.sock", "containerd.sock", "crio.sock"];

/// Options whose value is a mount.
const MOUNTS: &[&str] = &["-v", "--volume", "--mount"];

/// The places among a command's arguments. The program itself is none.
#[must_use]
pub fn places(command: &[String]) -> Vec<Named> {
    let mut found = Vec::new();
    for (word, text) in command.iter().enumerate().skip(1) {
        let option = command.get(word.saturating_sub(1)).map(String::as_str).unwrap_or_default();
        let (name, value) = match text.split_once('=') {
            Some((name, value)) if name.starts_with('-') => (name, value),
            _ => (option, text.as_str()),
        };
        if MOUNTS.contains(&name) {
            found.extend(mount(name, value).map(|place| Named { word, place, mounted: true }));
        } else if looks_like_a_place(value) {
            found.push(Named { word, place: root_of(value).to_owned(), mounted: false });
        }
    }
    found
}

/// What of this machine a mount brings.
fn mount(option: &str, value: &str) -> Option<String> {
    if option == "--mount" {
        let source = value
            .split(',')
            .find_map(|part| part.strip_prefix("src=").or_else(|| part.strip_prefix("source=")));
        return source.filter(|source| looks_like_a_place(source)).map(str::to_owned);
    }
    // `C:\x:/x` has a drive before its first colon.
    let drive = value.starts_with(|c: char| c.is_ascii_alphabetic())
        && value.get(1..2) == Some(":")
        && value.get(2..3).is_some_and(|it| it == "\\" || it == "/");
    let from = if drive { 2 } else { 0 };
    let end = value.get(from..)?.find(':').map_or(value.len(), |at| at.saturating_add(from));
    value.get(..end).filter(|place| looks_like_a_place(place)).map(str::to_owned)
}

/// `DIR:rw` is a root of ours, with its access.
fn root_of(value: &str) -> &str {
    let access = [":rw:ask", ":ro:ask", ":rw", ":ro", ":ask"];
    access.iter().find_map(|tail| value.strip_suffix(tail)).unwrap_or(value)
}

fn looks_like_a_place(text: &str) -> bool {
    let drive = text.len() >= 2
        && text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.get(1..2) == Some(":")
        && text.get(2..3).is_none_or(|it| it == "\\" || it == "/");
    let variable =
        ["$HOME", "${HOME}", "${userHome}", "%USERPROFILE%", "${env:HOME}", "${env:USERPROFILE}"];
    text.starts_with(['/', '~', '\\']) && !text.starts_with("//")
        || drive
        || variable.iter().any(|head| text.starts_with(head))
}

/// Why a place is more than any server needs.
#[must_use]
pub fn is_wide(place: &str) -> Option<&'static str> {
    let slashes = place.replace('\\', "/");
    let bare = slashes.trim_end_matches(['/', '*']).trim_end_matches("/.");
    let parts: Vec<&str> =
        bare.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    let small: Vec<String> = parts.iter().map(|part| part.to_ascii_lowercase()).collect();
    let small: Vec<&str> = small.iter().map(String::as_str).collect();
    let home = Some("is a whole home, with every key and login in it");
    if SOCKETS.iter().any(|socket| slashes.ends_with(socket)) {
        return Some("is the socket of the container engine: whoever has it has the machine");
    }
    match small.as_slice() {
        [] if slashes.starts_with('/') => Some("is everything on this machine"),
        [
            "~" | "$home" | "${home}" | "${userhome}" | "%userprofile%" | "${env:home}"
            | "${env:userprofile}",
        ] => home,
        [drive] if drive.len() == 2 && drive.ends_with(':') => Some("is a whole drive"),
        ["home" | "users"] | [_, "users"]
            if small.len() == 1 || small.first().is_some_and(|it| it.ends_with(':')) =>
        {
            Some("is everybody's home")
        }
        ["home" | "users", _] if slashes.starts_with('/') => home,
        [drive, "users", _] if drive.ends_with(':') => home,
        ["root"] if slashes.starts_with('/') => home,
        ["mnt", drive] if slashes.starts_with('/') && drive.len() == 1 => Some("is a whole drive"),
        ["etc" | "proc" | "sys" | "dev" | "boot"] if slashes.starts_with('/') => {
            Some("is the system's own")
        }
        [.., ".ssh" | ".aws" | ".gnupg" | ".kube"] | [.., ".config", "gcloud"] => {
            Some("is where keys are")
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_much() {
        for place in [
            "/",
            "//",
            "/.",
            "/*",
            "~",
            "~/",
            "$HOME",
            "${HOME}/",
            "${userHome}",
            "%USERPROFILE%",
            "C:\\",
            "d:/",
            "C:",
            "/home",
            "/Users/",
            "C:\\Users",
            "/home/ada",
            "/Users/ada/",
            "C:\\Users\\Ada\\",
            "/root",
            "/mnt/c",
            "/etc",
            "/proc",
            "~/.ssh",
            "/home/ada/.aws/",
            "~/.config/gcloud",
            "/var/run/docker.sock",
        ] {
            assert!(is_wide(place).is_some(), "{place}");
        }
        for place in [
            "/home/ada/project",
            "~/Documents/notes",
            "/Users/ada/Desktop",
            "C:\\Users\\Ada\\Documents",
            "/tmp/test.db",
            "/etc/myserver/config.toml",
            "/srv/files",
            "/var/lib/x",
            "/opt/x",
            "${workspaceFolder}",
            "D:\\work",
            "/mnt/data",
            "/usr/share/dict",
        ] {
            assert_eq!(is_wide(place), None, "{place}");
        }
    }

    #[test]
    fn places_are_found_where_they_stand() {
        for (line, expect) in [
            ("npx|-y|x|/", vec!["/"]),
            ("/usr/bin/node|x.js|--root=/home/ada|b", vec!["/home/ada"]),
            ("docker|run|-v|/:/host:ro|x", vec!["/"]),
            ("docker|run|--volume=C:\\Users\\Ada:/home|x", vec!["C:\\Users\\Ada"]),
            (
                "docker|run|--mount|type=bind,src=/var/run/docker.sock,dst=/s|x",
                vec!["/var/run/docker.sock"],
            ),
            ("docker|run|-v|cache:/cache|x", vec![]),
            ("portcullis|run|--root|/home/ada/x:rw|--|s", vec!["/home/ada/x"]),
            ("cmd|/c|npx", vec!["/c"]),
            ("npx|mcp-remote|https://x.example/|--header|a:b", vec![]),
            ("x|//comment", vec![]),
        ] {
            let command: Vec<String> = line.split('|').map(str::to_owned).collect();
            let found: Vec<String> = places(&command).into_iter().map(|it| it.place).collect();
            assert_eq!(found, expect, "{line}");
        }
    }
}
