//! `portcullis server`: from what was typed and written to a server that is confined.

use std::path::{Path, PathBuf};

use portcullis_config::commands::Command;
use portcullis_config::{Access, Documents, Files, Root};
use portcullis_confine::own_box::close_inherited;
use portcullis_confine::{Level, RootGrant, SpawnError, admit_root};
use portcullis_kit::{Limits, StartError};
use portcullis_server::query::Ready;
use portcullis_server::{Settings, source};

use crate::args::{Places, Server};
use crate::documents::InForce;
use crate::exit::{Exit, Trouble};
use crate::{state, style};

/// What a server's author has to see to, and where each is shown.
const CHECKLIST: &str = include_str!("../../../../docs/reference/server-checklist.md");

pub(super) fn run(args: &Server, places: &Places) -> Result<Exit, Trouble> {
    if args.checklist {
        return style::print(CHECKLIST).map(|()| Exit::Clean);
    }
    // Whatever our parent left open is not ours to keep.
    close_inherited().map_err(|error| Trouble::failed(&error))?;
    let settings = settings(args, places)?;
    portcullis_server::serve(settings).map(|()| Exit::Clean).map_err(|fault| {
        let exit = match &fault {
            StartError::Weaker(SpawnError::Weaker { .. }) => Exit::Weaker,
            StartError::Root(_) | StartError::Tool { .. } => Exit::Usage,
            _ => Exit::Failed,
        };
        Trouble::new(exit, fault.to_string())
    })
}

fn settings(args: &Server, places: &Places) -> Result<Settings, Trouble> {
    let home = state::home();
    let grant = |root: &Root| grant(root, home.as_deref());
    let mut limits = Limits::default();
    if let Some(calls) = args.calls_per_minute {
        limits.calls_per_minute = calls;
    }
    if let Some(deadline) = args.call_timeout {
        limits.deadline = deadline;
    }
    let documents = InForce::read(places)?.documents;
    let files = files(args, &documents)?;
    let roots = if args.roots.is_empty() { &files.roots } else { &args.roots };
    if let Some(root) = roots.iter().find(|root| root.asks()) {
        let says = format!(
            "root {}:ask is for a server that `portcullis run` guards: here nobody is asked",
            root.path()
        );
        return Err(Trouble::new(Exit::Usage, says));
    }
    let roots = roots.iter().map(grant).collect::<Result<Vec<_>, _>>()?;
    let state = state::state_dir(places)?;
    apart(&roots, &state, state::config_file(places).as_deref())?;
    Ok(Settings {
        queries: queries(&documents, home.as_deref())?,
        name: args.name.clone().unwrap_or_else(|| "portcullis".to_owned()),
        roots,
        state,
        limits,
        files: (&files).into(),
        least: if args.unconfined { Level::None } else { Level::Landlock },
        commands: commands(&documents)?,
    })
}

/// What a client may read holds no key of ours, and what it may write decides nothing
/// at the next start.
fn apart(roots: &[RootGrant], state: &Path, config: Option<&Path>) -> Result<(), Trouble> {
    let real = |path: &Path| {
        // What is not there yet lies where the nearest directory above it lies.
        let above = path.ancestors().find_map(|above| Some((above, above.canonicalize().ok()?)));
        above.map_or_else(
            || path.to_owned(),
            |(above, real)| path.strip_prefix(above).map_or(real.clone(), |rest| real.join(rest)),
        )
    };
    let refuse = |root: &RootGrant, what: &str| {
        let root = root.path.display();
        Trouble::new(Exit::Usage, format!("root `{root}` is refused: {what}; keep them apart"))
    };
    let state = real(state);
    let holds = |root: &&RootGrant| state.starts_with(&root.path) || root.path.starts_with(&state);
    if let Some(root) = roots.iter().find(holds) {
        return Err(refuse(root, "the journal and its key lie there (--state)"));
    }
    let config = config.map(real);
    let writable = |root: &&RootGrant| {
        root.access == portcullis_confine::Access::ReadWrite
            && config.as_ref().is_some_and(|config| config.starts_with(&root.path))
    };
    match roots.iter().find(writable) {
        Some(root) => Err(refuse(root, "the config that decides about it lies there")),
        None => Ok(()),
    }
}

/// The programs of the tables `[commands.NAME]`.
fn commands(documents: &Documents) -> Result<Vec<Command>, Trouble> {
    documents.commands().map_err(|wrong| {
        let wrong: Vec<String> = wrong.iter().map(ToString::to_string).collect();
        Trouble::new(Exit::Usage, wrong.join("\n"))
    })
}

/// What `[files]` says. The command line names other directories, unless it is the
/// administrator who named these.
fn files(args: &Server, documents: &Documents) -> Result<Files, Trouble> {
    let files = documents.files().map_err(|wrong| {
        let wrong: Vec<String> = wrong.iter().map(ToString::to_string).collect();
        Trouble::new(Exit::Usage, wrong.join("\n"))
    })?;
    if documents.files_are_fixed() && !args.roots.is_empty() {
        let fixed = "the administrator's [files] says where this server may act: leave out --root";
        return Err(Trouble::new(Exit::Usage, fixed.to_owned()));
    }
    Ok(files)
}

/// What `[databases]` and `[queries]` say, their files found and their secrets read.
fn queries(documents: &Documents, home: Option<&Path>) -> Result<Ready, Trouble> {
    Ready::of(&documents.queries()?, home, &|source| source::value(source, home))
        .map_err(|unready| Trouble::new(Exit::Usage, unready.to_string()))
}

fn grant(root: &Root, home: Option<&Path>) -> Result<RootGrant, Trouble> {
    let unfit = |said: String| Trouble::new(Exit::Usage, said);
    let expanded = portcullis_config::values::expand_home(root.path(), home)
        .ok_or_else(|| unfit(format!("`{}` cannot be located: HOME is not set", root.path())))?;
    let absolute = std::path::absolute(expanded).map_err(|error| Trouble::failed(&error))?;
    let access = match root.access() {
        Access::Read => portcullis_confine::Access::ReadOnly,
        Access::Write => portcullis_confine::Access::ReadWrite,
    };
    let mut grant =
        admit_root(&absolute, access, home).map_err(|refused| unfit(refused.to_string()))?;
    if let (Some(places), Access::Write) = (root.protect(), root.access()) {
        grant.protect = places.iter().map(PathBuf::from).collect();
    }
    Ok(grant)
}
