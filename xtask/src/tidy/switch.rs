//! The test switch that leaves layers out is in no release: code that names it
//! is taken in with debug assertions only. What is built is looked at too, by
//! `cargo xtask test`.

use super::Complaint;
use crate::repo::{File, Tree};

const RULE: &str = "switch";

/// The variable that names what is left out.
pub(crate) const NAME: &str = "PORTCULLIS_WITHOUT";

/// Whoever names it is a module that a release does not have; and somebody does,
/// or another name is read now.
pub(super) fn check(tree: &Tree) -> Vec<Complaint> {
    let shipped = tree.rust().filter(|file| file.path.split('/').nth(2) == Some("src"));
    let shipped = shipped.filter(|file| file.path.starts_with("crates/"));
    let naming: Vec<&File> = shipped.filter(|file| file.text.contains(NAME)).collect();
    if naming.is_empty() {
        let what = format!("nobody reads `{NAME}`: what is looked for in a release, then?");
        return vec![Complaint::new(RULE, "xtask/src/tidy/switch.rs", 0, what)];
    }
    let released = naming.into_iter().filter(|file| !is_for_tests(tree, &file.path));
    let what = format!(
        "`{NAME}` is for tests: it belongs into a module of its own, right below the crate, \
         behind `#[cfg(debug_assertions)]`"
    );
    released.map(|file| Complaint::new(RULE, &file.path, 0, what.clone())).collect()
}

/// `crates/NAME/src/MODULE.rs`, which `lib.rs` takes in with debug assertions.
fn is_for_tests(tree: &Tree, path: &str) -> bool {
    let Some((folder, file)) = path.rsplit_once('/') else { return false };
    let Some(module) = file.strip_suffix(".rs") else { return false };
    let declared = format!("#[cfg(debug_assertions)]\nmod {module};\n");
    tree.text(&format!("{folder}/lib.rs")).is_some_and(|text| text.contains(&declared))
}

/// Whether a program holds the name.
pub(crate) fn is_in(program: &[u8]) -> bool {
    program.windows(NAME.len()).any(|window| window == NAME.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complained(files: &[(&str, &str)]) -> Vec<String> {
        check(&Tree::of(files)).into_iter().map(|complaint| complaint.file).collect()
    }

    #[test]
    fn code_that_a_release_would_have_is_found() {
        let reads = format!("const V: &str = \"{NAME}\";");
        let switch = ("crates/a/src/switch.rs", reads.as_str());
        let held = "//! A.\n#[cfg(debug_assertions)]\nmod switch;\n";
        let good = [("crates/a/src/lib.rs", held), switch, ("crates/a/tests/t.rs", &reads)];
        assert_eq!(complained(&good), Vec::<String>::new());
        for lib in ["mod switch;\n", "#[cfg(test)]\nmod switch;\n", ""] {
            let found = complained(&[("crates/a/src/lib.rs", lib), switch]);
            assert_eq!(found, ["crates/a/src/switch.rs"], "{lib}");
        }
        let elsewhere = [good[0], switch, ("crates/b/src/c/d.rs", &reads)];
        assert_eq!(complained(&elsewhere), ["crates/b/src/c/d.rs"]);
        assert_eq!(complained(&good[..1]), ["xtask/src/tidy/switch.rs"], "it has another name");
    }

    #[test]
    fn a_program_with_the_switch_is_found() {
        let program = |name: &str| [b"\x7fELF\0", name.as_bytes(), b"\0\xff"].concat();
        assert!(is_in(&program(NAME)));
        assert!(!is_in(&program("PORTCULLIS_STATE")) && !is_in(b""));
    }
}
