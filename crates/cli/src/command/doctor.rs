//! `portcullis doctor`: what this machine can enforce, proven by doing it.

use std::fmt::Write as _;
use std::time::SystemTime;

use portcullis_config::Source;
use portcullis_confine::Level;
use portcullis_confine::own::{self, Privilege};
use portcullis_confine::support::{Support, probe};
use portcullis_gateway::secrets;
use serde::Serialize;

use crate::args::Places;
use crate::documents::InForce;
use crate::exit::{Exit, Trouble};
use crate::{state, style};

/// What scripts read: what servers cannot do here, and what we cannot.
#[derive(Serialize)]
struct Findings<'a> {
    #[serde(flatten)]
    support: &'a Support,
    own: &'a [Privilege],
    /// Nothing, not even an empty list, when nobody could say which there are.
    secrets: Option<&'a [Secret]>,
    /// What could not be looked at, and why.
    unread: &'a [String],
}

/// A secret that a server gets from a file.
#[derive(Serialize)]
struct Secret {
    server: String,
    variable: String,
    file: String,
    /// Since when it was not written.
    days: u64,
    /// It should have been.
    old: bool,
}

pub(super) fn run(json: bool, places: &Places) -> Result<Exit, Trouble> {
    let (secrets, unread) = match secrets(places) {
        Ok((secrets, unread)) => (Some(secrets), unread),
        // What the machine can do is told all the same.
        Err(trouble) => (None, trouble.said),
    };
    for line in &unread {
        eprintln!("portcullis: {line}");
    }
    let support = probe(None);
    // As a gateway does once its server runs.
    own::sleep();
    let own = own::privileges();
    let text = if json {
        let findings =
            Findings { support: &support, own: &own, secrets: secrets.as_deref(), unread: &unread };
        let text = serde_json::to_string(&findings).map_err(|error| Trouble::failed(&error))?;
        format!("{text}\n")
    } else {
        format!(
            "{}{}{}",
            told(&support),
            given_up(&own),
            aged(secrets.as_deref().unwrap_or_default())
        )
    };
    style::print(&text)?;
    // What `run` refuses to start with is worth an exit code: the machine's first.
    Ok(match support.level {
        Level::Full if unread.is_empty() => Exit::Clean,
        Level::Full => Exit::Usage,
        _ => Exit::Weaker,
    })
}

/// Every secret that the config's servers get from a file, or that goes to them, and each that cannot be
/// looked at.
fn secrets(places: &Places) -> Result<(Vec<Secret>, Vec<String>), Trouble> {
    let (home, now) = (state::home(), SystemTime::now());
    let (mut all, mut unread) = (Vec::new(), Vec::new());
    for server in InForce::read(places)?.servers()? {
        let given = server.env.iter().map(|it| (it.name(), it.source()));
        let told = server.remote.iter().flat_map(|remote| remote.sources());
        for (name, source) in given.chain(told) {
            let Source::File(path) = source else { continue };
            let file = secrets::located(path, home.as_deref());
            let facts = match std::fs::metadata(&file) {
                Ok(facts) => facts,
                Err(error) => {
                    let (server, file) = (&server.name, file.display());
                    unread.push(format!(
                        "{server}: the secret `{name}` in {file} cannot be looked at: {error}"
                    ));
                    continue;
                }
            };
            all.push(Secret {
                server: server.name.to_string(),
                variable: name.to_owned(),
                file: file.display().to_string(),
                days: secrets::days(&facts, now).unwrap_or_default(),
                old: secrets::old(&facts, now).is_some(),
            });
        }
    }
    Ok((all, unread))
}

/// Those that should have been changed.
fn aged(secrets: &[Secret]) -> String {
    let old: Vec<_> = secrets.iter().filter(|secret| secret.old).collect();
    let mut text = if old.is_empty() { String::new() } else { "\nsecrets to change:\n".to_owned() };
    for Secret { server, variable, file, days, .. } in old {
        let _ = writeln!(text, "  {server}: the secret `{variable}` in {file} is {days} days old");
    }
    text
}

/// What this program gave up before it listens to anybody.
fn given_up(own: &[Privilege]) -> String {
    let mut text = "\nwhat the gateway itself gives up:\n".to_owned();
    for privilege in own {
        let mark = if privilege.dropped { "gone" } else { "KEPT" };
        let _ = writeln!(text, "  {mark}  {:<38} {}", privilege.name, privilege.why);
    }
    text
}

/// The same for a person: what is there, what is missing, what to do.
fn told(support: &Support) -> String {
    let mut text = format!("servers can be confined at level {} here\n\n", support.level);
    for feature in &support.features {
        let mark = if feature.available { "yes" } else { "no " };
        let _ = writeln!(text, "  {mark}  {:<38} {}", feature.name, feature.why);
        if let Some(fix) = feature.fix.as_ref().filter(|_| !feature.available) {
            let _ = writeln!(text, "       {fix}");
        }
    }
    let held = support.selftest.iter().filter(|attempt| attempt.held).count();
    let _ = writeln!(
        text,
        "\nfrom inside the box, {held} of {} attempts to get out held:",
        support.selftest.len()
    );
    for attempt in &support.selftest {
        let mark = if attempt.held { "held" } else { "LEAK" };
        let _ = writeln!(text, "  {mark}  {:<38} {}", attempt.name, attempt.detail);
    }
    text
}
