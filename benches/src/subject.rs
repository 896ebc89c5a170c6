//! What is compared: the server alone, behind a relay that looks at nothing, and
//! behind the gateway with and without its box.

use std::path::{Path, PathBuf};

/// Who stands between the load and the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Subject {
    /// Nobody.
    Bare,
    /// A relay of bytes.
    Relay,
    /// `portcullis run --confinement none`.
    Unboxed,
    /// `portcullis run`.
    Guarded,
    /// The same, with so many policies of the operator's own.
    Policies(u16),
}

/// In the order in which each round takes them.
pub(crate) const SUBJECTS: [Subject; 4] =
    [Subject::Bare, Subject::Relay, Subject::Unboxed, Subject::Guarded];

/// The last of them, and policies of the operator's own on top of it.
pub(crate) const POLICIES: [Subject; 4] =
    [Subject::Guarded, Subject::Policies(1), Subject::Policies(50), Subject::Policies(1000)];

/// Tools of the server with the long list.
pub(crate) const MANY: usize = 1000;

/// Tools that the server lists beside its own two.
pub(crate) const FILLERS: usize = 20;

/// The only thing that is not as it comes: a benchmark calls more often than a person's host.
const CONFIG: &str = "[defaults.limits]\ncalls_per_minute = 100000\n";

impl Subject {
    /// What the tables call it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Bare => "server bare",
            Self::Relay => "relay of bytes",
            Self::Unboxed => "portcullis, no box",
            Self::Guarded => "portcullis",
            Self::Policies(1) => "portcullis, 1 policy",
            Self::Policies(50) => "portcullis, 50 policies",
            Self::Policies(_) => "portcullis, 1,000 policies",
        }
    }
}

/// The programs, and a directory for what they write.
#[derive(Debug)]
pub(crate) struct Places {
    bench: PathBuf,
    gateway: PathBuf,
    work: PathBuf,
}

impl Places {
    /// The gateway lies beside this program unless another one is named.
    pub(crate) fn new(gateway: Option<&str>, work: &Path) -> Result<Self, String> {
        let bench = std::env::current_exe().map_err(|error| error.to_string())?;
        let gateway = gateway.map_or_else(|| bench.with_file_name("portcullis"), PathBuf::from);
        let missing = |_| format!("there is no gateway in {}", gateway.display());
        let gateway = gateway.canonicalize().map_err(missing)?;
        let write = |name: &str, text: &str| {
            std::fs::write(work.join(name), text).map_err(|error| error.to_string())
        };
        write("portcullis.toml", CONFIG)?;
        for subject in POLICIES {
            let Subject::Policies(count) = subject else { continue };
            write(&format!("{count}.cedar"), &policies(count))?;
            let policy = format!("[policy]\nfiles = [\"{count}.cedar\"]\n\n{CONFIG}");
            write(&format!("{count}.toml"), &policy)?;
        }
        Ok(Self { bench, gateway, work: work.to_owned() })
    }

    /// Where a program's stderr goes, to be shown when it fails.
    pub(crate) fn complaints(&self) -> PathBuf {
        self.work.join("stderr")
    }

    /// Where the gateway is.
    pub(crate) fn gateway(&self) -> &Path {
        &self.gateway
    }

    /// The command line of a subject, whose server lists so many tools.
    pub(crate) fn program(&self, subject: Subject, fillers: usize) -> Vec<String> {
        let text = |path: &Path| path.display().to_string();
        let config = match subject {
            Subject::Policies(count) => format!("{count}.toml"),
            _ => "portcullis.toml".to_owned(),
        };
        let gateway = |rest: &[&str]| -> Vec<String> {
            let (state, config) = (self.work.join("state"), self.work.join(&config));
            let mut line = vec![text(&self.gateway), "run".to_owned()];
            line.extend(["--state".to_owned(), text(&state)]);
            line.extend(["--config".to_owned(), text(&config)]);
            line.extend(rest.iter().map(|word| (*word).to_owned()));
            line
        };
        let mut line = match subject {
            Subject::Bare => Vec::new(),
            Subject::Relay => vec![text(&self.bench), "relay".to_owned()],
            Subject::Unboxed => gateway(&["--confinement", "none", "--"]),
            Subject::Guarded => gateway(&["--"]),
            Subject::Policies(_) => gateway(&["--name", "bench", "--"]),
        };
        line.extend([text(&self.bench), "upstream".to_owned(), fillers.to_string()]);
        line
    }
}

/// Policies as an operator writes them: most about one tool, every tenth about all.
/// None of them concerns the calls that are measured.
fn policies(count: u16) -> String {
    let one = |number: u16| {
        let (tool, condition) = if number % 10 == 9 {
            (
                "resource".to_owned(),
                format!(r#"has path && context.arguments.path like "*/secret{number}/*""#),
            )
        } else {
            (
                format!(r#"resource == Tool::"bench/find_{number:04}""#),
                format!(r#"has key && context.arguments.key == "k{number}""#),
            )
        };
        format!(
            "@id(\"p{number}\")\nforbid (principal, action == Action::\"call\", {tool})\nwhen {{ context.arguments {condition} }};\n"
        )
    };
    (0..count).map(one).collect()
}
