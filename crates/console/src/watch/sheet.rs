//! Everything about one question, as lines: the same words as everywhere, nothing cut,
//! nothing hidden.

use portcullis_guard::text::visible;
use portcullis_mediation::Matter;

use crate::api::Asked;
use crate::card::rows;
use crate::diff::changes;
use crate::words::Words;

/// The words for a question. A kind that this version does not know is shown as a call:
/// whole, and under its own name.
pub(super) fn words(asked: &Asked) -> Words {
    let matter = Matter::parse(&asked.kind).unwrap_or(Matter::Tool);
    Words::of(matter, &asked.server, &asked.tool, &asked.arguments)
}

/// The lines. `edited` is what the person put in the place of the content.
pub(super) fn sheet(asked: &Asked, edited: Option<&str>) -> Vec<String> {
    let words = words(asked);
    let mut lines = vec![format!("{}?", words.asks), String::new()];
    let mut line = |label: &str, text: &str| {
        lines.push(format!("{label:<11} {text}").trim_end().to_owned());
    };
    line("server", &visible(&asked.server));
    line(words.what, &visible(&asked.tool));
    if let Some(host) = &words.host {
        line("host", host);
    }
    line("kind", &visible(&asked.kind));
    line("risk", &visible(&asked.risk));
    for (place, reason) in asked.reasons.iter().enumerate() {
        line(if place == 0 { "why" } else { "" }, &visible(reason));
    }
    line("caller", &visible(&asked.caller));
    line("definition", &visible(&asked.definition));
    let digest = visible(&asked.digest);
    line(words.content, &format!("{} bytes, {digest}", asked.arguments.len()));
    match edited {
        None => lines.extend(rows(&asked.arguments).into_iter().map(|row| format!("  {row}"))),
        Some(edited) => {
            line("edited", "`-` does not go on, `+` goes on in its place");
            let both = changes(&asked.arguments, edited);
            lines.extend(both.iter().map(|(mark, row)| format!("{} {row}", mark.letter())));
        }
    }
    lines.push(String::new());
    let mut line = |label: &str, text: &str| lines.push(format!("{label:<11} {text}"));
    line("a yes", words.covers);
    if edited.is_none() {
        for (at, cover) in asked.covers.iter().enumerate() {
            line(if at == 0 { "or longer" } else { "" }, &format!("{} {}", at + 1, visible(cover)));
        }
    }
    line("no answer", &format!("is a no, at {}", asked.until));
    line("approval", &asked.id);
    lines
}
