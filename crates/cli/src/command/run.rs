//! `portcullis run`: from what was typed and written to one guarded server.

use std::collections::BTreeMap;
use std::path::Path;

use portcullis_config::values::{expand_home, parse_env};
use portcullis_config::{Config, Overrides, Root, Server, Source, Unfit, Variable};
use portcullis_gateway::{Ending, Fault, Plan};
use portcullis_policy::ServerName;

use crate::args::{Places, Run};
use crate::exit::{Exit, Trouble};
use crate::{name, state};

pub(super) fn run(args: Run, places: &Places) -> Result<Exit, Trouble> {
    let config = state::config(places)?;
    let plan = plan(args, places, &config)?;
    match portcullis_gateway::run(&plan) {
        Ok(Ending::HostLeft) => Ok(Exit::Clean),
        Ok(Ending::ServerDied | Ending::Unrecorded) => Ok(Exit::Failed),
        Err(fault) => Err(Trouble::new(exit_of(&fault), fault.to_string())),
    }
}

fn exit_of(fault: &Fault) -> Exit {
    match fault {
        Fault::Operator(_) => Exit::Usage,
        Fault::Weaker(_) => Exit::Weaker,
        Fault::NotFound(_) => Exit::NotFound,
        Fault::NotExecutable(_) => Exit::NotExecutable,
        Fault::Ours(_) => Exit::Failed,
    }
}

/// Everything decided, before anything is started.
fn plan(args: Run, places: &Places, config: &Config) -> Result<Plan, Trouble> {
    let home = state::home();
    let name = server_name(&args)?;
    let server = config.settle(name, overrides(args)?)?;
    let environment = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value)))
        .collect::<BTreeMap<_, _>>();
    Ok(Plan {
        server: located(server, home.as_deref())?,
        state: state::state_dir(places)?,
        sync: config.sync,
        config: state::config_file(places)
            .map(std::path::absolute)
            .transpose()
            .map_err(|error| Trouble::failed(&error))?,
        home,
        environment,
    })
}

fn server_name(args: &Run) -> Result<ServerName, Trouble> {
    match &args.name {
        Some(name) => {
            ServerName::new(name).map_err(|bad| Unfit::new(format!("--name: {bad}")).into())
        }
        None => name::from_command(&args.command).ok_or_else(|| {
            let said = "nothing to guard: put the server's command after `--`, or name one of the \
                        config's servers with --name NAME";
            Trouble::new(Exit::Usage, said)
        }),
    }
}

/// What the command line says; what it does not say stays empty.
fn overrides(args: Run) -> Result<Overrides, Unfit> {
    let read = |text: &String| {
        parse_env(text).map_err(|unfit| Unfit::new(format!("--env cannot be read: {unfit}")))
    };
    let env = args.env.iter().map(read).collect::<Result<_, _>>()?;
    Ok(Overrides {
        command: (!args.command.is_empty()).then_some(args.command),
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
        .map(|root| Ok(Root::new(&locate(root.path())?, root.access())?))
        .collect::<Result<_, Trouble>>()?;
    let env = server.env.iter();
    server.env = env
        .map(|variable| match variable.source() {
            Source::File(path) => Ok(Variable::new(variable.name(), Source::File(locate(path)?))?),
            Source::Value(_) | Source::Environment(_) => Ok(variable.clone()),
        })
        .collect::<Result<_, Trouble>>()?;
    Ok(server)
}

fn locate(path: &str, home: Option<&Path>) -> Result<String, Trouble> {
    let unfit = |why: &str| Trouble::new(Exit::Usage, format!("`{path}` cannot be located: {why}"));
    let expanded = match home.and_then(Path::to_str) {
        Some(home) => expand_home(path, home),
        None if path.starts_with('~') => return Err(unfit("HOME is not set")),
        None => path.to_owned(),
    };
    let absolute = std::path::absolute(&expanded).map_err(|error| unfit(&error.to_string()))?;
    absolute.into_os_string().into_string().map_err(|_| unfit("it is not UTF-8"))
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;
    use portcullis_config::{Access, Confinement, Network};
    use portcullis_policy::Ask;

    use super::*;
    use crate::args::{Cli, Command};

    fn planned(line: &str, config: &str) -> Plan {
        let cli = Cli::try_parse_from(line.split(' ')).unwrap();
        let Command::Run(args) = cli.command else { panic!("{line}") };
        let config = Config::read(config, "portcullis.toml").unwrap();
        plan(*args, &cli.places, &config).unwrap()
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
    fn home_is_written_out() {
        assert_eq!(locate("~/x", Some(Path::new("/h"))).unwrap(), "/h/x");
        assert_eq!(locate("/x", None).unwrap(), "/x");
        assert_eq!(locate("~/x", None).unwrap_err().exit, Exit::Usage);
    }
}
