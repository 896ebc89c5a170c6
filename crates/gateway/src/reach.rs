//! What a yes to a start covers beyond the command: the roots, the network, the box and the
//! registry that a person was shown with it. Less starts unasked; more is asked about.

use std::collections::BTreeSet;
use std::path::Path;

use portcullis_config as config;
use portcullis_mediation::pin::{Definition, Part, Pins, Section};
use serde_json::{Value, json};

use crate::launch::Plan;

/// What is pinned of it has one part for each directory that a start was approved in.
const PART: &str = "reach in ";

/// What a server is given.
#[derive(Clone, Debug)]
pub(crate) struct Reach {
    roots: Vec<config::Root>,
    network: config::Network,
    least: config::Confinement,
    /// The hosts that an installer reaches, when one is needed.
    registry: Option<String>,
}

impl Reach {
    /// What the plan gives.
    pub(crate) fn of(plan: &Plan, registry: Option<String>) -> Self {
        let server = &plan.server;
        let roots = server.roots.iter().map(|root| real(root, plan.home.as_deref())).collect();
        Self { roots, network: server.network.clone(), least: server.confinement, registry }
    }

    /// Its part, for a start in this directory.
    pub(crate) fn part() -> Part {
        let here = std::env::current_dir().map(|dir| dir.display().to_string());
        Part::new(Section::Launch, &format!("{PART}{}", here.unwrap_or_default()))
    }

    /// Whether a part is one of these.
    pub(crate) fn is_part(part: &Part) -> bool {
        part.section == Section::Launch && part.name.starts_with(PART)
    }

    /// As it is shown and pinned.
    pub(crate) fn definition(&self) -> Definition {
        let mut all = Definition::default();
        all.set("roots", &json!(self.roots.iter().map(shown).collect::<Vec<_>>()));
        let own = |root: &config::Root| Some((shown(root), json!(root.protect()?)));
        let own: serde_json::Map<String, Value> = self.roots.iter().filter_map(own).collect();
        if !own.is_empty() {
            all.set("read-only in them", &own.into());
        }
        all.set("network", &json!(self.network.to_string()));
        all.set("least box", &json!(self.least.as_str()));
        if let Some(registry) = &self.registry {
            all.set("registry", &json!(registry));
        }
        all
    }

    /// What of it goes beyond what a person said yes to: beyond the yes that comes nearest.
    /// Nothing when one covers it; `None` when there was none.
    pub(crate) fn beyond(&self, pins: &Pins) -> Option<(Part, Vec<String>)> {
        let approved = pins.parts.iter().filter(|(part, _)| Self::is_part(part));
        let more = approved.map(|(part, pinned)| (part.clone(), self.more(&pinned.definition)));
        more.min_by_key(|(_, more)| more.len())
    }

    fn more(&self, approved: &Definition) -> Vec<String> {
        // What cannot be read gave nothing.
        let before = read(approved).unwrap_or_else(|| Self {
            roots: Vec::new(),
            network: config::Network::None,
            least: config::Confinement::Full,
            registry: None,
        });
        let roots = config::roots_beyond(&before.roots, &self.roots);
        let roots = roots.into_iter().map(|root| format!("root {root}"));
        let network = config::network_beyond(&before.network, &self.network);
        let network = network.map(|hosts| format!("network {hosts}"));
        let weaker = self.least > before.least;
        let weaker = weaker.then(|| format!("a box that is {}", self.least.as_str()));
        let hosts = |text: &Option<String>| -> BTreeSet<String> {
            text.iter().flat_map(|text| text.split(", ")).map(str::to_owned).collect()
        };
        let others = !hosts(&self.registry).is_subset(&hosts(&before.registry));
        let registry = self.registry.as_ref().filter(|_| others);
        let registry = registry.map(|hosts| format!("packages from {hosts}"));
        roots.chain(network).chain(weaker).chain(registry).collect()
    }
}

/// What was written by [`Reach::definition`].
fn read(approved: &Definition) -> Option<Reach> {
    let text = |name: &str| approved.value(name)?.as_str().map(str::to_owned);
    let own = approved.value("read-only in them").unwrap_or_default();
    let root = |root: &Value| {
        let written = root.as_str()?;
        let root = config::parse_root(written).ok()?;
        match own.get(written) {
            None => Some(root),
            Some(places) => {
                let places = places.as_array()?.iter().map(Value::as_str);
                root.protecting(&places.collect::<Option<Vec<_>>>()?).ok()
            }
        }
    };
    Some(Reach {
        roots: approved.value("roots")?.as_array()?.iter().map(root).collect::<Option<_>>()?,
        network: config::parse_network(&text("network")?).ok()?,
        least: config::parse_confinement(&text("least box")?).ok()?,
        registry: text("registry"),
    })
}

fn shown(root: &config::Root) -> String {
    let asks = if root.asks() { ":ask" } else { "" };
    format!("{}:{}{asks}", root.path(), root.access().as_str())
}

/// The same root where it leads now: a link that leads elsewhere next time is another one.
fn real(root: &config::Root, home: Option<&Path>) -> config::Root {
    let place = match root.real() {
        Some(real) => Some(real.into()),
        None => {
            config::values::expand_home(root.path(), home).and_then(|path| path.canonicalize().ok())
        }
    };
    let located = place.and_then(|place| root.located(place.to_str()?).ok());
    located.unwrap_or_else(|| root.clone())
}

#[cfg(test)]
mod tests {
    use portcullis_mediation::pin::{Pinned, Surroundings};

    use super::*;

    fn reach(roots: &str, network: &str, least: &str, registry: Option<&str>) -> Reach {
        Reach {
            roots: roots.split_whitespace().map(|it| config::parse_root(it).unwrap()).collect(),
            network: config::parse_network(network).unwrap(),
            least: config::parse_confinement(least).unwrap(),
            registry: registry.map(str::to_owned),
        }
    }

    fn pins(approved: &[Reach]) -> Pins {
        let part = |at: usize| Part::new(Section::Launch, &format!("{PART}/{at}"));
        let pinned = |reach: &Reach| Pinned {
            definition: reach.definition(),
            surroundings: Surroundings::default(),
        };
        let parts = approved.iter().enumerate().map(|(at, it)| (part(at), pinned(it))).collect();
        Pins { parts, ..Pins::default() }
    }

    #[test]
    fn what_goes_beyond_a_yes_is_named() {
        let yes = reach("/p:rw /q:ro:ask", "a.test, *.b.test", "full", Some("r.test:443"));
        for (wanted, expect) in [
            (yes.clone(), vec![]),
            (reach("/p/src", "a.test", "full", None), vec![]),
            (reach("", "none", "full", Some("r.test:443")), vec![]),
            (reach("/etc", "a.test", "full", None), vec!["root /etc:ro"]),
            (reach("/q", "none", "full", None), vec!["root /q:ro"]),
            (reach("/p", "c.test", "full", None), vec!["network c.test"]),
            (reach("/p", "host", "landlock", None), vec!["network host", "a box that is landlock"]),
            (
                reach("/p", "none", "full", Some("r.test:443, evil.test:443")),
                vec!["packages from r.test:443, evil.test:443"],
            ),
        ] {
            let (_, more) = wanted.beyond(&pins(std::slice::from_ref(&yes))).unwrap();
            assert_eq!(more, expect, "{wanted:?}");
        }
        assert!(yes.beyond(&pins(&[])).is_none());
    }

    /// Two yeses are not one to both together.
    #[test]
    fn one_yes_has_to_cover_all_of_it() {
        let open = reach("/p", "none", "full", None);
        let far = reach("", "host", "full", None);
        let both = reach("/p", "host", "full", None);
        let pins = pins(&[open.clone(), far.clone()]);
        assert_eq!(open.beyond(&pins).unwrap().1, Vec::<String>::new());
        assert_eq!(far.beyond(&pins).unwrap().1, Vec::<String>::new());
        assert_eq!(both.beyond(&pins).unwrap().1.len(), 1);
    }

    #[test]
    fn what_is_damaged_covers_nothing() {
        let mut pins = pins(&[reach("/p", "host", "none", None)]);
        for pinned in pins.parts.values_mut() {
            pinned.definition.set("network", &json!(7));
        }
        let more = reach("/p", "none", "full", None).beyond(&pins).unwrap().1;
        assert_eq!(more, ["root /p:ro"]);
    }
}
