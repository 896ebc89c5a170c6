//! What a browser brings back from the authorization server, and whether it is an answer to what
//! was asked (MCP-AUTH-12, -16, -24).

use crate::form;
use crate::metadata::Server;
use crate::why::{Why, code};

/// Longer than any answer in use.
const LONGEST: usize = 8 * 1024;

/// What is known of the question, to hold the answer to.
pub(crate) struct Wanted<'a> {
    pub(crate) state: &'a str,
    pub(crate) server: &'a Server,
}

/// The code, from the query with which the browser came back.
///
/// `state` and `iss` come first: until both are what they must be, nothing else of the answer is
/// looked at, also not an error.
pub(crate) fn code_of(query: &str, wanted: &Wanted<'_>) -> Result<String, Why> {
    let pairs = Some(query).filter(|it| it.len() <= LONGEST).and_then(form::decode);
    let pairs = pairs.ok_or(Why::State)?;
    let only = |name: &str| {
        let mut all = pairs.iter().filter(|(it, _)| it == name).map(|(_, value)| value.as_str());
        (all.next(), all.next().is_some())
    };
    let ((state, twice), (iss, iss_twice)) = (only("state"), only("iss"));
    if twice || !state.is_some_and(|state| same(state, wanted.state)) {
        return Err(Why::State);
    }
    match iss {
        // Compared byte for byte (RFC 9207, 2.4), whether it was announced or not.
        Some(iss) if iss_twice || iss != wanted.server.issuer => return Err(Why::MixUp),
        None if wanted.server.says_iss => return Err(Why::MixUp),
        _ => {}
    }
    match (only("error"), only("code")) {
        ((Some(error), _), _) => Err(Why::Denied(code(error))),
        ((None, _), (Some(code), false)) if !code.is_empty() => Ok(code.to_owned()),
        _ => Err(Why::State),
    }
}

/// Whether a query brings this `state`, and no other beside it.
pub(crate) fn is_of(query: &str, state: &str) -> bool {
    let pairs = Some(query).filter(|it| it.len() <= LONGEST).and_then(form::decode);
    let pairs = pairs.unwrap_or_default();
    let mut brought = pairs.iter().filter(|(name, _)| name == "state").map(|(_, value)| value);
    brought.next().is_some_and(|it| same(it, state)) && brought.next().is_none()
}

/// Whether two secrets are the same, in a time that does not say where they differ.
fn same(one: &str, other: &str) -> bool {
    let differ = one.bytes().zip(other.bytes()).fold(0, |all, (a, b)| all | (a ^ b));
    one.len() == other.len() && differ == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::place::Place;

    #[test]
    fn an_answer_is_to_this_question_and_of_this_authorization_server() {
        let place = Place::read("https://a.example.com").unwrap();
        let silent =
            Server { issuer: "https://a.example.com".to_owned(), ..Server::usual(&place).unwrap() };
        let speaks = Server { says_iss: true, ..silent.clone() };
        let iss = "iss=https%3A%2F%2Fa.example.com";
        let code = |text: &str| Ok(text.to_owned());
        for (query, of_speaking, of_silent) in [
            (format!("code=c&state=s&{iss}"), code("c"), code("c")),
            ("code=c&state=s".to_owned(), Err(Why::MixUp), code("c")),
            (
                "code=c&state=s&iss=https%3A%2F%2Fevil.test".to_owned(),
                Err(Why::MixUp),
                Err(Why::MixUp),
            ),
            (
                "code=c&state=s&iss=https%3A%2F%2Fa.example.com%2F".to_owned(),
                Err(Why::MixUp),
                Err(Why::MixUp),
            ),
            (
                "code=c&state=s&iss=https%3A%2F%2FA.example.com".to_owned(),
                Err(Why::MixUp),
                Err(Why::MixUp),
            ),
            ("code=c&state=s&iss=".to_owned(), Err(Why::MixUp), Err(Why::MixUp)),
            (format!("code=c&state=s&{iss}&{iss}"), Err(Why::MixUp), Err(Why::MixUp)),
            (format!("code=c&state=x&{iss}"), Err(Why::State), Err(Why::State)),
            (format!("code=c&state=&{iss}"), Err(Why::State), Err(Why::State)),
            (format!("code=c&state=ss&{iss}"), Err(Why::State), Err(Why::State)),
            (format!("code=c&state=s&state=s&{iss}"), Err(Why::State), Err(Why::State)),
            (format!("code=c&{iss}"), Err(Why::State), Err(Why::State)),
            (format!("state=s&{iss}"), Err(Why::State), Err(Why::State)),
            (format!("code=c&code=d&state=s&{iss}"), Err(Why::State), Err(Why::State)),
            (format!("code=%zz&state=s&{iss}"), Err(Why::State), Err(Why::State)),
            (
                format!("error=access_denied&state=s&{iss}"),
                Err(Why::Denied("access_denied".to_owned())),
                Err(Why::Denied("access_denied".to_owned())),
            ),
            (
                format!("error=a%0Ab&state=s&{iss}"),
                Err(Why::Denied("an error that is none".to_owned())),
                Err(Why::Denied("an error that is none".to_owned())),
            ),
            (
                "error=access_denied&state=s&iss=https%3A%2F%2Fevil.test".to_owned(),
                Err(Why::MixUp),
                Err(Why::MixUp),
            ),
            (String::new(), Err(Why::State), Err(Why::State)),
        ] {
            assert_eq!(
                code_of(&query, &Wanted { state: "s", server: &speaks }),
                of_speaking,
                "{query}"
            );
            assert_eq!(
                code_of(&query, &Wanted { state: "s", server: &silent }),
                of_silent,
                "{query}"
            );
        }
    }
}
