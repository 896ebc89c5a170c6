//! `portcullis run`: from what was typed and written to one guarded server.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use portcullis_config::values::{expand_home, parse_env};
use portcullis_config::{Overrides, Remote, Server, Source, Unfit, Variable};
use portcullis_gateway::{Ending, Fault, Plan, Reread, Written};
use portcullis_mediation::Fingerprint;
use portcullis_policy::ServerName;

use crate::args::{Places, Run};
use crate::documents::{InForce, deciding, written_out};
use crate::exit::{Exit, Trouble};
use crate::{name, state};

pub(super) fn run(args: Run, places: &Places) -> Result<Exit, Trouble> {
    // Before they are read: what changes meanwhile is read again.
    let seen = Written::look(deciding(places));
    let plan = typed(args, places, InForce::read(places)?, seen)?;
    match portcullis_gateway::run(&plan) {
        Ok(Ending::HostLeft) => Ok(Exit::Clean),
        Ok(Ending::ServerDied | Ending::Unrecorded) => Ok(Exit::Failed),
        Err(fault) => Err(Trouble::new(exit_of(&fault), fault.to_string())),
    }
}

pub(super) fn exit_of(fault: &Fault) -> Exit {
    match fault {
        Fault::Operator(_) | Fault::Unapproved { .. } => Exit::Usage,
        Fault::Weaker(_) => Exit::Weaker,
        Fault::NotFound(_) => Exit::NotFound,
        Fault::NotExecutable(_) => Exit::NotExecutable,
        Fault::Ours(_) => Exit::Failed,
    }
}

/// What was typed, and everything else that is decided.
fn typed(args: Run, places: &Places, written: InForce, seen: Written) -> Result<Plan, Trouble> {
    let name = server_name(&args)?;
    let is_named = args.name.is_some();
    let line = overrides(args)?;
    plan(name, is_named, line, places, &written, seen)
}

/// Everything decided about a server, before anything is started.
pub(super) fn plan(
    name: ServerName,
    is_named: bool,
    line: Overrides,
    places: &Places,
    written: &InForce,
    seen: Written,
) -> Result<Plan, Trouble> {
    let home = state::home();
    let at = |path: &str| written_out(path, home.as_deref());
    let found = written.projects.clone();
    let reread = reread(places.clone(), found, name.clone(), line.clone(), home.clone());
    let server = written.documents.settle(name, line, &at)?;
    let environment = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value)))
        .collect::<BTreeMap<_, _>>();
    Ok(Plan {
        principal: portcullis_gateway::whoever_started_us(),
        pins: pin_name(&server, is_named),
        server: located(server, home.as_deref())?,
        policies: written.texts.clone(),
        state: state::state_dir(places)?,
        sync: written.documents.sync(),
        projects: written.projects.clone(),
        written: seen,
        reread: Some(reread),
        config: state::config_file(places)
            .map(std::path::absolute)
            .transpose()
            .map_err(|error| Trouble::failed(&error))?,
        home,
        shared: portcullis_gateway::Shared::default(),
        environment,
    })
}

/// The network as the files say it whenever somebody asks; the command line stays, and so
/// do the projects' files that were there: meanwhile more may come, not fewer.
fn reread(
    places: Places,
    found: Vec<PathBuf>,
    name: ServerName,
    line: Overrides,
    home: Option<PathBuf>,
) -> Reread {
    let told = |said: Vec<String>| said.join("; ");
    Reread::new(move || {
        let written = InForce::read_beside(&places, &found);
        let written = written.map_err(|trouble| told(trouble.said))?;
        let at = |path: &str| written_out(path, home.as_deref());
        let server = written.documents.settle(name.clone(), line.clone(), &at);
        let server = server.map_err(|all| told(all.iter().map(ToString::to_string).collect()))?;
        Ok(server.network)
    })
}

fn server_name(args: &Run) -> Result<ServerName, Trouble> {
    match &args.name {
        Some(name) => {
            ServerName::new(name).map_err(|bad| Unfit::new(format!("--name: {bad}")).into())
        }
        None => from_what_it_is(args).ok_or_else(|| {
            let said = "nothing to guard: put the server's command after `--`, its address after `--url`, or name one of the \
                        config's servers with --name NAME";
            Trouble::new(Exit::Usage, said)
        }),
    }
}

fn from_what_it_is(args: &Run) -> Option<ServerName> {
    match &args.url {
        Some(url) => name::from_url(url),
        None => name::from_command(&args.command),
    }
}

/// The remote server that was typed.
fn remote(args: &Run) -> Result<Option<Remote>, Unfit> {
    let Some(url) = &args.url else {
        // clap lets it pass beside a command.
        return match &args.bearer_env {
            Some(_) => Err(Unfit::new("--bearer-env is for a remote server: it needs --url")),
            None => Ok(None),
        };
    };
    let remote =
        Remote::at(url).map_err(|unfit| Unfit::new(format!("--url cannot be used: {unfit}")))?;
    Ok(Some(match &args.bearer_env {
        Some(name) => remote.with_bearer(name),
        None if args.oauth => remote.with_oauth(),
        None => remote,
    }))
}

/// A server that nobody named is known by its command: two projects with two
/// directories are two servers, and a third command is seen for the first time.
fn pin_name(server: &Server, is_named: bool) -> String {
    if is_named {
        return server.name.to_string();
    }
    let command = match &server.remote {
        Some(remote) => remote.url.text(),
        None => serde_json::Value::from(server.command.clone()).to_string(),
    };
    let digest = Fingerprint::of(command.as_bytes());
    let digest = digest.as_str().trim_start_matches("sha256:");
    format!("{}#{}", server.name, digest.chars().take(12).collect::<String>())
}

/// What the command line says; what it does not say stays empty.
fn overrides(args: Run) -> Result<Overrides, Unfit> {
    let read = |text: &String| {
        parse_env(text).map_err(|unfit| Unfit::new(format!("--env cannot be read: {unfit}")))
    };
    let env = args.env.iter().map(read).collect::<Result<_, _>>()?;
    let remote = remote(&args)?;
    Ok(Overrides {
        command: (!args.command.is_empty()).then_some(args.command),
        remote,
        roots: (!args.roots.is_empty()).then_some(args.roots),
        network: args.network,
        env,
        ask: args.ask,
        patience: args.patience,
        confinement: args.confinement,
        user: args.user,
        observe: args.observe.then_some(true),
        ..Overrides::default()
    })
}

/// The same server with every path written out from `/`.
fn located(mut server: Server, home: Option<&Path>) -> Result<Server, Trouble> {
    let locate = |path: &str| locate(path, home);
    let roots = server.roots.iter();
    server.roots = roots
        .map(|root| Ok(root.located(&locate(root.path())?)?))
        .collect::<Result<_, Trouble>>()?;
    let env = server.env.iter();
    server.env = env
        .map(|variable| match variable.source() {
            Source::File(path) => Ok(Variable::new(variable.name(), Source::File(locate(path)?))?),
            Source::Value(_) | Source::Environment(_) => Ok(variable.clone()),
        })
        .collect::<Result<_, Trouble>>()?;
    server.remote = server.remote.map(|remote| remote.located(locate)).transpose()?;
    Ok(server)
}

fn locate(path: &str, home: Option<&Path>) -> Result<String, Trouble> {
    let unfit = |why: &str| Trouble::new(Exit::Usage, format!("`{path}` cannot be located: {why}"));
    let expanded = expand_home(path, home).ok_or_else(|| unfit("HOME is not set"))?;
    let absolute = std::path::absolute(expanded).map_err(|error| unfit(&error.to_string()))?;
    absolute.into_os_string().into_string().map_err(|_| unfit("it is not UTF-8"))
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;
    use portcullis_config::{Access, Config, Confinement, Documents, Network};
    use portcullis_policy::Ask;

    use super::*;
    use crate::args::{Cli, Command};

    fn planned(line: &str, config: &str) -> Plan {
        let cli = Cli::try_parse_from(line.split(' ')).unwrap();
        let Command::Run(args) = cli.command else { panic!("{line}") };
        let config = Config::read(config, "portcullis.toml").unwrap();
        let documents = Documents::only(config, "portcullis.toml");
        let written = InForce { documents, texts: Vec::new(), projects: Vec::new() };
        typed(*args, &cli.places, written, Written::default()).unwrap()
    }

    #[test]
    fn the_command_line_alone_is_enough() {
        let plan = planned("portcullis run --state /s -- npx -y @scope/server-x@1.2", "");
        assert_eq!(plan.server.name.as_str(), "server-x");
        assert_eq!(plan.server.command, ["npx", "-y", "@scope/server-x@1.2"]);
        assert_eq!(plan.state, Path::new("/s"));
        assert!(plan.server.roots.is_empty() && plan.server.env.is_empty());
        assert_eq!(plan.server.network, Network::None);
        assert_eq!(plan.server.confinement, Confinement::Full);
    }

    #[test]
    fn options_win_over_the_servers_table() {
        let config = "[server.files]\ncommand = [\"files\"]\nask = \"always\"\nobserve = true\n\
            roots = [\"/a:rw\"]\nnetwork = \"host\"\nconfinement = \"none\"\nuser = \"mcp\"\n";
        let plan = planned("portcullis run --state /s --name files", config);
        assert_eq!(plan.server.command, ["files"]);
        assert_eq!((plan.server.rules.mode, plan.server.network), (Ask::Always, Network::Host));
        assert!(plan.server.observe);
        let line = "portcullis run --state /s --name files --root rel:rw --root /b --network none \
            --ask writes --confinement full --user nobody --env A=@secret -- other --flag";
        let words: Vec<_> = line.split_whitespace().collect();
        let server = planned(&words.join(" "), config).server;
        assert_eq!(server.command, ["other", "--flag"]);
        let here = std::env::current_dir().unwrap();
        let expect = here.join("rel").display().to_string();
        let roots: Vec<_> = server.roots.iter().map(|root| (root.path(), root.access())).collect();
        assert_eq!(roots, [(expect.as_str(), Access::Write), ("/b", Access::Read)]);
        assert_eq!((server.network, server.rules.mode), (Network::None, Ask::Writes));
        assert_eq!((server.confinement, server.user.as_str()), (Confinement::Full, "nobody"));
        let file = here.join("secret").display().to_string();
        assert!(matches!(server.env[0].source(), Source::File(path) if *path == file));
    }

    #[test]
    fn a_server_stays_under_the_projects_files_that_it_was_started_under() {
        let dir = tempfile::tempdir().unwrap();
        let (config, project) = (dir.path().join("p.toml"), dir.path().join(".portcullis.toml"));
        std::fs::write(&config, "[server.s]\nnetwork = [\"a.test\", \"b.test\"]\n").unwrap();
        std::fs::write(&project, "[server.s]\nnetwork = [\"a.test\"]\n").unwrap();
        let line = format!("portcullis run --config {} --name s -- x", config.display());
        let cli = Cli::try_parse_from(line.split(' ')).unwrap();
        let Command::Run(args) = cli.command else { panic!("{line}") };
        let (name, line) = (server_name(&args).unwrap(), overrides(*args).unwrap());
        let read = |known: &[PathBuf]| {
            let read = InForce::read_beside(&cli.places, known).ok()?;
            let server = read.documents.settle(name.clone(), line.clone(), &str::to_owned).ok()?;
            let Network::Named(reach) = server.network else { panic!("no names") };
            Some(reach.to_string())
        };
        // Where the search no longer finds it, as where its directory was left.
        assert_eq!(read(&[]).unwrap(), "a.test, b.test");
        assert_eq!(read(std::slice::from_ref(&project)).unwrap(), "a.test");
        std::fs::remove_file(&project).unwrap();
        assert_eq!(read(&[project]), None, "nothing is followed");
    }

    #[test]
    fn home_is_written_out() {
        assert_eq!(locate("~/x", Some(Path::new("/h"))).unwrap(), "/h/x");
        assert_eq!(locate("/x", None).unwrap(), "/x");
        assert_eq!(locate("~/x", None).unwrap_err().exit, Exit::Usage);
    }
}
