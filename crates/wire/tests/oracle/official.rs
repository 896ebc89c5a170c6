//! The official schemas as judges.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use jsonschema::Validator;
use portcullis_wire::method::TASKS;
use portcullis_wire::{Kind, Peer, Revision};
use serde_json::{Value, json};

use crate::Sample;

/// The schema of one revision.
pub struct Official {
    schema: Value,
    /// The member that holds the types.
    types: &'static str,
    compiled: RefCell<BTreeMap<String, Validator>>,
}

impl Official {
    /// Every revision whose schema the suite has, with its judge.
    pub fn all() -> Vec<(Revision, Self)> {
        let schemas: BTreeMap<String, Value> =
            serde_json::from_str(&printed("schemas.mjs", "")).expect("schemas by revision");
        let all: Vec<_> = schemas
            .into_iter()
            .map(|(revision, schema)| {
                let types = if schema.get("$defs").is_some() { "$defs" } else { "definitions" };
                let compiled = RefCell::default();
                (Revision::parse(&revision).expect("ours"), Self { schema, types, compiled })
            })
            .collect();
        assert_eq!(all.len(), 4, "the suite has the schemas since 2025-03-26");
        all
    }

    /// Whether the message fits the type that its sample has in the schema.
    pub fn fits(&self, sample: &Sample, message: &Value) -> bool {
        let (name, value) = self.subject(sample, message);
        self.with(&name, |judge| judge.is_valid(value))
    }

    /// What the schema minds.
    pub fn why(&self, sample: &Sample, message: &Value) -> String {
        let (name, value) = self.subject(sample, message);
        self.with(&name, |judge| match judge.validate(value) {
            Ok(()) => format!("{name}: nothing"),
            Err(error) => format!("{name}: {error} at {}", error.instance_path()),
        })
    }

    fn with<T>(&self, name: &str, ask: impl FnOnce(&Validator) -> T) -> T {
        let mut compiled = self.compiled.borrow_mut();
        let judge = compiled.entry(name.to_owned()).or_insert_with(|| {
            let mut schema = self.schema.clone();
            schema["$ref"] = format!("#/{}/{name}", self.types).into();
            // `format` is a note in both drafts, unless somebody asks for more.
            jsonschema::options().should_validate_formats(false).build(&schema).expect(name)
        });
        ask(judge)
    }

    /// The name of the type, and the part of the message that it is about.
    fn subject<'a>(&self, sample: &Sample, message: &'a Value) -> (String, &'a Value) {
        let request = self.request(sample);
        if !sample.is_result {
            return (request, message);
        }
        let stem = request.strip_suffix("Request").expect("an answer is to a request");
        let result = &message["result"];
        let asks = result.get("resultType").is_some_and(|kind| kind == "input_required");
        let may_ask = ["CallTool", "GetPrompt", "ReadResource"].contains(&stem);
        let own = format!("{stem}Result");
        let name = if TASKS.iter().any(|row| std::ptr::eq(row, sample.row)) {
            "CreateTaskResult".to_owned()
        } else if asks && may_ask && self.has("InputRequiredResult") {
            "InputRequiredResult".to_owned()
        } else if self.has(&own) {
            own
        } else {
            "Result".to_owned()
        };
        (name, result)
    }

    fn has(&self, name: &str) -> bool {
        self.schema[self.types].get(name).is_some()
    }

    /// The type of the request or notification with the sample's method.
    fn request(&self, sample: &Sample) -> String {
        let types = self.schema[self.types].as_object().expect("types");
        let ending = match sample.row.kind {
            Kind::Request => "Request",
            Kind::Notification => "Notification",
        };
        let mut named = types.iter().filter(|(name, definition)| {
            name.ends_with(ending)
                && definition.pointer("/properties/method/const") == Some(&json!(sample.row.name))
        });
        let from = if sample.row.from == Peer::Client { "client" } else { "server" };
        let (name, _) = named.next().unwrap_or_else(|| panic!("{} from a {from}", sample.row.name));
        name.clone()
    }
}

/// What a script of `peers/oracle` prints.
#[expect(clippy::disallowed_methods, reason = "a judge of other people's, outside of the product")]
pub fn printed(script: &str, input: &str) -> String {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    let peers = std::env::var_os("PORTCULLIS_PEERS")
        .map_or_else(|| root.join("target/peers"), PathBuf::from);
    let suite = peers.join("node/node_modules/@modelcontextprotocol/conformance");
    assert!(suite.exists(), "no conformance suite: run `cargo xtask test`, which brings the peers");
    let mut node = Command::new("node");
    node.arg(root.join("peers/oracle").join(script)).env("PORTCULLIS_PEERS", peers);
    let mut child = node.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("node");
    let mut questions = child.stdin.take().expect("a pipe");
    let output = std::thread::scope(|scope| {
        scope.spawn(move || questions.write_all(input.as_bytes()));
        child.wait_with_output().expect("an answer")
    });
    assert!(output.status.success(), "{script}: {}", output.status);
    String::from_utf8(output.stdout).expect("UTF-8")
}
