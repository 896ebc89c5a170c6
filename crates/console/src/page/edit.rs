//! A question that can be edited: its parts as fields, and then both, line by line, with the
//! two buttons.

use portcullis_guard::text::visible;
use portcullis_mediation::Matter;
use portcullis_mediation::edit::{Input, Part, parts};

use super::frame::{Place, page};
use super::html::Html;
use super::question::{Form, arguments, buttons, changed, facts, hidden, title, words};
use crate::api::Asked;

/// The fields. What is in them is as it was sent; what would hide in it is written out above
/// them, and again before anything is approved.
pub(crate) fn edit(asked: &Asked, form: &Form) -> String {
    let words = words(asked);
    let title = format!("Edit: {}", title(&words));
    let live = format!("question {}", asked.id);
    page(Place::Elsewhere, &title, Some(&live), |main| {
        main.leaf("h1", &[], &title);
        facts(main, asked);
        arguments(main, asked);
        main.leaf("h2", &[], "Your edit");
        let says = "Words may change, and things may be taken out. Nothing goes on before you \
                    have looked at it once more and said yes.";
        main.leaf("p", &[], says);
        let address = format!("/questions/{}/edit", asked.id);
        let attributes = [
            ("method", "post"),
            ("action", address.as_str()),
            ("class", "answer edit"),
            ("autocomplete", "off"),
        ];
        main.element("form", &attributes, |inside| {
            hidden(inside, "token", &form.token);
            hidden(inside, "shown", &form.shown);
            let matter = Matter::parse(&asked.kind).unwrap_or(Matter::Tool);
            for part in parts(matter, &asked.arguments) {
                field(inside, &part);
            }
            inside.leaf(
                "button",
                &[("type", "submit"), ("class", "look")],
                "Look at what would go on",
            );
        });
        back(main, asked);
    })
}

fn field(form: &mut Html, part: &Part) {
    let (name, label) = (part.name.as_str(), visible(&part.label));
    let common = [("id", name), ("name", name)];
    if part.input == Input::Keep {
        form.element("label", &[("class", "choice")], |line| {
            let kind = [("type", "checkbox"), ("value", "on"), ("checked", "")];
            line.void("input", &[&common[..], &kind[..]].concat());
            line.leaf("span", &[], &label);
        });
        return;
    }
    form.leaf("label", &[("for", name)], &label);
    match &part.input {
        Input::Text(text) => area(form, &common, "12", text),
        Input::Lines(lines) => area(form, &common, "3", &lines.join("\n")),
        Input::Number(most) => {
            let most = most.to_string();
            let kind = [
                ("type", "number"),
                ("min", "1"),
                ("max", most.as_str()),
                ("value", most.as_str()),
            ];
            form.void("input", &[&common[..], &kind[..]].concat());
        }
        Input::Keep => {}
    }
}

fn area(form: &mut Html, common: &[(&'static str, &str)], rows: &str, text: &str) {
    let more = [("rows", rows), ("spellcheck", "false"), ("dir", "ltr")];
    // A browser takes the first end of a line away (HTML, 13.2.6.4.7).
    form.leaf("textarea", &[common, &more[..]].concat(), &format!("\n{text}"));
}

/// What would go on, beside what was asked; and the buttons.
pub(crate) fn edited(asked: &Asked, content: &str, form: &Form) -> String {
    let words = words(asked);
    let title = format!("Edited: {}", title(&words));
    let live = format!("question {}", asked.id);
    page(Place::Elsewhere, &title, Some(&live), |main| {
        main.leaf("h1", &[], &title);
        facts(main, asked);
        main.leaf("h2", &[], "What you changed");
        let says = "A line with - does not go on, a line with + goes on in its place. \
                    Everything else stays.";
        main.leaf("p", &[], says);
        changed(main, &asked.arguments, content);
        main.leaf("h2", &[], "Your answer");
        main.leaf("p", &[], &format!("A yes {}, as you edited it.", words.covers));
        main.element("p", &[("class", "until")], |line| {
            line.text("No answer is a no, at ").text(&asked.until).text(".");
        });
        let address = format!("/questions/{}", asked.id);
        let attributes = [
            ("method", "post"),
            ("action", address.as_str()),
            ("id", "answer"),
            ("class", "answer"),
        ];
        main.element("form", &attributes, |inside| {
            hidden(inside, "token", &form.token);
            hidden(inside, "shown", &form.shown);
            buttons(inside, "Approve as edited, once");
        });
        back(main, asked);
    })
}

fn back(main: &mut Html, asked: &Asked) {
    let address = format!("/questions/{}", asked.id);
    main.element("p", &[], |line| {
        line.leaf("a", &[("href", address.as_str())], "Back to the question as it was asked");
    });
}
