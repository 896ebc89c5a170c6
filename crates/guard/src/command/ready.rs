//! Grammars for programs that everybody has: what looks, and nothing that writes,
//! executes, reads lists of files or talks to another machine.

use super::grammar::{BadGrammar, Dashes, Form, Grammar, Group};
use super::kind::Kind;

/// One program, understood already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ready {
    /// What an operator calls it: `grammar = "wc"`.
    pub name: &'static str,
    /// What it does, for the model.
    pub about: &'static str,
    /// The program's file name.
    pub program: &'static str,
    /// Words that always stand first.
    pub fixed: &'static [&'static str],
    /// Variables that it gets.
    pub env: &'static [(&'static str, &'static str)],
    options: &'static [&'static str],
    arguments: &'static [(&'static str, usize, usize)],
    after: &'static [(&'static str, usize, usize)],
    dashes: Dashes,
    dashed: bool,
    at_words: bool,
}

/// The grammar with this name.
#[must_use]
pub fn ready(name: &str) -> Option<&'static Ready> {
    READY.iter().find(|ready| ready.name == name)
}

impl Ready {
    /// The grammar.
    ///
    /// # Errors
    /// None for those in [`READY`], as a test shows.
    pub fn grammar(&self) -> Result<Grammar, BadGrammar> {
        let groups = |list: &[(&str, usize, usize)]| -> Result<Vec<Group>, BadGrammar> {
            let group = |(kind, min, max): &(&str, usize, usize)| {
                Ok(Group { kind: Kind::read(kind)?, min: *min, max: *max })
            };
            list.iter().map(group).collect()
        };
        Grammar::new(Form {
            options: self.options.iter().map(|line| (*line).to_owned()).collect(),
            arguments: groups(self.arguments)?,
            after: groups(self.after)?,
            dashes: self.dashes,
            dashed: self.dashed,
            at_words: self.at_words,
        })
    }
}

const PLAIN: Ready = Ready {
    name: "",
    about: "",
    program: "",
    fixed: &[],
    env: &[],
    options: &[],
    arguments: &[("path", 1, 64)],
    after: &[],
    dashes: Dashes::Ends,
    dashed: false,
    at_words: false,
};

/// Of a repository, only what was committed and what a file holds counts: its own
/// config may name programs (fsmonitor, external diffs, signatures, submodules'), and a
/// partial clone would fetch what it lacks. A directory that is a repository only by
/// what it holds is none, attributes come from the empty tree, and whatever a config
/// still names does not start: the box executes git and nothing else.
const GIT: Ready = Ready {
    program: "git",
    env: &[
        ("GIT_ALLOW_PROTOCOL", "none"),
        ("GIT_ATTR_NOSYSTEM", "1"),
        // The empty tree: no file of the checkout chooses a filter.
        ("GIT_ATTR_SOURCE", "4b825dc642cb6eb9a060e54bf8d69288fbee4904"),
        ("GIT_CONFIG_GLOBAL", "/dev/null"),
        ("GIT_CONFIG_NOSYSTEM", "1"),
        ("GIT_NO_LAZY_FETCH", "1"),
        ("GIT_OPTIONAL_LOCKS", "0"),
        ("GIT_PAGER", "cat"),
        ("GIT_TERMINAL_PROMPT", "0"),
    ],
    dashes: Dashes::Divides,
    after: &[("path", 0, 64)],
    ..PLAIN
};

/// A revision by name: no option, no range to a file (`:`), no reflog expression.
const REVISION: &str = r"text 200 [A-Za-z0-9_][A-Za-z0-9_./^~-]*";

/// Every ready grammar, by name.
pub const READY: &[Ready] = &[
    Ready {
        name: "cat",
        about: "prints files",
        program: "cat",
        options: &[
            "-n, --number",
            "-b, --number-nonblank",
            "-s, --squeeze-blank",
            "-A, --show-all",
        ],
        ..PLAIN
    },
    Ready {
        name: "cut",
        about: "prints chosen columns of the lines of files",
        program: "cut",
        options: &[
            "-f, --fields = text 100 [0-9,-]+",
            "-c, --characters = text 100 [0-9,-]+",
            "-d, --delimiter = text 1",
            "-s, --only-delimited",
        ],
        ..PLAIN
    },
    Ready {
        name: "diff",
        about: "compares two files or directories",
        program: "diff",
        // What lies in a directory is compared as it is, not where it leads.
        fixed: &["--no-dereference"],
        options: &[
            "-u",
            "-U, --unified = number 0..1000",
            "-q, --brief",
            "-r, --recursive",
            "-i, --ignore-case",
            "-w, --ignore-all-space",
            "-b, --ignore-space-change",
            "-B, --ignore-blank-lines",
        ],
        arguments: &[("path", 2, 2)],
        ..PLAIN
    },
    Ready {
        name: "du",
        about: "tells how much room files and directories take",
        program: "du",
        options: &[
            "-s, --summarize",
            "-h, --human-readable",
            "-a, --all",
            "-b, --bytes",
            "-c, --total",
            "-d, --max-depth = number 0..64",
        ],
        ..PLAIN
    },
    Ready {
        name: "file",
        about: "tells what kind of data files hold",
        program: "file",
        options: &["-b, --brief", "-i, --mime", "--mime-type", "--mime-encoding"],
        ..PLAIN
    },
    Ready {
        name: "find",
        about: "finds files below directories by name, kind, size and age",
        program: "find",
        options: &[
            "-name = text 200",
            "-iname = text 200",
            "-path = text 400",
            "-type = one of f, d, l",
            "-maxdepth = number 0..64",
            "-mindepth = number 0..64",
            "-size = text 20 [0-9]{1,12}[ckMG]?",
            "-mtime = number 0..100000",
            "-mmin = number 0..100000000",
            "-empty",
            "-not",
            "-or",
        ],
        arguments: &[("path", 1, 16)],
        dashes: Dashes::Unknown,
        ..PLAIN
    },
    Ready {
        name: "git-diff",
        about: "shows what changed in a repository, or between two of its revisions",
        fixed: &[
            "--no-pager",
            "-c",
            "core.fsmonitor=false",
            "-c",
            "core.hooksPath=/dev/null",
            "-c",
            "safe.directory=*",
            "-c",
            "safe.bareRepository=explicit",
            "diff",
            "--no-ext-diff",
            "--no-textconv",
            "--ignore-submodules=all",
            "--no-color",
        ],
        options: &[
            "--cached",
            "--staged",
            "--stat",
            "--name-only",
            "--name-status",
            "-U, --unified = number 0..1000",
            "-w, --ignore-all-space",
        ],
        arguments: &[(REVISION, 0, 2)],
        ..GIT
    },
    Ready {
        name: "git-log",
        about: "shows the history of a repository",
        fixed: &[
            "--no-pager",
            "-c",
            "core.fsmonitor=false",
            "-c",
            "core.hooksPath=/dev/null",
            "-c",
            "safe.directory=*",
            "-c",
            "safe.bareRepository=explicit",
            "-c",
            "format.pretty=medium",
            "log",
            "--no-ext-diff",
            "--no-textconv",
            "--no-show-signature",
            "--ignore-submodules=all",
            "--no-color",
        ],
        options: &[
            "-n, --max-count = number 1..10000",
            "--skip = number 0..1000000",
            "--oneline",
            "--since, --after = text 60",
            "--until, --before = text 60",
            "--author = text 200",
            "--grep = text 200",
            "-S = text 200",
            "-G = text 200",
            "-p, --patch",
            "--stat",
            "--name-only",
            "--name-status",
            "--graph",
            "--merges",
            "--no-merges",
            "--reverse",
            "--format, --pretty = one of oneline, short, medium, full, fuller, reference",
            "--date = one of iso, short, relative, unix",
        ],
        arguments: &[(REVISION, 0, 2)],
        ..GIT
    },
    Ready {
        name: "git-status",
        about: "shows which files of a repository changed since the last commit",
        fixed: &[
            "--no-pager",
            "-c",
            "core.fsmonitor=false",
            "-c",
            "core.hooksPath=/dev/null",
            "-c",
            "safe.directory=*",
            "-c",
            "safe.bareRepository=explicit",
            "status",
            "--ignore-submodules=all",
        ],
        options: &[
            "-s, --short",
            "-b, --branch",
            "--porcelain",
            "--untracked-files = one of no, normal, all",
        ],
        arguments: &[("path", 0, 64)],
        after: &[],
        // It would take `--end-of-options` for a path.
        dashes: Dashes::Ends,
        ..GIT
    },
    Ready {
        name: "grep",
        about: "prints the lines of files that match a pattern, which comes first",
        program: "grep",
        options: &[
            "-i, --ignore-case",
            "-v, --invert-match",
            "-n, --line-number",
            "-c, --count",
            "-l, --files-with-matches",
            "-L, --files-without-match",
            "-w, --word-regexp",
            "-x, --line-regexp",
            "-o, --only-matching",
            "-E, --extended-regexp",
            "-F, --fixed-strings",
            "-r, --recursive",
            "-H, --with-filename",
            "-h, --no-filename",
            "-I",
            "-m, --max-count = number 1..1000000",
            "-A, --after-context = number 0..1000",
            "-B, --before-context = number 0..1000",
            "-C, --context = number 0..1000",
            "--include = text 200",
            "--exclude = text 200",
            "--exclude-dir = text 200",
        ],
        arguments: &[("text 1000", 1, 1), ("path", 1, 64)],
        // A pattern may look like an option, behind `--`; a path is absolute.
        dashed: true,
        at_words: true,
        ..PLAIN
    },
    Ready {
        name: "head",
        about: "prints the first lines of files",
        program: "head",
        options: &[
            "-n, --lines = number 0..1000000",
            "-c, --bytes = number 0..1000000000",
            "-q, --quiet",
            "-v, --verbose",
        ],
        ..PLAIN
    },
    Ready {
        name: "ls",
        about: "lists directories",
        program: "ls",
        options: &[
            "-l",
            "-a, --all",
            "-A, --almost-all",
            "-1",
            "-h, --human-readable",
            "-R, --recursive",
            "-r, --reverse",
            "-S",
            "-t",
            "-d, --directory",
            "-F, --classify",
        ],
        ..PLAIN
    },
    Ready {
        name: "sha256sum",
        about: "prints the SHA-256 digests of files",
        program: "sha256sum",
        ..PLAIN
    },
    Ready {
        name: "sort",
        about: "prints the lines of files in order",
        program: "sort",
        options: &[
            "-r, --reverse",
            "-n, --numeric-sort",
            "-h, --human-numeric-sort",
            "-V, --version-sort",
            "-f, --ignore-case",
            "-b, --ignore-leading-blanks",
            "-u, --unique",
            "-k, --key = text 40 [0-9]{1,4}(\\.[0-9]{1,4})?[bdfgiMhnRrV]*(,[0-9]{1,4}(\\.[0-9]{1,4})?[bdfgiMhnRrV]*)?",
            "-t, --field-separator = text 1",
        ],
        ..PLAIN
    },
    Ready {
        name: "stat",
        about: "shows size, owner and times of files",
        program: "stat",
        options: &["-t, --terse"],
        ..PLAIN
    },
    Ready {
        name: "tail",
        about: "prints the last lines of files",
        program: "tail",
        options: &[
            "-n, --lines = text 10 [+]?[0-9]{1,9}",
            "-c, --bytes = text 11 [+]?[0-9]{1,10}",
            "-q, --quiet",
            "-v, --verbose",
        ],
        ..PLAIN
    },
    Ready {
        name: "uniq",
        about: "prints the lines of one file without those that repeat the one before",
        program: "uniq",
        options: &[
            "-c, --count",
            "-d, --repeated",
            "-u, --unique",
            "-i, --ignore-case",
            "-f, --skip-fields = number 0..1000",
        ],
        // A second name would be written to.
        arguments: &[("path", 1, 1)],
        ..PLAIN
    },
    Ready {
        name: "wc",
        about: "counts lines, words and bytes of files",
        program: "wc",
        options: &[
            "-c, --bytes",
            "-m, --chars",
            "-l, --lines",
            "-w, --words",
            "-L, --max-line-length",
        ],
        ..PLAIN
    },
];
