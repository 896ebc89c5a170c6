//! `[serve]`: where the HTTP gateway listens, for whom, and for how long.

mod issuers;
mod most;
mod traces;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::Duration;

use portcullis_policy::ServerName;
use toml::de::DeValue;

pub use most::Most;
pub use traces::Traces;

use crate::definition::Kind;
use crate::precedence::Documents;
use crate::reader::{Entry, Reader, Section};
use crate::values::Unfit;

pub use issuers::{ALGORITHMS, Introspection, Issuer, Needed, Reference, Tls};
pub(crate) use issuers::{LONGEST, USUAL};

/// Everything about the HTTP gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Serve {
    /// Where it listens.
    pub listen: Listen,
    /// The address under which it is known to whoever gives out tokens for it.
    pub resource: Option<String>,
    /// How connections are encrypted.
    pub tls: Option<Tls>,
    /// Further names under which it is reached: `name` or `name:port`, in lower case.
    pub hosts: Vec<String>,
    /// Whose pages may call it: `https://name[:port]`, or `scheme://*`.
    pub origins: Vec<String>,
    /// Who is known by what. Without any, only processes of our own account are.
    pub tokens: Vec<Token>,
    /// Whose tokens count.
    pub issuers: Vec<Issuer>,
    /// Scopes that everything takes.
    pub scopes: BTreeSet<String>,
    /// Those that a server takes beside them.
    pub needed: BTreeMap<ServerName, Needed>,
    /// Whose table says no digest, which is no token.
    pub(crate) unknown: Vec<String>,
    /// Connections at once.
    pub connections: u32,
    /// Sessions at once.
    pub sessions: u32,
    /// How long a session may be unused.
    pub idle: Duration,
    /// How long a session may last.
    pub lifetime: Duration,
    /// How long a client may read nothing of an answer.
    pub write_timeout: Duration,
    /// How long what is under way may take when we are asked to end.
    pub drain: Duration,
    /// What one principal may take.
    pub limits: Most,
    /// Where whoever looks after it finds health and numbers.
    pub metrics: Option<Listen>,
    /// Who takes spans of what is asked.
    pub traces: Option<Traces>,
    /// Clients of 2024-11-05 are served.
    pub legacy_sse: bool,
    /// Servers that are at one address together, beside those of their own.
    pub aggregate: Vec<ServerName>,
}

/// Where the gateway listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listen {
    /// A port: of this machine alone, or with TLS and nobody unknown.
    Tcp(SocketAddr),
    /// A socket in the file system, by its absolute path.
    Unix(String),
}

/// Somebody who is known by a secret, of which we know the digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// What records and policies call them.
    pub name: String,
    /// SHA-256 of the secret.
    pub sha256: [u8; 32],
    /// The servers that they may reach; all of them when nothing is said.
    pub servers: Option<Vec<ServerName>>,
    /// What they may do where that takes a scope.
    pub scopes: BTreeSet<String>,
}

impl Default for Serve {
    fn default() -> Self {
        Self {
            listen: Listen::Tcp(SocketAddr::from(([127, 0, 0, 1], 8808))),
            resource: None,
            tls: None,
            hosts: Vec::new(),
            origins: Vec::new(),
            tokens: Vec::new(),
            issuers: Vec::new(),
            scopes: BTreeSet::new(),
            needed: BTreeMap::new(),
            unknown: Vec::new(),
            connections: 256,
            sessions: 256,
            idle: Duration::from_secs(30 * 60),
            lifetime: Duration::from_secs(12 * 3600),
            write_timeout: Duration::from_secs(30),
            drain: Duration::from_secs(10),
            limits: Most::default(),
            metrics: None,
            traces: None,
            legacy_sse: false,
            aggregate: Vec::new(),
        }
    }
}

impl Serve {
    /// Nobody is asked who they are: whoever comes is known by the account of its process.
    #[must_use]
    pub fn goes_by_accounts(&self) -> bool {
        let certificates = self.tls.as_ref().is_some_and(|tls| tls.client_ca.is_some());
        self.tokens.is_empty() && self.issuers.is_empty() && !certificates
    }

    /// Why this server would be let in like whoever serves, if it would, where it runs under the
    /// same account: it reaches the port, and nobody is asked for more.
    #[must_use]
    pub fn lets_in(&self, server: &crate::Server, at: SocketAddr) -> Option<String> {
        if !self.goes_by_accounts() || server.remote.is_some() {
            return None;
        }
        let has = match &server.network {
            crate::Network::Host => "has the whole network",
            crate::Network::Named(reach) if reach.leads_to(at) => "may reach this address",
            crate::Network::Named(_) | crate::Network::None => return None,
        };
        let name = &server.name;
        Some(format!("`{name}` {has} and would be let in like whoever serves"))
    }
}

impl Listen {
    /// Reads `127.0.0.1:8808`, `[::1]:8808` or `unix:/path`.
    ///
    /// # Errors
    /// When it is none of these.
    pub fn read(text: &str) -> Result<Self, Unfit> {
        if let Some(path) = text.strip_prefix("unix:") {
            let fits = path.starts_with('/') && path.len() > 1 && !path.contains('\0');
            return if fits {
                Ok(Self::Unix(path.to_owned()))
            } else {
                Err(Unfit::new("a socket is written with its absolute path: unix:/run/…"))
            };
        }
        let address: SocketAddr = text.parse().map_err(|_| {
            Unfit::new("an address is written 127.0.0.1:8808, [::1]:8808 or unix:/path")
        })?;
        Ok(Self::Tcp(address))
    }
}

impl Documents {
    /// The HTTP gateway. An administrator's table stands; a project has none, for whoever
    /// writes a repository would choose who may come in.
    ///
    /// # Errors
    /// One [`Unfit`] for each table that is not its file's to write.
    pub fn serve(&self) -> Result<Serve, Vec<Unfit>> {
        let fixed = self.administrator.as_ref().and_then(|it| it.config.serve.as_ref());
        let own = self.user.iter().filter(|it| it.config.serve.is_some());
        let beyond = own.filter(|_| fixed.is_some()).map(|it| {
            Unfit::new(format!("your file {} has [serve], which the administrator fixed", it.file))
        });
        let projects = self.projects.iter().filter(|it| it.config.serve.is_some()).map(|it| {
            Unfit::new(format!(
                "the project's file {} has [serve]: a project may not choose who comes in; put it \
                 into your own file",
                it.file
            ))
        });
        let mut wrong: Vec<Unfit> = beyond.chain(projects).collect();
        let own = self.user.as_ref().and_then(|it| it.config.serve.as_ref());
        let serve = fixed.or(own).cloned().unwrap_or_default();
        wrong.extend(serve.unknown.iter().map(|name| {
            Unfit::new(format!("[serve.tokens.{name}]: `sha256` is missing, the token's digest"))
        }));
        wrong.extend(serve.contradictions());
        if wrong.is_empty() { Ok(serve) } else { Err(wrong) }
    }
}

impl Reader<'_, '_> {
    pub(crate) fn serve(&mut self, file: &Section<'_>) -> Option<Serve> {
        let usual = Serve::default();
        let table = self.table(file, "serve")?;
        let listen = self.read_text(&table, "listen", Listen::read);
        let (tokens, unknown) = self.tokens(&table);
        Some(Serve {
            listen: listen.unwrap_or(usual.listen),
            resource: self.read_text(&table, "resource", issuers::resource),
            tls: self.tls(&table),
            hosts: self.each(&table, "hosts", host),
            origins: self.each(&table, "origins", origin),
            tokens,
            issuers: self.issuers(&table),
            scopes: self.scopes(&table, "scopes"),
            needed: self.needed(&table),
            unknown,
            connections: self.count(&table, "connections").unwrap_or(usual.connections),
            sessions: self.count(&table, "sessions").unwrap_or(usual.sessions),
            idle: self.duration(&table, "idle").unwrap_or(usual.idle),
            lifetime: self.duration(&table, "lifetime").unwrap_or(usual.lifetime),
            write_timeout: self.duration(&table, "write_timeout").unwrap_or(usual.write_timeout),
            drain: self.duration(&table, "drain").unwrap_or(usual.drain),
            limits: self.most(&table),
            metrics: self
                .table(&table, "metrics")
                .and_then(|metrics| self.read_text(&metrics, "listen", here)),
            traces: self.traces(&table),
            legacy_sse: self.flag(&table, "legacy_sse").unwrap_or(usual.legacy_sse),
            aggregate: self.server_names(&table, "aggregate"),
        })
    }

    fn read_text<T>(
        &mut self,
        table: &Section<'_>,
        name: &str,
        read: fn(&str) -> Result<T, Unfit>,
    ) -> Option<T> {
        let entry = self.get(table, name)?;
        let text = self.text(table, name)?;
        self.fit(entry, read(text))
    }

    fn each(
        &mut self,
        table: &Section<'_>,
        name: &str,
        read: fn(&str) -> Result<String, Unfit>,
    ) -> Vec<String> {
        let Some(entry) = self.get(table, name) else { return Vec::new() };
        let all = self.texts(entry).unwrap_or_default();
        all.into_iter().filter_map(|(_, text)| self.fit(entry, read(text))).collect()
    }

    fn tokens(&mut self, table: &Section<'_>) -> (Vec<Token>, Vec<String>) {
        let (mut tokens, mut unknown) = (Vec::new(), Vec::new());
        let Some(entry) = self.get(table, "tokens") else { return (tokens, unknown) };
        let Kind::Named(keys) = entry.key.kind else { return (tokens, unknown) };
        let what = "a table of tables: [serve.tokens.NAME]";
        let Some(tables) = self.expect(entry, what, DeValue::as_table) else {
            return (tokens, unknown);
        };
        for (name, value) in tables {
            let at = name.span();
            let name: &str = name.get_ref();
            if ServerName::new(name).is_err() {
                let what = "a person's name is 1 to 64 letters, digits, `-`, `_` or `.`";
                self.diagnoses.wrong(&at, Some(entry.key), what.to_owned());
                continue;
            }
            let entry = Entry { key: entry.key, value };
            let Some(table) = self.expect(entry, "a table: [serve.tokens.NAME]", DeValue::as_table)
            else {
                continue;
            };
            let section = self.section(&format!("[serve.tokens.{name}]"), table, keys);
            if self.get(&section, "sha256").is_none() {
                unknown.push(name.to_owned());
            }
            let sha256 = self.read_text(&section, "sha256", digest);
            let (servers, scopes) = (self.reachable(&section), self.scopes(&section, "scopes"));
            let token =
                sha256.map(|sha256| Token { name: name.to_owned(), sha256, servers, scopes });
            tokens.extend(token);
        }
        (tokens, unknown)
    }

    fn reachable(&mut self, section: &Section<'_>) -> Option<Vec<ServerName>> {
        self.get(section, "servers")?;
        Some(self.server_names(section, "servers"))
    }

    /// Names of servers, each once.
    fn server_names(&mut self, section: &Section<'_>, key: &str) -> Vec<ServerName> {
        let names = self.each(section, key, |text| match ServerName::new(text) {
            Ok(_) => Ok(text.to_owned()),
            Err(bad) => Err(Unfit::new(bad.to_string())),
        });
        let mut servers: Vec<ServerName> = Vec::new();
        for name in names.iter().filter_map(|name| ServerName::new(name).ok()) {
            if !servers.contains(&name) {
                servers.push(name);
            }
        }
        servers
    }
}

/// Where nobody is asked who they are: on this machine, or behind the permissions of a file.
fn here(text: &str) -> Result<Listen, Unfit> {
    match Listen::read(text)? {
        Listen::Tcp(address) if !address.ip().is_loopback() => Err(Unfit::new(format!(
            "whoever reaches {} would read it: listen on 127.0.0.1 or on a socket",
            address.ip()
        ))),
        listen => Ok(listen),
    }
}

/// A name that a browser or a proxy may call us by.
fn host(text: &str) -> Result<String, Unfit> {
    let (name, port) =
        text.rsplit_once(':').map_or((text, None), |(name, port)| (name, Some(port)));
    let label = |label: &str| {
        let letter = |c: char| c.is_ascii_alphanumeric() || c == '-';
        (1..=63).contains(&label.len()) && label.chars().all(letter) && !label.starts_with('-')
    };
    let fits = name.len() <= 253 && name.split('.').all(label);
    let port_fits = port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port > 0));
    if fits && port_fits {
        return Ok(text.to_ascii_lowercase());
    }
    Err(Unfit::new("a host is written `name` or `name:port`, without a scheme, a path or `*`"))
}

/// Whose pages may call us.
fn origin(text: &str) -> Result<String, Unfit> {
    let unfit = || {
        Unfit::new(
            "an origin is written `https://name`, `https://name:port`, `http://` for this machine \
             alone, or `scheme://*` for an application's own scheme",
        )
    };
    let lower = text.to_ascii_lowercase();
    let (scheme, rest) = lower.split_once("://").ok_or_else(unfit)?;
    let letter = |c: char| c.is_ascii_alphanumeric() || "+-.".contains(c);
    let is_scheme =
        scheme.starts_with(|c: char| c.is_ascii_alphabetic()) && scheme.chars().all(letter);
    let here = |rest: &str| {
        let name = rest.rsplit_once(':').map_or(rest, |(name, _)| name);
        name == "localhost" || name == "127.0.0.1"
    };
    let fits = match scheme {
        "https" => host(rest).is_ok(),
        "http" => host(rest).is_ok() && here(rest),
        // Pages of the machine itself, of no origin at all, or of whatever a link says.
        "file" | "data" | "blob" | "about" | "javascript" | "null" => false,
        _ => is_scheme && (rest == "*" || host(rest).is_ok()),
    };
    if fits { Ok(lower) } else { Err(unfit()) }
}

/// SHA-256 as 64 hexadecimal digits.
fn digest(text: &str) -> Result<[u8; 32], Unfit> {
    let unfit = || {
        Unfit::new(
            "a digest is 64 hexadecimal digits, the first word that `printf %s TOKEN | sha256sum` \
             writes; the token itself has no place in a file",
        )
    };
    let mut bytes = [0; 32];
    if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(unfit());
    }
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
        let pair = std::str::from_utf8(pair).map_err(|_| unfit())?;
        *byte = u8::from_str_radix(pair, 16).map_err(|_| unfit())?;
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::precedence::Document;

    fn read(text: &str) -> Result<Serve, String> {
        let config = Config::read(text, "portcullis.toml")
            .map_err(|all| all.iter().map(ToString::to_string).collect::<String>())?;
        Documents::only(config, "portcullis.toml").serve().map_err(|all| format!("{all:?}"))
    }

    #[test]
    fn what_is_written_is_what_is_meant() {
        assert_eq!(read(""), Ok(Serve::default()));
        let digest = "0f".repeat(32);
        let serve = read(&format!(
            "[serve]\nlisten = \"[::1]:9000\"\nhosts = [\"Gate.example.com\", \"gate:8443\"]\n\
             origins = [\"https://app.example.com\", \"vscode-webview://*\", \
             \"http://localhost:6274\"]\nconnections = 9\nsessions = 3\nidle = \"5m\"\nlifetime = \"1h\"\n\
             legacy_sse = true\n\
             aggregate = [\"files\", \"files\"]\n\
             [serve.tokens.ada]\nsha256 = \"{digest}\"\nservers = [\"files\"]\n\
             [serve.tokens.bob]\nsha256 = \"{}\"\n",
            digest.to_uppercase()
        ))
        .unwrap();
        assert_eq!(serve.listen, Listen::Tcp("[::1]:9000".parse().unwrap()));
        assert_eq!(serve.hosts, ["gate.example.com", "gate:8443"]);
        let origins = ["https://app.example.com", "vscode-webview://*", "http://localhost:6274"];
        assert_eq!(serve.origins, origins);
        assert_eq!(
            (serve.connections, serve.sessions, serve.idle.as_secs(), serve.lifetime.as_secs()),
            (9, 3, 300, 3600)
        );
        assert!(serve.legacy_sse && !Serve::default().legacy_sse);
        assert_eq!(serve.aggregate, [ServerName::new("files").unwrap()], "each once");
        assert!(Serve::default().aggregate.is_empty(), "off unless asked for");
        let [ada, bob] = serve.tokens.try_into().unwrap();
        assert_eq!((ada.name.as_str(), ada.sha256), ("ada", [0x0f; 32]));
        assert_eq!(ada.servers, Some(vec![ServerName::new("files").unwrap()]));
        assert_eq!((bob.sha256, bob.servers), ([0x0f; 32], None));
        let unix = read("[serve]\nlisten = \"unix:/run/portcullis.sock\"\n").unwrap();
        assert_eq!(unix.listen, Listen::Unix("/run/portcullis.sock".to_owned()));
    }

    #[test]
    fn what_would_let_others_in_is_no_value() {
        for (line, says) in [
            ("listen = \"0.0.0.0:8808\"", "TLS"),
            ("listen = \"[::]:8808\"", "TLS"),
            ("listen = \"192.0.2.1:8808\"", "TLS"),
            ("listen = \"localhost:8808\"", "127.0.0.1:8808"),
            ("listen = \"unix:run/x\"", "absolute"),
            ("hosts = [\"*\"]", "without a scheme"),
            ("hosts = [\"https://gate\"]", "without a scheme"),
            ("hosts = [\"gate/\"]", "without a scheme"),
            ("hosts = [\"gate:0\"]", "without a scheme"),
            ("origins = [\"*\"]", "an origin is"),
            ("origins = [\"null\"]", "an origin is"),
            ("origins = [\"https://*\"]", "an origin is"),
            ("origins = [\"https://*.example.com\"]", "an origin is"),
            ("origins = [\"https://app.example.com/\"]", "an origin is"),
            ("origins = [\"http://app.example.com\"]", "an origin is"),
            ("origins = [\"file://*\"]", "an origin is"),
            ("tokens.ada.sha256 = \"secret-word\"", "64 hexadecimal"),
            ("tokens.ada.servers = []", "`sha256` is missing"),
            ("tokens.\"a b\".sha256 = \"x\"", "a person's name"),
            ("tokens.ada.sha265 = \"x\"", "sha256"),
            ("listens = \"x\"", "listen"),
            ("connections = 0", "between 1 and 65536"),
        ] {
            let told = read(&format!("[serve]\n{line}\n")).unwrap_err();
            assert!(told.contains(says), "{line}: {told}");
            assert!(!told.contains("secret-word"), "a token is repeated: {told}");
        }
    }

    #[test]
    fn an_administrators_table_stands_and_a_project_has_none() {
        let document = |file: &str, port: u16| Document {
            file: file.to_owned(),
            config: Config::read(&format!("[serve]\nlisten = \"127.0.0.1:{port}\"\n"), file)
                .unwrap(),
        };
        let mut all =
            Documents { administrator: Some(document("/etc/a", 1)), ..Documents::default() };
        assert_eq!(all.serve().unwrap().listen, Listen::Tcp("127.0.0.1:1".parse().unwrap()));
        all.user = Some(document("mine", 2));
        assert_eq!(all.serve().unwrap_err().len(), 1);
        all.administrator = None;
        assert_eq!(all.serve().unwrap().listen, Listen::Tcp("127.0.0.1:2".parse().unwrap()));
        all.projects = vec![document("project", 3)];
        assert_eq!(all.serve().unwrap_err().len(), 1);
    }

    #[test]
    fn a_server_that_reaches_the_port_is_not_whoever_serves() {
        let at = "127.0.0.1:8808".parse().unwrap();
        let found = |network: &str, more: &str| {
            let text =
                format!("{more}[server.files]\ncommand = [\"files\"]\nnetwork = {network}\n");
            let config = Config::read(&text, "portcullis.toml").unwrap();
            let all = Documents::only(config, "portcullis.toml");
            let name = ServerName::new("files").unwrap();
            let server = all.settle(name, crate::Overrides::default(), &str::to_owned).unwrap();
            all.serve().unwrap().lets_in(&server, at).is_some()
        };
        let token = format!("[serve.tokens.ada]\nsha256 = \"{}\"\n", "0f".repeat(32));
        for reaches in ["\"host\"", "[\"127.0.0.1:8808\"]", "[\"here.example:80=127.0.0.1:8808\"]"]
        {
            assert!(found(reaches, ""), "{reaches}");
            assert!(!found(reaches, &token), "{reaches}");
        }
        for other in ["[]", "[\"127.0.0.1:8809\"]", "[\"localhost:8808\"]", "[\"example.com\"]"] {
            assert!(!found(other, ""), "{other}");
        }
    }
}
