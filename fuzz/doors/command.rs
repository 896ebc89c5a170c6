//! Any words to any program: what is passed was listed, and what is a path lies in a root.
//!
//! The first byte chooses a grammar, or a text before the first line end is one; the
//! other lines are words. The words that are passed are read once more by a reader of
//! its own, which knows only the listed names.
#![no_main]

use std::collections::BTreeMap;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use portcullis_guard::command::{Argv, Dashes, Form, Grammar, Group, Kind, Place, READY};
use portcullis_guard::path::{Access, Root, Roots};

const ROOTS: [&str; 2] = ["/home/ada/project", "/srv/data"];

static PLACE: LazyLock<Roots> = LazyLock::new(|| {
    let mut roots = Roots::new();
    roots.add(Root::new(ROOTS[0]).expect("a root"), Access::Write);
    roots.add(Root::new(ROOTS[1]).expect("a root"), Access::Read);
    roots
});

static GRAMMARS: LazyLock<Vec<Grammar>> =
    LazyLock::new(|| READY.iter().map(|ready| ready.grammar().expect("a grammar")).collect());

fuzz_target!(|bytes: &[u8]| {
    let Some((first, rest)) = bytes.split_first() else { return };
    let text = String::from_utf8_lossy(rest);
    let place = Place { roots: &PLACE, directory: Some(ROOTS[0]) };
    // A word may have a line end in it, behind a backslash.
    let words: Vec<String> =
        text.split('\n').map(|word| word.replace("\\n", "\n").replace("\\0", "\0")).collect();
    if let Some(grammar) = GRAMMARS.get(usize::from(*first)) {
        if let Ok(argv) = grammar.judge(&words, place) {
            holds(grammar, &argv);
        }
        return;
    }
    let Some((line, words)) = words.split_first() else { return };
    let form = Form {
        options: vec![line.clone()],
        arguments: vec![Group { kind: Kind::Path, min: 0, max: 9 }],
        dashes: if first % 2 == 0 { Dashes::Ends } else { Dashes::Unknown },
        dashed: first % 3 == 0,
        ..Form::default()
    };
    let Ok(grammar) = Grammar::new(form) else { return };
    if let Ok(argv) = grammar.judge(words, place) {
        holds(&grammar, &argv);
    }
});

fn holds(grammar: &Grammar, argv: &Argv) {
    let words: Vec<&str> = argv.words().collect();
    let options: BTreeMap<&str, bool> =
        grammar.options().map(|(name, kind)| (name, kind.is_some())).collect();
    let (mut rest, mut free) = (words.iter(), false);
    while let Some(word) = rest.next() {
        assert!(!word.is_empty() && !word.chars().any(char::is_control), "{words:?}");
        if free || !word.starts_with('-') {
            continue;
        }
        if ["--", "--end-of-options"].contains(word) {
            free = true;
            continue;
        }
        let name = word.split_once('=').map_or(*word, |(name, _)| name);
        let takes = options.get(name).unwrap_or_else(|| panic!("{word:?} in {words:?}"));
        assert!(*takes || name == *word, "{word:?} takes nothing");
        if *takes && !word.starts_with("--") {
            let value = rest.next().expect("a value");
            assert!(!value.starts_with('-'), "{value:?} in {words:?}");
        }
    }
    for named in argv.paths() {
        let path = named.contained().path();
        let below = |root: &str| {
            path.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        assert!(ROOTS.iter().any(|root| below(root)), "{path:?}");
        assert!(path.split('/').all(|part| part != ".." && part != "."), "{path:?}");
        assert!(words.iter().any(|word| word.ends_with(path)), "{path:?} in {words:?}");
        assert!(!named.written() || below(ROOTS[0]), "{path:?} is only read");
    }
}
