//! What honest servers say of themselves: nothing in it is called high.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};

use super::ours::Auditor;
use super::peers::{Peers, Said};

/// What was said of all of them.
#[derive(Debug, Default)]
pub(crate) struct Honest {
    pub(crate) servers: usize,
    pub(crate) tools: usize,
    /// Those of which we say something at high, by check.
    pub(crate) high: BTreeMap<String, Vec<String>>,
    /// Check, severity and confidence: in how many servers, and how often.
    pub(crate) below: BTreeMap<(String, String, String), (usize, usize)>,
    /// By peer: of how many it says something at high, of how many it was asked.
    pub(crate) peers: Vec<(usize, usize)>,
}

/// Every listing of a folder.
pub(crate) fn run(
    auditor: &Auditor<'_>,
    peers: &Peers<'_>,
    folder: &Path,
) -> Result<Honest, String> {
    let entries =
        std::fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut files: Vec<_> = entries.flatten().map(|it| it.path()).collect();
    files.retain(|it| it.extension().is_some_and(|end| end == "json"));
    files.sort();
    let mut honest = Honest { peers: vec![(0, 0); peers.names().len()], ..Honest::default() };
    for file in files {
        let name = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&file).map_err(|error| format!("{name}: {error}"))?;
        let listing = serde_json::from_str(&text).map_err(|error| format!("{name}: {error}"))?;
        let Some((evidence, tools)) = evidence(&listing) else { continue };
        eprintln!("{name}");
        (honest.servers, honest.tools) = (honest.servers + 1, honest.tools + tools);
        let path = auditor.work.join(format!("{name}.listing.evidence"));
        std::fs::write(&path, evidence.to_string()).map_err(|error| format!("{name}: {error}"))?;
        let seen = auditor.look(auditor.work, &name, &[path.display().to_string()], 1)?;
        for check in seen.high() {
            honest.high.entry(check.to_owned()).or_default().push(name.clone());
        }
        let mut here: BTreeMap<(String, String, String), usize> = BTreeMap::new();
        for it in seen.findings {
            *here.entry((it.check, it.severity, it.confidence)).or_default() += 1;
        }
        for (what, times) in here {
            let all = honest.below.entry(what).or_default();
            *all = (all.0 + 1, all.1 + times);
        }
        for (said, all) in peers.of_listing(&path).into_iter().zip(&mut honest.peers) {
            match said {
                Said::High => *all = (all.0 + 1, all.1 + 1),
                Said::Less => all.1 += 1,
                Said::Nothing(_) => {}
            }
        }
    }
    Ok(honest)
}

/// A listing as evidence, as the auditor itself would have saved it.
fn evidence(listing: &Value) -> Option<(Value, usize)> {
    let list = |name: &str| {
        let found =
            listing.get(name).and_then(|it| it.as_array().or_else(|| it.get(name)?.as_array()));
        found.cloned().unwrap_or_default()
    };
    let tools = list("tools");
    let count = tools.len();
    let instructions = listing.pointer("/initialize/result/instructions");
    let instructions = instructions.or_else(|| listing.pointer("/initialize/instructions"));
    let live = json!({
        "command": [], "box_level": "full", "revision": "2025-11-25", "server": null, "instructions": instructions,
        "tools": tools, "resources": list("resources"), "prompts": list("prompts"),
        "drifted": [], "trials": [], "wishes": [], "conduct": [], "untested": [],
    });
    (count > 0).then(|| (json!({ "format": 1, "target": "listing", "live": live }), count))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listing_is_read_in_either_form() {
        let tool = json!({ "name": "one" });
        let flat = json!({ "tools": [tool] });
        let nested =
            json!({ "tools": { "tools": [tool] }, "initialize": { "instructions": "first" } });
        assert_eq!(evidence(&flat).map(|it| it.1), Some(1));
        let (nested, tools) = evidence(&nested).unwrap();
        assert_eq!((tools, nested.pointer("/live/instructions")), (1, Some(&json!("first"))));
        assert!(evidence(&json!({ "tools": [] })).is_none());
    }
}
