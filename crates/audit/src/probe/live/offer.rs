//! What is offered beside tools: resources by their addresses, prompts by their arguments.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::attack::{Proof, Try, some};
use super::run::{Ask, Came, Run};
use crate::evidence::live::Attack;

/// Resources that are read as they are listed.
const READ: usize = 10;
/// Templates and prompts that are tried.
const TRIED: usize = 10;

/// Reads what is listed, then what is not.
pub(super) fn resources(run: &mut Run<'_>, resources: &[Value]) {
    let text = |resource: &Value, name: &str| resource.get(name)?.as_str().map(str::to_owned);
    let listed: Vec<String> =
        resources.iter().filter_map(|one| text(one, "uri")).take(READ).collect();
    let templates: Vec<String> =
        resources.iter().filter_map(|one| text(one, "uriTemplate")).take(TRIED).collect();
    for uri in &listed {
        let _ = read(run, Attack::Benign, "", uri, Proof::default());
    }
    if !listed.is_empty() || !templates.is_empty() {
        for uri in ["file://{stage}/vault/key.txt", "file://{stage}/project-evil/key.txt"] {
            let _ = read(run, Attack::Traversal, "", uri, Proof::default());
        }
    }
    for template in &templates {
        for variable in variables(template) {
            let honest = filled_in(template, variable, "notes.txt");
            let _ = read(run, Attack::Benign, template, &honest, Proof::default());
            let table = run.table();
            each(run, some(&table), |run, one| {
                // A router splits at slashes, so they are hidden; some take what follows as it is.
                let encoded = encoded(&one.value);
                let (hidden, bare) = (
                    filled_in(template, variable, &encoded),
                    filled_in(template, variable, &one.value),
                );
                let came = read(run, one.attack, template, &hidden, one.proof.clone())?;
                if came.effect.is_some() || hidden == bare {
                    return Some(came);
                }
                read(run, one.attack, template, &bare, one.proof.clone())
            });
        }
    }
}

/// Gets prompts with arguments that are none.
pub(super) fn prompts(run: &mut Run<'_>, prompts: &[Value]) {
    for prompt in prompts.iter().take(TRIED) {
        let Some(name) = prompt.get("name").and_then(Value::as_str) else { continue };
        let arguments = prompt.get("arguments").and_then(Value::as_array).into_iter().flatten();
        let names: Vec<&str> = arguments.filter_map(|one| one.get("name")?.as_str()).collect();
        let base: Map<String, Value> =
            names.iter().map(|name| ((*name).to_owned(), json!("tea"))).collect();
        let _ = get(run, Attack::Benign, name, "", &base, Proof::default());
        for argument in names {
            let table = run.table();
            each(run, some(&table), |run, one| {
                let mut arguments = base.clone();
                arguments.insert(argument.to_owned(), json!(one.value));
                get(run, one.attack, name, argument, &arguments, one.proof.clone())
            });
        }
    }
}

/// Tries one after the other, of each kind no more after one worked.
fn each(run: &mut Run<'_>, all: Vec<Try>, ask: impl Fn(&mut Run<'_>, &Try) -> Option<Came>) {
    let mut confirmed = BTreeSet::new();
    for one in all {
        if confirmed.contains(&one.attack) {
            continue;
        }
        match ask(run, &one) {
            Some(came) if came.effect.is_some() => drop(confirmed.insert(one.attack)),
            Some(_) => {}
            None => return,
        }
    }
}

fn read(
    run: &mut Run<'_>,
    attack: Attack,
    template: &str,
    uri: &str,
    proof: Proof,
) -> Option<Came> {
    let params = json!({"uri": uri});
    run.ask(Ask {
        attack,
        tool: "resource",
        parameter: template,
        method: "resources/read",
        params,
        proof,
    })
}

fn get(
    run: &mut Run<'_>,
    attack: Attack,
    name: &str,
    argument: &str,
    arguments: &Map<String, Value>,
    proof: Proof,
) -> Option<Came> {
    let parameter = format!("{name}/{argument}");
    let params = json!({"name": name, "arguments": arguments});
    run.ask(Ask {
        attack,
        tool: "prompt",
        parameter: &parameter,
        method: "prompts/get",
        params,
        proof,
    })
}

/// The variables of a template, with whatever stands before their names (RFC 6570, 2.2).
fn variables(template: &str) -> Vec<&str> {
    let parts = template.split('{').skip(1);
    parts.filter_map(|part| part.split_once('}')).map(|(name, _)| name).take(4).collect()
}

/// The template with a value in one variable, and an honest one in the others.
fn filled_in(template: &str, variable: &str, value: &str) -> String {
    let mut uri = template.replace(&format!("{{{variable}}}"), "\u{0}");
    for other in variables(template) {
        uri = uri.replace(&format!("{{{other}}}"), "tea");
    }
    uri.replace('\u{0}', value)
}

/// Percent-encoded, but for the names of the stage's places, which are filled in later.
fn encoded(value: &str) -> String {
    let mut out = String::new();
    for part in value.split_inclusive('}') {
        let (before, place) = match part.find('{') {
            Some(at) if part.ends_with('}') => part.split_at(at),
            _ => (part, ""),
        };
        for byte in before.bytes() {
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                    out.push(char::from(byte))
                }
                _ => out.push_str(&format!("%{byte:02X}")),
            }
        }
        out.push_str(place);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_are_filled() {
        assert_eq!(variables("notes://{name}/{+path}"), ["name", "+path"]);
        assert_eq!(filled_in("notes://{name}/{id}", "name", "a b"), "notes://a b/tea");
        assert_eq!(encoded("../a b'"), "..%2Fa%20b%27");
        assert_eq!(encoded("{stage}/x"), "{stage}%2Fx");
    }
}
