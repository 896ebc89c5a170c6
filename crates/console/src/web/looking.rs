//! The pages that change nothing, by their address.

use hyper::{Response, StatusCode};

use super::reply::{Content, html};
use super::{Caller, route};
use crate::api::{Search, Trouble};
use crate::page;

/// Longest text that is looked for.
const LONGEST: usize = 256;

/// One of those pages.
pub(super) enum Looking {
    Servers,
    Sessions,
    /// What is looked for, and whether the journal is to be read through.
    Journal(Search, bool),
    Grants,
    Trust,
    Checklist,
}

impl Looking {
    /// The page at an address, if there is one.
    pub(super) fn find(path: &str, query: Option<&str>) -> Option<Self> {
        Some(match (path, query) {
            ("/servers", None) => Self::Servers,
            ("/sessions", None) => Self::Sessions,
            ("/journal", query) => {
                let (search, verify) = read(query.unwrap_or_default())?;
                Self::Journal(search, verify)
            }
            ("/grants", None) => Self::Grants,
            ("/trust", None) => Self::Trust,
            ("/checklist", None) => Self::Checklist,
            _ => return None,
        })
    }

    /// Its text.
    pub(super) async fn page(self, caller: &Caller) -> Result<Response<Content>, Trouble> {
        let text = route::ask(&caller.desk, move |desk| {
            Ok(match self {
                Self::Servers => page::servers(&desk.servers()?),
                Self::Sessions => page::sessions(&desk.sessions()?),
                Self::Journal(search, verify) => {
                    let found = desk.journal(&search)?;
                    page::journal(&search, &found, &desk.seal(verify))
                }
                Self::Grants => page::grants(&desk.grants()?),
                Self::Trust => page::trust(&desk.trust()?),
                Self::Checklist => page::checklist(&desk.checklist()?),
            })
        });
        Ok(html(StatusCode::OK, text.await?))
    }
}

/// What the form of the journal's page asks for.
fn read(query: &str) -> Option<(Search, bool)> {
    let (mut search, mut verify) = (Search::default(), false);
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        match pair.split_once('=')? {
            ("q", text) => search.text = decoded(text).filter(|text| text.len() <= LONGEST)?,
            ("before", number) => search.before = Some(number.parse().ok()?),
            ("verify", "yes") => verify = true,
            _ => return None,
        }
    }
    Some((search, verify))
}

/// A text from an address, as forms write it there.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let pair = [rest.next()?, rest.next()?];
                let digits = std::str::from_utf8(&pair).ok()?;
                // `from_str_radix` would take a sign for a digit.
                let is_hex = digits.chars().all(|digit| digit.is_ascii_hexdigit());
                u8::from_str_radix(digits, 16).ok().filter(|_| is_hex)?
            }
            byte => byte,
        });
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_search_is_read_as_a_form_writes_it() {
        let search = |text: &str, before| Search { text: text.to_owned(), before };
        for (query, expect) in [
            ("", Some((search("", None), false))),
            ("q=", Some((search("", None), false))),
            ("q=a+b%2Bc%C3%A9&before=7", Some((search("a b+cé", Some(7)), false))),
            ("verify=yes", Some((search("", None), true))),
            ("verify=no", None),
            ("q=%", None),
            ("q=%+1", None),
            ("q=%ff", None),
            ("before=-1", None),
            ("other=1", None),
        ] {
            assert_eq!(read(query), expect, "{query}");
        }
        assert_eq!(read(&format!("q={}", "x".repeat(LONGEST + 1))), None);
    }
}
