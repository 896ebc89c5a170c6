//! What a server reached for outside of its box: a record, a line for the person
//! who reads along, and a reason in the next question.

use std::path::Path;

use portcullis_confine::{Access, Wish, admit_root};

use crate::driver::Driver;

impl Driver {
    /// Takes what was told since we last looked. Nothing depends on it.
    pub(crate) fn hear_the_doorbell(&mut self) {
        let Some(custody) = &mut self.custody else { return };
        let wishes = custody.wishes().unwrap_or_default();
        let home = self.keeper.home().map(Path::to_owned);
        for wish in wishes {
            self.session.wanted(&told(&wish, home.as_deref()));
        }
    }
}

/// One wish in a person's words, with what would grant it.
fn told(wish: &Wish, home: Option<&Path>) -> String {
    match wish {
        Wish::Open(path) => format!("the server wanted {path}{}", remedy(path, home)),
        Wish::Run(path) => format!("the server wanted to run {path}, which is not in its box"),
        Wish::Connect(to) => format!(
            "the server wanted to connect to {to}, and has no network: `--network` would allow it"
        ),
        Wish::More => "the server wanted more, which is not told any more".to_owned(),
    }
}

fn remedy(path: &str, home: Option<&Path>) -> String {
    let path = Path::new(path);
    let dir = if path.is_dir() { Some(path) } else { path.parent() };
    let root = dir.and_then(|dir| admit_root(dir, Access::ReadOnly, home).ok());
    match root {
        Some(root) => {
            format!(", which is not in its box: `--root {}` would show it", root.path.display())
        }
        None => ", which no root can show".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wish_says_what_would_grant_it() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path().canonicalize().unwrap();
        let file = dir.join("key");
        std::fs::write(&file, "").unwrap();
        let (dir, file) = (dir.display().to_string(), file.display().to_string());
        for (wish, expect) in [
            (Wish::Open(file), format!("`--root {dir}` would show it")),
            (Wish::Open(dir.clone()), format!("`--root {dir}` would show it")),
            (Wish::Open("/etc/shadow".into()), "which no root can show".to_owned()),
            (Wish::Run("/opt/x".into()), "not in its box".to_owned()),
            (Wish::Connect("192.0.2.1:443".into()), "`--network` would allow it".to_owned()),
        ] {
            let said = told(&wish, None);
            assert!(said.ends_with(&expect), "{said}");
        }
    }
}
