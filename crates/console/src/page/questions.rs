//! What waits for a person: like calls on one card, each with all of its arguments.

use portcullis_guard::text::visible;

use super::frame::{Place, page};
use super::html::Html;
use super::question::{arguments, facts, title, words};
use crate::api::Asked;

/// Longer arguments are whole on their own page, and here only measured.
const SHOWN: usize = 16 * 1024;
/// How many questions are on the page; the rest comes up when these are answered.
const MOST: usize = 200;

/// The page.
pub(crate) fn questions(all: &[Asked]) -> String {
    let title = match all.len() {
        0 => "No question waits".to_owned(),
        1 => "1 question waits".to_owned(),
        count => format!("{count} questions wait"),
    };
    page(Place::Questions, &title, Some("questions"), |main| {
        main.element("div", &[("id", "live")], |live| {
            live.leaf("h1", &[], &title);
            let says = "A call that is asked about is not made until somebody says yes. \
                        Without an answer it is not made at all.";
            live.leaf("p", &[], says);
            let shown = all.get(..MOST.min(all.len())).unwrap_or_default();
            for like in together(shown) {
                live.element("section", &[("class", "card")], |section| card(section, &like));
            }
            if all.len() > shown.len() {
                let more = all.len() - shown.len();
                live.leaf("p", &[], &format!("{more} more wait behind these."));
            }
        });
    })
}

/// Questions about the same tool, as it is now, stand together.
fn together(all: &[Asked]) -> Vec<Vec<&Asked>> {
    let mut cards: Vec<Vec<&Asked>> = Vec::new();
    for asked in all {
        let place = cards.iter().position(|card| card.first().is_some_and(|it| alike(it, asked)));
        match place.and_then(|place| cards.get_mut(place)) {
            Some(card) => card.push(asked),
            None => cards.push(vec![asked]),
        }
    }
    cards
}

fn alike(one: &Asked, other: &Asked) -> bool {
    let of = |it: &Asked| {
        [&it.server, &it.tool, &it.kind, &it.risk, &it.definition, &it.caller].map(String::clone)
    };
    // What a server asks with says little of what it asks: those stand alone.
    one.kind == "tool" && of(one) == of(other) && one.reasons == other.reasons
}

fn card(section: &mut Html, like: &[&Asked]) {
    let Some(first) = like.first() else { return };
    let asks = title(&words(first));
    let heading = match like.len() {
        1 => asks,
        count => format!("{asks} {count} calls"),
    };
    section.leaf("h2", &[], &heading);
    facts(section, first);
    section.element("ol", &[("class", "calls")], |list| {
        for asked in like {
            list.element("li", &[], |item| call(item, asked, &heading));
        }
    });
}

fn call(item: &mut Html, asked: &Asked, heading: &str) {
    let size = asked.arguments.len();
    if size <= SHOWN {
        arguments(item, asked);
    } else {
        let digest = visible(&asked.digest);
        let says = format!("{size} bytes, {digest}: all of it is on the question's own page");
        item.leaf("p", &[], &says);
    }
    item.element("p", &[("class", "until")], |line| {
        line.text("No answer is a no, at ");
        line.text(&asked.until);
        line.text(".");
    });
    let address = format!("/questions/{}", asked.id);
    let label = format!("Look and answer: {heading} {}", asked.id);
    let attributes = [
        ("class", "go"),
        ("href", address.as_str()),
        ("aria-label", label.as_str()),
        ("id", asked.id.as_str()),
    ];
    item.leaf("a", &attributes, "Look and answer");
}
