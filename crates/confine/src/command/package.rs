//! What `npx` and `uvx` were asked for.

use std::ffi::OsString;
use std::path::Path;

use crate::error::SpawnError;

/// Where a package comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ecosystem {
    /// `npx`, `bunx`, `npm exec`, `pnpm dlx`.
    Npm,
    /// `uvx`, `uv tool run`.
    Python,
}

/// A package to install, and what of it to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Package {
    /// Where it comes from.
    pub ecosystem: Ecosystem,
    /// As the registry knows it, with a version if one was given.
    pub spec: String,
    /// The program in it, if it was named apart.
    pub program: Option<String>,
    /// The program's arguments.
    pub args: Vec<OsString>,
}

/// How a launcher is spelled, and which of its options take a value.
struct Launcher {
    words: &'static [&'static str],
    ecosystem: Ecosystem,
    /// Options that name the package apart from the program.
    from: &'static [&'static str],
    with_value: &'static [&'static str],
}

const NPM_FROM: &[&str] = &["-p", "--package"];
const UV_FROM: &[&str] = &["--from"];
const UV_VALUES: &[&str] = &["-p", "--python", "--index-url", "-i", "--index", "--default-index"];

const LAUNCHERS: &[Launcher] = &[
    Launcher { words: &["npx"], ecosystem: Ecosystem::Npm, from: NPM_FROM, with_value: &[] },
    Launcher { words: &["bunx"], ecosystem: Ecosystem::Npm, from: NPM_FROM, with_value: &[] },
    Launcher {
        words: &["npm", "exec"],
        ecosystem: Ecosystem::Npm,
        from: NPM_FROM,
        with_value: &[],
    },
    Launcher {
        words: &["pnpm", "dlx"],
        ecosystem: Ecosystem::Npm,
        from: NPM_FROM,
        with_value: &[],
    },
    Launcher {
        words: &["uvx"],
        ecosystem: Ecosystem::Python,
        from: UV_FROM,
        with_value: UV_VALUES,
    },
    Launcher {
        words: &["uv", "tool", "run"],
        ecosystem: Ecosystem::Python,
        from: UV_FROM,
        with_value: UV_VALUES,
    },
];

/// The package that a command would install, if it is such a command.
pub(super) fn asked(command: &[OsString]) -> Result<Option<Package>, SpawnError> {
    let words: Vec<&str> = command.iter().map(|word| word.to_str().unwrap_or("?")).collect();
    let Some(launcher) = LAUNCHERS.iter().find(|launcher| launcher.matches(&words)) else {
        return Ok(None);
    };
    let skip = launcher.words.len();
    launcher.read(words.get(skip..).unwrap_or_default(), command.get(skip..).unwrap_or_default())
}

impl Launcher {
    fn matches(&self, words: &[&str]) -> bool {
        let base =
            |word: &str| Path::new(word).file_name().and_then(|n| n.to_str()).map(str::to_owned);
        let first = words.first().and_then(|word| base(word));
        first.as_deref() == self.words.first().copied()
            && words.get(1..self.words.len()) == self.words.get(1..)
    }

    fn read(&self, words: &[&str], raw: &[OsString]) -> Result<Option<Package>, SpawnError> {
        let (mut from, mut at) = (None, 0);
        while let Some(word) = words.get(at).filter(|word| word.starts_with('-')) {
            let (name, inline) = match word.split_once('=') {
                Some((name, value)) => (name, Some(value)),
                None => (*word, None),
            };
            at += 1;
            let takes = self.from.contains(&name) || self.with_value.contains(&name);
            let value = inline.or_else(|| words.get(at).copied().filter(|_| takes));
            at += usize::from(takes && inline.is_none());
            if self.from.contains(&name) {
                from = value;
            } else if takes || !harmless(name) {
                return Err(self.unsupported(word));
            }
        }
        let Some(word) = words.get(at) else { return Err(self.unsupported("no package")) };
        let args = raw.get(at + 1..).unwrap_or_default().to_vec();
        let spec = from.unwrap_or(word);
        if !plausible(spec) {
            return Err(self.unsupported(spec));
        }
        let program = from.map(|_| (*word).to_owned());
        Ok(Some(Package { ecosystem: self.ecosystem, spec: spec.to_owned(), program, args }))
    }

    fn unsupported(&self, what: &str) -> SpawnError {
        SpawnError::CommandNotExecutable {
            command: self.words.join(" "),
            why: format!(
                "`{what}` is not supported here: install the package yourself and name its program"
            ),
        }
    }
}

/// Options that change nothing about what is installed.
fn harmless(option: &str) -> bool {
    matches!(
        option,
        "-y" | "--yes" | "-q" | "--quiet" | "--" | "--bun" | "--isolated" | "--no-progress"
    )
}

/// A name, a scope and a version: no URL, no path, and above all no option.
fn plausible(spec: &str) -> bool {
    let first = spec.chars().next().unwrap_or('-');
    let allowed = |c: char| c.is_ascii_alphanumeric() || "@/._-+=[],~^<>!".contains(c);
    let paths = spec.starts_with("./") || spec.contains("..") || spec.contains("//");
    (first.is_ascii_alphanumeric() || first == '@') && spec.chars().all(allowed) && !paths
}

impl Package {
    /// The registry's name, without a version.
    #[must_use]
    pub fn name(&self) -> &str {
        let end = match self.ecosystem {
            Ecosystem::Npm => self.spec.get(1..).and_then(|rest| rest.find('@')).map(|at| at + 1),
            Ecosystem::Python => self.spec.find(['@', '=', '<', '>', '~', '!', '[']),
        };
        end.and_then(|end| self.spec.get(..end)).unwrap_or(&self.spec)
    }

    /// A directory name for it: one per name and version.
    #[must_use]
    pub fn key(&self) -> String {
        let kind = match self.ecosystem {
            Ecosystem::Npm => "npm",
            Ecosystem::Python => "python",
        };
        // `+` appears in no package name, so two names cannot meet in one key.
        let safe = |c: char| match c {
            '/' => "+".to_owned(),
            c if c.is_ascii_alphanumeric() || "@._-".contains(c) => c.to_string(),
            c => format!("+{:x}", u32::from(c)),
        };
        format!("{kind}-{}", self.spec.chars().map(safe).collect::<String>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Option<(String, String, Option<String>, usize)> {
        let words: Vec<OsString> = line.split(' ').map(OsString::from).collect();
        let p = asked(&words).ok()??;
        Some((p.name().to_owned(), p.key(), p.program.clone(), p.args.len()))
    }

    #[test]
    fn launchers_are_understood() {
        let some = |name: &str, key: &str, program: Option<&str>, args| {
            Some((name.to_owned(), key.to_owned(), program.map(str::to_owned), args))
        };
        for (line, expect) in [
            ("npx -y @a/b@1.2.3 /dir", some("@a/b", "npm-@a+b@1.2.3", None, 1)),
            ("/usr/bin/npx pkg", some("pkg", "npm-pkg", None, 0)),
            ("npx -p pkg@2 tool x y", some("pkg", "npm-pkg@2", Some("tool"), 2)),
            ("npx --package=pkg tool", some("pkg", "npm-pkg", Some("tool"), 0)),
            ("npm exec -- pkg@1 a", some("pkg", "npm-pkg@1", None, 1)),
            (
                "uvx mcp-server-time==1.0",
                some("mcp-server-time", "python-mcp-server-time+3d+3d1.0", None, 0),
            ),
            ("uvx --from thing@1 tool -x", some("thing", "python-thing@1", Some("tool"), 1)),
            ("uv tool run t", some("t", "python-t", None, 0)),
            ("npx -c evil", None),
            ("npx https://evil.test/x.tgz", None),
            ("npx ../x", None),
            ("node x.js", None),
            ("npm run x", None),
        ] {
            assert_eq!(read(line), expect, "{line}");
        }
    }
}
