//! A server that is somewhere else: its address, and how we identify ourselves there.

use std::fmt;

use portcullis_guard::egress::Url;
use toml::de::DeValue;

use crate::config::Source;
use crate::definition::Kind;
use crate::oauth::OAuth;
use crate::reader::{Entry, Reader, Section};
use crate::secret;
use crate::values::Unfit;

/// A remote server.
#[derive(Clone, Debug)]
pub struct Remote {
    /// Its address.
    pub url: Url,
    /// How we identify ourselves.
    pub auth: Auth,
    /// Headers of every request, beside ours.
    pub headers: Vec<Header>,
}

/// How we identify ourselves.
#[derive(Clone, Debug, Default)]
pub enum Auth {
    /// Not at all.
    #[default]
    Nobody,
    /// With a bearer token that is there.
    Bearer(Source),
    /// With a token of the server's authorization server.
    OAuth(Box<OAuth>),
}

/// A header, and where its value comes from.
#[derive(Clone, Debug)]
pub struct Header {
    name: String,
    source: Source,
}

/// Headers that are ours to say: how a message is carried, and who sends it.
const OURS: &[&str] = &[
    "accept",
    "authorization",
    "connection",
    "content-length",
    "content-type",
    "cookie",
    "host",
    "keep-alive",
    "last-event-id",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
];

impl Remote {
    /// A server at an address.
    ///
    /// # Errors
    /// [`Unfit`] when it is no address, or there is a secret in it.
    pub fn at(url: &str) -> Result<Self, Unfit> {
        if secret::refuse_in_value("url", url).is_err() {
            return Err(Unfit::new(
                "there is a secret in the address, which others get to see: it belongs into \
                 `auth` or `headers`, as a reference",
            ));
        }
        let url =
            Url::new(url).map_err(|why| Unfit::new(format!("`url` cannot be used: {why}")))?;
        Ok(Self { url, auth: Auth::default(), headers: Vec::new() })
    }

    /// The same, with a bearer token of our own environment.
    #[must_use]
    pub fn with_bearer(self, variable: &str) -> Self {
        Self { auth: Auth::Bearer(Source::Environment(variable.to_owned())), ..self }
    }

    /// The same, with a token of the server's authorization server.
    #[must_use]
    pub fn with_oauth(self) -> Self {
        Self { auth: Auth::OAuth(Box::default()), ..self }
    }

    /// What everything that leads to a secret is called, and where that is.
    pub fn sources(&self) -> impl Iterator<Item = (&str, &Source)> {
        let (bearer, oauth): (Option<(&str, &Source)>, _) = match &self.auth {
            Auth::Nobody => (None, None),
            Auth::Bearer(source) => (Some(("bearer", source)), None),
            Auth::OAuth(oauth) => {
                (None, Some(oauth.sources().map(|(name, source)| (name as &str, source))))
            }
        };
        let headers = self.headers.iter().map(|header| (header.name.as_str(), &header.source));
        bearer.into_iter().chain(oauth.into_iter().flatten()).chain(headers)
    }

    /// The same, with another place for each file.
    ///
    /// # Errors
    /// Whatever the place cannot be told for.
    pub fn located<E>(mut self, at: impl Fn(&str) -> Result<String, E>) -> Result<Self, E> {
        let (bearer, oauth) = match &mut self.auth {
            Auth::Nobody => (None, None),
            Auth::Bearer(source) => (Some(source), None),
            Auth::OAuth(oauth) => (None, Some(oauth.sources_mut())),
        };
        let headers = self.headers.iter_mut().map(|header| &mut header.source);
        for source in bearer.into_iter().chain(oauth.into_iter().flatten()).chain(headers) {
            if let Source::File(path) = source {
                *path = at(path)?;
            }
        }
        Ok(self)
    }

    /// How a token is got, without what is secret of it; nothing when none is.
    #[must_use]
    pub fn told(&self) -> Vec<(&'static str, String)> {
        match &self.auth {
            Auth::OAuth(oauth) => oauth.told(),
            Auth::Nobody | Auth::Bearer(_) => Vec::new(),
        }
    }

    /// It is written as this one is.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        let said = |remote: &Self| {
            let sources = remote.sources();
            sources.map(|(name, source)| (name.to_owned(), told(source))).collect::<Vec<_>>()
        };
        self.url == other.url && said(self) == said(other) && self.told() == other.told()
    }
}

impl Header {
    /// A header.
    ///
    /// # Errors
    /// [`Unfit`] when it has no name, or one that is ours to say.
    pub fn new(name: &str, source: Source) -> Result<Self, Unfit> {
        // RFC 9110, section 5.6.2.
        let token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
        if name.is_empty() || name.len() > 256 || !name.chars().all(token) {
            return Err(Unfit::new(format!("`{}` is no name of a header", name.escape_debug())));
        }
        let lower = name.to_ascii_lowercase();
        if OURS.contains(&lower.as_str()) || lower.starts_with("mcp-") {
            return Err(Unfit::new(format!(
                "`{name}` is ours to say; a token belongs into `auth = {{ bearer = … }}`"
            )));
        }
        Ok(Self { name: lower, source })
    }

    /// Its name, in lower case.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where its value comes from.
    #[must_use]
    pub const fn source(&self) -> &Source {
        &self.source
    }
}

/// Without its query, which may hold what nobody else should read.
impl fmt::Display for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.url.path().split('?').next().unwrap_or_default();
        write!(f, "{}{path}", self.url.origin())
    }
}

/// What tells one source from another.
fn told(source: &Source) -> String {
    match source {
        Source::Value(text) => format!("= {}", text.expose("to compare it with another")),
        Source::Environment(name) => format!("env {name}"),
        Source::File(path) => format!("file {path}"),
    }
}

impl Reader<'_, '_> {
    /// `url`, `auth` and `headers` of a server.
    pub(crate) fn remote(&mut self, section: &Section<'_>) -> Option<Remote> {
        let auth = self.auth(section);
        let headers = self.headers(section);
        let Some(entry) = self.get(section, "url") else {
            for name in ["auth", "headers"] {
                if let Some(entry) = self.get(section, name) {
                    self.wrong(entry, format!("`{name}` is for a remote server: it needs a `url`"));
                }
            }
            return None;
        };
        if let Some(command) = self.get(section, "command") {
            self.wrong(command, "a server has a `command` or a `url`, not both".to_owned());
        }
        let text = self.text(section, "url")?;
        let remote = self.fit(entry, Remote::at(text))?;
        Some(Remote { auth, headers, ..remote })
    }

    fn auth(&mut self, section: &Section<'_>) -> Auth {
        let Some(table) = self.table(section, "auth") else { return Auth::default() };
        let oauth = self.oauth(&table);
        let Some(entry) = self.get(&table, "bearer") else {
            return oauth.map_or(Auth::Nobody, |oauth| Auth::OAuth(Box::new(oauth)));
        };
        if oauth.is_some() {
            self.wrong(entry, "`auth` says `bearer` or `oauth`, not both".to_owned());
        }
        self.token(entry).map_or(Auth::Nobody, Auth::Bearer)
    }

    /// A reference to something that is a secret.
    pub(crate) fn token(&mut self, entry: Entry<'_>) -> Option<Source> {
        let Kind::Reference(keys) = entry.key.kind else { return None };
        let what = "`{ env = \"…\" }` or `{ file = \"…\" }`, for it is a secret";
        let table = self.expect(entry, what, DeValue::as_table)?;
        let reference = self.section("a reference", table, keys);
        let env = self.text(&reference, "env").map(|name| Source::Environment(name.to_owned()));
        let file = self.file_reference(&reference);
        if table.len() != 1 {
            self.wrong(entry, "a reference has one key: `env` or `file`".to_owned());
        }
        env.or(file)
    }

    fn headers(&mut self, section: &Section<'_>) -> Vec<Header> {
        let Some(entry) = self.get(section, "headers") else { return Vec::new() };
        let Kind::Variables(keys) = entry.key.kind else { return Vec::new() };
        let Some(table) = self.expect(entry, "a table of headers", DeValue::as_table) else {
            return Vec::new();
        };
        let mut headers = Vec::new();
        for (name, value) in table {
            let entry = Entry { key: entry.key, value };
            let Some(source) = self.source(name.get_ref(), entry, keys) else { continue };
            match Header::new(name.get_ref(), source) {
                Ok(header) => headers.push(header),
                Err(unfit) => {
                    self.diagnoses.wrong(&name.span(), Some(entry.key), unfit.to_string());
                }
            }
        }
        headers
    }
}
