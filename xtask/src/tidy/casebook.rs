//! The casebook: every page is read, stands where its control belongs, and names what exists.

use portcullis_casebook::{Case, Journal, Page, What, read};
use portcullis_catalog::ControlId;
use portcullis_catalog::control::{CONTROLS, Control};

use super::Complaint;
use crate::repo::{File, Tree};

const RULE: &str = "casebook";
const FOLDER: &str = "casebook/";

/// Every page that can be read, with its path.
pub(crate) type Pages = Vec<(String, Page)>;

/// The pages of the casebook; those that cannot be read are [`check`]'s business.
pub(crate) fn pages(tree: &Tree) -> Pages {
    let read = |file: &File| Some((file.path.clone(), read(&file.text, &file.path).ok()?));
    files(tree).filter_map(read).collect()
}

/// Where a control's page stands.
pub(crate) fn place(control: &Control) -> String {
    format!("{FOLDER}{}/{}.md", control.layer.folder(), control.id)
}

/// Reads every page.
pub(super) fn check(tree: &Tree) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    for file in files(tree) {
        match read(&file.text, &file.path) {
            Err(malformed) => {
                complaints.push(Complaint::new(RULE, &file.path, malformed.line, malformed.why));
            }
            Ok(page) => complaints.extend(one(file, &page)),
        }
    }
    complaints
}

/// The controls that have no page yet, and no named tests for all their promises.
pub(super) fn missing(tree: &Tree) -> Vec<&'static str> {
    let tests = tree.text("casebook/tests.toml").unwrap_or_default();
    let tested = |id: &str| tests.lines().any(|line| line.starts_with(&format!("{id} = ")));
    let absent = CONTROLS.iter().filter(|control| {
        tree.text(&place(control)).is_none() && !control.promises.iter().all(|id| tested(id))
    });
    absent.map(|control| control.id.as_str()).collect()
}

/// Holds `casebook-complete` to its word, whichever it is.
pub(super) fn complete(tree: &Tree, complete: bool) -> Vec<Complaint> {
    let complain = |file: &str, what: &str| vec![Complaint::new(RULE, file, 0, what)];
    match (complete, missing(tree).as_slice()) {
        (false, []) => {
            let what = "every control has its page: set `casebook-complete = true`";
            complain("xtask/tidy-exceptions.toml", what)
        }
        (true, missing) => {
            missing.iter().flat_map(|id| complain(FOLDER, &format!("`{id}` has no page"))).collect()
        }
        (false, _) => Vec::new(),
    }
}

fn files(tree: &Tree) -> impl Iterator<Item = &File> {
    // `casebook/README.md` explains the folder; pages stand in their layer's folder.
    tree.ending(".md")
        .filter(|file| file.path.strip_prefix(FOLDER).is_some_and(|below| below.contains('/')))
}

fn one(file: &File, page: &Page) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    let mut complain =
        |line, what: String| complaints.push(Complaint::new(RULE, &file.path, line, what));
    match CONTROLS.iter().find(|control| control.id.as_str() == page.control) {
        None => complain(1, format!("the catalog has no control `{}`", page.control)),
        Some(control) if place(control) != file.path => {
            complain(1, format!("the page of `{}` is {}", page.control, place(control)));
        }
        Some(control) if control.statement != page.statement => {
            complain(1, format!("the first paragraph is the catalog's: {}", control.statement));
        }
        Some(_) => {}
    }
    for case in &page.cases {
        if let Some((line, why)) = settings(case) {
            complain(line, why);
        }
        for (line, id) in named(case).filter(|(_, id)| ControlId::find(id).is_none()) {
            complain(line, format!("the catalog has no control `{id}`"));
        }
    }
    complaints
}

fn settings(case: &Case) -> Option<(usize, String)> {
    let settings = case.settings.as_ref()?;
    let error = settings.text.parse::<toml::Table>().err()?;
    let before = error.span().and_then(|span| settings.text.get(..span.start));
    let line = settings.line + before.map_or(0, |before| before.matches('\n').count());
    Some((line, format!("not TOML: {}", error.message())))
}

/// The controls that the journal's lines of a case name.
fn named(case: &Case) -> impl Iterator<Item = (usize, &str)> {
    case.steps.iter().filter_map(|step| match &step.what {
        What::Journal(Journal::Says { control: Some(id), .. }) => Some((step.line, id.as_str())),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATEMENT: &str = "No answer, no channel, a crash or a restart: no.";
    const PLACE: &str = "casebook/approval/silence-is-no.md";

    fn found(path: &str, text: &str) -> Vec<String> {
        let tree = Tree::of(&[("casebook/README.md", "# The casebook"), (path, text)]);
        check(&tree).iter().map(ToString::to_string).collect()
    }

    fn text(control: &str, statement: &str, settings: &str, step: &str) -> String {
        format!("# {control}\n{statement}\n## a\n```toml\n{settings}\n```\n```case\n{step}\n```\n")
    }

    #[test]
    fn a_good_page_is_fine() {
        let good =
            text("silence-is-no", STATEMENT, "ask = \"always\"", "journal denied: silence-is-no");
        assert_eq!(found(PLACE, &good), [""; 0]);
    }

    #[test]
    fn a_page_in_the_wrong_place_is_found() {
        let page = |control, statement| text(control, statement, "", "client  ping");
        let table = [
            (PLACE, page("no-such-thing", STATEMENT), "the catalog has no control `no-such-thing`"),
            (
                "casebook/roots/silence-is-no.md",
                page("silence-is-no", STATEMENT),
                "the page of `silence-is-no` is casebook/approval/silence-is-no.md",
            ),
            (PLACE, page("silence-is-no", "Maybe."), "the first paragraph is the catalog's"),
            (PLACE, "# silence-is-no\n".to_owned(), "the page has no case"),
        ];
        for (path, text, expected) in table {
            let found = found(path, &text);
            assert!(found.iter().any(|it| it.contains(expected)), "{expected}: {found:?}");
        }
    }

    #[test]
    fn what_a_case_names_exists() {
        let toml = text("silence-is-no", STATEMENT, "a = 1\nask = ", "client  ping");
        assert!(found(PLACE, &toml).concat().starts_with(&format!("{PLACE}:6: not TOML")));
        let journal = text("silence-is-no", STATEMENT, "", "journal denied: nobody");
        let expected = format!("{PLACE}:8: the catalog has no control `nobody` [casebook]");
        assert_eq!(found(PLACE, &journal), [expected]);
    }

    #[test]
    fn the_last_page_flips_the_switch() {
        let none = Tree::default();
        assert_eq!(complete(&none, false), []);
        assert_eq!(complete(&none, true).len(), CONTROLS.len());
        let places: Vec<String> = CONTROLS.iter().map(place).collect();
        let files: Vec<_> = places.iter().map(|place| (place.as_str(), "")).collect();
        assert_eq!(complete(&Tree::of(&files), false).len(), 1);
        assert_eq!(complete(&Tree::of(&files), true), []);
    }
}
