//! What a server says when it wants a credential: `WWW-Authenticate` (RFC 9110, 11.6.1), strictly.
//!
//! A field may hold several challenges, and a parameter may hold commas: what cannot be read in
//! one way is not read at all.

use crate::scope::Scopes;
use crate::why::Why;

/// Longer than any challenge in use.
const LONGEST: usize = 8 * 1024;

/// The challenge for a bearer token (RFC 6750, 3).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Challenge {
    /// Where the server's metadata is (RFC 9728, 5.1).
    pub resource_metadata: Option<String>,
    /// What the request takes.
    pub scope: Option<Scopes>,
    /// Why the token did not do.
    pub error: Option<String>,
}

impl Challenge {
    /// The bearer challenge among the values of the header, if there is one.
    ///
    /// # Errors
    /// [`Why::Challenge`] when they cannot be read in one way, or there are two of them.
    pub fn read<'a>(values: impl IntoIterator<Item = &'a str>) -> Result<Option<Self>, Why> {
        let mut found = None;
        for value in values {
            for (scheme, parameters) in challenges(value).ok_or(Why::Challenge)? {
                if !scheme.eq_ignore_ascii_case("bearer") {
                    continue;
                }
                if found.replace(Self::of(parameters)?).is_some() {
                    return Err(Why::Challenge);
                }
            }
        }
        Ok(found)
    }

    /// Whether it says that the token is good and covers too little.
    #[must_use]
    pub fn wants_more(&self) -> bool {
        self.error.as_deref() == Some("insufficient_scope")
    }

    fn of(parameters: Vec<(String, String)>) -> Result<Self, Why> {
        let mut challenge = Self::default();
        for (name, value) in parameters {
            match name.as_str() {
                // A bearer challenge has parameters, and no single word (RFC 6750, 3).
                "" => return Err(Why::Challenge),
                "resource_metadata" => challenge.resource_metadata = Some(value),
                "scope" => challenge.scope = Some(Scopes::parse(&value).ok_or(Why::Challenge)?),
                "error" => challenge.error = Some(value),
                _ => {}
            }
        }
        Ok(challenge)
    }
}

type Parameters = Vec<(String, String)>;

/// Every challenge in one value of the header.
fn challenges(value: &str) -> Option<Vec<(String, Parameters)>> {
    if value.len() > LONGEST
        || !value.bytes().all(|byte| byte == b'\t' || (b' '..=b'~').contains(&byte))
    {
        return None;
    }
    let mut rest = value.trim_matches(is_space);
    let mut all: Vec<(String, Parameters)> = Vec::new();
    while !rest.is_empty() {
        let (word, after) = token(rest)?;
        let is_parameter = after.trim_start_matches(is_space).starts_with('=');
        if is_parameter && !is_token68(after) {
            let (_, parameters) = all.last_mut()?;
            let (text, after) = parameter(after)?;
            let name = word.to_ascii_lowercase();
            if parameters.iter().any(|(known, _)| *known == name) {
                return None;
            }
            parameters.push((name, text));
            rest = next(after)?;
            continue;
        }
        let (alone, follows) = begin(after)?;
        let alone = alone.map(|alone| (String::new(), alone.to_owned()));
        all.push((word.to_owned(), alone.into_iter().collect()));
        rest = follows;
    }
    Some(all)
}

/// What follows a scheme: a single word (`token68`), if there is one, and the rest.
fn begin(after: &str) -> Option<(Option<&str>, &str)> {
    let rest = after.trim_start_matches(is_space);
    if rest.is_empty() || rest.starts_with(',') {
        return Some((None, next(after)?));
    }
    // One space at least divides a scheme from what belongs to it.
    if rest.len() == after.len() {
        return None;
    }
    let end = rest.find(|c: char| !is_token68_letter(c)).unwrap_or(rest.len());
    let (word, behind) = rest.split_at_checked(end)?;
    let behind = behind.trim_start_matches('=');
    let alone = behind.trim_start_matches(is_space);
    let is_68 = !word.is_empty() && (alone.is_empty() || alone.starts_with(',')) && !is_pair(rest);
    if is_68 { Some((Some(word), next(behind)?)) } else { Some((None, rest)) }
}

fn is_pair(rest: &str) -> bool {
    token(rest).is_some_and(|(_, after)| {
        let after = after.trim_start_matches(is_space);
        after.strip_prefix('=').is_some_and(|value| {
            let value = value.trim_start_matches(is_space);
            !value.is_empty() && !value.starts_with([',', '='])
        })
    })
}

/// A word that ends in `=` alone belongs to a token68, which has no value.
fn is_token68(after: &str) -> bool {
    let rest = after.trim_start_matches(is_space).trim_start_matches('=');
    rest.trim_start_matches(is_space).is_empty()
}

fn parameter(after: &str) -> Option<(String, &str)> {
    let value = after.trim_start_matches(is_space).strip_prefix('=')?.trim_start_matches(is_space);
    match value.strip_prefix('"') {
        Some(quoted) => quoted_text(quoted),
        None => token(value).map(|(text, rest)| (text.to_owned(), rest)),
    }
}

fn quoted_text(text: &str) -> Option<(String, &str)> {
    let mut read = String::new();
    let mut letters = text.char_indices();
    while let Some((place, letter)) = letters.next() {
        match letter {
            '"' => return Some((read, text.get(place + 1..)?)),
            '\\' => read.push(letters.next()?.1),
            _ => read.push(letter),
        }
    }
    None
}

/// After a comma, of which there may be several; nothing may stand where one belongs.
fn next(rest: &str) -> Option<&str> {
    let rest = rest.trim_start_matches(is_space);
    if rest.is_empty() {
        return Some(rest);
    }
    let after = rest.strip_prefix(',')?;
    Some(after.trim_start_matches(|c| is_space(c) || c == ','))
}

fn token(text: &str) -> Option<(&str, &str)> {
    let is_token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    let end = text.find(|c| !is_token(c)).unwrap_or(text.len());
    text.split_at_checked(end).filter(|(word, _)| !word.is_empty())
}

fn is_token68_letter(c: char) -> bool {
    c.is_ascii_alphanumeric() || "-._~+/".contains(c)
}

fn is_space(c: char) -> bool {
    c == ' ' || c == '\t'
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: &str) -> Result<Option<Challenge>, Why> {
        Challenge::read([value])
    }

    #[test]
    fn a_challenge_is_read_in_one_way() {
        let scopes = |text: &str| Some(Scopes::parse(text).unwrap());
        let metadata = "https://mcp.example.com/.well-known/oauth-protected-resource";
        let whole = Challenge {
            resource_metadata: Some(metadata.to_owned()),
            scope: scopes("a b"),
            error: Some("insufficient_scope".to_owned()),
        };
        for value in [
            format!(
                "Bearer resource_metadata=\"{metadata}\", scope=\"a b\", error=insufficient_scope"
            ),
            format!(
                "bearer  scope = \"b a\" ,, error=\"insufficient_scope\",RESOURCE_METADATA=\"{metadata}\""
            ),
            format!(
                "Basic realm=\"x, Bearer y=z\", Bearer scope=\"a b\", error=insufficient_scope, resource_metadata=\"{metadata}\""
            ),
            format!(
                "Negotiate abc==, Bearer scope=\"a b\", resource_metadata=\"{metadata}\", error=\"insufficient\\_scope\", x=\"\\\"\""
            ),
        ] {
            assert_eq!(read(&value), Ok(Some(whole.clone())), "{value}");
        }
        assert_eq!(read("Bearer"), Ok(Some(Challenge::default())));
        assert_eq!(read("Bearer realm=\"x\""), Ok(Some(Challenge::default())));
        for value in ["", "Basic realm=\"x\"", "Negotiate abc", "DPoP algs=\"ES256\""] {
            assert_eq!(read(value), Ok(None), "{value}");
        }
    }

    #[test]
    fn what_can_be_read_in_two_ways_is_not_read() {
        for value in [
            "Bearer scope=\"a",
            "Bearer scope=\"a\" error=x",
            "Bearer scope=a scope=b",
            "Bearer scope=\"a\", scope=\"b\"",
            "Bearer scope=\"a\", Scope=\"b\"",
            "Bearer scope=\"a\", Bearer scope=\"b\"",
            "scope=\"a\"",
            "Bearer scope=",
            "Bearer scope=\"a\"b",
            "Bearer =\"a\"",
            "Bearer \u{e4}=b",
            "Bearer scope=\"a\nb\"",
            "Bearer scope=\"a\\",
            "Bearer scope=\"a  b\u{7f}\"",
            "\"Bearer\"",
        ] {
            assert_eq!(read(value), Err(Why::Challenge), "{value}");
        }
        assert_eq!(Challenge::read(["Bearer", "Bearer"]), Err(Why::Challenge));
        let long = format!("Bearer realm=\"{}\"", "a".repeat(LONGEST));
        assert_eq!(read(&long), Err(Why::Challenge));
    }
}
