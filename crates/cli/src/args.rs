//! What may be typed.

mod audit;
mod auth;
mod console;
mod grants;

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;
use portcullis_config::{Account, Confinement, Network, Root, values};
use portcullis_mediation::grant::Lasts;
use portcullis_policy::Ask;

use crate::exit::{Exit, TABLE};

pub use audit::{Audit, Format, Least, Persona};
pub use auth::{Auth, AuthAction};
pub use console::{Console, Status};
pub use grants::{Grants, GrantsAction};
use {
    audit::AUDIT_EXAMPLE, auth::AUTH_EXAMPLE, console::CONSOLE_EXAMPLE, console::STATUS_EXAMPLE,
    grants::GRANTS_EXAMPLE,
};

/// The security layer of the Model Context Protocol.
#[derive(Debug, Parser)]
#[command(name = "portcullis", version, disable_help_subcommand = true, after_help = after_help())]
pub struct Cli {
    /// Where our files are.
    #[command(flatten)]
    pub places: Places,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

const EXAMPLE: &str = "\
Example: guard a server by putting us before its command in the host's config:
  portcullis run --root ~/project:rw -- npx -y @modelcontextprotocol/server-filesystem ~/project";

const SERVE_EXAMPLE: &str = "\
Each server is at /s/NAME/mcp of the address that [serve] says.
Example:
  portcullis serve --config portcullis.toml";

/// The example, and how commands end.
fn after_help() -> String {
    let line = |(exit, means): &(Exit, &str)| format!("\n  {:>3}  {means}", *exit as u8);
    format!("{EXAMPLE}\n\nExit codes:{}", TABLE.iter().map(line).collect::<String>())
}

/// Options of every command.
#[derive(Args, Clone, Debug, Default)]
pub struct Places {
    /// Where journal and approvals are kept [default: $PORTCULLIS_STATE, else
    /// $XDG_STATE_HOME/portcullis, else ~/.local/state/portcullis]
    #[arg(long, global = true, value_name = "DIR", help_heading = "Everywhere")]
    pub state: Option<PathBuf>,
    /// The config file [default: $XDG_CONFIG_HOME/portcullis/portcullis.toml, when it exists]
    #[arg(long, global = true, value_name = "FILE", help_heading = "Everywhere")]
    pub config: Option<PathBuf>,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Guard one stdio server; put it before the command in a host's config
    #[command(after_help = RUN_EXAMPLE)]
    Run(Box<Run>),
    /// Serve every server of the config over HTTP, to whoever may reach it
    #[command(after_help = SERVE_EXAMPLE)]
    Serve {
        /// What has to be seen to over a network, where it stands in this config, and the tests that show it
        #[arg(long)]
        checklist: bool,
    },
    /// Serve files, named queries and commands, confined by the kernel
    #[command(after_help = SERVER_EXAMPLE)]
    Server(Box<Server>),
    /// Prove what is wrong with a server, and say what could not be tested
    #[command(after_help = AUDIT_EXAMPLE)]
    Audit(Box<Audit>),
    /// See and answer the questions that wait for a person
    #[command(after_help = APPROVALS_EXAMPLE)]
    Approvals(Approvals),
    /// See and answer the same questions in a browser on this machine
    #[command(after_help = CONSOLE_EXAMPLE)]
    Console(Console),
    /// See where what a client has to see to stands on this machine
    #[command(after_help = STATUS_EXAMPLE)]
    Status(Status),
    /// See what was approved of each server, and what drifted since
    #[command(after_help = PINS_EXAMPLE)]
    Pins(Pins),
    /// See which directories and standing yeses servers were given, and take them back
    #[command(after_help = GRANTS_EXAMPLE)]
    Grants(Grants),
    /// See which credentials for remote servers are kept, and forget them
    #[command(after_help = AUTH_EXAMPLE)]
    Auth(Auth),
    /// See what happened, and prove that nobody changed it
    #[command(after_help = JOURNAL_EXAMPLE)]
    Journal(Journal),
    /// See which policies are in force, try them, and learn why a call was judged so
    #[command(after_help = POLICY_EXAMPLE)]
    Policy(Policy),
    /// What this machine can enforce, proven by doing it
    #[command(after_help = "Example:\n  portcullis doctor")]
    Doctor {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// See a careless server leak a planted secret, and then not: ten seconds, nothing installed
    #[command(after_help = "Example:\n  portcullis demo --yes")]
    Demo {
        /// Answer the one question for me
        #[arg(long)]
        yes: bool,
    },
    /// Learn what goes wrong in MCP servers by attacking some: careless, almost right, hardened
    #[command(after_help = LESSON_EXAMPLE)]
    Lesson(Lesson),
    /// The careless server of the demo
    #[command(name = "__careless", hide = true)]
    Careless {
        /// The project it serves.
        root: PathBuf,
    },
    /// The hardened server of the lesson
    #[command(name = "__hardened", hide = true)]
    Hardened {
        /// The project it serves.
        project: PathBuf,
        /// The shop's database.
        database: PathBuf,
    },
    /// Print a completion script
    #[command(after_help = COMPLETIONS_EXAMPLE)]
    Completions {
        /// For which shell.
        shell: Shell,
    },
}

const LESSON_EXAMPLE: &str = "\
Example: one lesson after the other, as you choose; then all of them unattended:
  portcullis lesson
  portcullis lesson --all --yes

The servers are small, and written to a temporary directory; their sources are in examples/lesson.
Three of them need a Python with the package `mcp` 1.x, such as the one of this environment:
  python3 -m venv lesson && lesson/bin/pip install \"mcp<2\"
  portcullis lesson --python lesson/bin/python";

/// `portcullis lesson`.
#[derive(Args, Debug)]
pub struct Lesson {
    /// Every lesson in order, and a table at the end
    #[arg(long)]
    pub all: bool,
    /// Do not wait for me between lessons
    #[arg(long)]
    pub yes: bool,
    /// A Python with `mcp` 1.x [default: that of $VIRTUAL_ENV, python3, or one by uv]
    #[arg(long, value_name = "PATH")]
    pub python: Option<PathBuf>,
    /// Where to look for changed sources first.
    #[cfg(debug_assertions)]
    #[arg(long, hide = true)]
    pub sources: Option<PathBuf>,
    /// The one lesson that is wanted.
    #[cfg(debug_assertions)]
    #[arg(long, hide = true)]
    pub only: Option<String>,
    /// The one server that is wanted, by its file.
    #[cfg(debug_assertions)]
    #[arg(long, hide = true)]
    pub on: Option<String>,
}

const RUN_EXAMPLE: &str = "\
Example: a server that may read and write one project, and nothing else:
  portcullis run --root ~/project:rw -- npx -y @modelcontextprotocol/server-filesystem ~/project

Each option is also a key of the server's table in portcullis.toml; the command line wins.
Only there: how a person is called (`channels`), and which hosts may ask one in a form of their
own (`trusted_hosts`); docs/guide/approvals.md tells of both.";

/// What `run` may be told; each option is also a key of a server's table.
#[derive(Args, Debug)]
pub struct Run {
    /// The server's name everywhere [default: from the command]
    #[arg(long)]
    pub name: Option<String>,
    /// A directory the server may see; repeatable; read-only without :rw; with :ask a person is asked about each that the host offers in it
    #[arg(long = "root", value_name = "DIR[:ro|:rw][:ask]", value_parser = values::parse_root)]
    pub roots: Vec<Root>,
    /// What it may reach: nothing, these hosts, or everything that this machine reaches [default: none]
    #[arg(long, value_name = "none|HOST[:PORT],…|host", value_parser = values::parse_network)]
    pub network: Option<Network>,
    /// A variable it gets: NAME from our environment, NAME=VALUE, or NAME=@FILE; repeatable
    // Read later: a complaint of clap's would print the value.
    #[arg(long, value_name = "NAME[=VALUE|=@FILE]")]
    pub env: Vec<String>,
    /// Which calls a person must approve [default: risky]
    #[arg(
        long,
        value_name = "never|destructive|risky|writes|always",
        value_parser = values::parse_ask
    )]
    pub ask: Option<Ask>,
    /// How long a question waits before it is answered no [default: 2m]
    #[arg(long, value_name = "DURATION", value_parser = values::parse_duration)]
    pub patience: Option<Duration>,
    /// The least box that must be achieved, else the server does not start [default: full]
    #[arg(
        long,
        value_name = "full|landlock|none",
        value_parser = values::parse_confinement
    )]
    pub confinement: Option<Confinement>,
    /// The account the server runs under when we are root [default: nobody]
    #[arg(long, value_name = "NAME", value_parser = values::parse_user)]
    pub user: Option<Account>,
    /// Enforce the box and the protocol, but turn policy denials into journal entries
    #[arg(long)]
    pub observe: bool,
    /// A remote server in place of a command (Streamable HTTP)
    #[arg(long, conflicts_with = "command")]
    pub url: Option<String>,
    /// The variable of our environment that holds the bearer token for --url
    #[arg(long, value_name = "NAME", requires = "url")]
    pub bearer_env: Option<String>,
    /// Get a token of --url's authorization server; a person allows it in a browser first
    #[arg(long, requires = "url", conflicts_with = "bearer_env")]
    pub oauth: bool,
    /// The server's command and its arguments, after `--`
    #[arg(last = true, value_name = "COMMAND")]
    pub command: Vec<String>,
}

const SERVER_EXAMPLE: &str = "\
Example: a server that may read and write one project, put into a host's config:
  portcullis server --root ~/project:rw

It confines itself before it reads its first message: what is not named, it cannot reach.
Its databases, queries and programs stand in portcullis.toml: [databases], [queries], [commands].";

/// What `server` may be told; `[files]`, `[databases]`, `[queries]` and `[commands]` in the config say more.
#[derive(Args, Debug)]
pub struct Server {
    /// A directory that it serves; repeatable; read-only without :rw
    #[arg(long = "root", value_name = "DIR[:ro|:rw]", value_parser = values::parse_root)]
    pub roots: Vec<Root>,
    /// Its name, for clients and in the journal [default: portcullis]
    #[arg(long)]
    pub name: Option<String>,
    /// How many calls a minute it answers [default: 600]
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub calls_per_minute: Option<u32>,
    /// How long one call may take [default: 60s]
    #[arg(long, value_name = "DURATION", value_parser = values::parse_duration)]
    pub call_timeout: Option<Duration>,
    /// Start even where the kernel cannot confine it
    #[arg(long)]
    pub unconfined: bool,
    /// What a server's author has to see to, and the test that shows it here
    #[arg(long)]
    pub checklist: bool,
}

const APPROVALS_EXAMPLE: &str = "\
Example: see what is asked, then answer:
  portcullis approvals
  portcullis approvals show apr_7k2m9q4w8x1z
  portcullis approvals approve apr_7k2m9q4w8x1z

An answer is trusted because it comes from your account: an agent that has a shell under the
same account could answer too.";

/// `portcullis approvals`.
#[derive(Args, Debug)]
pub struct Approvals {
    /// What to do; without it, list.
    #[command(subcommand)]
    pub action: Option<ApprovalsAction>,
    /// Print JSON
    #[arg(long, global = true)]
    pub json: bool,
    /// Also those that are answered, used or over
    #[arg(long)]
    pub all: bool,
}

/// What to do with approvals.
#[derive(Debug, Subcommand)]
pub enum ApprovalsAction {
    /// The questions that wait for a person
    #[command(after_help = "Example:\n  portcullis approvals list --all --json")]
    List {
        /// Also those that are answered, used or over
        #[arg(long)]
        all: bool,
    },
    /// Everything about one question, all its arguments included
    #[command(after_help = "Example:\n  portcullis approvals show apr_7k2m9q4w8x1z")]
    Show {
        /// The question's name.
        id: String,
    },
    /// Say yes to this one call, once, or for a while to calls like it
    #[command(after_help = APPROVE_EXAMPLE)]
    Approve {
        /// The question's name.
        id: String,
        /// For how long: this one call, or calls like it until a time [default: once]
        #[arg(
            long = "for",
            value_name = "once|session|10m|project|always",
            value_parser = parse_lasts
        )]
        lasts: Option<Stands>,
        /// Which calls are like it, by the number that `approvals show` gives them
        /// [default: 1, exactly these arguments]
        #[arg(long, value_name = "NUMBER")]
        covers: Option<usize>,
    },
    /// Put other words in the place of what a server asks the model, or of its answer, and say
    /// yes to those
    #[command(after_help = EDIT_EXAMPLE)]
    Edit {
        /// The question's name.
        id: String,
        /// Take the edited content from a file, `-` for stdin, and approve it at once
        #[arg(long, value_name = "FILE")]
        from: Option<PathBuf>,
        /// Print the content as it would be edited, and answer nothing
        #[arg(long, conflicts_with = "from")]
        print: bool,
    },
    /// See the questions as they come on a whole screen, and answer them there
    #[command(after_help = WATCH_EXAMPLE)]
    Watch,
    /// Say no to this one call
    #[command(after_help = "Example:\n  portcullis approvals deny apr_7k2m9q4w8x1z")]
    Deny {
        /// The question's name.
        id: String,
    },
}

const APPROVE_EXAMPLE: &str = "\
Example: see which calls a yes could cover, then say yes to the second choice for ten minutes:
  portcullis approvals show apr_7k2m9q4w8x1z
  portcullis approvals approve apr_7k2m9q4w8x1z --for 10m --covers 2

`session` ends with the server's session, `project` holds where it is started from the same
directory with the same config, `always` anywhere; both end after 90 days. `portcullis grants`
lists them and takes them back. Tools that delete, run code, are unknown or changed are asked
about one by one.";

const WATCH_EXAMPLE: &str = "\
Example, also over ssh; NO_COLOR leaves the colours out:
  portcullis approvals watch

Enter looks at a question and never approves. Once all of it was on the screen, y and the typed
word yes approve it, n denies it, a number says yes for longer, e edits it where that can be.
q leaves and answers nothing.";

const EDIT_EXAMPLE: &str = "\
Example: edit in $VISUAL or $EDITOR, look at what changed, and say yes to that; or in two steps:
  portcullis approvals edit apr_7k2m9q4w8x1z
  portcullis approvals edit apr_7k2m9q4w8x1z --print > request.json
  portcullis approvals edit apr_7k2m9q4w8x1z --from request.json

Words may change, a limit of tokens may fall, other models may be wished for, and tools, pictures
and whole messages may be taken out. Nothing else comes in. What a gateway would have to change
once more does not go on.";

/// For how long a yes stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stands {
    /// For one call.
    Once,
    /// For those to come, too.
    For(Lasts),
}

fn parse_lasts(text: &str) -> Result<Stands, String> {
    if text == "once" {
        return Ok(Stands::Once);
    }
    let unfit =
        || "write `once`, `session`, minutes such as `10m`, `project` or `always`".to_owned();
    Lasts::parse(text).map(Stands::For).ok_or_else(unfit)
}

const PINS_EXAMPLE: &str = "\
Example: a server's tool changed; look at it, then accept it:
  portcullis pins
  portcullis pins diff files
  portcullis pins accept files read_file";

/// `portcullis pins`.
#[derive(Args, Debug)]
pub struct Pins {
    /// What to do; without it, list.
    #[command(subcommand)]
    pub action: Option<PinsAction>,
    /// Print JSON
    #[arg(long, global = true)]
    pub json: bool,
}

/// What to do with pins.
#[derive(Debug, Subcommand)]
pub enum PinsAction {
    /// The servers whose definitions are pinned
    #[command(after_help = "Example:\n  portcullis pins list --json")]
    List,
    /// What of a server is not as it was approved, field by field, the worst first
    #[command(after_help = "Example:\n  portcullis pins diff files")]
    Diff {
        /// The server's name.
        server: String,
    },
    /// Accept what was seen: everything, or what has one name
    #[command(after_help = "Example:\n  portcullis pins accept files read_file")]
    Accept {
        /// The server's name.
        server: String,
        /// The tool, prompt or resource; without it, everything that drifted.
        name: Option<String>,
    },
    /// Forget a server: what it shows next is seen for the first time
    #[command(after_help = "Example:\n  portcullis pins reset files")]
    Reset {
        /// The server's name.
        server: String,
    },
}

const JOURNAL_EXAMPLE: &str = "\
Example: watch what a host and its servers do, then prove that the record is whole:
  portcullis journal tail --follow
  portcullis journal verify";

/// `portcullis journal`.
#[derive(Args, Debug)]
pub struct Journal {
    /// What to do.
    #[command(subcommand)]
    pub action: JournalAction,
    /// Print JSON, one record per line
    #[arg(long, global = true)]
    pub json: bool,
}

/// What to do with the journal.
#[derive(Debug, Subcommand)]
pub enum JournalAction {
    /// The last records, and with --follow the next ones
    #[command(after_help = "Example:\n  portcullis journal tail -f -n 50")]
    Tail {
        /// Wait for more
        #[arg(long, short)]
        follow: bool,
        /// How many of the last records
        #[arg(long, short = 'n', default_value_t = 20, value_name = "COUNT")]
        last: usize,
    },
    /// All records, those from a number on, or everything about one
    #[command(
        after_help = "Example:\n  portcullis journal show 17\n  portcullis journal show --since 100 --json"
    )]
    Show {
        /// One record, by its number.
        #[arg(conflicts_with = "since")]
        seq: Option<u64>,
        /// Records from this number on
        #[arg(long, value_name = "SEQ")]
        since: Option<u64>,
    },
    /// Prove that no record was changed, dropped, added or moved; exit code 5 when it fails
    #[command(after_help = "Example:\n  portcullis journal verify --json")]
    Verify,
}

const POLICY_EXAMPLE: &str = "\
Example: see everything that decides, then why one recorded call was denied:
  portcullis policy show
  portcullis policy explain 17";

/// `portcullis policy`.
#[derive(Args, Debug)]
pub struct Policy {
    /// What to do.
    #[command(subcommand)]
    pub action: PolicyAction,
    /// Print JSON
    #[arg(long, global = true)]
    pub json: bool,
}

/// What to do with policies.
#[derive(Debug, Subcommand)]
pub enum PolicyAction {
    /// Whether every policy is sound and every example holds; exit code 2 when not
    #[command(after_help = "Example:\n  portcullis policy check")]
    Check,
    /// Every policy in force, ours and yours, each with its place
    #[command(after_help = "Example:\n  portcullis policy show --server files")]
    Show {
        /// Only for this server
        #[arg(long, value_name = "NAME")]
        server: Option<String>,
    },
    /// Why a recorded call was judged as it was, from the record; exit code 4 when it was denied
    #[command(after_help = "Example:\n  portcullis policy explain 17")]
    Explain {
        /// The record's number.
        record: u64,
    },
    /// What the policies say to examples; exit code 4 when one is answered otherwise
    #[command(after_help = "Example:\n  portcullis policy test examples.toml")]
    Test {
        /// A file with [[policy.example]] [default: those of the config]
        file: Option<PathBuf>,
    },
}

const COMPLETIONS_EXAMPLE: &str = "\
Example:
  portcullis completions bash > ~/.local/share/bash-completion/completions/portcullis";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_is_sound() {
        use clap::CommandFactory as _;
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_has_an_example() {
        use clap::CommandFactory as _;
        let mut all = vec![Cli::command()];
        while let Some(command) = all.pop() {
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(help.contains("Example") && help.contains("portcullis "), "{command}");
            all.extend(command.get_subcommands().filter(|command| !command.is_hide_set()).cloned());
        }
    }

    #[test]
    fn places_are_accepted_in_any_position() {
        for line in [
            "portcullis --state /s approvals list",
            "portcullis approvals --state /s list",
            "portcullis approvals list --state /s",
            "portcullis approvals --state /s",
            "portcullis run --state /s -- server --state /other",
        ] {
            let cli = Cli::try_parse_from(line.split(' ')).expect(line);
            assert_eq!(cli.places.state, Some(PathBuf::from("/s")), "{line}");
        }
    }
}
