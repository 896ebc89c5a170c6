//! Options of programs that people start: which take the word behind them, and which give it power.
//!
//! A word behind an option that takes one is no option of the client's own, whatever it begins
//! with. What is not listed here is taken for an option that stands alone.

/// Options that take a value in every program that has them.
#[rustfmt::skip]
const EVERYWHERE: &[&str] = &[
    "--contains", "--no-contains", "--since", "--until", "--after", "--before", "--author", "--committer", "--grep", "--max-count", "--message",
    "--depth", "--regexp", "--name", "--filter", "--label", "--selector", "--namespace", "--title", "--body", "--repo", "--region", "--profile",
    "--limit", "--max-depth", "--include", "--exclude", "--glob", "--language", "--timeout", "--width", "--height", "--user", "--host", "--port",
];

/// A program, one of its commands or any, and options that take a value there.
type Row = (&'static str, &'static str, &'static [&'static str]);

#[rustfmt::skip]
const PROGRAMS: &[Row] = &[
    ("git", "commit", &["-m", "--author", "--date"]), ("git", "tag", &["-m", "-a"]), ("git", "merge", &["-m"]), ("git", "stash", &["-m"]),
    ("git", "checkout", &["-b", "-B"]), ("git", "switch", &["-c", "-C"]), ("git", "clone", &["-b", "--branch"]), ("git", "log", &["-n", "-S", "-G"]),
    ("git", "", &["-C", "--git-dir", "--work-tree"]),
    ("gh", "", &["-R", "-t", "-b", "-l", "-a", "-B", "-H", "--base", "--head", "--json"]),
    ("gh", "", &["--state", "--search", "--assignee", "--milestone", "--project", "--jq", "--method", "--field", "--sort", "--order", "--workflow"]),
    ("gh", "", &["--branch", "--status", "--event", "--created", "--ref", "--comment", "--reason", "--reviewer", "--owner", "--visibility"]),
    ("grep", "", &["-e", "-A", "-B", "-C", "-m"]), ("rg", "", &["-e", "-A", "-B", "-C", "-m", "-g", "-t", "-T"]), ("ag", "", &["-A", "-B", "-C", "-G"]),
    ("find", "", &["-name", "-iname", "-path", "-ipath", "-regex", "-iregex", "-type", "-maxdepth", "-mindepth", "-newer", "-size", "-mtime"]),
    ("fd", "", &["-e", "-t", "-d", "--extension", "--type"]),
    ("kubectl", "", &["-n", "-l", "-c", "--container", "--context", "--tail"]), ("helm", "", &["-n", "--version"]),
    ("docker", "", &["-t", "-w", "--tag", "--tail"]), ("head", "", &["-n", "-c"]), ("tail", "", &["-n", "-c"]),
    ("ping", "", &["-c", "-n", "-W", "-w", "-i", "-t", "-s"]), ("nmap", "", &["-p"]), ("tesseract", "", &["-l"]), ("ffmpeg", "", &["-i", "-ss", "-t", "-r"]),
];

/// Long options whose value can start a program, or say where to write.
#[rustfmt::skip]
const POWERFUL: &[&str] = &[
    "upload-pack", "receive-pack", "exec", "output", "out", "config", "config-env", "checkpoint-action", "use-compress-program", "to-command", "rsh",
    "rsh-command", "eval", "command", "init-file", "init-command", "require", "import", "loader", "inspect", "post-file", "use-askpass", "exec-path",
    "template", "separate-git-dir", "open-files-in-pager", "ext-diff", "proxy", "load", "preload", "script", "pre",
];

/// Whether an option takes the word behind it as its value.
pub(super) fn takes_a_value(program: &str, command: &str, option: &str) -> bool {
    let fits = |row: &&Row| row.0 == program && (row.1.is_empty() || row.1 == command);
    EVERYWHERE.contains(&option) && !is_powerful(option)
        || PROGRAMS.iter().filter(fits).any(|row| row.2.contains(&option))
}

/// Whether the word behind an option may well be its value: a long one of a program that is not listed.
pub(super) fn may_take_a_value(program: &str, option: &str) -> bool {
    let long = option.len() > 2 && option.starts_with("--") && !option.contains('=');
    long && !is_powerful(option) && PROGRAMS.iter().all(|row| row.0 != program)
}

/// Whether a word that begins with this fixed text is no option of the client's own.
pub(super) fn holds_what_follows(text: &str) -> bool {
    if !text.starts_with('-') {
        return !text.is_empty();
    }
    match text.split_once('=') {
        Some((option, _)) => option.starts_with("--") && !is_powerful(option),
        None => false,
    }
}

fn is_powerful(option: &str) -> bool {
    POWERFUL.contains(&option.trim_start_matches('-'))
}

#[cfg(test)]
mod tests {
    use super::{holds_what_follows, may_take_a_value, takes_a_value};

    #[test]
    fn of_a_program_that_is_not_listed_nobody_knows() {
        assert!(may_take_a_value("mytool", "--state"));
        for (program, option) in
            [("git", "--cached"), ("mytool", "-s"), ("mytool", "--"), ("mytool", "--output")]
        {
            assert!(!may_take_a_value(program, option), "{program} {option}");
        }
    }

    #[test]
    fn a_value_is_told_from_an_option() {
        for (program, command, option, takes) in [
            ("git", "branch", "--contains", true),
            ("git", "commit", "-m", true),
            // Here it renames a branch, and stands alone.
            ("git", "branch", "-m", false),
            ("kubectl", "get", "-n", true),
            ("grep", "", "-n", false),
            ("grep", "", "-e", true),
            ("wc", "", "-w", false),
            ("sh", "", "-c", false),
        ] {
            assert_eq!(takes_a_value(program, command, option), takes, "{program} {option}");
        }
    }

    #[test]
    fn what_is_glued_to_an_option_is_its_value_unless_that_is_power() {
        for (text, holds) in [
            ("--unified=", true),
            ("refs/heads/", true),
            ("--", false),
            ("-", false),
            ("-l", false),
            ("", false),
            ("--upload-pack=", false),
            ("--output=", false),
            ("-o=", false),
        ] {
            assert_eq!(holds_what_follows(text), holds, "{text}");
        }
    }
}
