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
}

/// In the order in which each round takes them.
pub(crate) const SUBJECTS: [Subject; 4] =
    [Subject::Bare, Subject::Relay, Subject::Unboxed, Subject::Guarded];

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
        if !gateway.exists() {
            return Err(format!("there is no gateway in {}", gateway.display()));
        }
        std::fs::write(work.join("portcullis.toml"), CONFIG).map_err(|error| error.to_string())?;
        Ok(Self { bench, gateway, work: work.to_owned() })
    }

    /// Where a program's stderr goes, to be shown when it fails.
    pub(crate) fn complaints(&self) -> PathBuf {
        self.work.join("stderr")
    }

    /// The command line of a subject.
    pub(crate) fn program(&self, subject: Subject) -> Vec<String> {
        let text = |path: &Path| path.display().to_string();
        let gateway = |rest: &[&str]| -> Vec<String> {
            let (state, config) = (self.work.join("state"), self.work.join("portcullis.toml"));
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
        };
        line.extend([text(&self.bench), "upstream".to_owned(), FILLERS.to_string()]);
        line
    }
}
