//! `[serve.issuers.NAME]`, `[serve.scopes_of.NAME]` and `[serve.tls]`: whose tokens count, which scopes
//! what takes, and how a connection is kept from others.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use portcullis_policy::{Pattern, ServerName};
use toml::de::DeValue;

use super::{Serve, host};
use crate::config::Source;
use crate::definition::Kind;
use crate::reader::{Entry, Reader, Section};
use crate::values::{self, Unfit};

/// What an issuer may sign with: nothing where both sides have the same secret.
pub const ALGORITHMS: &[&str] =
    &["ES256", "ES384", "EdDSA", "PS256", "PS384", "PS512", "RS256", "RS384", "RS512"];
/// What it may sign with when nothing is said.
pub(crate) const USUAL: &[&str] = &["ES256", "EdDSA", "PS256", "RS256"];
/// How long a token may live when nothing is said.
pub(crate) const LONGEST: Duration = Duration::from_hours(24);

/// An authorization server whose tokens count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issuer {
    /// What records and policies call it.
    pub name: String,
    /// What it calls itself, letter by letter.
    pub issuer: String,
    /// What its tokens name as us, when it is not our address.
    pub audience: Option<String>,
    /// What it may sign with.
    pub algorithms: BTreeSet<&'static str>,
    /// Where its keys are; found out when nothing is said.
    pub jwks_uri: Option<String>,
    /// The servers that its people may reach; all when nothing is said.
    pub servers: Option<Vec<ServerName>>,
    /// How long a token of its may live.
    pub lifetime: Duration,
    /// Scopes that stand for others as well.
    pub hierarchy: Vec<(String, Vec<String>)>,
    /// Where it is asked about tokens that say nothing by themselves.
    pub introspection: Option<Introspection>,
}

/// Where an issuer is asked about its tokens, and as whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Introspection {
    /// The address.
    pub url: String,
    /// What we are called there.
    pub client: String,
    /// Where our secret is.
    pub secret: Reference,
}

/// Where a secret is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reference {
    /// A variable of our own.
    Environment(String),
    /// A file.
    File(String),
}

/// The scopes that a server takes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Needed {
    /// For anything there.
    pub all: BTreeSet<String>,
    /// For these of its tools beside that.
    pub tools: Vec<(Pattern, Vec<String>)>,
}

/// How connections are encrypted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tls {
    /// Our certificate and those that vouch for it.
    pub certificate: String,
    /// Its key.
    pub key: String,
    /// Who vouches for our callers' certificates.
    pub client_ca: Option<String>,
}

impl Needed {
    /// What a call of this tool takes, or anything else when there is none.
    #[must_use]
    pub fn of(&self, tool: Option<&str>) -> BTreeSet<String> {
        let named = |(pattern, _): &&(Pattern, _)| tool.is_some_and(|tool| pattern.matches(tool));
        let more = self.tools.iter().filter(named).flat_map(|(_, scopes)| scopes);
        self.all.iter().chain(more).cloned().collect()
    }
}

impl Serve {
    /// Somebody other than our own account may come in, and has to show something for it.
    #[must_use]
    pub fn authenticates(&self) -> bool {
        let certificates = self.tls.as_ref().is_some_and(|tls| tls.client_ca.is_some());
        certificates || !self.tokens.is_empty() || !self.issuers.is_empty()
    }

    /// What holds only of the whole table.
    pub(super) fn contradictions(&self) -> Vec<Unfit> {
        let mut wrong = Vec::new();
        if let super::Listen::Tcp(address) = self.listen
            && !address.ip().is_loopback()
        {
            if self.tls.is_none() {
                wrong.push(Unfit::new(format!(
                    "[serve] listens on {}, which is reached from other machines: that takes TLS, \
                     [serve.tls], or listen on 127.0.0.1 behind something that has it",
                    address.ip()
                )));
            }
            if !self.authenticates() {
                wrong.push(Unfit::new(format!(
                    "[serve] listens on {}, which is reached from other machines: that takes \
                     [serve.issuers.NAME], [serve.tokens.NAME] or `client_ca` in [serve.tls]",
                    address.ip()
                )));
            }
            if address.ip().is_unspecified() && self.resource.is_none() {
                wrong.push(Unfit::new(
                    "[serve] listens on every address, and under which is it known? write \
                     `resource = \"https://…\"`",
                ));
            }
        }
        let asked = self.issuers.iter().filter(|issuer| issuer.introspection.is_some()).count();
        if asked > 1 {
            wrong.push(Unfit::new(
                "[serve.issuers]: a token that says nothing by itself would be shown to several \
                 issuers: only one may have `introspection`",
            ));
        }
        let mut named: Vec<_> = self.issuers.iter().map(|issuer| &issuer.issuer).collect();
        named.sort();
        if named.windows(2).any(|pair| pair.first() == pair.last()) {
            wrong.push(Unfit::new("[serve.issuers]: two tables are of the same issuer"));
        }
        wrong
    }
}

impl Reader<'_, '_> {
    pub(super) fn issuers(&mut self, table: &Section<'_>) -> Vec<Issuer> {
        let mut issuers = Vec::new();
        for (name, entry, section) in self.tables_of(table, "issuers") {
            let missing = self.get(&section, "issuer").is_none();
            let named = self.read_text(&section, "issuer", issuer_uri);
            let algorithms: Vec<_> = ALGORITHMS.iter().map(|name| (*name, *name)).collect();
            let algorithms = self.words(&section, "algorithms", &algorithms);
            // Everything is read, whatever is wrong: each mistake is told at once.
            let issuer = Issuer {
                name,
                issuer: named.clone().unwrap_or_default(),
                audience: self.text(&section, "audience").map(str::to_owned),
                algorithms: algorithms.unwrap_or_else(|| USUAL.iter().copied().collect()),
                jwks_uri: self.read_text(&section, "jwks_uri", uri),
                servers: self.reachable(&section),
                lifetime: self.duration(&section, "lifetime").unwrap_or(LONGEST),
                hierarchy: self.lists(&section, "hierarchy", scope),
                introspection: self.introspection(&section),
            };
            if missing {
                self.wrong(entry, "`issuer` is missing: what it calls itself".to_owned());
            }
            issuers.extend(named.map(|_| issuer));
        }
        issuers
    }

    fn introspection(&mut self, section: &Section<'_>) -> Option<Introspection> {
        let entry = self.get(section, "introspection")?;
        let table = self.table(section, "introspection")?;
        let url = self.read_text(&table, "url", uri);
        let client = self.text(&table, "client").map(str::to_owned);
        let secret = self.get(&table, "secret").and_then(|entry| self.reference(entry));
        let secret = secret.and_then(|source| match source {
            Source::Environment(name) => Some(Reference::Environment(name)),
            Source::File(path) => Some(Reference::File(path)),
            Source::Value(_) => None,
        });
        let (Some(url), Some(client), Some(secret)) = (url, client, secret) else {
            let what = "`introspection` has a `url`, a `client` and a `secret`";
            self.wrong(entry, what.to_owned());
            return None;
        };
        Some(Introspection { url, client, secret })
    }

    pub(super) fn needed(&mut self, table: &Section<'_>) -> BTreeMap<ServerName, Needed> {
        let mut needed = BTreeMap::new();
        for (name, _, section) in self.tables_of(table, "scopes_of") {
            let Ok(name) = ServerName::new(&name) else { continue };
            let all = self.scopes(&section, "all");
            let tools = self.lists(&section, "tools", |text| Ok(text.to_owned()));
            let tools = tools.into_iter().map(|(text, all)| (Pattern::new(&text), all)).collect();
            needed.insert(name, Needed { all, tools });
        }
        needed
    }

    pub(super) fn scopes(&mut self, section: &Section<'_>, name: &str) -> BTreeSet<String> {
        self.each(section, name, scope).into_iter().collect()
    }

    pub(super) fn tls(&mut self, table: &Section<'_>) -> Option<Tls> {
        let entry = self.get(table, "tls")?;
        let tls = self.table(table, "tls")?;
        let file = |reader: &mut Self, name| reader.read_text(&tls, name, file);
        let (certificate, key) = (file(self, "certificate"), file(self, "key"));
        let client_ca = file(self, "client_ca");
        let (Some(certificate), Some(key)) = (certificate, key) else {
            self.wrong(entry, "[serve.tls] has a `certificate` and a `key`".to_owned());
            return None;
        };
        Some(Tls { certificate, key, client_ca })
    }

    /// The tables of a table of tables, by name.
    fn tables_of<'t>(
        &mut self,
        table: &Section<'t>,
        key: &str,
    ) -> Vec<(String, Entry<'t>, Section<'t>)> {
        let mut all = Vec::new();
        let Some(entry) = self.get(table, key) else { return all };
        let Kind::Named(keys) = entry.key.kind else { return all };
        let what = format!("a table of tables: [serve.{key}.NAME]");
        let Some(tables) = self.expect(entry, &what, DeValue::as_table) else { return all };
        for (name, value) in tables {
            let at = name.span();
            let name: &str = name.get_ref();
            if ServerName::new(name).is_err() {
                let what = "a name is 1 to 64 letters, digits, `-`, `_` or `.`";
                self.diagnoses.wrong(&at, Some(entry.key), what.to_owned());
                continue;
            }
            let entry = Entry { key: entry.key, value };
            let what = format!("a table: [serve.{key}.NAME]");
            let Some(inner) = self.expect(entry, &what, DeValue::as_table) else { continue };
            let section = self.section(&format!("[serve.{key}.{name}]"), inner, keys);
            all.push((name.to_owned(), entry, section));
        }
        all
    }

    /// A table from names to lists of scopes.
    fn lists(
        &mut self,
        section: &Section<'_>,
        name: &str,
        read: fn(&str) -> Result<String, Unfit>,
    ) -> Vec<(String, Vec<String>)> {
        let mut lists = Vec::new();
        let Some(entry) = self.get(section, name) else { return lists };
        let Some(table) = self.expect(entry, "a table of lists", DeValue::as_table) else {
            return lists;
        };
        for (name, value) in table {
            let entry = Entry { key: entry.key, value };
            let Some(name) = self.fit(entry, read(name.get_ref())) else { continue };
            let all = self.texts(entry).unwrap_or_default();
            let all = all.into_iter().filter_map(|(_, text)| self.fit(entry, scope(text)));
            lists.push((name, all.collect()));
        }
        lists
    }
}

/// A scope (RFC 6749, section 3.3). One that stands for anything is none of ours: `*` is a letter
/// like others to whoever gives it.
fn scope(text: &str) -> Result<String, Unfit> {
    let letter = |byte: u8| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\';
    if (1..=128).contains(&text.len()) && text.bytes().all(letter) {
        return Ok(text.to_owned());
    }
    Err(Unfit::new("a scope is 1 to 128 visible letters, without `\"` and `\\`"))
}

/// A file, by its whole path.
fn file(text: &str) -> Result<String, Unfit> {
    if values::is_anchored(text) {
        return Ok(text.to_owned());
    }
    Err(Unfit::new(format!("`{text}` is relative, and to what? write it in full, or from `~/`")))
}

/// An address of a document: encrypted, unless it is on this machine.
pub(super) fn uri(text: &str) -> Result<String, Unfit> {
    let unfit = || {
        Unfit::new(
            "an address is written `https://name/…`, or `http://` for this machine alone, without \
             a fragment",
        )
    };
    let (scheme, rest) = text.split_once("://").ok_or_else(unfit)?;
    let (authority, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
    let name = authority.rsplit_once(':').map_or(authority, |(name, _)| name);
    let here = matches!(name, "localhost" | "127.0.0.1");
    let letter = |byte: u8| byte.is_ascii_graphic() && !b"#\"<>\\^`{|}".contains(&byte);
    let fits = host(authority).is_ok() && path.bytes().all(letter);
    match scheme {
        "https" if fits => Ok(text.to_owned()),
        "http" if fits && here => Ok(text.to_owned()),
        _ => Err(unfit()),
    }
}

/// What an issuer calls itself (RFC 8414, section 2).
fn issuer_uri(text: &str) -> Result<String, Unfit> {
    if text.contains('?') {
        return Err(Unfit::new("an issuer has no query: write what stands in its tokens as `iss`"));
    }
    uri(text)
}

/// The address under which we are known.
pub(super) fn resource(text: &str) -> Result<String, Unfit> {
    let lower = text.strip_suffix('/').unwrap_or(text).to_ascii_lowercase();
    let unfit = || Unfit::new("`resource` is written `https://name` or `https://name:port`");
    let rest = lower.split_once("://").map(|(_, rest)| rest).ok_or_else(unfit)?;
    if rest.contains(['/', '?']) {
        return Err(unfit());
    }
    uri(&lower).map_err(|_| unfit())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::precedence::Documents;

    fn read(text: &str) -> Result<Serve, String> {
        let config = Config::read(text, "portcullis.toml")
            .map_err(|all| all.iter().map(ToString::to_string).collect::<String>())?;
        Documents::only(config, "portcullis.toml").serve().map_err(|all| format!("{all:?}"))
    }

    #[test]
    fn what_is_written_of_issuers_is_what_is_meant() {
        let serve = read(
            "[serve]\nlisten = \"0.0.0.0:443\"\nresource = \"https://Gate.example.com/\"\n\
             scopes = [\"mcp\"]\n\
             tls = { certificate = \"/c.pem\", key = \"~/k.pem\", client_ca = \"/a.pem\" }\n\
             [serve.issuers.corp]\nissuer = \"https://login.example.com/tenants/a\"\n\
             algorithms = [\"ES256\"]\nlifetime = \"1h\"\nservers = [\"files\"]\n\
             hierarchy = { admin = [\"read\", \"write\"] }\n\
             introspection = { url = \"http://127.0.0.1:9/i\", client = \"c\", secret = { env = \
             \"S\" } }\n\
             [serve.issuers.usual]\nissuer = \"http://localhost:8000\"\n\
             [serve.scopes_of.files]\nall = [\"read\"]\ntools = { \"write_*\" = [\"write\"] }\n",
        )
        .unwrap();
        assert_eq!(serve.resource.as_deref(), Some("https://gate.example.com"));
        assert!(serve.authenticates());
        let [corp, usual] = <[Issuer; 2]>::try_from(serve.issuers.clone()).unwrap();
        assert_eq!(corp.issuer, "https://login.example.com/tenants/a");
        assert_eq!((corp.lifetime.as_secs(), corp.algorithms.len()), (3600, 1));
        assert_eq!(corp.hierarchy, [("admin".to_owned(), vec!["read".into(), "write".into()])]);
        let introspection = corp.introspection.unwrap();
        assert_eq!(introspection.secret, Reference::Environment("S".to_owned()));
        assert_eq!((usual.lifetime, usual.algorithms.len()), (LONGEST, USUAL.len()));
        let needed = &serve.needed[&ServerName::new("files").unwrap()];
        let of = |tool| needed.of(tool).into_iter().collect::<Vec<_>>();
        assert_eq!(of(None), ["read"]);
        assert_eq!(of(Some("read_file")), ["read"]);
        assert_eq!(of(Some("write_file")), ["read", "write"]);
    }

    #[test]
    fn what_would_let_anybody_in_is_no_value() {
        let issuer = "issuer = \"https://a.example\"";
        for (lines, says) in [
            (format!("issuers.a = {{ {issuer}, algorithms = [\"none\"] }}"), "algorithms"),
            (format!("issuers.a = {{ {issuer}, algorithms = [\"HS256\"] }}"), "algorithms"),
            ("issuers.a = { issuer = \"http://a.example\" }".to_owned(), "https://name"),
            ("issuers.a = { issuer = \"https://a.example?x=1\" }".to_owned(), "no query"),
            ("issuers.a = { issuer = \"https://u@a.example\" }".to_owned(), "https://name"),
            ("issuers.a = { issuer = \"https://a.example#x\" }".to_owned(), "https://name"),
            ("issuers.a = { audience = \"x\" }".to_owned(), "`issuer` is missing"),
            (format!("issuers.a = {{ {issuer}, jwks_uri = \"http://a/k\" }}"), "https://name"),
            (format!("issuers.a = {{ {issuer}, lifetime = \"1000h\" }}"), "lifetime"),
            (format!("issuers.a = {{ {issuer} }}\nissuers.b = {{ {issuer} }}"), "same issuer"),
            (
                format!(
                    "issuers.a = {{ {issuer}, introspection = {{ url = \"https://a/i\", client = \
                     \"c\", secret = \"s3cret-word\" }} }}"
                ),
                "env",
            ),
            ("resource = \"https://gate.example.com/mcp\"".to_owned(), "`resource` is"),
            ("resource = \"http://gate.example.com\"".to_owned(), "`resource` is"),
            ("resource = \"gate.example.com\"".to_owned(), "`resource` is"),
            ("scopes = [\"a b\"]".to_owned(), "a scope is"),
            ("scopes = [\"a\\\"b\"]".to_owned(), "a scope is"),
            ("tls = { certificate = \"/c\" }".to_owned(), "a `key`"),
            ("tls = { certificate = \"c\", key = \"/k\" }".to_owned(), "relative"),
            ("listen = \"0.0.0.0:1\"\nresource = \"https://a\"".to_owned(), "takes TLS"),
            (
                "listen = \"192.0.2.1:1\"\ntls = { certificate = \"/c\", key = \"/k\" }".to_owned(),
                "[serve.issuers.NAME]",
            ),
        ] {
            let told = read(&format!("[serve]\n{lines}\n")).unwrap_err();
            assert!(told.contains(says), "{lines}: {told}");
            assert!(!told.contains("s3cret-word"), "a secret is repeated: {told}");
        }
    }
}
