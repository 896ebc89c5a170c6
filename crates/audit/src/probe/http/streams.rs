//! Requests as 2024-11-05 has them: each is posted to where a stream said, and answered on the stream.

use hyper::Method;
use hyper::http::HeaderMap;
use portcullis_transport::http::fetch::{self, Fetcher};

use super::talk::{ACCEPT, CONTENT};
use super::wire::{Ask, BYTES, Came, REPEATED, Way, Wire, message, whole};
use crate::evidence::http::Question;
use crate::probe::old::{Opened, Stream};

/// Headers of a stream that say who may read what comes on it.
const READERS: [&str; 2] = ["access-control-allow-origin", "access-control-allow-credentials"];

/// The request that stands for what is done: what opens a stream, unless it is about what is posted.
pub(super) fn shown(ask: &Ask, ours: Option<&Stream>) -> Ask {
    match ask.way {
        Way::Post => ask.clone(),
        Way::Fresh if ask.question == Question::PlainText => ask.clone(),
        Way::Fresh => opening(ask),
        Way::Ours => {
            let to = ask.to.clone().or_else(|| ours.map(|ours| ours.endpoint.clone()));
            Ask { to, ..ask.clone() }
        }
    }
}

/// What opens a stream for a request.
fn opening(ask: &Ask) -> Ask {
    let ask = ask.clone().with(CONTENT, None).with(ACCEPT, Some("text/event-stream"));
    Ask { method: Method::GET, body: None, id: None, ..ask }
}

/// Opens a stream, and sends a request by it. Whoever is refused at either is told so.
pub(super) async fn fresh(wire: &Wire, ask: &Ask) -> Result<Came, String> {
    let at = ask.to.as_ref().unwrap_or(&wire.url);
    // What is no JSON is posted: a page opens a stream as it always does.
    let (get, _) = wire.dressed(&opening(ask));
    let stream = match Stream::open(wire.fetcher(), &get, at, (BYTES, BYTES as u64)).await? {
        Opened::Stream(stream) => stream,
        Opened::Refused(answer) => return whole(*answer, &opening(ask)).await,
    };
    let to = Some(stream.endpoint.clone());
    let post = Ask { to, way: Way::Ours, ..ask.clone() };
    let (request, _) = wire.dressed(&post);
    let mut stream = Some(stream);
    let mut came = ours(wire.fetcher(), &request, &Ask { to: None, ..post }, &mut stream).await?;
    let readers: HeaderMap = stream.as_ref().map(|it| read_by(it)).unwrap_or_default();
    for (name, value) in readers.iter() {
        came.headers.insert(name.clone(), value.clone());
    }
    came.stream = stream;
    Ok(came)
}

/// A page reads the answer where it may read the stream.
fn read_by(stream: &Stream) -> HeaderMap {
    let all = READERS.iter().filter_map(|name| {
        let name = hyper::header::HeaderName::from_static(name);
        Some((name.clone(), stream.headers().get(name)?.clone()))
    });
    all.collect()
}

/// Posts a request, and hears what comes of it on the stream.
pub(super) async fn ours(
    fetcher: &Fetcher,
    request: &fetch::Ask,
    ask: &Ask,
    stream: &mut Option<Box<Stream>>,
) -> Result<Came, String> {
    let Some(open) = stream.as_mut() else { return Err("its stream has ended".to_owned()) };
    let answer = fetcher.send(request).await.map_err(|error| error.to_string())?;
    let mut came = whole(answer, ask).await?;
    if came.outcome.is_some() || !came.status.is_success() || ask.id.is_none() {
        return Ok(came);
    }
    came.text.clear();
    let heard = heard(open, ask, &mut came);
    // Where it should not be taken at all, nothing more may come.
    let ended = match ask.to {
        None => heard.await?,
        Some(_) => tokio::time::timeout(REPEATED, heard).await.unwrap_or(Ok(false))?,
    };
    if ended {
        *stream = None;
    }
    Ok(came)
}

/// Hears the stream until the answer is on it; whether it ended before.
async fn heard(stream: &mut Stream, ask: &Ask, came: &mut Came) -> Result<bool, String> {
    while let Some(data) = stream.next().await? {
        came.text.push_str(&String::from_utf8_lossy(&data));
        came.text.push('\n');
        let response = message(&data).filter(|it| it.id.is_none() || it.id == ask.id);
        if let Some(response) = response {
            came.outcome = Some(response.outcome);
            return Ok(false);
        }
    }
    Ok(true)
}
