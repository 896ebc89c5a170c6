//! What a program may be given, and what of it is passed.

use portcullis_guard::command::{
    Argv, BadGrammar, Dashes, Form, Grammar, Group, Kind, MOST_WRITTEN, Place, READY, Why, ready,
};
use portcullis_guard::path::{Access, Root, Roots};
use proptest::prelude::*;

fn roots() -> Roots {
    let mut roots = Roots::new();
    roots.add(Root::new("/home/ada/project").unwrap(), Access::Write);
    roots.add(Root::new("/srv/data").unwrap(), Access::Read);
    roots
}

fn judge(grammar: &Grammar, asked: &[&str]) -> Result<Argv, Why> {
    let roots = roots();
    let place = Place { roots: &roots, directory: Some("/home/ada/project") };
    grammar.judge(asked, place).map_err(|refused| refused.why)
}

fn grammar(name: &str) -> Grammar {
    ready(name).unwrap().grammar().unwrap()
}

/// What is passed, or the reason in words.
fn said(grammar: &Grammar, asked: &str) -> String {
    let asked: Vec<&str> = asked.split_whitespace().collect();
    match judge(grammar, &asked) {
        Ok(argv) => argv.words().collect::<Vec<_>>().join(" "),
        Err(why) => format!("refused: {why}"),
    }
}

#[track_caller]
fn passes(name: &str, asked: &str, expect: &str) {
    assert_eq!(said(&grammar(name), asked), expect, "{name} {asked}");
}

#[track_caller]
fn refuses(name: &str, asked: &[&str]) -> Why {
    match judge(&grammar(name), asked) {
        Err(why) => why,
        Ok(argv) => panic!("{name} {asked:?} passes as {argv:?}"),
    }
}

#[test]
fn what_is_listed_is_written_anew() {
    passes("wc", "-l notes.txt", "-l -- /home/ada/project/notes.txt");
    passes("wc", "notes.txt -lw", "-l -w -- /home/ada/project/notes.txt");
    passes("wc", "--lines -- a b", "--lines -- /home/ada/project/a /home/ada/project/b");
    passes("head", "-n 5 /srv/data/x", "-n 5 -- /srv/data/x");
    passes("head", "-n5 x", "-n 5 -- /home/ada/project/x");
    passes("head", "--lines 5 x", "--lines=5 -- /home/ada/project/x");
    passes("head", "--lines=005 x", "--lines=5 -- /home/ada/project/x");
    passes("tail", "-n +7 x", "-n +7 -- /home/ada/project/x");
    passes("grep", "-rn @file src/../src", "-r -n -- @file /home/ada/project/src");
    passes("grep", "-n -- -> src", "-n -- -> /home/ada/project/src");
    passes("find", ". -name *.rs -not -empty", "/home/ada/project -name *.rs -not -empty");
    passes(
        "git-log",
        "--oneline -n 3 main..topic -- src",
        "--oneline -n 3 --end-of-options main..topic -- /home/ada/project/src",
    );
    passes("git-status", "--short", "--short");
    passes("git-status", "--short -- src", "--short -- /home/ada/project/src");
    passes("sort", "-k 2,2n -t , x", "-k 2,2n -t , -- /home/ada/project/x");
}

#[test]
fn options_that_do_more_than_they_say() {
    let attacks: &[(&str, &[&str])] = &[
        ("wc", &["--files0-from=/etc/passwd"]),
        ("wc", &["--files0-from", "/etc/passwd"]),
        ("wc", &["--files0-from=notes.txt"]),
        ("sort", &["-o", "/home/ada/project/x", "y"]),
        ("sort", &["--output=x", "y"]),
        ("sort", &["--compress-program=sh", "y"]),
        ("sort", &["-T/srv", "y"]),
        ("grep", &["-f", "/etc/shadow", "x", "y"]),
        ("grep", &["-f/etc/shadow", "x", "y"]),
        ("grep", &["-rf", "/etc/shadow", "x"]),
        ("grep", &["--file=/etc/shadow", "x", "y"]),
        ("find", &[".", "-exec", "sh", "-c", "id", ";"]),
        ("find", &[".", "-delete"]),
        ("find", &[".", "-fprintf", "x", "y"]),
        ("find", &["-files0-from", "x"]),
        ("git-log", &["-c", "core.pager=sh"]),
        ("git-log", &["--output=/home/ada/project/.git/hooks/x"]),
        ("git-log", &["--ext-diff"]),
        ("git-log", &["--show-signature"]),
        ("git-diff", &["--output=/tmp/x"]),
        ("git-diff", &["--no-index", "/etc/passwd", "x"]),
        ("git-diff", &["--ext-diff"]),
        ("git-status", &["--upload-pack=sh"]),
        ("tail", &["-f", "x"]),
        ("tail", &["--retry", "x"]),
        ("du", &["--files0-from=x"]),
        ("file", &["-f", "x"]),
        ("file", &["-m", "x", "y"]),
        ("diff", &["--to-file=x", "y", "z"]),
        ("cat", &["--help"]),
    ];
    for (name, asked) in attacks {
        let why = refuses(name, asked);
        assert!(matches!(why, Why::Unknown { .. }), "{name} {asked:?}: {why}");
    }
}

#[test]
fn without_a_file_nothing_reads_the_standard_input() {
    for ready in READY.iter().filter(|ready| !ready.name.starts_with("git-")) {
        assert!(matches!(refuses(ready.name, &[]), Why::TooFew { .. }), "{}", ready.name);
        assert!(matches!(refuses(ready.name, &["-"]), Why::Stdin), "{}", ready.name);
    }
    assert_eq!(refuses("cat", &["--", "-"]), Why::Dash);
    assert_eq!(refuses("grep", &["--", "x", "-"]), Why::Stdin);
}

/// There is no shell: a word is a file's name, whatever is in it.
#[test]
fn a_shells_characters_are_letters() {
    let word = "notes.txt; id | sh $(id) `id` > x & *";
    let argv = judge(&grammar("wc"), &[word]).unwrap();
    let words: Vec<&str> = argv.words().collect();
    assert_eq!(words, ["--", "/home/ada/project/notes.txt; id | sh $(id) `id` > x & *"]);
}

#[test]
fn words_that_two_parsers_read_in_two_ways() {
    let cases: &[(&str, &[&str], &str)] = &[
        ("wc", &["--line", "x"], "option"),
        ("wc", &["--lines=1", "x"], "takes no value"),
        ("wc", &["-lq", "x"], "option"),
        ("wc", &["-l\u{0}", "x"], "control"),
        ("wc", &["a\nb"], "control"),
        ("wc", &["a\u{85}b"], "control"),
        ("wc", &[""], "empty"),
        ("wc", &["@list"], "`@`"),
        ("wc", &["--", "-x"], "starts with `-`"),
        ("wc", &["/etc/passwd"], "not a path"),
        ("wc", &["../../etc/passwd"], "not a path"),
        ("wc", &["~/x"], "not a path"),
        ("wc", &["https://example.com/x"], "not a path"),
        ("wc", &["/home/ada/project-evil/x"], "not a path"),
        ("wc", &["..%2f..%2fetc"], "not a path"),
        ("head", &["x", "-n"], "needs a value"),
        ("head", &["-n", "-5", "x"], "starts with `-`"),
        ("head", &["--lines=-5", "x"], "whole number"),
        ("head", &["-n", "1e9", "x"], "whole number"),
        ("head", &["-n", "+5", "x"], "whole number"),
        ("head", &["-qn5", "x"], "option"),
        ("head", &["-5", "x"], "option"),
        ("cut", &["-f1", "-d", "--", "x"], "starts with `-`"),
        ("cut", &["-f", "1;id", "x"], "form"),
        ("diff", &["a"], "at least 2"),
        ("diff", &["a", "b", "c"], "too many"),
        ("uniq", &["in", "out"], "too many"),
        ("find", &[".", "-type", "s"], "one of"),
        ("find", &["--", "."], "means nothing"),
        ("git-log", &["--", "/etc/passwd"], "not a path"),
        ("git-log", &["HEAD:secret"], "form"),
        ("git-log", &["a", "b", "c"], "too many"),
    ];
    for (name, asked, expect) in cases {
        let why = refuses(name, asked).to_string();
        assert!(why.contains(expect), "{name} {asked:?}: {why}");
    }
}

#[test]
fn too_much_is_refused_before_it_is_read() {
    let long = "x".repeat(4097);
    assert_eq!(refuses("wc", &[&long]), Why::TooLong);
    let many = vec!["x"; 257];
    assert_eq!(refuses("wc", &many), Why::TooMany);
    let heavy = "x".repeat(4000);
    assert_eq!(refuses("wc", &vec![heavy.as_str(); 17]), Why::TooLong);
}

/// A short word may become a long path, and what is passed has its bound too.
#[test]
fn what_paths_grow_to_is_bounded() {
    let roots = roots();
    let directory = format!("/home/ada/project/{}", "deep/".repeat(180));
    let place = Place { roots: &roots, directory: Some(&directory) };
    let wc = grammar("wc");
    let few = wc.judge(&["x"; 20], place).unwrap();
    assert!(few.words().map(str::len).sum::<usize>() < MOST_WRITTEN);
    let many = wc.judge(&["x"; 60], place).err().map(|refused| (refused.at, refused.why));
    assert_eq!(many, Some((None, Why::WrittenTooLong)));
}

#[test]
fn paths_are_named_for_the_kernel() {
    let form = Form {
        options: vec!["--into = output".to_owned(), "--from = path".to_owned()],
        arguments: vec![Group { kind: Kind::Path, min: 0, max: 2 }],
        ..Form::default()
    };
    let grammar = Grammar::new(form).unwrap();
    assert!(grammar.writes());
    let argv = judge(&grammar, &["--into=out", "--from", "/srv/data/in", "x"]).unwrap();
    let named: Vec<_> =
        argv.paths().map(|path| (path.contained().path(), path.written())).collect();
    let project = |name: &str| format!("/home/ada/project/{name}");
    let (out, x) = (project("out"), project("x"));
    assert_eq!(named, [(out.as_str(), true), ("/srv/data/in", false), (x.as_str(), false)]);
    assert_eq!(judge(&grammar, &["--into=/srv/data/out"]), Err(Why::ReadOnly));
    assert_eq!(judge(&grammar, &["--into=-"]), Err(Why::Stdin));
}

#[test]
fn ready_grammars_are_grammars() {
    let mut names: Vec<&str> = READY.iter().map(|ready| ready.name).collect();
    for ready in READY {
        let grammar = ready.grammar().unwrap_or_else(|error| panic!("{}: {error}", ready.name));
        assert!(!grammar.writes(), "{}", ready.name);
        assert!(!ready.about.is_empty() && !ready.program.is_empty());
    }
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), READY.len());
    assert!(ready("sh").is_none());
}

#[test]
fn grammars_that_make_no_sense_are_refused() {
    let options = |lines: &[&str]| {
        let options = lines.iter().map(|line| (*line).to_owned()).collect();
        Grammar::new(Form { options, ..Form::default() }).err()
    };
    assert!(matches!(options(&["lines"]), Some(BadGrammar::Option(_))));
    assert!(matches!(options(&["--lines=x"]), Some(BadGrammar::Option(_))));
    assert!(matches!(options(&["--"]), Some(BadGrammar::Option(_))));
    assert!(matches!(options(&["-"]), Some(BadGrammar::Option(_))));
    assert!(matches!(options(&["-a", "-b, -a"]), Some(BadGrammar::Twice(_))));
    for (kind, _why) in [
        ("number 5..1", "range"),
        ("number", "range"),
        ("one of ", "words"),
        ("one of -a", "words"),
        ("text", "length"),
        ("text 0", "length"),
        ("text 9 (", "pattern"),
        ("text 9 a)(b", "pattern"),
        (r"text 9 (\w{400}){400}", "pattern"),
        ("file", "kind"),
        ("path x", "kind"),
    ] {
        assert!(Kind::read(kind).is_err(), "{kind}");
    }
    let group = |min, max| {
        let arguments = vec![Group { kind: Kind::Path, min, max }];
        Grammar::new(Form { arguments, ..Form::default() }).err()
    };
    assert!(group(2, 1).is_some() && group(0, 0).is_some() && group(1, 300).is_some());
    let after = vec![Group { kind: Kind::Path, min: 0, max: 1 }];
    assert!(Grammar::new(Form { after, ..Form::default() }).is_err());
}

/// Letters that make trouble, and some that do not.
fn word() -> impl Strategy<Value = String> {
    let pieces = prop_oneof![
        Just("-".to_owned()),
        Just("--".to_owned()),
        Just("=".to_owned()),
        Just("@".to_owned()),
        Just("..".to_owned()),
        Just("/".to_owned()),
        Just("/etc/passwd".to_owned()),
        Just("/srv/data".to_owned()),
        Just("%2e".to_owned()),
        Just("\u{0}".to_owned()),
        Just("files0-from".to_owned()),
        Just("lines".to_owned()),
        "[a-zA-Z0-9]{1,3}",
        any::<char>().prop_map(String::from),
    ];
    let made = prop::collection::vec(pieces, 0..5).prop_map(|pieces| pieces.concat());
    let listed: Vec<String> = READY
        .iter()
        .flat_map(|ready| {
            let grammar = ready.grammar().unwrap();
            let names: Vec<String> = grammar.options().map(|(name, _)| name.to_owned()).collect();
            names
        })
        .collect();
    let option = prop::sample::select(listed);
    let with_value =
        (option.clone(), made.clone()).prop_map(|(name, value)| format!("{name}={value}"));
    prop_oneof![3 => made, 2 => option, 1 => with_value]
}

fn inside(path: &str) -> bool {
    let roots = ["/home/ada/project", "/srv/data"];
    let below = |root: &str| {
        path.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    roots.iter().any(|root| below(root)) && path.split('/').all(|part| part != ".." && part != ".")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    /// Whatever is asked: each word that is passed is an option in its listed spelling,
    /// its value, a divider of ours, or an argument; and each path lies in a root.
    #[test]
    fn nothing_is_passed_that_was_not_listed(
        which in 0..READY.len(),
        asked in prop::collection::vec(word(), 0..8),
    ) {
        let ready = &READY[which];
        let grammar = ready.grammar().unwrap();
        let asked: Vec<&str> = asked.iter().map(String::as_str).collect();
        let Ok(argv) = judge(&grammar, &asked) else { return Ok(()) };
        let words: Vec<&str> = argv.words().collect();
        let options: std::collections::BTreeMap<&str, bool> =
            grammar.options().map(|(name, kind)| (name, kind.is_some())).collect();
        let mut rest = words.iter();
        let mut free = false;
        let mut named = 0;
        while let Some(word) = rest.next() {
            prop_assert!(!word.is_empty() && !word.chars().any(char::is_control));
            if free || !word.starts_with('-') {
                if word.starts_with('/') && inside(word) { named += 1; }
                continue;
            }
            if *word == "--" || *word == "--end-of-options" {
                free = true;
                continue;
            }
            let name = word.split_once('=').map_or(*word, |(name, _)| name);
            let takes = options.get(name);
            prop_assert!(takes.is_some(), "{word:?} in {words:?} from {asked:?}");
            if takes == Some(&true) && !word.starts_with("--") {
                let value = rest.next();
                prop_assert!(value.is_some_and(|value| !value.starts_with('-')), "{words:?}");
            }
        }
        for path in argv.paths() {
            prop_assert!(inside(path.contained().path()), "{path:?}");
            prop_assert!(words.iter().any(|word| word.ends_with(path.contained().path())));
        }
        prop_assert!(argv.paths().count() <= named);
        // What was understood is understood alike when it is read again.
        if ready.name != "grep" {
            let again = judge(&grammar, &words.iter().copied().filter(|w| *w != "--end-of-options").collect::<Vec<_>>());
            prop_assert_eq!(again.map(|a| a.words().map(str::to_owned).collect::<Vec<_>>()).ok(), Some(words.iter().map(|w| (*w).to_owned()).collect::<Vec<_>>()), "{:?}", asked);
        }
    }

    /// A grammar's own texts never panic, and what they accept judges.
    #[test]
    fn any_text_as_a_grammar(line in "[-, =a-z0-9.|()\\[\\]{}+*]{0,40}", asked in prop::collection::vec(word(), 0..4)) {
        let Ok(grammar) = Grammar::new(Form { options: vec![line], dashes: Dashes::Ends, ..Form::default() }) else {
            return Ok(());
        };
        let asked: Vec<&str> = asked.iter().map(String::as_str).collect();
        let _ = judge(&grammar, &asked);
    }
}
