//! Types that can only hold what was judged.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test")]

use std::sync::LazyLock;

use portcullis_guard::Access;
use portcullis_guard::command::{Grammar, ready};
use portcullis_guard::egress::{Reach, Rule};
use portcullis_guard::sql::{Dialect, Effect};
use portcullis_kit::arguments::{Listed, Program, Query};
use portcullis_kit::{Argv, Bounded, Ceiling, NamedQuery, Roots, SafeUrl, UnderRoot};

#[derive(Debug)]
struct Web;

impl Listed for Web {
    fn reach() -> &'static Reach {
        static REACH: LazyLock<Reach> = LazyLock::new(|| {
            let rules = ["api.example.com", "*.docs.example.com", "127.0.0.1:8080", "localhost"];
            Reach::new(rules.map(|rule| Rule::new(rule).unwrap()).to_vec()).unwrap()
        });
        &REACH
    }
}

#[test]
fn an_address_is_listed_or_it_is_none() {
    for (asked, expect) in [
        ("https://api.example.com/a?b=c", Ok(())),
        ("https://a.docs.example.com/", Ok(())),
        ("http://127.0.0.1:8080/", Ok(())),
        ("https://api.example.com:8443/", Err("not listed")),
        ("https://docs.example.com/", Err("not listed")),
        ("https://example.org/", Err("not listed")),
        ("http://api.example.com/", Err("only https:")),
        ("ftp://api.example.com/", Err("only https:")),
        ("file:///etc/passwd", Err("only https:")),
        ("https://user:secret@api.example.com/", Err("")),
        ("https://api.example.com@example.org/", Err("")),
        ("https://api.example.com.example.org/", Err("not listed")),
        ("https://api.example.com\\@example.org/", Err("characters that no uri has")),
        ("https://169.254.169.254/latest/meta-data/", Err("not listed")),
        ("https://2852039166/", Err("")),
        ("https://[::ffff:169.254.169.254]/", Err("not listed")),
        ("https://127.0.0.1:22/", Err("not listed")),
        ("api.example.com", Err("")),
        ("https://api.example.com/\u{0}", Err("characters that no uri has")),
    ] {
        match (SafeUrl::<Web>::judge(asked), expect) {
            (Ok(_), Ok(())) => {}
            (Err(no), Err(words)) => {
                assert!(no.public().contains(words), "{asked}: {no}");
                assert!(!no.public().contains("secret"), "{asked}: {no}");
            }
            (judged, expect) => panic!("{asked}: {judged:?}, not {expect:?}"),
        }
    }
}

#[test]
fn a_listed_name_that_leads_inside_is_not_dialled() {
    // `localhost` is listed, and leads to this machine all the same.
    let url = SafeUrl::<Web>::judge("https://localhost/").unwrap();
    let no = url.addresses().unwrap_err();
    assert!(no.public().contains("not reached") || no.public().contains("cannot be found"), "{no}");
    let exact = SafeUrl::<Web>::judge("http://127.0.0.1:8080/").unwrap();
    assert_eq!(exact.addresses().unwrap(), ["127.0.0.1:8080".parse().unwrap()]);
}

#[derive(Debug)]
struct Wc;

impl Program for Wc {
    fn grammar() -> &'static Grammar {
        static GRAMMAR: LazyLock<Grammar> =
            LazyLock::new(|| ready("wc").unwrap().grammar().unwrap());
        &GRAMMAR
    }
}

fn notes() -> (tempfile::TempDir, Roots) {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("notes")).unwrap();
    let ceiling = Ceiling::new().grant(&dir.path().join("notes"), Access::Read).unwrap();
    let roots = Roots::whole(&ceiling);
    (dir, roots)
}

#[test]
fn words_are_listed_options_and_paths_in_a_root() {
    let (dir, roots) = notes();
    let judge = |words: &[&str]| {
        let words: Vec<String> = words.iter().map(|&word| word.to_owned()).collect();
        let judged = Argv::<Wc>::judge(&words, &roots).ok()?;
        Some(judged.words().map(str::to_owned).collect::<Vec<_>>())
    };
    let note = dir.path().canonicalize().unwrap().join("notes/a.txt").display().to_string();
    assert_eq!(judge(&["-l", "a.txt"]), Some(vec!["-l".to_owned(), "--".to_owned(), note]));
    for words in [
        &["--files0-from=/etc/passwd"][..],
        &["-l", "../secret"],
        &["-l", "/etc/passwd"],
        &["-l"],
        &["--help", "a.txt"],
    ] {
        assert_eq!(judge(words), None, "{words:?}");
    }
}

#[test]
fn outside_of_a_call_there_is_no_path_and_no_word() {
    let path = serde_json::from_value::<UnderRoot>("a.txt".into());
    assert!(path.unwrap_err().to_string().contains("inside a call"));
    let words = serde_json::from_value::<Argv<Wc>>(serde_json::json!(["-l", "a.txt"]));
    assert!(words.unwrap_err().to_string().contains("inside a call"));
}

#[derive(serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct Customer {
    customer: Bounded<32>,
}

macro_rules! query {
    ($name:ident, $text:expr, $effect:expr) => {
        struct $name;

        impl Query for $name {
            type Values = Customer;
            const DIALECT: Dialect = Dialect::Sqlite;
            const TEXT: &'static str = $text;
            const PARAMETERS: &'static [&'static str] = &["customer"];
            const EFFECT: Effect = $effect;
        }
    };
}

query!(Orders, "select * from orders where customer = :customer", Effect::Reads);
query!(Stacked, "select :customer; drop table orders", Effect::Reads);
query!(Liar, "delete from orders where customer = :customer returning *", Effect::Reads);
query!(Forgetful, "select * from orders", Effect::Reads);

#[test]
fn a_query_is_what_it_says_and_its_values_stay_values() {
    let values = serde_json::json!({"customer": "x'; drop table orders; --"});
    let query: NamedQuery<Orders> = serde_json::from_value(values.clone()).unwrap();
    assert!(!query.text().contains("drop") && query.order() == [0], "{query:?}");
    assert_eq!(&*query.values().customer, "x'; drop table orders; --");
    let long = serde_json::json!({"customer": "x".repeat(33)});
    assert!(serde_json::from_value::<NamedQuery<Orders>>(long).is_err());
    assert!(NamedQuery::<Stacked>::judge().is_err());
    assert!(NamedQuery::<Liar>::judge().is_err());
    assert!(NamedQuery::<Forgetful>::judge().is_err());
    assert!(serde_json::from_value::<NamedQuery<Liar>>(values).is_err());
}
