//! Exceptions say why, and go when they excuse nothing any more.

use super::Complaint;
use crate::repo::Tree;

const FILE: &str = "xtask/tidy-exceptions.toml";

/// What `xtask/tidy-exceptions.toml` says.
#[derive(Debug, Default)]
pub(super) struct Exceptions {
    /// Every control must have a page.
    pub(super) casebook_complete: bool,
    allowed: Vec<Allowed>,
}

#[derive(Debug)]
struct Allowed {
    rule: String,
    file: String,
    says: String,
    why: String,
}

/// Reads the file; a mistake in it is an error, not an exception.
pub(super) fn read(tree: &Tree) -> Result<Exceptions, String> {
    let text = tree.text(FILE).ok_or_else(|| format!("{FILE} is not there"))?;
    let table: toml::Table = text.parse().map_err(|error| format!("{FILE}: {error}"))?;
    let complete = table.get("casebook-complete").and_then(toml::Value::as_bool);
    let mut exceptions =
        Exceptions { casebook_complete: complete.unwrap_or_default(), ..Exceptions::default() };
    for entry in table.get("allow").and_then(toml::Value::as_array).into_iter().flatten() {
        let word = |key: &str| {
            let text = entry.get(key).and_then(toml::Value::as_str).map(str::trim);
            text.filter(|text| !text.is_empty()).map(str::to_owned)
        };
        let needs =
            |key: &str| word(key).ok_or_else(|| format!("{FILE}: an [[allow]] needs `{key}`"));
        exceptions.allowed.push(Allowed {
            rule: needs("rule")?,
            file: needs("file")?,
            says: word("says").unwrap_or_default(),
            why: needs("why")?,
        });
    }
    Ok(exceptions)
}

impl Exceptions {
    /// Takes out what is excused, and complains about exceptions that excuse nothing.
    pub(super) fn excuse(&self, complaints: Vec<Complaint>) -> Vec<Complaint> {
        let mut used = vec![false; self.allowed.len()];
        let mut left = Vec::new();
        for complaint in complaints {
            let mut excused = false;
            for (entry, used) in self.allowed.iter().zip(&mut used) {
                if entry.covers(&complaint) {
                    *used = true;
                    excused = true;
                }
            }
            if !excused {
                left.push(complaint);
            }
        }
        let unused = self.allowed.iter().zip(used).filter(|(_, used)| !used);
        left.extend(unused.map(|(entry, _)| {
            let what = format!(
                "the exception for `{}` ({}: {}) excuses nothing: remove it",
                entry.file, entry.rule, entry.why
            );
            Complaint::new("exceptions", FILE, 0, what)
        }));
        left
    }
}

impl Allowed {
    fn covers(&self, complaint: &Complaint) -> bool {
        self.rule == complaint.rule
            && self.file == complaint.file
            && complaint.what.contains(&self.says)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exceptions(text: &str) -> Result<Exceptions, String> {
        read(&Tree::of(&[(FILE, text)]))
    }

    #[test]
    fn one_excuses_what_it_names_only() {
        let text =
            "[[allow]]\nrule = \"size\"\nfile = \"a.rs\"\nsays = \"`big`\"\nwhy = \"a table\"\n";
        let exceptions = exceptions(text).expect("good");
        let big = || Complaint::new("size", "a.rs", 1, "`big` has 90 lines");
        let other = || Complaint::new("size", "a.rs", 9, "`other` has 90 lines");
        assert_eq!(exceptions.excuse(vec![big(), other()]), [other()]);
        let left = exceptions.excuse(vec![other()]);
        assert_eq!(left.len(), 2, "{left:?}");
        assert!(left[1].what.contains("excuses nothing"), "{left:?}");
    }

    #[test]
    fn one_without_a_reason_is_an_error() {
        let error =
            exceptions("[[allow]]\nrule = \"size\"\nfile = \"a.rs\"\n").expect_err("no why");
        assert_eq!(error, "xtask/tidy-exceptions.toml: an [[allow]] needs `why`");
    }
}
