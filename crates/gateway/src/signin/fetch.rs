//! The requests of an attempt: bounded, without cookies, and redirected only where nothing is
//! brought.

use std::time::Duration;

use hyper::body::Bytes;
use hyper::header::{AUTHORIZATION, HeaderValue};
use portcullis_guard::egress::Url;
use portcullis_oauth::{Answer, Ask, Purpose};
use portcullis_transport::http::fetch::{self, Fetcher, Follow, Reach, Roots};

/// Largest document.
const LARGEST: usize = 256 << 10;
/// How long one may take.
const PATIENCE: Duration = Duration::from_secs(15);
const JSON: &str = "application/json";

/// Makes a request, and brings all of its answer.
pub(super) async fn answered(
    reach: Reach,
    roots: Roots,
    url: Url,
    ask: &Ask,
    statement: Option<&str>,
) -> Result<Answer, String> {
    let fetcher = Fetcher::new(reach, roots);
    let told = |error: fetch::FetchError| error.to_string();
    let answer = match ask.whole_body(statement) {
        None => {
            let follow = match ask.purpose {
                Purpose::Resource | Purpose::Server => Follow::Reachable,
                Purpose::Registration | Purpose::Token => Follow::SameOrigin,
            };
            fetcher.follow(&fetch::Ask::get(url, JSON), follow).await.map_err(told)?
        }
        Some(body) => {
            let body = Bytes::from(body.expose("as what is posted").to_owned());
            let mut post = fetch::Ask::post(url, ask.content_type(), body)
                .with(hyper::header::ACCEPT, HeaderValue::from_static(JSON));
            if let Some(header) = &ask.authorization {
                let value = HeaderValue::try_from(header.expose("as a header of the request"));
                let mut value = value.map_err(|_| "our name there cannot stand in a header")?;
                value.set_sensitive(true);
                post = post.with(AUTHORIZATION, value);
            }
            fetcher.send(&post).await.map_err(told)?
        }
    };
    let status = answer.status().as_u16();
    let body = answer.read(LARGEST, PATIENCE).await.map_err(told)?.to_vec();
    Ok(Answer { status, body })
}
