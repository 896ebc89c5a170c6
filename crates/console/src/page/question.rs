//! One question, whole, and the two buttons.
//!
//! The first button says no, so that it is the one which a stray Enter would press. The other
//! one appears only when the question can have been read.

use portcullis_guard::text::visible;
use portcullis_mediation::Matter;
use portcullis_mediation::edit::may_edit;

use super::frame::{Place, page};
use super::html::Html;
use crate::api::Asked;
use crate::card::rows;
use crate::diff::changes;
use crate::words::Words;

/// From this many bytes on, arguments come with their size and digest.
const LARGE: usize = 1024;

/// What a form carries, so that an answer is an answer to what was shown.
#[derive(Debug)]
pub(crate) struct Form {
    /// Names this showing of this question to this browser; counts once.
    pub(crate) token: String,
    /// The digest of what was shown.
    pub(crate) shown: String,
}

/// The page. There is a form while the question waits.
pub(crate) fn question(asked: &Asked, form: Option<&Form>) -> String {
    let words = words(asked);
    let title = title(&words);
    let live = form.map(|_| format!("question {}", asked.id));
    page(Place::Elsewhere, &title, live.as_deref(), |main| {
        main.leaf("h1", &[], &title);
        if form.is_none() {
            ended(main, asked);
        }
        facts(main, asked);
        main.leaf("h2", &[], &capital(words.content));
        if asked.arguments.len() >= LARGE {
            let (size, digest) = (asked.arguments.len(), visible(&asked.digest));
            main.leaf("p", &[], &format!("{size} bytes, {digest}, in full:"));
        }
        arguments(main, asked);
        if let Some(edited) = &asked.edited {
            main.leaf("h2", &[], "What went on instead");
            changed(main, &asked.arguments, edited);
        }
        if let Some(form) = form {
            answer(main, asked, &words, form);
            if Matter::parse(&asked.kind).is_some_and(may_edit) {
                let address = format!("/questions/{}/edit", asked.id);
                main.element("p", &[], |line| {
                    line.leaf("a", &[("href", address.as_str())], "Edit it before it goes on");
                });
            }
        }
        main.element("p", &[], |line| {
            line.leaf("a", &[("href", "/")], "All questions");
        });
    })
}

/// The words for a question. A kind that this version does not know is shown as a call: whole,
/// and under its own name.
pub(super) fn words(asked: &Asked) -> Words {
    let matter = Matter::parse(&asked.kind).unwrap_or(Matter::Tool);
    Words::of(matter, &asked.server, &asked.tool, &asked.arguments)
}

/// The question as a heading.
pub(super) fn title(words: &Words) -> String {
    format!("{}?", capital(&words.asks))
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

fn ended(main: &mut Html, asked: &Asked) {
    let by = asked.decided_by.as_ref().map(|by| format!(", answered by {}", visible(by)));
    let says = format!("This question is {}{}.", asked.state, by.unwrap_or_default());
    main.leaf("p", &[("class", "state")], &says);
}

/// Everything about a question but its arguments.
pub(super) fn facts(html: &mut Html, asked: &Asked) {
    let words = words(asked);
    html.element("dl", &[], |list| {
        let mut fact = |name: &str, value: &str| {
            list.leaf("dt", &[], name).leaf("dd", &[], &visible(value));
        };
        fact("Server", &asked.server);
        fact(&capital(words.what), &asked.tool);
        if let Some(host) = &words.host {
            fact("Host", host);
        }
        fact("Kind", &asked.kind);
        fact("Risk", &asked.risk);
        for reason in &asked.reasons {
            fact("Why it is asked", reason);
        }
        fact("Caller", &asked.caller);
        fact("Definition", &asked.definition);
    });
}

/// All arguments, one member on a line, everything visible, nothing cut.
pub(super) fn arguments(html: &mut Html, asked: &Asked) {
    let label = format!("{} of {}", capital(words(asked).content), asked.id);
    let attributes = [
        ("class", "arguments"),
        ("dir", "ltr"),
        ("tabindex", "0"),
        ("role", "region"),
        ("aria-label", label.as_str()),
    ];
    html.leaf("pre", &attributes, &rows(&asked.arguments).join("\n"));
}

/// What a person changed, line by line: both, whole.
pub(super) fn changed(html: &mut Html, before: &str, after: &str) {
    let both = changes(before, after);
    let lines = both.iter().map(|(mark, row)| format!("{} {row}", mark.letter()));
    let attributes = [
        ("class", "arguments"),
        ("dir", "ltr"),
        ("tabindex", "0"),
        ("role", "region"),
        ("aria-label", "What was changed, line by line"),
    ];
    html.leaf("pre", &attributes, &lines.collect::<Vec<_>>().join("\n"));
}

fn answer(main: &mut Html, asked: &Asked, words: &Words, form: &Form) {
    main.leaf("h2", &[], "Your answer");
    main.leaf("p", &[], &format!("A yes {}.", words.covers));
    main.element("p", &[("class", "until")], |line| {
        line.text("No answer is a no, at ");
        line.text(&asked.until);
        line.text(".");
    });
    let address = format!("/questions/{}", asked.id);
    let attributes =
        [("method", "post"), ("action", address.as_str()), ("id", "answer"), ("class", "answer")];
    main.element("form", &attributes, |inside| {
        hidden(inside, "token", &form.token);
        hidden(inside, "shown", &form.shown);
        buttons(inside, words.yes);
        if !asked.covers.is_empty() {
            inside.element("fieldset", &[], |choices| stands(choices, &asked.covers));
        }
    });
}

/// A field of a form that nobody sees.
pub(super) fn hidden(inside: &mut Html, name: &'static str, value: &str) {
    inside.void("input", &[("type", "hidden"), ("name", name), ("value", value)]);
}

/// The no and the yes, in this order.
pub(super) fn buttons(form: &mut Html, yes: &str) {
    for (value, says) in [("deny", "Deny"), ("approve", yes)] {
        let attributes =
            [("type", "submit"), ("name", "answer"), ("value", value), ("class", value)];
        form.leaf("button", &attributes, says);
    }
}

/// For how long a yes may stand, as it is said in a form and as people read it.
const LASTS: &[(&str, &str)] = &[
    ("session", "until its session ends, for a day at most"),
    ("10m", "for ten minutes"),
    ("60m", "for an hour"),
    ("project", "in this project, for 90 days at most"),
    ("always", "wherever the server is started, for 90 days at most"),
];

/// A yes to calls to come, the narrowest first.
fn stands(choices: &mut Html, covers: &[String]) {
    choices.leaf("legend", &[], "Or a yes that stands");
    // Not in a select, which would cut what is long.
    for (place, cover) in covers.iter().enumerate() {
        let number = (place + 1).to_string();
        let radio = [("type", "radio"), ("name", "covers"), ("value", number.as_str())];
        let first = [&radio[..], &[("checked", "")]].concat();
        choices.element("label", &[("class", "choice")], |label| {
            label.void("input", if place == 0 { &first } else { &radio });
            label.leaf("span", &[], &format!("with {}", visible(cover)));
        });
    }
    choices.leaf("label", &[("for", "lasts")], "For how long");
    choices.element("select", &[("id", "lasts"), ("name", "lasts")], |select| {
        for (value, says) in LASTS {
            select.leaf("option", &[("value", value)], says);
        }
    });
    let button =
        [("type", "submit"), ("name", "answer"), ("value", "stands"), ("class", "approve")];
    choices.leaf("button", &button, "Approve this and those to come");
}
