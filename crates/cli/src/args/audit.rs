//! What may be typed of an audit.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use portcullis_audit::{Confidence, Severity};
use portcullis_config::values;

pub(super) const AUDIT_EXAMPLE: &str = "\
Example: a source tree, a server that is started for it, both together, and what was seen once more:
  portcullis audit ./my-server
  portcullis audit -- python3 server.py {project} {database}
  portcullis audit ./my-server --save-evidence seen.evidence -- python3 my-server/server.py
  portcullis audit seen.evidence --format sarif

The policy under which it is started from then on:
  portcullis audit --write-policy careless.toml -- python3 server.py ~/project
  portcullis run --config careless.toml --name server
  portcullis audit --guarded -- python3 server.py {project}      # what it stops, finding by finding

A published package, installed into a place that is thrown away:
  portcullis audit npm:@modelcontextprotocol/server-filesystem@2026.7.10

A bundle, unpacked into a place that is thrown away, and started:
  portcullis audit notes.mcpb

The servers in a host's config, none of which is started:
  portcullis audit ~/.cursor/mcp.json

A server over HTTP: one that runs, and one that is started in a box and listens there:
  portcullis audit --url https://mcp.example.com/mcp --bearer-env TOKEN
  portcullis audit --listens-at http://127.0.0.1:8931/mcp -- npx @playwright/mcp --port 8931

What is started runs in a box with nothing of yours in it: throw-away directories, planted
secrets, no network. `{project}` and `{database}` stand for them. A comment
`portcullis: ignore[CHECK] REASON` silences a check on its line, or on the next one.";

/// `portcullis audit`.
#[derive(Args, Debug)]
pub struct Audit {
    /// Source files or trees to read, packages (`npm:NAME@VERSION`, `pypi:NAME==VERSION`), bundles (`.mcpb`), hosts' configs (JSON, YAML, TOML), or evidence that was saved
    pub targets: Vec<PathBuf>,
    /// In which form the report is printed
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
    /// Print JSON, as `--format json` does
    #[arg(long, conflicts_with = "format")]
    pub json: bool,
    /// Write the report here instead of to standard output
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Show flows, requests and examples too
    #[arg(long)]
    pub verbose: bool,
    /// Who reads: `regular` gets what is likely or confirmed, `pedantic` also what is possible, `auditor` everything
    #[arg(long, value_enum, default_value_t = Persona::Regular)]
    pub persona: Persona,
    /// The least severity that makes the exit code other than 0
    #[arg(long, value_enum, value_name = "SEVERITY", default_value_t = Least::Note)]
    pub fail_on: Least,
    /// Findings that are known: the file that --write-baseline wrote
    #[arg(long, value_name = "FILE")]
    pub baseline: Option<PathBuf>,
    /// Write what was found as known
    #[arg(long, value_name = "FILE")]
    pub write_baseline: Option<PathBuf>,
    /// Write what was seen, to be judged again
    #[arg(long, value_name = "FILE")]
    pub save_evidence: Option<PathBuf>,
    /// Write the tightest table of a config under which its honest tools still work; the file must not exist
    #[arg(long, value_name = "FILE")]
    pub write_policy: Option<PathBuf>,
    /// Make the same probes again through `portcullis run` under that policy, and say of each finding whether it was stopped
    #[arg(long)]
    pub guarded: bool,
    /// How long one target may take, and as long again with --guarded
    #[arg(long, value_name = "DURATION", default_value = "5m", value_parser = values::parse_duration)]
    pub timeout: Duration,
    /// A server that runs already, by its address (Streamable HTTP); none of its tools is called
    #[arg(long)]
    pub url: Option<String>,
    /// Where the command listens in its box: it is asked over HTTP there, and not over its pipes
    #[arg(long, value_name = "URL")]
    pub listens_at: Option<String>,
    /// The variable of our environment that holds the bearer token for --url or --listens-at
    #[arg(long, value_name = "NAME")]
    pub bearer_env: Option<String>,
    /// A header for --url or --listens-at, whose value is in a variable of our environment
    #[arg(long = "header", value_name = "NAME={env:VARIABLE}", value_parser = header)]
    pub headers: Vec<(String, String)>,
    /// The server's command, to be started in a box
    #[arg(last = true, value_name = "COMMAND")]
    pub command: Vec<OsString>,
}

/// A header's name, and the variable that its value is in.
fn header(text: &str) -> Result<(String, String), String> {
    let said = "write `NAME={env:VARIABLE}`: a value that is a secret belongs in no argument";
    let (name, value) = text.split_once('=').ok_or(said)?;
    let variable = value.strip_prefix("{env:").and_then(|rest| rest.strip_suffix('}'));
    match variable {
        Some(variable) if !variable.is_empty() && !name.is_empty() => {
            Ok((name.to_ascii_lowercase(), variable.to_owned()))
        }
        _ => Err(said.to_owned()),
    }
}

/// In which form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Format {
    Text,
    Json,
    Sarif,
    Html,
    Markdown,
}

/// Who reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[expect(missing_docs, reason = "the option's help says it")]
pub enum Persona {
    Regular,
    Pedantic,
    Auditor,
}

impl Persona {
    /// Whether this reader wants to hear of it.
    pub(crate) fn wants(self, severity: Severity, confidence: Confidence) -> bool {
        match self {
            Self::Auditor => true,
            Self::Pedantic => severity > Severity::Note,
            Self::Regular => confidence > Confidence::Possible,
        }
    }
}

/// The least severity that fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[expect(missing_docs, reason = "the names are the severities'")]
pub enum Least {
    Note,
    Low,
    Medium,
    High,
    Critical,
}

impl Least {
    /// As the auditor says it.
    pub(crate) fn severity(self) -> Severity {
        match self {
            Self::Note => Severity::Note,
            Self::Low => Severity::Low,
            Self::Medium => Severity::Medium,
            Self::High => Severity::High,
            Self::Critical => Severity::Critical,
        }
    }
}
