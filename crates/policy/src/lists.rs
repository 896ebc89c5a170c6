//! The lists and modes of an operator, said in Cedar.
//!
//! There is one engine: `tools = { deny = ["delete_*"] }` is a policy like any
//! other, with a name that tells the list and the entry, and `portcullis policy
//! show` prints it.

use portcullis_catalog::{ControlId, control};

use crate::names::Names;
use crate::place::Place;
use crate::rules::{Ask, Pattern, Rules};

/// A policy that we wrote.
#[derive(Clone, Debug)]
pub(crate) struct Generated {
    /// Its text, one policy.
    pub(crate) text: String,
    /// Whose denial it is.
    pub(crate) control: ControlId,
    /// Where the operator wrote what it says.
    pub(crate) place: Option<Place>,
}

/// What holds when no policy permits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Base {
    /// The lists and the risk decide; policies forbid.
    #[default]
    Allow,
    /// Only what a policy permits.
    Deny,
}

/// Everything that lists, mode and base say; without a mode, nothing is asked by risk.
pub(crate) fn generated(rules: &Rules, mode: Option<Ask>, base: Base) -> Vec<Generated> {
    let mut all = Vec::new();
    if base == Base::Allow {
        let text = "@id(\"base\")\npermit (principal, action, resource);".to_owned();
        all.push(Generated { text, control: control::POLICY_OBEYED, place: None });
    }
    all.extend(rules.deny.iter().map(denied));
    all.extend(
        rules.allow.iter().chain(&rules.ceilings).enumerate().map(|(at, list)| allowed(at, list)),
    );
    let step = if mode == Some(Ask::Never) { "" } else { "@stepup(\"approve\")\n" };
    all.extend(rules.ask.iter().map(|entry| asked(entry, step)));
    all.extend(mode.into_iter().flat_map(|mode| by_risk(mode, step, rules.mode_at.as_ref())));
    all.extend(named(&rules.prompts, &PROMPTS));
    all.extend(named(&rules.resources, &RESOURCES));
    all
}

fn denied(entry: &Pattern) -> Generated {
    let text = format!(
        "@id({})\n@why({})\nforbid (principal, action == Action::\"list\", resource)\nwhen {{ {} }};",
        quoted(&format!("tools.deny[{entry}]")),
        quoted(&format!("`{{tool}}` is on the deny list (`{entry}`)")),
        matches(entry),
    );
    Generated { text, control: control::TOOLS_LISTED, place: entry.place().cloned() }
}

/// The first list is the operator's own; others, who only tighten, come after.
fn allowed(at: usize, list: &[Pattern]) -> Generated {
    let id = if at == 0 { "tools.allow".to_owned() } else { format!("tools.allow ({at})") };
    let any = any_of(list);
    let unless = any.map(|any| format!("\nunless {{ {any} }}")).unwrap_or_default();
    let text = format!(
        "@id({})\n@why(\"`{{tool}}` is not on the allow list\")\nforbid (principal, action == Action::\"list\", resource){unless};",
        quoted(&id)
    );
    let place = list.first().and_then(Pattern::place).cloned();
    Generated { text, control: control::TOOLS_LISTED, place }
}

fn asked(entry: &Pattern, step: &str) -> Generated {
    let id = quoted(&format!("tools.ask[{entry}]"));
    let why = quoted(&format!("`{{tool}}` is on the ask list (`{entry}`)"));
    let text = call(&id, &why, step, &matches(entry));
    Generated { text, control: control::APPROVE_BY_RISK, place: entry.place().cloned() }
}

/// What a mode asks about. With nobody there, what `risky` would ask is denied.
fn by_risk(mode: Ask, step: &str, place: Option<&Place>) -> Vec<Generated> {
    let mode = if mode == Ask::Never { Ask::Risky } else { mode };
    let tiers = match mode {
        Ask::Never | Ask::Destructive | Ask::Risky => r#"["unknown", "destructive", "exec"]"#,
        Ask::Writes | Ask::Always => r#"["write", "unknown", "destructive", "exec"]"#,
    };
    let tiers = format!("{tiers}.contains(context.tier)");
    let mut asked = vec![
        (
            "ask.changed",
            "the definition of `{tool}` changed since it was first seen",
            "context.changed",
        ),
        ("ask.tier", "`{tool}` is in tier {tier}", tiers.as_str()),
    ];
    if mode >= Ask::Risky {
        let why = "first use of `{tool}`, which may reach the open world";
        asked.push(("ask.open_world", why, "context.first_open_world_use"));
    }
    if mode == Ask::Always {
        asked.push(("ask.always", "every call is asked", ""));
    }
    let all = asked.into_iter().map(|(id, why, when)| Generated {
        text: call(&quoted(id), &quoted(why), step, when),
        control: control::APPROVE_BY_RISK,
        place: place.cloned(),
    });
    all.collect()
}

fn call(id: &str, why: &str, step: &str, when: &str) -> String {
    let when = if when.is_empty() { String::new() } else { format!("\nwhen {{ {when} }}") };
    let unless = if step.is_empty() { "" } else { "\nunless { context.approved }" };
    format!(
        "@id({id})\n@why({why})\n{step}forbid (principal, action == Action::\"call\", resource){when}{unless};"
    )
}

/// Things that lists know by name, and how a policy says it.
struct Kin {
    list: &'static str,
    action: &'static str,
    control: ControlId,
    /// One entry means it.
    means: fn(&Pattern) -> String,
    /// Some entry of a list means it.
    any: fn(&[Pattern]) -> Option<String>,
}

const PROMPTS: Kin = Kin {
    list: "prompts",
    action: "get",
    control: control::PROMPTS_LISTED,
    means: matches,
    any: any_of,
};

/// What a pattern of URIs means is a fact that we compute: Cedar has no components.
const RESOURCES: Kin = Kin {
    list: "resources",
    action: "read",
    control: control::RESOURCES_LISTED,
    means: |entry| format!("context.denied_by.contains({})", quoted(entry.as_str())),
    any: |list| {
        let all: Vec<_> = list.iter().map(|entry| quoted(entry.as_str())).collect();
        (!all.is_empty()).then(|| format!("context.allowed_by.containsAny([{}])", all.join(", ")))
    },
};

fn named(names: &Names, kin: &Kin) -> Vec<Generated> {
    let Kin { list, action, control, means, any } = kin;
    let head = |id: &str, why: &str| {
        let (id, why) = (quoted(id), quoted(why));
        format!(
            "@id({id})\n@why({why})\nforbid (principal, action == Action::\"{action}\", resource)"
        )
    };
    let denied = names.deny.iter().map(|entry| {
        let why = format!("`{{tool}}` is on the deny list (`{entry}`)");
        let head = head(&format!("{list}.deny[{entry}]"), &why);
        let text = format!("{head}\nwhen {{ {} }};", means(entry));
        Generated { text, control: *control, place: entry.place().cloned() }
    });
    let allowed = names.allow.iter().chain(&names.ceilings).enumerate().map(|(at, all)| {
        let number = if at == 0 { String::new() } else { format!(" ({at})") };
        let head = head(&format!("{list}.allow{number}"), "`{tool}` is not on the allow list");
        let unless = any(all).map(|any| format!("\nunless {{ {any} }}")).unwrap_or_default();
        let place = all.first().and_then(Pattern::place).cloned();
        Generated { text: format!("{head}{unless};"), control: *control, place }
    });
    denied.chain(allowed).collect()
}

/// One entry of a list, as a condition.
fn matches(entry: &Pattern) -> String {
    let text = entry.as_str();
    if text.contains('*') {
        return format!("resource.name like {}", quoted(text));
    }
    format!("resource.name == {}", quoted(text))
}

/// A whole list, as one condition; nothing when it is empty.
///
/// Names go into one set, and patterns into a tree that is as flat as can be:
/// Cedar bounds how deep an expression may nest.
fn any_of(list: &[Pattern]) -> Option<String> {
    let names: Vec<_> = list.iter().filter(|entry| !entry.as_str().contains('*')).collect();
    let set = names.iter().map(|entry| quoted(entry.as_str())).collect::<Vec<_>>().join(", ");
    let set = (!names.is_empty()).then(|| format!("[{set}].contains(resource.name)"));
    let patterns = list.iter().filter(|entry| entry.as_str().contains('*')).map(matches);
    let all: Vec<_> = set.into_iter().chain(patterns).collect();
    tree(&all)
}

fn tree(all: &[String]) -> Option<String> {
    match all {
        [] => None,
        [one] => Some(one.clone()),
        _ => {
            let (left, right) = all.split_at_checked(all.len() / 2)?;
            Some(format!("({}) || ({})", tree(left)?, tree(right)?))
        }
    }
}

/// A text between quotes. Only letters, digits and plain signs stand for
/// themselves; `*` stays what it is in a pattern, and is quoted nowhere else.
pub(crate) fn quoted(text: &str) -> String {
    let mut out = "\"".to_owned();
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            ' '..='~' => out.push(c),
            other => out.push_str(&format!("\\u{{{:x}}}", u32::from(other))),
        }
    }
    out.push('"');
    out
}
