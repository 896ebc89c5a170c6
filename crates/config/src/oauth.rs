//! How a token is got for a remote server: `auth = { oauth = { … } }`.

use crate::config::Source;
use crate::reader::{Reader, Section};

/// How a token is got from a server's authorization server.
#[derive(Clone, Debug, Default)]
pub struct OAuth {
    /// Who we are there, as it was registered by hand.
    pub client_id: Option<String>,
    /// The secret of it.
    pub client_secret: Option<Source>,
    /// The key that we sign with instead.
    pub private_key: Option<Source>,
    /// The authorization server where it was registered.
    pub issuer: Option<String>,
    /// The address of a document that says who we are.
    pub client_metadata: Option<String>,
    /// What is asked for, unless the server says what it wants.
    pub scopes: Vec<String>,
    /// We show who we are, and no person is asked.
    pub client_credentials: bool,
    /// Where a browser comes back to; any port when nothing is said.
    pub redirect_port: Option<u16>,
}

impl OAuth {
    /// What leads to its secrets.
    pub(crate) fn sources(&self) -> impl Iterator<Item = (&'static str, &Source)> {
        let both = [("client_secret", &self.client_secret), ("private_key", &self.private_key)];
        both.into_iter().filter_map(|(name, source)| Some((name, source.as_ref()?)))
    }

    pub(crate) fn sources_mut(&mut self) -> impl Iterator<Item = &mut Source> {
        [&mut self.client_secret, &mut self.private_key].into_iter().flatten()
    }

    /// What of it is no secret, for whoever is shown who we are.
    #[must_use]
    pub fn told(&self) -> Vec<(&'static str, String)> {
        let text = |name, text: &Option<String>| Some((name, text.clone()?));
        let scopes = Some(self.scopes.join(" ")).filter(|text| !text.is_empty());
        let how = if self.client_credentials { "client credentials" } else { "a person's yes" };
        let all = [
            text("client_id", &self.client_id),
            text("issuer", &self.issuer),
            text("client_metadata", &self.client_metadata),
            scopes.map(|scopes| ("scopes", scopes)),
            self.redirect_port.map(|port| ("redirect_port", port.to_string())),
            Some(("by", how.to_owned())),
        ];
        all.into_iter().flatten().collect()
    }

    /// What does not go together.
    fn unfit(&self) -> Option<&'static str> {
        let shows = self.client_secret.is_some() || self.private_key.is_some();
        match self {
            Self { client_secret: Some(_), private_key: Some(_), .. } => {
                Some("one of `client_secret` and `private_key` shows who we are, not both")
            }
            Self { client_id: None, .. } if shows => {
                Some("a secret without a `client_id` opens nothing")
            }
            Self { client_credentials: true, client_id: None, .. } => {
                Some("`client_credentials` needs a `client_id`")
            }
            Self { client_credentials: true, .. } if !shows => {
                Some("`client_credentials` needs a `client_secret` or a `private_key`")
            }
            Self { client_id: Some(_), client_metadata: Some(_), .. } => {
                Some("one of `client_id` and `client_metadata` says who we are, not both")
            }
            Self { client_metadata: Some(url), .. } if !url.starts_with("https://") => {
                Some("`client_metadata` is an https address")
            }
            _ => None,
        }
    }
}

impl Reader<'_, '_> {
    /// `oauth` in the table `auth` of a server.
    pub(crate) fn oauth(&mut self, auth: &Section<'_>) -> Option<OAuth> {
        let entry = self.get(auth, "oauth")?;
        let table = self.table(auth, "oauth")?;
        let text = |reader: &mut Self, name| reader.text(&table, name).map(str::to_owned);
        let secret = |reader: &mut Self, name| {
            let entry = reader.get(&table, name)?;
            reader.token(entry)
        };
        let scopes = self.get(&table, "scopes").and_then(|entry| self.texts(entry));
        let scopes = scopes.unwrap_or_default().into_iter().map(|(_, text)| text.to_owned());
        let oauth = OAuth {
            client_id: text(self, "client_id"),
            client_secret: secret(self, "client_secret"),
            private_key: secret(self, "private_key"),
            issuer: text(self, "issuer"),
            client_metadata: text(self, "client_metadata"),
            scopes: scopes.collect(),
            client_credentials: self.flag(&table, "client_credentials").unwrap_or_default(),
            redirect_port: self
                .count(&table, "redirect_port")
                .and_then(|it| u16::try_from(it).ok()),
        };
        if let Some(unfit) = oauth.unfit() {
            self.wrong(entry, unfit.to_owned());
        }
        Some(oauth)
    }
}

#[cfg(test)]
mod tests {
    use crate::config::Config;
    use crate::remote::Auth;

    fn read(oauth: &str) -> Result<Auth, String> {
        let text = format!(
            "[server.a]\nurl = \"https://a.example.com/mcp\"\nauth = {{ oauth = {oauth} }}\n"
        );
        let config = Config::read(&text, "portcullis.toml")
            .map_err(|all| all.iter().map(ToString::to_string).collect::<String>())?;
        let (_, settings) = config.servers().next().unwrap();
        Ok(settings.remote.clone().unwrap().auth)
    }

    #[test]
    fn what_is_written_is_what_is_meant() {
        let Ok(Auth::OAuth(usual)) = read("{}") else { panic!("no oauth") };
        assert!(!usual.client_credentials && usual.client_id.is_none() && usual.scopes.is_empty());
        let whole = r#"{ client_id = "c", client_secret = { env = "S" }, issuer = "https://i.example.com", scopes = ["a", "b"], client_credentials = true, redirect_port = 4000 }"#;
        let Ok(Auth::OAuth(whole)) = read(whole) else { panic!("no oauth") };
        assert_eq!((whole.client_id.as_deref(), whole.redirect_port), (Some("c"), Some(4000)));
        assert_eq!((whole.scopes.join(" ").as_str(), whole.sources().count()), ("a b", 1));
        assert!(whole.told().iter().all(|(_, text)| text != "S"));
    }

    #[test]
    fn what_does_not_go_together_is_said() {
        for (oauth, says) in [
            (r#"{ client_secret = { env = "S" } }"#, "without a `client_id`"),
            (r#"{ client_id = "c", client_secret = "hunter2" }"#, "env"),
            (r#"{ client_credentials = true }"#, "needs a `client_id`"),
            (r#"{ client_id = "c", client_credentials = true }"#, "needs a `client_secret`"),
            (
                r#"{ client_id = "c", client_secret = { env = "S" }, private_key = { file = "k" } }"#,
                "not both",
            ),
            (
                r#"{ client_id = "c", client_metadata = "https://c.example.com/c.json" }"#,
                "not both",
            ),
            (r#"{ client_metadata = "http://c.example.com/c.json" }"#, "https address"),
            (r#"{ redirect_port = 80 }"#, "1024"),
            (r#"{ clientid = "c" }"#, "client_id"),
        ] {
            let told = read(oauth).expect_err(oauth);
            assert!(told.contains(says) && !told.contains("hunter2"), "{oauth}: {told}");
        }
    }
}
