//! A name for a server that was given none: what its command is about.

use portcullis_policy::ServerName;

/// Programs that run a package, with their options that take a value.
const RUNNERS: &[(&str, &[&str])] = &[
    ("npx", &["-p", "--package", "-c", "--call"]),
    ("bunx", &["-p", "--package"]),
    ("uvx", &["-p", "--python", "--from", "--with", "--index", "--default-index"]),
    ("pipx", &["--spec", "--python"]),
    ("node", &["-r", "--require", "--import", "-e", "--eval"]),
    ("python", &["-W", "-X", "-c"]),
    ("python3", &["-W", "-X", "-c"]),
];

/// The name of the server behind a command.
pub(crate) fn from_command(command: &[String]) -> Option<ServerName> {
    let (program, arguments) = command.split_first()?;
    let program = stem(program);
    let runner = RUNNERS.iter().find(|(name, _)| *name == program);
    let subject = runner.and_then(|(_, valued)| subject(arguments, valued));
    ServerName::new(&clean(&subject.unwrap_or(program))).ok()
}

/// The name of the server at an address: its host.
pub(crate) fn from_url(url: &str) -> Option<ServerName> {
    let (_, rest) = url.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    ServerName::new(&clean(authority)).ok()
}

/// The first argument that is neither an option nor an option's value.
fn subject(arguments: &[String], valued: &[&str]) -> Option<String> {
    let mut arguments = arguments.iter().skip_while(|word| matches!(word.as_str(), "run" | "--"));
    loop {
        let word = arguments.next()?;
        if valued.contains(&word.as_str()) {
            arguments.next();
        } else if !word.starts_with('-') {
            return Some(package(word));
        }
    }
}

/// `@scope/server-x@1.2` is `server-x`, `mcp-server-git[all]==2.0` is
/// `mcp-server-git`, `dist/index.js` is `index`.
fn package(word: &str) -> String {
    let ends = |c: char| matches!(c, '@' | '[' | '=' | '<' | '>' | '~' | '!' | ';');
    let name = word.rsplit('/').next().unwrap_or(word);
    stem(name.split(ends).next().unwrap_or(name))
}

/// The last part of a path, without the extension of a script or program.
fn stem(path: &str) -> String {
    let name = path.rsplit('/').next().unwrap_or(path);
    let known = [".js", ".mjs", ".cjs", ".ts", ".py", ".sh", ".exe", ".cmd", ".rb", ".jar"];
    let kept = known.iter().find_map(|extension| name.strip_suffix(extension));
    kept.filter(|kept| !kept.is_empty()).unwrap_or(name).to_owned()
}

/// Only what a server's name may hold.
fn clean(name: &str) -> String {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let name: String = name.chars().map(|c| if allowed(c) { c } else { '-' }).collect();
    name.trim_start_matches(|c: char| !c.is_ascii_alphanumeric()).chars().take(64).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_from_what_runs() {
        for (line, expect) in [
            (
                "npx -y @modelcontextprotocol/server-filesystem@2026.8.31 /p",
                Some("server-filesystem"),
            ),
            ("npx -y @scope/server-x@1.2", Some("server-x")),
            ("npx --yes -p @scope/pkg server-y", Some("server-y")),
            ("/usr/bin/npx server-z", Some("server-z")),
            ("uvx mcp-server-git==2.0 --repository /r", Some("mcp-server-git")),
            ("uvx --from git+https://x/y mcp-server-time[all]", Some("mcp-server-time")),
            ("pipx run mcp-thing", Some("mcp-thing")),
            ("node /srv/files/dist/server.mjs", Some("server")),
            ("python3 -m mcp_server_fetch", Some("mcp_server_fetch")),
            ("python3 -u server.py", Some("server")),
            ("/opt/My Server/bin/srv.exe", Some("My")),
            ("./files.py --flag", Some("files")),
            ("github-mcp-server stdio", Some("github-mcp-server")),
            ("server.v2", Some("server.v2")),
            ("npx", Some("npx")),
            ("…", None),
            ("", None),
        ] {
            let command: Vec<_> = line.split(' ').map(str::to_owned).collect();
            let name = from_command(&command);
            assert_eq!(name.as_ref().map(ServerName::as_str), expect, "{line}");
        }
        assert_eq!(from_command(&[]), None);
    }
}
