//! The pages before and after a browser is sent to somebody else: what would be allowed there, the
//! way, and how it ended.

use portcullis_guard::text::visible;

use super::frame::bare;
use super::html::Html;
use super::question::{buttons, hidden};
use crate::web::Sheet;

/// What is asked before the browser goes anywhere.
pub(crate) fn consent(sheet: &Sheet, token: &str) -> String {
    let title = format!("Allow `{}` to be used as you?", visible(&sheet.server));
    bare(&title, None, |main| {
        main.leaf("h1", &[], &title);
        let says = format!(
            "The next page is not ours: it is of {}. Whoever runs it asks who you are, and gives \
             Portcullis a key to the server. Portcullis keeps the key here, encrypted; {} never \
             sees it.",
            visible(&sheet.at),
            visible(&sheet.host),
        );
        main.leaf("p", &[], &says);
        facts(main, sheet);
        main.leaf("h2", &[], "Your answer");
        main.leaf("p", &[], "Nothing is opened before you say yes. No answer is a no.");
        let attributes = [("method", "post"), ("action", "/answer"), ("class", "answer")];
        main.element("form", &attributes, |form| {
            hidden(form, "token", token);
            buttons(form, &format!("Go to {}", visible(&sheet.at)));
        });
    })
}

fn facts(main: &mut Html, sheet: &Sheet) {
    let scopes =
        if sheet.scopes.is_empty() { "whatever it gives by itself" } else { &sheet.scopes };
    let rows = [
        ("For the program", sheet.host.as_str()),
        ("Server", sheet.server.as_str()),
        ("Its address", sheet.resource.as_str()),
        ("Who is asked", sheet.issuer.as_str()),
        ("Where you go", sheet.place.as_str()),
        ("What is asked for", scopes),
        ("As", sheet.client_id.as_str()),
        ("Where you come back to", sheet.redirect.as_str()),
    ];
    main.element("dl", &[], |list| {
        for (name, value) in rows {
            list.leaf("dt", &[], name);
            list.leaf("dd", &[("dir", "ltr")], &visible(value));
        }
    });
}

/// The way there, after a yes. `url` was judged before anybody was asked.
pub(crate) fn way(at: &str, url: &str) -> String {
    bare("This way", Some(url), |main| {
        main.leaf("h1", &[], "This way");
        main.element("p", &[], |line| {
            line.leaf("a", &[("href", url), ("id", "on")], &format!("Go on to {}", visible(at)));
        });
    })
}

/// A page that says one thing, and leads nowhere.
pub(crate) fn told(title: &str, says: &str) -> String {
    bare(title, None, |main| {
        main.leaf("h1", &[], title);
        main.leaf("p", &[], says);
    })
}
