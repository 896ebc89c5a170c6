//! What all pages share: the head, the way around, the place for news.

use super::html::Html;

/// A page with an entry in the way around.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// What waits.
    Questions,
    /// Servers and what each may do.
    Servers,
    /// Conversations.
    Sessions,
    /// What happened.
    Journal,
    /// What servers were given.
    Grants,
    /// Who decides what.
    Trust,
    /// What a client has to see to.
    Checklist,
    /// Anything else: no entry is marked.
    Elsewhere,
}

/// Every entry: where it is, what it is called.
const PLACES: &[(Place, &str, &str)] = &[
    (Place::Questions, "/", "Questions"),
    (Place::Servers, "/servers", "Servers"),
    (Place::Sessions, "/sessions", "Sessions"),
    (Place::Journal, "/journal", "Journal"),
    (Place::Grants, "/grants", "Grants"),
    (Place::Trust, "/trust", "Who decides"),
    (Place::Checklist, "/checklist", "Checklist"),
];

/// A whole page. `live` names what the script keeps up to date there.
pub(crate) fn page(
    place: Place,
    title: &str,
    live: Option<&str>,
    content: impl FnOnce(&mut Html),
) -> String {
    let html = Html::document(|html| {
        html.element("head", &[], |head| {
            fill_head(head, title);
            head.leaf("script", &[("src", "/assets/console.js"), ("defer", "")], "");
        });
        html.element("body", &[("data-live", live.unwrap_or_default())], |body| {
            body.leaf("a", &[("class", "skip"), ("href", "#main")], "Skip to the content");
            body.element("header", &[], |header| fill_header(header, place));
            body.element("main", &[("id", "main"), ("tabindex", "-1")], content);
            // Outside of what is replaced, so that a reader of the screen notices.
            body.leaf("p", &[("id", "news"), ("role", "status"), ("aria-live", "polite")], "");
        });
    });
    html.into_text()
}

/// A page without a way around and without a script; `on` is where it goes on by itself.
pub(crate) fn bare(title: &str, on: Option<&str>, content: impl FnOnce(&mut Html)) -> String {
    let html = Html::document(|html| {
        html.element("head", &[], |head| {
            fill_head(head, title);
            if let Some(address) = on {
                let content = format!("0; url={address}");
                head.void("meta", &[("http-equiv", "refresh"), ("content", &content)]);
            }
        });
        html.element("body", &[], |body| {
            body.element("header", &[], |header| {
                header.leaf("p", &[("class", "brand")], "Portcullis");
            });
            body.element("main", &[("id", "main")], content);
        });
    });
    html.into_text()
}

fn fill_head(head: &mut Html, title: &str) {
    head.void("meta", &[("charset", "utf-8")]);
    let content = "width=device-width, initial-scale=1";
    head.void("meta", &[("name", "viewport"), ("content", content)]);
    head.void("meta", &[("name", "color-scheme"), ("content", "light dark")]);
    head.leaf("title", &[], &format!("{title} · Portcullis"));
    head.void("link", &[("rel", "icon"), ("href", "/assets/icon.svg")]);
    head.void("link", &[("rel", "stylesheet"), ("href", "/assets/console.css")]);
}

fn fill_header(header: &mut Html, place: Place) {
    header.leaf("p", &[("class", "brand")], "Portcullis");
    header.element("nav", &[("aria-label", "Pages")], |nav| {
        nav.element("ul", &[], |list| {
            for (here, address, name) in PLACES {
                list.element("li", &[], |item| {
                    let current = if *here == place { "page" } else { "false" };
                    item.leaf("a", &[("href", address), ("aria-current", current)], name);
                });
            }
        });
    });
}

/// A page that says one thing, with the way on.
pub(crate) fn message(title: &str, says: &str, way: Option<(&str, &str)>) -> String {
    page(Place::Elsewhere, title, None, |main| {
        main.leaf("h1", &[], title);
        main.leaf("p", &[], says);
        if let Some((address, name)) = way {
            main.element("p", &[], |line| {
                line.leaf("a", &[("href", address)], name);
            });
        }
    })
}
