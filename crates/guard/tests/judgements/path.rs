//! No spelling leaves a root.

use portcullis_guard::path::{Access, Escape, Root, Roots, intersect};
use proptest::prelude::*;

fn roots() -> Roots {
    let mut roots = Roots::new();
    roots.add(Root::new("/project").unwrap(), Access::Write);
    roots.add(Root::new("/project/vendor").unwrap(), Access::Read);
    roots.add(Root::new("/data sets/é").unwrap(), Access::Read);
    roots
}

#[test]
fn contained() {
    let table = [
        ("/project", "/project"),
        ("/project/", "/project"),
        ("/project/a.txt", "/project/a.txt"),
        ("/project//a/./b", "/project/a/b"),
        ("/project/a/../b", "/project/b"),
        ("/../project/a", "/project/a"),
        ("/elsewhere/../project/a", "/project/a"),
        ("", "/project/src"),
        (".", "/project/src"),
        ("a", "/project/src/a"),
        ("./a/b.rs", "/project/src/a/b.rs"),
        ("../README.md", "/project/README.md"),
        ("..", "/project"),
        ("...", "/project/src/..."),
        ("..a/b..", "/project/src/..a/b.."),
        ("a~", "/project/src/a~"),
        ("a/~/b", "/project/src/a/~/b"),
        ("C++/a:b", "/project/src/C++/a:b"),
        ("50% off.txt", "/project/src/50% off.txt"),
        ("app/$id.tsx", "/project/src/app/$id.tsx"),
        ("file:///project/a", "/project/a"),
        ("FILE:///project/a", "/project/a"),
        ("file:/project/a", "/project/a"),
        ("file://localhost/project/a", "/project/a"),
        ("file:///data%20sets/%C3%A9/x", "/data sets/é/x"),
        ("/data sets/é/x", "/data sets/é/x"),
        ("漢字／x", "/project/src/漢字／x"),
    ];
    for (asked, path) in table {
        let judged = roots().judge(asked, Some("/project/src"));
        assert_eq!(judged.as_ref().map(|contained| contained.path()), Ok(path), "{asked}");
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of spellings")]
fn escapes() {
    use Escape::*;
    let long = format!("/project/{}", "a/".repeat(2100));
    let wide = format!("/project/{}", "a".repeat(256));
    let table = [
        // Lexical.
        ("/etc/passwd", Outside),
        ("/", Outside),
        ("/project-evil/a", Outside),
        ("/project.bak", Outside),
        ("/Project/a", Outside),
        ("/projec", Outside),
        ("/project/../etc/passwd", Outside),
        ("/project/a/../../etc", Outside),
        ("/project/../project-evil", Outside),
        ("../../etc/passwd", Outside),
        ("a/../../../etc/passwd", Outside),
        ("../../../../../../../../etc/passwd", Outside),
        (".././../x", Outside),
        ("/project/./../x", Outside),
        ("/proc/self/cwd/a", Outside),
        ("/proc/self/root/project/a", Outside),
        // Readings: trimmed, unquoted, normalised.
        (" /etc/passwd", Outside),
        ("\u{a0}/etc/passwd", Outside),
        ("\"/etc/passwd\"", Outside),
        ("'/etc/passwd'", Outside),
        ("`/etc/passwd`", Outside),
        ("%20/etc/passwd", Outside),
        ("．．/．．/etc", Outside),
        ("‥/‥/etc", Outside),
        ("..／..／etc", Outside),
        ("／etc／passwd", Outside),
        ("\u{2024}\u{2024}/../etc", Outside),
        ("%ef%bc%8fetc", Outside),
        ("../..\"%ef%bc%8f", Outside),
        ("～/x", Home),
        // Encoded.
        ("%2e%2e/%2e%2e/etc", Encoded),
        ("..%2f..%2fetc", Encoded),
        ("..%2F..%2Fetc", Encoded),
        ("%2E%2E%2Fetc", Encoded),
        ("..%5c..%5cetc", Encoded),
        ("a%00.txt", Encoded),
        ("a%0a", Encoded),
        ("%252e%252e/etc", Encoded),
        ("%25252e", Encoded),
        ("%c0%ae%c0%ae/etc", Encoded),
        ("%c0%af", Encoded),
        ("%e0%80%ae", Encoded),
        ("%u002e%u002e/etc", Encoded),
        ("%uff0e", Encoded),
        ("%7e/x", Encoded),
        ("file:///project/%2e%2e/etc", Encoded),
        ("file:///project/..%2fetc", Encoded),
        ("file:///project/a%00", Encoded),
        ("file:///project/%252e", Encoded),
        ("file:///project/%", Encoded),
        ("file:///project/%4", Encoded),
        ("file:///project/%zz", Encoded),
        ("file:///project/%+1", Encoded),
        ("file:///project/%ff", Encoded),
        ("file:///project/a?b", Encoded),
        ("file:///project/a#b", Encoded),
        // Homes.
        ("~", Home),
        ("~/", Home),
        ("~/.ssh/id_rsa", Home),
        ("~root/.ssh", Home),
        ("~+", Home),
        ("~-/x", Home),
        ("./~/x", Home),
        ("a/../~/x", Home),
        ("~/../x", Home),
        ("~a/../~", Home),
        (" ~/x", Home),
        // Other machines, other schemes.
        ("//host/share", Host),
        ("//project/a", Host),
        ("\\\\host\\share", Host),
        ("\\\\?\\C:\\x", Host),
        ("\\\\.\\pipe\\x", Host),
        ("file://host/project/a", Host),
        ("file://127.0.0.1/project/a", Host),
        ("file:////project/a", Host),
        ("file://localhost@evil/project", Host),
        ("file:project/a", Relative),
        ("file://", Relative),
        ("file:", Relative),
        ("http://localhost/project/a", Scheme),
        ("smb://host/project", Scheme),
        ("jar:file:/etc/passwd", Scheme),
        ("C:/Windows", Scheme),
        ("c:a", Scheme),
        // Letters.
        ("..\\..\\etc", Backslash),
        ("C:\\Windows", Backslash),
        ("/project/a\\..\\..\\etc", Backslash),
        ("..＼..＼etc", Backslash),
        // Two dots in one letter, behind a quote that a server may take off.
        ("/project/\u{2025}\"/", Outside),
        ("%ef%bc%8f\u{2025}/project", Encoded),
        ("/project/a\0b", Nul),
        ("\0", Nul),
        ("xx://../../etc", Scheme),
        ("file:///etc/passwd\n", Control),
        ("\u{feff}/etc/passwd", Outside),
        ("/project/a\nb", Control),
        ("/project/a\r", Control),
        ("/project/\u{1b}[31m", Control),
        ("/project/\u{7f}", Control),
        ("/project/\u{85}", Control),
        (long.as_str(), TooLong),
        (wide.as_str(), TooLong),
    ];
    for (asked, escape) in table {
        assert_eq!(roots().judge(asked, Some("/project/src")), Err(escape), "{asked}");
        assert!(!escape.to_string().is_empty());
    }
}

#[test]
fn file_uris_are_read_once() {
    for uri in ["file:////etc/passwd", "file:///%2fetc/passwd", "file:///project/%2e%2e%2fetc"] {
        assert!(roots().judge(uri, None).is_err(), "{uri}");
    }
    assert_eq!(roots().judge("file:///project/../etc", None), Err(Escape::Outside));
}

#[test]
fn a_relative_path_needs_a_directory() {
    assert_eq!(roots().judge("a", None), Err(Escape::Relative));
    assert_eq!(roots().judge("a", Some("relative")), Err(Escape::Relative));
    assert_eq!(roots().judge("a", Some("/project/../etc")), Err(Escape::Relative));
    assert_eq!(roots().judge("a", Some("/etc")), Err(Escape::Outside));
    assert_eq!(roots().judge("../project/a", Some("/etc")).unwrap().path(), "/project/a");
    assert!(roots().judge("/project/a", None).is_ok());
    assert_eq!(Roots::new().judge("/project/a", None), Err(Escape::Outside));
}

#[test]
fn the_narrowest_root_speaks() {
    let judged = roots().judge("/project/vendor/x", None).unwrap();
    assert_eq!((judged.access(), judged.root().path().as_str()), (Access::Read, "/project/vendor"));
    assert_eq!(roots().judge("/project/x", None).unwrap().access(), Access::Write);
}

#[test]
fn a_known_home_is_a_place_like_others() {
    let mut roots = roots();
    roots.set_home(Root::new("/project").unwrap());
    assert_eq!(roots.judge("~/a", Some("/project/src")).unwrap().path(), "/project/a");
    // A server that does not expand would look in its working directory.
    assert_eq!(roots.judge("~/a", Some("/etc")), Err(Escape::Outside));
    assert_eq!(roots.judge("~/../etc", Some("/project")), Err(Escape::Home));
    assert_eq!(roots.judge("~root/a", Some("/project")), Err(Escape::Home));
    roots.set_home(Root::new("/home/me").unwrap());
    assert_eq!(roots.judge("~/a", Some("/project")), Err(Escape::Home));
}

#[test]
fn roots_are_absolute_and_canonical() {
    assert_eq!(Root::new("/a//b/./c/").unwrap().path(), "/a/b/c");
    assert_eq!(Root::new("/").unwrap().path(), "/");
    assert_eq!(Root::new("/a b%é").unwrap().uri(), "file:///a%20b%25%C3%A9");
    for bad in ["", "a", "~/a", "/a/../b", "//a", "/a\0", "/a\\b", "C:/a"] {
        assert!(Root::new(bad).is_err(), "{bad}");
    }
    for bad in ["/a", "file://host/a", "file:a", "https://a/b", "file:///a/%2e%2e", "file:///a/.."]
    {
        assert!(Root::from_uri(bad).is_err(), "{bad}");
    }
    assert_eq!(Root::from_uri("file:///a%20b/").unwrap().path(), "/a b");
}

#[test]
fn a_host_root_is_cut_to_the_ceiling() {
    let table: [(&str, &[&str]); 8] = [
        ("file:///project/src", &["file:///project/src"]),
        ("file:///project", &["file:///project"]),
        ("file:///", &["file:///data%20sets/%C3%A9", "file:///project", "file:///project/vendor"]),
        ("file:///data%20sets", &["file:///data%20sets/%C3%A9"]),
        ("file:///project-evil", &[]),
        ("file:///home/me", &[]),
        ("file://host/project", &[]),
        ("https://project/", &[]),
    ];
    for (host, expected) in table {
        assert_eq!(intersect(host, &roots()), expected, "{host}");
    }
}

/// Paths made of what attacks are made of.
fn path() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("/"),
        Just("/"),
        Just(".."),
        Just("."),
        Just("project"),
        Just("etc"),
        Just("~"),
        Just("%2e"),
        Just("%2f"),
        Just("%20"),
        Just("\\"),
        Just("file:"),
        Just(" "),
        Just("．"),
        Just("／"),
        Just("a"),
        Just("-evil"),
        Just("\""),
        Just("%ef%bc%8f"),
        Just("‥"),
        Just(":"),
    ];
    prop_oneof![
        prop::collection::vec(piece, 0..14).prop_map(|pieces| pieces.concat()),
        any::<String>(),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]
    #[test]
    fn contained_starts_with_its_root_by_component(asked in path(), prefix in "(/project/)?") {
        let asked = format!("{prefix}{asked}");
        if let Ok(contained) = roots().judge(&asked, Some("/project/src")) {
            let path = contained.path();
            let components: Vec<_> = path.split('/').skip(1).collect();
            prop_assert!(!components.iter().any(|c| matches!(*c, "" | "." | "..")), "{}", path);
            let root = contained.root().path();
            let root: Vec<_> = root.split('/').skip(1).collect();
            prop_assert!(components.starts_with(&root));
            prop_assert!(!path.contains(['\0', '\\']));
            // What was judged can be judged again, and is the same place.
            let again = roots().judge(path, None).unwrap();
            prop_assert_eq!(again.path(), path);
        }
    }

    #[test]
    fn a_second_decoding_does_not_get_out(asked in path()) {
        if roots().judge(&asked, Some("/project/src")).is_ok() {
            let twice = asked.replace("%20", " ").replace("%ef%bc%8f", "／").replace('／', "/");
            let judged = roots().judge(twice.trim(), Some("/project/src"));
            prop_assert!(!matches!(judged, Err(Escape::Outside)), "{} {:?}", asked, judged);
        }
    }

    #[test]
    fn a_root_uri_reads_back(path in "(/[^/\\x00-\\x1f\\\\%\u{7f}-\u{9f}]{1,12}){1,4}") {
        if let Ok(root) = Root::new(&path) && !path.contains(['%']) {
            // A `~` or `.` component may stand in a root; a URI encodes neither.
            prop_assert_eq!(Root::from_uri(&root.uri()).unwrap(), root);
        }
    }
}
