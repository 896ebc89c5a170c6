//! Pages that are looked at and change nothing: servers, sessions, grants, who decides, and the
//! checklist.

use portcullis_guard::text::visible;

use super::frame::{Place, page};
use super::html::Html;
use crate::api::{Grant, Line, Server, Session, Standing, Trust};

/// A table with a caption, whose first column names the row.
pub(super) fn table(html: &mut Html, caption: &str, heads: &[&str], rows: Vec<Vec<String>>) {
    let frame = [("class", "wide"), ("tabindex", "0"), ("role", "region"), ("aria-label", caption)];
    html.element("div", &frame, |wide| {
        wide.element("table", &[], |table| {
            table.leaf("caption", &[], caption);
            table.element("thead", &[], |head| {
                head.element("tr", &[], |row| {
                    for name in heads {
                        row.leaf("th", &[("scope", "col")], name);
                    }
                });
            });
            table.element("tbody", &[], |body| {
                for cells in &rows {
                    body.element("tr", &[], |row| fill(row, cells));
                }
            });
        });
    });
}

fn fill(row: &mut Html, cells: &[String]) {
    for (place, cell) in cells.iter().enumerate() {
        match place {
            0 => row.leaf("th", &[("scope", "row")], &visible(cell)),
            _ => row.leaf("td", &[], &visible(cell)),
        };
    }
}

/// The servers, and what each may do.
pub(crate) fn servers(all: &[Server]) -> String {
    page(Place::Servers, "Servers", None, |main| {
        main.leaf("h1", &[], "Servers and what each may do");
        if all.is_empty() {
            let says = "No server is configured, and none was started yet.";
            main.leaf("p", &[], says);
        }
        for server in all {
            main.element("section", &[("class", "card")], |card| one_server(card, server));
        }
    })
}

fn one_server(card: &mut Html, server: &Server) {
    card.leaf("h2", &[], &visible(&server.name));
    for weak in &server.weak {
        card.leaf("p", &[("class", "bad")], &visible(weak));
    }
    card.element("dl", &[], |list| {
        for (name, value) in &server.facts {
            list.leaf("dt", &[], name).leaf("dd", &[], &visible(value));
        }
    });
    if !server.tools.is_empty() {
        let rows = server.tools.iter().map(|(tool, state)| vec![tool.clone(), state.clone()]);
        let caption = format!("What {} offers", visible(&server.name));
        table(card, &caption, &["Name", "Pin"], rows.collect());
    }
}

/// The last conversations.
pub(crate) fn sessions(all: &[Session]) -> String {
    page(Place::Sessions, "Sessions", None, |main| {
        main.leaf("h1", &[], "Sessions");
        if all.is_empty() {
            main.leaf("p", &[], "The journal has no session yet.");
            return;
        }
        let row = |one: &Session| {
            vec![
                one.name.clone(),
                one.server.clone(),
                one.caller.clone(),
                one.began.clone(),
                one.last.clone(),
                one.passed.to_string(),
                one.denied.to_string(),
                one.asked.to_string(),
                one.ended.clone().unwrap_or_else(|| "no end was recorded".to_owned()),
            ]
        };
        let heads = [
            "Session",
            "Server",
            "Caller",
            "First record",
            "Last record",
            "Passed",
            "Denied",
            "Asked",
            "End",
        ];
        table(main, "The last sessions, the newest first", &heads, all.iter().map(row).collect());
    })
}

/// What servers were given.
pub(crate) fn grants(all: &[Grant]) -> String {
    page(Place::Grants, "Grants", None, |main| {
        main.leaf("h1", &[], "Grants");
        let says = "What a server was given beyond one call. It is changed at the terminal, with \
                    the command beside it.";
        main.leaf("p", &[], says);
        if all.is_empty() {
            main.leaf("p", &[], "No server was given anything yet.");
            return;
        }
        let row = |one: &Grant| {
            let Grant { id, server, what, state, since, change } = one.clone();
            vec![id, server, what, state, since, change]
        };
        let heads = ["Grant", "Server", "What", "State", "Since", "To change it"];
        table(main, "Every grant", &heads, all.iter().map(row).collect());
    })
}

/// Who decides what.
pub(crate) fn trust(all: &[Trust]) -> String {
    page(Place::Trust, "Who decides", None, |main| {
        main.leaf("h1", &[], "Who decides what");
        let row = |one: &Trust| {
            let words = [one.who, one.decides, one.not].map(str::to_owned);
            words.into_iter().chain([one.here.clone()]).collect()
        };
        let heads = ["Who", "Decides", "Does not decide", "Here"];
        table(main, "Whose word counts, the highest first", &heads, all.iter().map(row).collect());
    })
}

/// What a client has to see to.
pub(crate) fn checklist(all: &[Line]) -> String {
    page(Place::Checklist, "Checklist", None, |main| {
        main.leaf("h1", &[], "The client-side checklist");
        let says = "What whoever runs MCP servers has to see to, and where it stands here. The \
                    same at the terminal: portcullis status --checklist";
        main.leaf("p", &[], says);
        for line in all {
            main.element("section", &[("class", "card")], |card| one_line(card, line));
        }
    })
}

fn one_line(card: &mut Html, line: &Line) {
    card.leaf("h2", &[], &line.what);
    let class = if line.standing == Standing::Good { "good" } else { "bad" };
    let says = format!("{}: {}", line.standing.as_str(), visible(&line.now));
    card.leaf("p", &[("class", class)], &says);
    card.leaf("p", &[], &line.how);
    card.leaf("h3", &[], "Shown by");
    card.element("ul", &[], |list| {
        for test in &line.tests {
            list.element("li", &[], |item| {
                item.leaf("code", &[], test);
            });
        }
    });
}
