//! Any text as a path: what is contained lies inside, however it is resolved.
//!
//! The judgement's answer is resolved once more by a reader of its own, which
//! knows only `/`, `.` and `..`, and must end inside the root that was named.
#![no_main]

use libfuzzer_sys::fuzz_target;
use portcullis_guard::path::{Access, Root, Roots};

const ROOTS: [&str; 3] = ["/home/ada/project", "/home/ada/project/vendor", "/srv"];

fuzz_target!(|asked: &[u8]| {
    let asked = String::from_utf8_lossy(asked);
    let mut roots = Roots::new();
    for (place, root) in ROOTS.iter().enumerate() {
        let access = if place == 0 { Access::Write } else { Access::Read };
        roots.add(Root::new(root).expect("a root"), access);
    }
    for cwd in [None, Some("/home/ada/project"), Some("/sandbox/home")] {
        let Ok(contained) = roots.judge(&asked, cwd) else { continue };
        let path = contained.path();
        assert_eq!(path, resolved(path), "nothing is left to resolve in {path:?}");
        let root = contained.root().path();
        assert!(ROOTS.contains(&root.as_str()), "{root}");
        assert!(inside(path, &root), "{path:?} lies outside {root}");
        assert!(!path.contains('\0'), "a path has no NUL");
        if asked.starts_with('/') && !asked.contains(['%', '\\']) {
            let plain = resolved(asked.trim());
            assert!(ROOTS.iter().any(|root| inside(&plain, root)), "{asked:?} is {plain:?}");
        }
    }
});

/// `/a/./b/../c` is `/a/c`; above `/` there is nothing.
fn resolved(path: &str) -> String {
    let mut components: Vec<&str> = Vec::new();
    for component in path.split('/') {
        match component {
            "" | "." => {}
            ".." => drop(components.pop()),
            name => components.push(name),
        }
    }
    format!("/{}", components.join("/"))
}

fn inside(path: &str, root: &str) -> bool {
    path == root || path.strip_prefix(root).is_some_and(|rest| rest.starts_with('/'))
}
