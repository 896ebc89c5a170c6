//! What happened, found by words, and whether it is as it was written.

use portcullis_guard::text::{bounded, visible};

use super::frame::{Place, page};
use super::html::Html;
use crate::api::{Found, Record, Seal, Search};
use crate::card::rows;

/// How much of a record stands on its line; all of it stands below.
const SUMMARY: usize = 400;

/// The page.
pub(crate) fn journal(search: &Search, found: &Found, seal: &Seal) -> String {
    page(Place::Journal, "Journal", None, |main| {
        main.leaf("h1", &[], "Journal");
        state(main, seal);
        form(main, search);
        main.leaf("h2", &[], "Records");
        if found.records.is_empty() {
            main.leaf("p", &[], "Nothing was found.");
        }
        main.element("ol", &[("class", "calls")], |list| {
            for record in &found.records {
                list.element("li", &[], |item| one(item, record));
            }
        });
        if let Some(next) = found.next {
            main.element("p", &[], |line| {
                let address = format!("/journal?q={}&before={next}", encoded(&search.text));
                line.leaf("a", &[("href", &address)], "Older records");
            });
        }
    })
}

fn state(main: &mut Html, seal: &Seal) {
    match seal {
        Seal::Holds(says) => main.leaf("p", &[("class", "good")], says),
        Seal::Broken(says) => main.leaf("p", &[("class", "bad")], &visible(says)),
        Seal::Unknown(says) => main.element("p", &[], |line| {
            line.text(says).text(" ");
            line.leaf("a", &[("href", "/journal?verify=yes")], "Verify it now");
        }),
    };
}

fn form(main: &mut Html, search: &Search) {
    let form = [("method", "get"), ("action", "/journal"), ("class", "search"), ("role", "search")];
    main.element("form", &form, |inside| {
        inside.leaf("label", &[("for", "q")], "Search all records");
        let field =
            [("type", "search"), ("id", "q"), ("name", "q"), ("value", search.text.as_str())];
        inside.void("input", &field);
        inside.leaf("button", &[("type", "submit")], "Search");
    });
}

fn one(item: &mut Html, record: &Record) {
    let mut line = vec![record.time.clone(), record.event.clone(), record.server.clone()];
    line.extend([record.what.clone(), record.says.clone()]);
    line.retain(|part| !part.is_empty());
    item.element("details", &[], |details| {
        details.element("summary", &[], |summary| {
            summary.leaf("b", &[], &record.seq.to_string());
            summary.text(&format!(" {}", bounded(&visible(&line.join(" · ")), SUMMARY)));
        });
        let label = format!("Record {}", record.seq);
        let attributes = [
            ("class", "arguments"),
            ("dir", "ltr"),
            ("tabindex", "0"),
            ("role", "region"),
            ("aria-label", label.as_str()),
        ];
        details.leaf("pre", &attributes, &rows(&record.whole).join("\n"));
    });
}

/// A text in an address: every byte that is not a plain letter is written out.
fn encoded(text: &str) -> String {
    let one = |byte: u8| match byte {
        byte if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
        byte => format!("%{byte:02X}"),
    };
    text.bytes().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_looked_for_stays_in_its_field_and_in_its_address() {
        let search = Search { text: "\"><script>&before=1".to_owned(), before: None };
        let found = Found { records: Vec::new(), next: Some(7) };
        let text = journal(&search, &found, &Seal::Holds("it holds".to_owned()));
        assert!(!text.contains("<script>"), "{text}");
        assert!(text.contains("?q=%22%3E%3Cscript%3E%26before%3D1&amp;before=7"), "{text}");
    }
}
