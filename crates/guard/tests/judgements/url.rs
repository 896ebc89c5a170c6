//! URIs: what the lists let pass, what a template reaches, where a link leads.

use portcullis_guard::url::{self, BadUri, Lead, UriLists, UriPattern, Withheld, lead};
use proptest::prelude::*;

fn patterns(texts: &[&str]) -> Vec<UriPattern> {
    texts.iter().map(|text| UriPattern::new(text).unwrap()).collect()
}

fn allow(texts: &[&str]) -> UriLists {
    UriLists { allow: Some(patterns(texts)), ..UriLists::default() }
}

fn deny(texts: &[&str]) -> UriLists {
    UriLists { deny: patterns(texts), ..UriLists::default() }
}

#[test]
fn an_allow_list_means_components() {
    let project = allow(&["file:///home/ada/project/**", "notes://daily/*", "https://a.example/x"]);
    for (uri, passes) in [
        ("file:///home/ada/project/notes.txt", true),
        ("FILE:///home/ada/project/a/b", true),
        ("file://localhost/home/ada/project/a", true),
        ("file:/home/ada/project/a", true),
        ("file:///home/ada/project", true),
        ("file:///home/ada/./project//a", true),
        ("file:///home/ada/project-evil/a", false),
        ("file:///home/ada/project/../.ssh/id", false),
        ("file:///home/ada/project/%2e%2e/.ssh/id", false),
        ("file:///home/ada/project/..%2f.ssh/id", false),
        ("file:///home/ada/project/..%252f.ssh/id", false),
        ("file://evil.example/home/ada/project/a", false),
        ("/home/ada/project/a", false),
        ("notes://daily/monday", true),
        ("NOTES://daily/monday", true),
        ("notes://daily/monday?full=1", false),
        ("notes://daily/monday/more", false),
        ("notes://daily/a%2fb", false),
        ("notes://daily/../secret", false),
        ("notes://daily/%2e%2e/secret", false),
        ("notes:///daily/monday", false),
        ("notes://weekly/1", false),
        ("https://A.Example:443/x", true),
        ("https://a.example./x", true),
        ("https://a.example/y/../x", true),
        ("https://a.example:444/x", false),
        ("https://ada@a.example/x", false),
        ("http://a.example/x", false),
        ("https://а.example/x", false),
    ] {
        assert_eq!(project.judge(uri).is_ok(), passes, "{uri}: {:?}", project.judge(uri));
    }
}

#[test]
fn a_deny_list_is_not_dodged() {
    let secret = deny(&["notes://secret", "file:///home/ada/project/.env", "db://prod/**"]);
    for (uri, passes) in [
        ("notes://secret", false),
        ("notes://secret?again", false),
        ("Notes://secret#x", false),
        ("notes://%73ecret", false),
        ("notes://%2573ecret", false),
        ("notes://open", true),
        ("file:///home/ada/project/src/../.env", false),
        ("file:///home/ada/project/.env.example", true),
        ("db://prod/users/1", false),
        ("db://prod", false),
        ("db://test/users/1", true),
        (" notes://open", false),
        ("notes://open\n", false),
        ("notes://\u{202e}open", false),
        (".env", false),
    ] {
        assert_eq!(secret.judge(uri).is_ok(), passes, "{uri}: {:?}", secret.judge(uri));
    }
}

#[test]
fn without_lists_nothing_is_judged() {
    assert_eq!(UriLists::default().judge("whatever"), Ok(()));
    assert!(deny(&["*"]).judge("notes://a").is_err());
    assert_eq!(allow(&["**"]).judge("notes://a"), Ok(()));
    assert_eq!(allow(&["*"]).judge("a"), Err(Withheld::Bad(BadUri::NoScheme)));
}

#[test]
fn a_pattern_is_a_uri() {
    for (text, expect) in [
        ("no-scheme", Some(BadUri::NoScheme)),
        ("C:/x", Some(BadUri::NoScheme)),
        ("file:///a/../b", Some(BadUri::Climbs)),
        ("https://münchen.example/**", Some(BadUri::Authority)),
        ("https://*.example/**", None),
        ("notes://**", None),
        ("**", None),
    ] {
        assert_eq!(UriPattern::new(text).err(), expect, "{text}");
    }
    let wide = allow(&["https://*.example/**", "postgres://*/**"]);
    assert_eq!(wide.judge("https://a.b.example/x/y?z"), Ok(()));
    assert!(wide.judge("https://example/x").is_err());
    assert_eq!(wide.judge("postgres://ada@db:5432/table/schema"), Ok(()));
}

#[test]
fn a_template_reaches_what_it_could_be_filled_with() {
    let places = patterns(&["file:///home/ada/project/**"]);
    let project = allow(&["file:///home/ada/project/**", "notes://daily/*"]);
    for (template, lists, reaches) in [
        ("file:///{path}", &project, true),
        ("file:///home/{+path}", &project, true),
        ("file:///etc/{name}", &UriLists::default(), false),
        ("file:///home/ada/project/{name}", &UriLists::default(), true),
        ("notes://{folder}/{name}", &project, true),
        ("notes://daily/{name}{?full}", &project, true),
        ("notes://weekly/{name}", &project, false),
        ("db://{table}", &project, false),
        ("{+uri}", &project, true),
        ("db://{table}", &deny(&["db://**"]), false),
        ("db://{table}", &deny(&["db://users"]), true),
        ("notes:{id}", &allow(&["notes:today"]), true),
        ("notes://{id", &UriLists::default(), false),
        ("no scheme", &UriLists::default(), false),
    ] {
        let judged = url::expanded(template, lists, &places).and_then(|meant| lists.passes(&meant));
        assert_eq!(judged.is_ok(), reaches, "{template}: {judged:?}");
    }
    assert_eq!(url::template::fill("a://{x}/{+y}", "x", "1"), Ok("a://1/{+y}".to_owned()));
}

#[test]
fn a_link_leads_somewhere() {
    let nowhere = |uri: &str| matches!(lead(uri), Lead::Nowhere(_));
    for uri in [
        "http://127.0.0.1/",
        "http://localhost:8080/x",
        "http://a.localhost/",
        "http://[::1]/",
        "http://2130706433/",
        "http://0x7f.1/",
        "http://0177.0.0.1/",
        "http://10.0.0.1/",
        "http://192.168.1.1/",
        "http://172.16.0.1/",
        "http://100.64.0.1/",
        "http://0/",
        "http://169.254.169.254/latest/meta-data/",
        "http://metadata.google.internal/",
        "http://[::ffff:169.254.169.254]/",
        "http://[64:ff9b::a9fe:a9fe]/",
        "http://[fd00::1]/",
        "http://[2002:7f00:1::]/",
        "http://router/",
        "http://printer.local./",
        "http:///x",
        "https://ada:secret@example.com/",
        "https://example.com@evil.example/",
        "ftp://10.1.1.1/",
        "javascript:alert(1)",
        "JavaScript:alert(1)",
        "java\tscript:alert(1)",
        "data:text/html,x",
        "vbscript:x",
        "ms-msdt:/id",
        "smb://share.example/x",
        "https://exämple.com/",
        "notes://a/../b",
        "nothing",
        "",
        "http://127.0.0.1:80%40x/",
    ] {
        assert!(nowhere(uri), "{uri}: {:?}", lead(uri));
    }
    for uri in [
        "https://example.com/a?b=c#d",
        "http://8.8.8.8/",
        "http://[2606:4700::1]/",
        "wss://a.example",
    ] {
        assert_eq!(lead(uri), Lead::Web, "{uri}");
    }
    for uri in ["notes://today", "demo://resource/static/1", "memo:x", "postgres://ada@db/t"] {
        assert_eq!(lead(uri), Lead::Server, "{uri}");
    }
    assert_eq!(lead("FILE:///etc/passwd"), Lead::File);
}

proptest! {
    /// However a URI below an allowed place is disguised, what passes is below it.
    #[test]
    fn what_passes_lies_below(tail in "[a-z./%2ef]{0,24}") {
        let project = allow(&["notes://daily/**"]);
        let uri = format!("notes://daily/{tail}");
        if project.judge(&uri).is_ok() {
            let mut text = uri;
            for _ in 0..4 {
                prop_assert!(!text.split('/').any(|part| part == ".."), "{}", text);
                text = text.replace("%2e", ".").replace("%2f", "/").replace("%25", "%");
            }
        }
    }

    #[test]
    fn no_text_breaks_it(text in ".{0,64}") {
        let _ = (lead(&text), allow(&["notes://**"]).judge(&text));
        let _ = url::expanded(&text, &deny(&["notes://**"]), &[]);
    }
}
