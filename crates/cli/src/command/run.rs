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
