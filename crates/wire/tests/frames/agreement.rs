//! What we accept, Python and Node read as we do: same structure, same names,
//! same strings, same doubles.
//!
//! Numbers are compared as doubles, bit for bit. Integers past 2^53 are accepted:
//! Python keeps them whole and Node rounds them, so a judgement must not depend
//! on their last digits, and we forward the text, not the number.

use crate::data;

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::process::Stdio;

use portcullis_wire::{Json, Limits, elements, parse, write};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

const PYTHON: &str = r#"
import json, struct, sys
def string(s):
    units = s.encode('utf-16-be', 'surrogatepass')
    return '"' + ''.join('%02x%02x' % (units[i], units[i + 1]) for i in range(0, len(units), 2)) + '"'
def dump(v):
    if v is None: return 'null'
    if v is True: return 'true'
    if v is False: return 'false'
    if isinstance(v, str): return string(v)
    if isinstance(v, (int, float)): return '#' + struct.pack('>d', float(v) + 0.0).hex()
    if isinstance(v, list): return '[' + ','.join(map(dump, v)) + ']'
    return '{' + ','.join(sorted(string(k) + ':' + dump(x) for k, x in v.items())) + '}'
for line in sys.stdin:
    try: print(dump(json.loads(bytes.fromhex(line.strip()).decode('utf-8'))))
    except Exception as e: print('refused')
"#;

const NODE: &str = r#"
const string = s => '"' + Array.from({length: s.length}, (_, i) => s.charCodeAt(i).toString(16).padStart(4, '0')).join('') + '"';
const double = n => { const b = Buffer.alloc(8); b.writeDoubleBE(n + 0); return '#' + b.toString('hex'); };
const dump = v => v === null ? 'null' : v === true ? 'true' : v === false ? 'false'
    : typeof v === 'string' ? string(v) : typeof v === 'number' ? double(v)
    : Array.isArray(v) ? '[' + v.map(dump).join(',') + ']'
    : '{' + Object.keys(v).map(k => string(k) + ':' + dump(v[k])).sort().join(',') + '}';
const utf8 = new TextDecoder('utf-8', {fatal: true, ignoreBOM: true});
const lines = require('fs').readFileSync(0, 'latin1').split('\n').slice(0, -1);
process.stdout.write(lines.map(line => {
    try { return dump(JSON.parse(utf8.decode(Buffer.from(line.trim(), 'hex')))) + '\n'; }
    catch (e) { return 'refused\n'; }
}).join(''));
"#;

fn string(text: &str) -> String {
    let units = text.encode_utf16().fold(String::new(), |mut out, unit| {
        write!(out, "{unit:04x}").unwrap();
        out
    });
    format!("\"{units}\"")
}

/// The same dump from our side, through nothing but the public API.
fn dump(json: &Json) -> String {
    if let Some(object) = json.object() {
        let mut members: Vec<_> = object
            .iter()
            .map(|(name, value)| format!("{}:{}", string(name), dump(value)))
            .collect();
        members.sort();
        format!("{{{}}}", members.join(","))
    } else if let Some(items) = elements(json) {
        format!("[{}]", items.iter().map(dump).collect::<Vec<_>>().join(","))
    } else if let Some(text) = json.as_text() {
        string(&text)
    } else if let Ok(number) = json.text().trim().parse::<f64>() {
        format!("#{:016x}", (number + 0.0).to_bits())
    } else {
        json.text().trim().to_owned()
    }
}

#[expect(clippy::disallowed_methods, reason = "the other readers are other programs")]
fn ask(program: &str, flag: &str, script: &str, frames: &[Vec<u8>]) -> Vec<String> {
    let mut child = std::process::Command::new(program)
        .args([flag, script])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("this test needs `{program}`: {error}"));
    let mut input = child.stdin.take().unwrap();
    let mut output = child.stdout.take().unwrap();
    let text = frames.iter().fold(String::new(), |mut text, frame| {
        for byte in frame {
            write!(text, "{byte:02x}").unwrap();
        }
        text.push('\n');
        text
    });
    // Python answers line by line, so somebody must listen while we speak.
    let answers = std::thread::scope(|scope| {
        scope.spawn(move || input.write_all(text.as_bytes()).unwrap());
        let mut answers = String::new();
        output.read_to_string(&mut answers).unwrap();
        answers
    });
    assert!(child.wait().unwrap().success(), "`{program}` failed");
    let answers: Vec<_> = answers.lines().map(str::to_owned).collect();
    assert_eq!(answers.len(), frames.len(), "`{program}` lost an answer");
    answers
}

/// JSON text with every liberty the grammar allows.
fn json_text() -> impl Strategy<Value = String> {
    let name = prop_oneof!["[a-c]", r"\PC{0,4}", r"[a\\\\u0-9\x00-\x20]{0,6}"]
        .prop_map(|name| serde_json::Value::from(name).to_string());
    let escape = prop_oneof![
        r"\\u[0-9a-fA-F]{4}",
        Just(r"\ud83d\ude00".to_owned()),
        r#"\\["\\/bfnrt]"#,
        r#"[^"\\\x00-\x1f]"#,
    ];
    let written =
        prop::collection::vec(escape, 0..6).prop_map(|parts| format!("\"{}\"", parts.concat()));
    let leaf = prop_oneof![
        Just("null".to_owned()),
        Just("true".to_owned()),
        r"-?(0|[1-9][0-9]{0,20})(\.[0-9]{1,20})?([eE][+-]?[0-9]{1,3})?",
        name.clone(),
        written.clone(),
    ];
    leaf.prop_recursive(5, 60, 5, move |inner| {
        let key = prop_oneof![name.clone(), written.clone()];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5)
                .prop_map(|items| format!("[{}]", items.join(" ,\t"))),
            prop::collection::vec((key, inner), 0..5).prop_map(|members| {
                let members: Vec<_> =
                    members.iter().map(|(k, v)| format!("{k}\r\n: {v}")).collect();
                format!("{{ {} }}", members.join(","))
            }),
        ]
    })
}

/// Frames nobody thought of: grammar at random, and known frames with bytes changed.
fn generated() -> Vec<Vec<u8>> {
    let mut runner = TestRunner::deterministic();
    let mut frames = Vec::new();
    let text = json_text();
    for _ in 0..3000 {
        let value = text.new_tree(&mut runner).unwrap().current();
        frames.push(
            format!(r#"{{"jsonrpc":"2.0","id":1,"method":"x","params":{{"a":{value}}}}}"#)
                .into_bytes(),
        );
    }
    let known: Vec<Vec<u8>> = data::accepted()
        .into_iter()
        .chain(data::hostile().into_iter().map(|frame| frame.bytes))
        .filter(|frame| frame.len() < 2000)
        .collect();
    let change =
        (0..known.len(), any::<prop::sample::Index>(), 0..3, r#"[{}\[\]",:\\u0-9eE.a \t-]"#);
    for _ in 0..6000 {
        let (at, place, how, with) = change.new_tree(&mut runner).unwrap().current();
        let mut frame = known.get(at).unwrap().clone();
        let start = place.index(frame.len());
        let end = if how == 0 { start } else { start + 1 };
        let with = if how == 1 { Vec::new() } else { with.into_bytes() };
        frame.splice(start..end, with);
        frames.push(frame);
    }
    frames
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the encoder itself is under test")]
fn what_we_accept_python_and_node_read_as_we_do() {
    let mut frames = data::accepted();
    frames.extend(data::hostile().into_iter().map(|frame| frame.bytes));
    frames.extend(generated());
    let mut accepted = Vec::new();
    let mut expected = Vec::new();
    for frame in frames {
        let Ok(message) = parse(&frame, &Limits::default()) else { continue };
        let ours = Json::parse(std::str::from_utf8(&frame).unwrap(), 64).unwrap();
        // serde_json is a third reader: later windows read through it.
        let theirs: serde_json::Value = serde_json::from_slice(&frame).unwrap();
        assert_eq!(dump(&ours), dump(&Json::from_value(&theirs)));
        expected.push(dump(&ours));
        accepted.push(frame);
        // And what leaves must be read as what came in.
        let mut out = Vec::new();
        write::encode(&message, &mut out);
        out.pop();
        assert!(!out.contains(&b'\n') && !out.contains(&b'\r'));
        expected.push(dump(&Json::parse(std::str::from_utf8(&out).unwrap(), 64).unwrap()));
        accepted.push(out);
    }
    assert!(accepted.len() > 3000, "only {} frames were accepted", accepted.len());
    let python = ask("python3", "-c", PYTHON, &accepted);
    let node = ask("node", "-e", NODE, &accepted);
    for (((frame, ours), python), node) in accepted.iter().zip(&expected).zip(&python).zip(&node) {
        let frame = String::from_utf8_lossy(frame);
        assert_eq!(python, ours, "Python reads {frame}");
        assert_eq!(node, ours, "Node reads {frame}");
    }
}
