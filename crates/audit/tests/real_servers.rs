//! The definitions of servers that people use: nothing in them is called high.

use portcullis_audit::check::judge;
use portcullis_audit::evidence::{Evidence, FORMAT, Live};
use portcullis_audit::{Finding, Severity};
use serde_json::Value;

/// The listings that the gateway's tests have as well.
const LISTINGS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../cli/tests/corpus");

fn listing(value: &Value) -> Evidence {
    let list = |name: &str| match value
        .pointer(&format!("/{name}"))
        .or_else(|| value.pointer(&format!("/{name}/{name}")))
    {
        Some(Value::Array(items)) => items.clone(),
        _ => Vec::new(),
    };
    let live = Live {
        box_level: "full".to_owned(),
        revision: Some("2025-11-25".to_owned()),
        tools: list("tools"),
        resources: list("resources"),
        prompts: list("prompts"),
        instructions: value
            .pointer("/initialize/instructions")
            .and_then(Value::as_str)
            .map(str::to_owned),
        ..Live::default()
    };
    Evidence {
        format: FORMAT,
        target: "listing".to_owned(),
        source: None,
        live: Some(live),
        http: None,
        ..Evidence::of("")
    }
}

#[test]
fn no_honest_server_is_called_high() {
    let (mut servers, mut tools, mut low) = (0, 0, Vec::<(String, Finding)>::new());
    let entries = std::fs::read_dir(LISTINGS).expect("the listings").flatten();
    for entry in entries.filter(|it| it.path().extension().is_some_and(|end| end == "json")) {
        let text = std::fs::read_to_string(entry.path()).unwrap();
        let evidence = listing(&serde_json::from_str(&text).unwrap());
        let count = evidence.live.as_ref().map_or(0, |live| live.tools.len());
        (servers, tools) = (servers + usize::from(count > 0), tools + count);
        for finding in judge(&evidence) {
            let name = entry.file_name().to_string_lossy().into_owned();
            assert!(finding.severity < Severity::High, "{name}: {finding:#?}");
            low.push((name, finding));
        }
    }
    assert!(servers >= 35 && tools > 500, "{servers} servers with {tools} tools");
    let text: Vec<&(String, Finding)> =
        low.iter().filter(|(_, it)| it.check == "hostile-text").collect();
    assert!(text.len() * 50 <= tools, "{} of {tools} tools are doubted: {text:#?}", text.len());
}

/// All of them in one host: nobody's description is an order about another's tools, and no name passes for another.
#[test]
fn nor_is_one_beside_all_the_others() {
    let entries = std::fs::read_dir(LISTINGS).expect("the listings").flatten();
    let mut all: Vec<Evidence> = entries
        .filter(|it| it.path().extension().is_some_and(|end| end == "json"))
        .map(|entry| {
            let text = std::fs::read_to_string(entry.path()).unwrap();
            let target = entry.file_name().to_string_lossy().into_owned();
            Evidence { target, ..listing(&serde_json::from_str(&text).unwrap()) }
        })
        .collect();
    portcullis_audit::evidence::introduce(&mut all);
    assert!(all.iter().any(|it| it.beside.len() > 30), "they know of each other");
    for evidence in &all {
        let grave = judge(evidence).into_iter().find(|it| it.severity >= Severity::High);
        assert!(grave.is_none(), "{}: {grave:#?}", evidence.target);
    }
}
