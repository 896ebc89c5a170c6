//! `portcullis serve`: from what is written to the HTTP gateway of every server in it.

use std::path::PathBuf;

use portcullis_config::{Config, Overrides};
use portcullis_gateway::Written;
use portcullis_gateway::serve::{Renewal, Serving};
use portcullis_policy::ServerName;

use super::run::{exit_of, plan};
use super::status::told;
use crate::args::Places;
use crate::checklist::transport;
use crate::desk::servers;
use crate::documents::{InForce, deciding};
use crate::exit::{Exit, Trouble};
use crate::style;

pub(super) fn run(places: &Places) -> Result<Exit, Trouble> {
    match portcullis_gateway::serve::serve(read(places, &[])?) {
        Ok(()) => Ok(Exit::Clean),
        Err(fault) => Err(Trouble::new(exit_of(&fault), fault.to_string())),
    }
}

/// Everything that is written, and how to read it again: the projects' files that were there stay,
/// meanwhile more may come, not fewer.
fn read(places: &Places, known: &[PathBuf]) -> Result<Serving, Trouble> {
    // Before they are read: what changes meanwhile is read again.
    let mut seen = Written::look(deciding(places));
    let mut written = InForce::read_beside(places, known)?;
    // Which policies there are is known only now: they are looked at, and read once more.
    let policies = written.policies();
    if !policies.is_empty() {
        seen = seen.and(policies);
        written = InForce::read_beside(places, known)?;
    }
    let names = commanded(&written);
    if names.is_empty() {
        let said = "nothing to serve: the config names no server with a command or a url";
        return Err(Trouble::new(Exit::Usage, said));
    }
    let plans = names
        .into_iter()
        .map(|name| plan(name, true, Overrides::default(), places, &written, seen.clone()));
    let servers = plans.collect::<Result<Vec<_>, Trouble>>()?;
    let (again, found) = (places.clone(), written.projects.clone());
    let renewal = Renewal::new(move || read(&again, &found).map_err(|it| it.said.join("; ")));
    Ok(Serving { serve: written.documents.serve()?, servers, written: seen, renewal })
}

/// Says where each line of the checklist stands in this config.
pub(super) fn checklist(places: &Places) -> Result<Exit, Trouble> {
    let written = InForce::read(places)?;
    let (serve, servers) = (written.documents.serve()?, servers::written(&written)?);
    style::print(&told(&transport::lines(&serve, &servers)?)).map(|()| Exit::Clean)
}

/// The servers that can be started, by name.
fn commanded(written: &InForce) -> Vec<ServerName> {
    let tables = written.documents.all().map(|document| &document.config);
    let tables = tables.flat_map(Config::servers);
    let started =
        tables.filter(|(_, settings)| settings.command.is_some() || settings.remote.is_some());
    let mut names: Vec<ServerName> = started.map(|(name, _)| name.clone()).collect();
    names.sort();
    names.dedup();
    names
}
