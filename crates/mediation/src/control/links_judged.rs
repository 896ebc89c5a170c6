//! A link in an answer gives no access (MCP-TOOL-11): where it leads is judged like
//! an argument, and whoever follows it is judged again.

use portcullis_catalog::control::{LINKS_JUDGED, RESOURCES_LISTED};
use portcullis_guard::url::{self, Lead, Meant, UriPattern, lead};
use portcullis_guard::{bounded, redact, visible};
use portcullis_policy::{Decision, Effect, Obligation, Policies, ResourceFacts};
use portcullis_wire::{Json, Object, array, elements};

use super::{apps_contained, icons_inert, prompts_listed};
use crate::settings::Settings;
use crate::without::Layer;

/// What stands in place of a link that was taken out.
const WITHHELD: &str = "[a link was withheld: it leads outside of what was granted]";

/// Judges places by what the operator granted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Judge<'a> {
    pub(crate) settings: &'a Settings,
    /// Pages of the server's own were agreed on.
    pub(crate) apps: bool,
}

/// Something that lists may mean.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Named<'a> {
    /// What is asked for.
    Resource(&'a str),
    /// Where an answer leads.
    Link(&'a str),
    Template(&'a str),
    Prompt(&'a str),
}

impl Judge<'_> {
    /// May the host have it? `--observe` records instead of acting, except on what
    /// an administrator said.
    pub(crate) fn of(&self, named: Named<'_>) -> Decision {
        let policies =
            |judge: &dyn Fn(&Policies) -> Decision| self.settings.observed(|rules| judge(rules));
        let page = match named {
            Named::Resource(uri) | Named::Link(uri) | Named::Template(uri) => {
                apps_contained::judge(uri, self.apps)
            }
            Named::Prompt(_) => Decision::default(),
        };
        // What was not agreed on is not there, whoever observes.
        page.and(match named {
            Named::Resource(uri) => policies(&|rules| self.listed(uri, rules)),
            Named::Link(uri) => {
                self.acted(self.leads(uri)).and(policies(&|rules| self.listed(uri, rules)))
            }
            Named::Template(template) => match self.expanded(template) {
                Err(decision) => self.settings.opinion(Layer::Policy, self.acted(decision)),
                Ok(meant) => {
                    let shown = shown(template);
                    policies(&|rules| rules.judge_resource(facts(&meant, &shown)))
                }
            },
            Named::Prompt(name) => policies(&|rules| prompts_listed::judge(name, rules)),
        })
    }

    /// Is this resource on the operator's lists, in every reading? (MCP-CAP-06)
    fn listed(&self, uri: &str, rules: &Policies) -> Decision {
        if !rules.withholds_resources() {
            return Decision::default();
        }
        let shown = shown(uri);
        match self.settings.resources.meant(uri) {
            Ok(readings) => readings.iter().fold(Decision::default(), |decision, meant| {
                decision.and(rules.judge_resource(facts(meant, &shown)))
            }),
            Err(bad) => Decision::deny(RESOURCES_LISTED, format!("`{shown}` is {bad}")),
        }
    }

    /// `--observe` records instead of acting.
    fn acted(&self, decision: Decision) -> Decision {
        if self.settings.observe { decision.observed() } else { decision }
    }

    /// What the lists know of a template that the host may fill in.
    fn expanded(&self, template: &str) -> Result<Meant, Decision> {
        let Settings { roots, cwd, resources, .. } = self.settings;
        if url::link::runs(template) {
            return Err(Decision::deny(LINKS_JUDGED, format!("`{}` runs", shown(template))));
        }
        let private = cwd.iter().filter(|_| roots.is_empty()).map(|cwd| format!("file://{cwd}"));
        let places = roots.iter().map(|(root, _)| root.uri()).chain(private);
        let places: Vec<_> = places.filter_map(|uri| UriPattern::below(&uri).ok()).collect();
        url::expanded(template, resources, &places).map_err(|why| {
            let why = format!("nothing that `{}` expands into passes: {why}", shown(template));
            Decision::deny(RESOURCES_LISTED, why)
        })
    }

    /// May the host be led there?
    fn leads(&self, uri: &str) -> Decision {
        match lead(uri) {
            Lead::File => self.settings.contained_uri(uri),
            Lead::Web | Lead::Server => Decision::default(),
            Lead::Nowhere(why) => Decision::deny(LINKS_JUDGED, format!("`{}` {why}", shown(uri))),
        }
    }

    /// One block of content, as it may go on.
    fn block(&self, block: &Json) -> (Json, Decision) {
        let Some(members) = block.object() else { return (block.clone(), Decision::default()) };
        let leads = match members.get("type").and_then(Json::as_text).as_deref() {
            Some("resource_link") => Some(members.clone()),
            Some("resource") => members.get("resource").and_then(Json::object),
            _ => return (block.clone(), Decision::default()),
        };
        let leads = leads.and_then(|it| Some((text(&it, "uri")?, it)));
        let decision = match leads {
            Some((uri, it)) => self.of(Named::Link(&uri)).and(apps_contained::judge_kind(&it)),
            None => Decision::deny(LINKS_JUDGED, "a link without a uri"),
        };
        if decision.effect == Effect::Deny {
            let mut note = Object::new();
            note.set("type", Json::string("text"));
            note.set("text", Json::string(WITHHELD));
            return (note.to_json(), decision);
        }
        let members = match self.inert(&members) {
            None => return (block.clone(), decision),
            Some((cleaned, cut)) => (cleaned, decision.and(cut)),
        };
        (members.0.to_json(), members.1)
    }

    /// What has icons and metadata, without what a host would fetch or run for it.
    pub(crate) fn inert(&self, entry: &Object) -> Option<(Object, Decision)> {
        let mut left = None;
        if let Some((cleaned, cut)) = icons_inert::clean(entry, self.settings.open_world) {
            left = Some((cleaned.object().unwrap_or_default(), cut));
        }
        let so_far = left.as_ref().map_or(entry, |(left, _)| left);
        if let Some((cleaned, cut)) = apps_contained::clean(so_far, self.apps) {
            let before = left.map(|(_, cut)| cut).unwrap_or_default();
            left = Some((cleaned, before.and(cut)));
        }
        let so_far = left.as_ref().map_or(entry, |(left, _)| left);
        let inner = so_far.get("resource").and_then(Json::object);
        if let Some((cleaned, cut)) = inner.and_then(|it| apps_contained::clean(&it, self.apps)) {
            let mut whole = so_far.clone();
            whole.set("resource", cleaned.to_json());
            let before = left.map(|(_, cut)| cut).unwrap_or_default();
            left = Some((whole, before.and(cut)));
        }
        left
    }

    fn blocks(&self, content: &Json) -> Option<(Json, Decision)> {
        let (mut kept, mut decision) = (Vec::new(), Decision::default());
        for block in elements(content)? {
            let (block, opinion) = self.block(&block);
            decision = decision.and(opinion);
            kept.push(block);
        }
        Some((array(&kept), decision))
    }
}

/// The `content` of a tool's result.
pub(crate) fn content(judge: &Judge<'_>, result: &Json) -> (Json, Decision) {
    within(result, "content", |content| judge.blocks(content))
}

/// The `messages` of a prompt.
pub(crate) fn messages(judge: &Judge<'_>, result: &Json) -> (Json, Decision) {
    within(result, "messages", |messages| {
        let (mut kept, mut decision) = (Vec::new(), Decision::default());
        for message in elements(messages)? {
            let (message, opinion) = within(&message, "content", |content| {
                judge.blocks(content).or_else(|| Some(judge.block(content)))
            });
            decision = decision.and(opinion);
            kept.push(message);
        }
        Some((array(&kept), decision))
    })
}

/// Judges one member of an object; bytes stay where nothing has to change.
fn within(
    whole: &Json,
    name: &str,
    judge: impl FnOnce(&Json) -> Option<(Json, Decision)>,
) -> (Json, Decision) {
    let unchanged = || (whole.clone(), Decision::default());
    // Nothing else is looked at, and a long text is not taken apart in vain. A name
    // may hide behind an escape.
    if !whole.text().contains("resource") && !whole.text().contains("\\u") {
        return unchanged();
    }
    let Some(mut members) = whole.object() else { return unchanged() };
    let Some((judged, mut decision)) = members.get(name).and_then(judge) else {
        return unchanged();
    };
    if decision.because.is_empty() {
        return unchanged();
    }
    let acted =
        decision.effect == Effect::Deny || decision.obligations.contains(&Obligation::Rewritten);
    decision.effect = Effect::Allow;
    if !acted {
        return (whole.clone(), decision);
    }
    members.set(name, judged);
    (members.to_json(), decision.owing(Obligation::Rewritten))
}

fn text(members: &Object, name: &str) -> Option<String> {
    members.get(name).and_then(Json::as_text)
}

fn facts<'a>(meant: &'a Meant, shown: &'a str) -> ResourceFacts<'a> {
    let Meant { uri, allowed_by, denied_by } = meant;
    ResourceFacts { uri, allowed_by, denied_by, shown }
}

/// A URI as a record may hold it.
fn shown(uri: &str) -> String {
    visible(&redact(&bounded(uri, 256)))
}
