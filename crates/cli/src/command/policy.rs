//! `portcullis policy`: what is in force, whether it holds, and why a recorded
//! call was judged as it was.

use portcullis_config::{Documents, Example, Server};
use portcullis_guard::text::visible;
use portcullis_policy::{Effect, Policies, Principal, Rank, Rule, ServerName};
use serde_json::{Value, json};

use super::explain;
use crate::args::{Places, Policy, PolicyAction};
use crate::documents::InForce;
use crate::exit::{Exit, Trouble};
use crate::state::{self, state_dir};
use crate::style::{self, Table};

pub(super) fn run(args: &Policy, places: &Places) -> Result<Exit, Trouble> {
    match &args.action {
        PolicyAction::Check => check(places, args.json),
        PolicyAction::Show { server } => show(places, server.as_deref(), args.json),
        PolicyAction::Test { file } => test(places, file.as_deref(), args.json),
        PolicyAction::Explain { record } => {
            explain::run(&state_dir(places)?.join("journal"), *record, args.json)
        }
    }
}

/// Every server with its policies, as `run` would start it.
impl InForce {
    fn require_no_examples(&mut self) {
        let Documents { administrator, user, projects } = &mut self.documents;
        for document in administrator.iter_mut().chain(user).chain(projects) {
            document.config.policy.examples.clear();
        }
    }

    fn compiled(&self, server: &Server) -> Result<Policies, Trouble> {
        let refused = |said| Trouble { exit: Exit::Usage, said };
        let compiled = server.policies(&principal(), &self.texts);
        compiled.map_err(|refusal| refused(refusal.lines()))
    }
}

/// Whoever asks: the same account starts the servers.
fn principal() -> Principal {
    Principal::user(rustix::process::getuid().as_raw())
}

fn check(places: &Places, as_json: bool) -> Result<Exit, Trouble> {
    let in_force = InForce::read(places)?;
    let servers = in_force.servers()?;
    let mut policies = 0;
    let mut untried: Option<Vec<String>> = None;
    for server in &servers {
        let compiled = in_force.compiled(server)?;
        policies = policies.max(compiled.rules().count());
        let here: Vec<_> = compiled.untried().map(|rule| untried_rule(rule, &servers)).collect();
        let everywhere = |said: &String| untried.as_ref().is_none_or(|all| all.contains(said));
        untried = Some(here.into_iter().filter(everywhere).collect());
    }
    // Its server may be one that is named when it is started, so it is sound all the same.
    let untried = untried.unwrap_or_default();
    for said in &untried {
        eprintln!("portcullis: {said}");
    }
    let (files, examples) = (in_force.texts.len(), in_force.documents.examples().len());
    let read: Vec<(&str, Rank)> = in_force
        .documents
        .all()
        .filter_map(|document| Some((document.file.as_str(), in_force.rank_of(&document.file)?)))
        .collect();
    let text = if as_json {
        json!({
            "policies": policies, "files": files, "examples": examples, "sound": true,
            "untried": untried, "read": read.iter().map(|(file, _)| file).collect::<Vec<_>>(),
        })
        .to_string()
    } else {
        let line =
            |(file, rank): &(&str, Rank)| format!("\nread: {} ({})", visible(file), words(*rank));
        let mut lines: String = read.iter().map(line).collect();
        if read.is_empty() {
            lines.push_str("\nread: no config file; what is usual is in force");
        }
        format!(
            "sound: {policies} policies at most for one server, {files} files, {examples} examples hold{lines}"
        )
    };
    style::print(&format!("{text}\n"))?;
    Ok(Exit::Clean)
}

/// A rule that is about none of the servers, often because of a misspelt name.
fn untried_rule(rule: &Rule, servers: &[Server]) -> String {
    let place = rule.place.as_ref().map_or_else(|| "(built in)".to_owned(), ToString::to_string);
    let names: Vec<_> = servers.iter().map(|server| format!("`{}`", server.name)).collect();
    format!(
        "{place}: the examples of policy `{}` were not tried: it is about none of the servers here ({}), or about somebody else",
        rule.id,
        names.join(", ")
    )
}

fn show(places: &Places, server: Option<&str>, as_json: bool) -> Result<Exit, Trouble> {
    let in_force = InForce::read(places)?;
    let servers = match server {
        None => in_force.servers()?,
        Some(name) => {
            let name = ServerName::new(name)
                .map_err(|bad| Trouble::new(Exit::Usage, format!("--server: {bad}")))?;
            vec![in_force.server(name)?]
        }
    };
    let mut rows = Vec::new();
    for server in &servers {
        let policies = in_force.compiled(server)?;
        if !as_json {
            style::print(&format!("// server {}\n\n", server.name))?;
        }
        for rule in policies.rules() {
            if as_json {
                rows.push(row(&in_force, &server.name, rule));
            } else {
                let from = origin(&in_force, rule);
                style::print(&format!("// {from}\n{}\n\n", rule.text.trim()))?;
            }
        }
    }
    if as_json {
        style::print(&format!("{}\n", Value::from(rows)))?;
    }
    Ok(Exit::Clean)
}

fn row(in_force: &InForce, server: &ServerName, rule: &Rule) -> Value {
    json!({
        "server": server.as_str(), "id": rule.id, "origin": origin(in_force, rule),
        "rank": rank(in_force, rule).map(words),
        "generated": rule.generated, "text": rule.text,
    })
}

/// Who says it, and where.
fn origin(in_force: &InForce, rule: &Rule) -> String {
    let whose = rank(in_force, rule).map(|rank| format!(" ({})", words(rank))).unwrap_or_default();
    match (&rule.place, rule.generated) {
        (Some(place), true) => format!("from the lists and modes in {place}{whose}"),
        (Some(place), false) => format!("{place}{whose}"),
        (None, _) => "built in: what lists and modes mean".to_owned(),
    }
}

fn rank(in_force: &InForce, rule: &Rule) -> Option<Rank> {
    in_force.rank_of(&rule.place.as_ref()?.file)
}

fn words(rank: Rank) -> &'static str {
    match rank {
        Rank::Administrator => "the administrator's",
        Rank::Person => "yours",
        Rank::Project => "the project's",
    }
}

fn test(places: &Places, file: Option<&std::path::Path>, as_json: bool) -> Result<Exit, Trouble> {
    let mut in_force = InForce::read(places)?;
    let examples = match file {
        None => in_force.documents.examples(),
        Some(file) => examples_of(file)?,
    };
    if examples.is_empty() {
        let said = "no example: write `[[policy.example]]` with tool, args and expect";
        return Err(Trouble::new(Exit::Nothing, said));
    }
    // Here they are answered, not required.
    in_force.require_no_examples();
    let mut table = Table::new(&["", "server", "tool", "expected", "decided", "because"]);
    let (mut rows, mut wrong) = (Vec::new(), 0);
    for example in &examples {
        let name =
            example.server.clone().or_else(|| Some(in_force.servers().ok()?.first()?.name.clone()));
        let Some(name) = name else { continue };
        let server = in_force.server(name)?;
        let decision = example.judge(&in_force.compiled(&server)?);
        let holds = example.holds(&decision);
        wrong += usize::from(!holds);
        let why: Vec<_> = decision.because.iter().map(|because| because.why.clone()).collect();
        rows.push(json!({
            "server": server.name.as_str(), "tool": example.tool, "expect": example.expect.as_str(),
            "decision": decision, "holds": holds, "place": example.place,
        }));
        table.row(vec![
            if holds { "ok" } else { "wrong" }.to_owned(),
            server.name.to_string(),
            example.tool.clone(),
            example.expect.as_str().to_owned(),
            decision.effect.as_str().to_owned(),
            why.join("; "),
        ]);
    }
    if as_json {
        style::print(&format!("{}\n", Value::from(rows)))?;
    } else {
        table.print()?;
    }
    Ok(if wrong == 0 { Exit::Clean } else { Exit::Denied })
}

fn examples_of(file: &std::path::Path) -> Result<Vec<Example>, Trouble> {
    let text = std::fs::read_to_string(file).map_err(|error| {
        Trouble::new(Exit::Usage, format!("`{}` cannot be read: {error}", file.display()))
    })?;
    Ok(state::read_config(&text, file)?.policy.examples)
}

/// The exit code of a decision: scripts branch on it.
pub(super) fn exit_of(effect: &str) -> Exit {
    if effect == Effect::Deny.as_str() { Exit::Denied } else { Exit::Clean }
}
