//! Which package a command fetches and starts, and which version of it.
//!
//! It is read as launchers read it, but leniently: what could be a package is one. Whoever
//! installs something reads more strictly (`confine::command`).

/// Where a package comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Registry {
    /// `npx`, `bunx`, `pnpm dlx`, `yarn dlx`, `deno run npm:…`.
    Npm,
    /// `uvx`, `uv tool run`, `pipx run`.
    Python,
    /// `docker run`, `podman run`.
    Image,
    /// Any launcher, from an address.
    Address,
}

/// Which version was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Version {
    /// This one: what it names cannot become another.
    Exact(String),
    /// A name that whoever publishes can move: `latest`, an image's tag.
    Moving(String),
    /// Any of several.
    Range(String),
    /// None: whatever the registry says.
    Unsaid,
}

impl Version {
    /// Why another program may be started tomorrow; `None` for the same one.
    #[must_use]
    pub fn floats(&self) -> Option<&'static str> {
        match self {
            Self::Exact(_) => None,
            Self::Moving(tag) if tag == "latest" => {
                Some("is whatever the registry calls the latest")
            }
            Self::Moving(_) => Some("names a version that can be moved"),
            Self::Range(_) => Some("is any version of a range"),
            Self::Unsaid => Some("names no version: it is whatever the registry says"),
        }
    }
}

/// A package that a command fetches and starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Package {
    /// Where it comes from.
    pub registry: Registry,
    /// As it was written.
    pub written: String,
    /// As its registry knows it.
    pub name: String,
    /// Which version of it.
    pub version: Version,
}

/// How a launcher is spelled.
struct Launcher {
    words: &'static [&'static str],
    registry: Registry,
    /// Options that name the package.
    from: &'static [&'static str],
    /// Options that take a value.
    valued: &'static [&'static str],
}

const NPM_VALUES: &[&str] =
    &["-c", "--call", "--registry", "--cache", "--prefix", "--workspace", "-w"];
const UV_VALUES: &[&str] = &[
    "-p",
    "--python",
    "--with",
    "-w",
    "--with-editable",
    "--index",
    "--index-url",
    "-i",
    "--default-index",
    "--extra-index-url",
    "--directory",
    "--project",
    "--env-file",
    "--constraints",
    "--overrides",
    "--refresh-package",
];
const DOCKER_VALUES: &[&str] = &[
    "-v",
    "--volume",
    "-e",
    "--env",
    "--env-file",
    "--name",
    "-p",
    "--publish",
    "--mount",
    "--network",
    "--net",
    "-u",
    "--user",
    "-w",
    "--workdir",
    "--entrypoint",
    "--cap-add",
    "--cap-drop",
    "--security-opt",
    "-m",
    "--memory",
    "--cpus",
    "-c",
    "--cpu-shares",
    "--add-host",
    "-l",
    "--label",
    "-h",
    "--hostname",
    "--platform",
    "--pull",
    "--restart",
    "--tmpfs",
    "--device",
    "--dns",
    "--pid",
    "--ipc",
    "--userns",
    "--uts",
    "--log-driver",
    "--log-opt",
    "--gpus",
    "--ulimit",
    "--shm-size",
    "--volumes-from",
    "--group-add",
    "--runtime",
    "--cidfile",
    "--memory-swap",
    "--pids-limit",
    "--stop-timeout",
    "--annotation",
    "--cgroupns",
    "--expose",
    "--ip",
    "--link",
    "--sysctl",
    "-a",
    "--attach",
];

const fn launcher(
    words: &'static [&'static str],
    registry: Registry,
    from: &'static [&'static str],
    valued: &'static [&'static str],
) -> Launcher {
    Launcher { words, registry, from, valued }
}

const FROM: &[&str] = &["-p", "--package"];
const LAUNCHERS: &[Launcher] = &[
    launcher(&["npx"], Registry::Npm, FROM, NPM_VALUES),
    launcher(&["npm", "exec"], Registry::Npm, &["--package"], NPM_VALUES),
    launcher(&["npm", "x"], Registry::Npm, &["--package"], NPM_VALUES),
    launcher(&["pnpm", "dlx"], Registry::Npm, &["--package"], NPM_VALUES),
    launcher(&["pnpx"], Registry::Npm, &["--package"], NPM_VALUES),
    launcher(&["yarn", "dlx"], Registry::Npm, FROM, NPM_VALUES),
    launcher(&["bunx"], Registry::Npm, FROM, NPM_VALUES),
    launcher(&["bun", "x"], Registry::Npm, FROM, NPM_VALUES),
    launcher(&["uvx"], Registry::Python, &["--from"], UV_VALUES),
    launcher(&["uv", "tool", "run"], Registry::Python, &["--from"], UV_VALUES),
    launcher(
        &["pipx", "run"],
        Registry::Python,
        &["--spec"],
        &["--python", "--index-url", "-i", "--pip-args"],
    ),
    launcher(&["docker", "run"], Registry::Image, &[], DOCKER_VALUES),
    launcher(&["docker", "container", "run"], Registry::Image, &[], DOCKER_VALUES),
    launcher(&["podman", "run"], Registry::Image, &[], DOCKER_VALUES),
    launcher(&["nerdctl", "run"], Registry::Image, &[], DOCKER_VALUES),
];

/// The package that a command fetches and starts, when it is such a command.
#[must_use]
pub fn package(command: &[String]) -> Option<Package> {
    let words: Vec<&str> = command.iter().map(String::as_str).collect();
    // `cmd /c npx …`, `env A=B npx …`, `sudo npx …`: the launcher is the first that there is.
    for begin in 0..words.len() {
        let rest = words.get(begin..).unwrap_or_default();
        if let Some(launcher) = LAUNCHERS.iter().find(|launcher| launcher.fits(rest)) {
            return launcher.read(rest.get(launcher.words.len()..).unwrap_or_default());
        }
        if let Some(package) = deno(rest) {
            return Some(package);
        }
        // What a shell is told stands in one word.
        let told = rest.first().filter(|word| begin > 0 && word.contains(' '));
        let inner = told.map(|told| told.split_whitespace().map(str::to_owned).collect::<Vec<_>>());
        if let Some(found) = inner.and_then(|inner| package(&inner)) {
            return Some(found);
        }
    }
    None
}

/// The last part of a program's path, without the endings of Windows.
fn base(word: &str) -> String {
    let last = word.rsplit(['/', '\\']).next().unwrap_or(word).to_ascii_lowercase();
    let endings = [".cmd", ".exe", ".bat", ".ps1"];
    let bare = endings.iter().find_map(|ending| last.strip_suffix(ending));
    bare.map(str::to_owned).unwrap_or(last)
}

impl Launcher {
    fn fits(&self, words: &[&str]) -> bool {
        words.first().is_some_and(|word| Some(base(word).as_str()) == self.words.first().copied())
            && words.get(1..self.words.len()) == self.words.get(1..)
    }

    fn read(&self, words: &[&str]) -> Option<Package> {
        let (mut from, mut at) = (None, 0);
        while let Some(word) = words.get(at).filter(|word| word.starts_with('-')) {
            at = at.saturating_add(1);
            let (name, inline) = match word.split_once('=') {
                Some((name, value)) => (name, Some(value)),
                None => (*word, None),
            };
            let takes = self.from.contains(&name) || self.valued.contains(&name);
            let value = inline.or_else(|| words.get(at).copied().filter(|_| takes));
            at = at.saturating_add(usize::from(takes && inline.is_none()));
            if self.from.contains(&name) {
                from = value;
            }
        }
        let written = from.or(words.get(at).copied())?;
        Some(self.registry.read(written))
    }
}

/// `deno run -A npm:@scope/name@1.2.3`.
fn deno(words: &[&str]) -> Option<Package> {
    if words.first().is_none_or(|word| base(word) != "deno") {
        return None;
    }
    let name =
        words.iter().find_map(|word| word.strip_prefix("npm:").or(word.strip_prefix("jsr:")))?;
    Some(Registry::Npm.read(name.trim_start_matches('/')))
}

impl Registry {
    fn read(self, written: &str) -> Package {
        let (registry, name, version) = match self {
            _ if is_address(written) && self != Self::Image => {
                (Self::Address, written.to_owned(), commit(written))
            }
            Self::Npm => {
                let (name, version) = npm(written);
                (self, name, version)
            }
            Self::Python => {
                let (name, version) = python(written);
                (self, name, version)
            }
            Self::Image | Self::Address => {
                let (name, version) = image(written);
                (self, name, version)
            }
        };
        Package { registry, written: written.to_owned(), name, version }
    }
}

fn is_address(written: &str) -> bool {
    let direct = ["git+", "github:", "gitlab:", "bitbucket:", "gist:", "file:"];
    written.contains("://") || direct.iter().any(|head| written.starts_with(head))
}

/// A whole commit is one thing for ever; a branch, a tag and a file at an address are not.
fn commit(written: &str) -> Version {
    let named = written.rsplit(['@', '#']).next().filter(|_| written.contains(['@', '#']));
    match named {
        Some(name) if name.len() == 40 && name.bytes().all(|it| it.is_ascii_hexdigit()) => {
            Version::Exact(name.to_owned())
        }
        Some(name) if !name.contains('/') => Version::Moving(name.to_owned()),
        _ => Version::Unsaid,
    }
}

fn npm(written: &str) -> (String, Version) {
    let at = written.get(1..).and_then(|rest| rest.find('@')).map(|at| at.saturating_add(1));
    let Some((name, version)) = at.and_then(|at| written.split_at_checked(at)) else {
        return (written.to_owned(), Version::Unsaid);
    };
    (name.to_owned(), said(version.trim_start_matches('@'), 3))
}

fn python(written: &str) -> (String, Version) {
    let end = written.find(['=', '<', '>', '~', '!', '@', '[', ';', ' ']);
    let (name, rest) =
        written.split_at_checked(end.unwrap_or(written.len())).unwrap_or((written, ""));
    // Names differ neither by case nor by what joins their words (PEP 503).
    let name = name.to_ascii_lowercase().replace(['_', '.'], "-");
    let rest = rest.split_once(']').map_or(rest, |(_, rest)| rest).trim();
    let exact = rest.strip_prefix("===").or(rest.strip_prefix("==")).or(rest.strip_prefix('@'));
    let version = match exact {
        _ if rest.is_empty() => Version::Unsaid,
        Some(version) if !version.contains(',') => said(version.trim(), 1),
        _ => Version::Range(rest.to_owned()),
    };
    (name, version)
}

/// What stands behind the sign; with fewer numbers than `whole` it is a range.
fn said(version: &str, whole: usize) -> Version {
    let begins = |text: &str| text.starts_with(|c: char| c.is_ascii_digit());
    let version = version.strip_prefix('v').filter(|rest| begins(rest)).unwrap_or(version);
    let text = version.to_owned();
    let wild = version.contains(['*', ' ', '|', '^', '~', '<', '>']) || version.ends_with(".x");
    let core = version.split(['-', '+']).next().unwrap_or(version);
    match (wild, begins(version)) {
        (true, _) => Version::Range(text),
        (false, false) => Version::Moving(text),
        (false, true) if core.split('.').count() < whole => Version::Range(text),
        (false, true) => Version::Exact(text),
    }
}

fn image(written: &str) -> (String, Version) {
    if let Some((name, digest)) = written.split_once('@') {
        let tag = name.rsplit_once(':').filter(|(_, tag)| !tag.contains('/'));
        return (tag.map_or(name, |(name, _)| name).to_owned(), Version::Exact(digest.to_owned()));
    }
    match written.rsplit_once(':').filter(|(_, tag)| !tag.contains('/')) {
        Some((name, tag)) => (name.to_owned(), Version::Moving(tag.to_owned())),
        None => (written.to_owned(), Version::Unsaid),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exact(text: &str) -> Version {
        Version::Exact(text.to_owned())
    }

    fn moving(text: &str) -> Version {
        Version::Moving(text.to_owned())
    }

    fn range(text: &str) -> Version {
        Version::Range(text.to_owned())
    }

    #[test]
    fn launchers_are_read() {
        let digest = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
        let by_digest = format!("docker|run|-i|--rm|ghcr.io/x/y:1.2@{digest}");
        let commit = "0123456789012345678901234567890123456789";
        let by_commit = format!("uvx|--from|git+https://x.example/y@{commit}|y");
        for (line, expect) in [
            ("npx|-y|@a/b@1.2.3|/dir", Some((Registry::Npm, "@a/b", exact("1.2.3")))),
            ("npx|-y|@a/b", Some((Registry::Npm, "@a/b", Version::Unsaid))),
            ("npx|pkg@latest", Some((Registry::Npm, "pkg", moving("latest")))),
            ("npx|pkg@^1.2.3", Some((Registry::Npm, "pkg", range("^1.2.3")))),
            ("npx|pkg@1", Some((Registry::Npm, "pkg", range("1")))),
            ("npx|pkg@1.2.3-beta.1", Some((Registry::Npm, "pkg", exact("1.2.3-beta.1")))),
            ("npx|--package=pkg@1.2.3|tool|x@2", Some((Registry::Npm, "pkg", exact("1.2.3")))),
            ("C:\\nodejs\\npx.cmd|-y|pkg", Some((Registry::Npm, "pkg", Version::Unsaid))),
            ("cmd|/c|npx|-y|pkg@1.0.0", Some((Registry::Npm, "pkg", exact("1.0.0")))),
            ("sh|-c|exec npx -y pkg@1.0.0", Some((Registry::Npm, "pkg", exact("1.0.0")))),
            ("pnpm|dlx|pkg", Some((Registry::Npm, "pkg", Version::Unsaid))),
            ("deno|run|-A|npm:@a/b@2.0.0", Some((Registry::Npm, "@a/b", exact("2.0.0")))),
            ("npx|github:a/b", Some((Registry::Address, "github:a/b", Version::Unsaid))),
            ("uvx|mcp-server-git", Some((Registry::Python, "mcp-server-git", Version::Unsaid))),
            (
                "uvx|Mcp_Server.Git==2025.7.1",
                Some((Registry::Python, "mcp-server-git", exact("2025.7.1"))),
            ),
            ("uvx|--from|thing[cli]==1.0|tool", Some((Registry::Python, "thing", exact("1.0")))),
            ("uvx|--python|3.12|thing@1.2", Some((Registry::Python, "thing", exact("1.2")))),
            ("uvx|thing>=1,<2", Some((Registry::Python, "thing", range(">=1,<2")))),
            ("uvx|thing==1.*", Some((Registry::Python, "thing", range("1.*")))),
            ("uv|tool|run|thing@latest", Some((Registry::Python, "thing", moving("latest")))),
            ("pipx|run|--spec|thing==2|tool", Some((Registry::Python, "thing", exact("2")))),
            (
                "docker|run|-i|--rm|-e|A=b|mcp/fetch",
                Some((Registry::Image, "mcp/fetch", Version::Unsaid)),
            ),
            (
                "docker|run|-v|/a:/b|localhost:5000/x:1.2|arg:z",
                Some((Registry::Image, "localhost:5000/x", moving("1.2"))),
            ),
            (
                "docker|run|localhost:5000/x",
                Some((Registry::Image, "localhost:5000/x", Version::Unsaid)),
            ),
            (&by_digest, Some((Registry::Image, "ghcr.io/x/y", exact(digest)))),
            ("node|server.js", None),
            ("docker|mcp|gateway|run", None),
            ("uv|run|server.py", None),
            ("npx", None),
        ] {
            let command: Vec<String> = line.split('|').map(str::to_owned).collect();
            let found = package(&command).map(|it| (it.registry, it.name, it.version));
            let expect =
                expect.map(|(registry, name, version)| (registry, name.to_owned(), version));
            assert_eq!(found, expect, "{line}");
        }
        let command: Vec<String> = by_commit.split('|').map(str::to_owned).collect();
        assert_eq!(package(&command).unwrap().version, exact(commit));
    }
}
