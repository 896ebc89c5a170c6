//! Asks issuers over the one client of ours, as whoever we are for them.

use std::time::Duration;

use hyper::StatusCode;
use hyper::body::Bytes;
use hyper::header::{AUTHORIZATION, HeaderValue};
use portcullis_guard::secret::SecretString;

use super::super::fetch::{self, Fetcher, Url};
use super::issuer::{Ask, Asking, Question};

/// Largest document, in bytes.
const LARGEST: usize = 512 << 10;
/// How long the rest of one may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Asks over the network.
#[derive(Debug)]
pub struct Web {
    fetcher: Fetcher,
    login: Option<HeaderValue>,
}

impl Web {
    /// With this client; what is asked with a form, as nobody.
    #[must_use]
    pub const fn new(fetcher: Fetcher) -> Self {
        Self { fetcher, login: None }
    }

    /// The same as somebody with a secret (RFC 6749, section 2.3.1).
    #[must_use]
    pub fn known_as(self, client: &str, secret: &SecretString) -> Self {
        use base64::Engine as _;
        let secret = secret.expose("shown to the issuer that knows it");
        let both = format!(
            "{}:{}",
            super::introspect::encoded(client),
            super::introspect::encoded(secret)
        );
        let both = base64::engine::general_purpose::STANDARD.encode(both);
        let login = HeaderValue::try_from(format!("Basic {both}")).ok().map(|mut value| {
            value.set_sensitive(true);
            value
        });
        Self { login, ..self }
    }

    async fn asked(&self, question: Question) -> Result<String, String> {
        let url = |text: &str| Url::new(text).map_err(|why| why.to_string());
        let ask = match question {
            Question::Document(at) => fetch::Ask::get(url(&at)?, "application/json"),
            Question::Form { url: at, body } => {
                let form = "application/x-www-form-urlencoded";
                let ask = fetch::Ask::post(url(&at)?, form, Bytes::from(body));
                match &self.login {
                    Some(login) => ask.with(AUTHORIZATION, login.clone()),
                    None => ask,
                }
            }
        };
        let answer = self.fetcher.send(&ask).await.map_err(|why| why.to_string())?;
        if answer.status() != StatusCode::OK {
            return Err(format!("it answers {}", answer.status().as_u16()));
        }
        let document = answer.json(LARGEST, PATIENCE).await.map_err(|why| why.to_string())?;
        Ok(document.text().to_owned())
    }
}

impl Ask for Web {
    fn ask(&self, question: Question) -> Asking<'_> {
        Box::pin(self.asked(question))
    }
}
