//! What a request must be before anything looks at what it wants.
//!
//! A browser says of each request where it comes from, in headers that no page can write
//! (Fetch Metadata, <https://www.w3.org/TR/fetch-metadata/>, and `Origin`). Ours come from our
//! own pages or from the person's hand; everything else ends here.

use hyper::header::{HOST, HeaderMap, ORIGIN};
use hyper::http::request::Parts;
use hyper::{Method, StatusCode};

use super::secret::same;

/// What we are called, and what must be said to reach us.
#[derive(Debug)]
pub(crate) struct Wall {
    host: String,
    origin: String,
}

/// For what a request is made: what the browser has to say of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Use {
    /// The one-time link, typed or opened by another program.
    Link,
    /// A page, opened by hand or fetched by our script.
    Page,
    /// A part of a page.
    Part,
    /// What our script fetches.
    Script,
    /// A form of ours, sent by hand.
    Form,
    /// A browser that comes back from somebody else's page.
    Return,
}

/// Why a request is turned away: what the answer says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Refusal(pub(crate) StatusCode, pub(crate) &'static str);

const fn refused(why: &'static str) -> Refusal {
    Refusal(StatusCode::FORBIDDEN, why)
}

/// A page that was opened by hand.
const BY_HAND: (&str, &str) = ("navigate", "document");

impl Wall {
    /// For one name and port.
    pub(crate) fn new(host: &str) -> Self {
        Self { host: host.to_owned(), origin: format!("http://{host}") }
    }

    /// Where our pages are.
    pub(crate) fn origin(&self) -> &str {
        &self.origin
    }

    /// What holds for every request, whatever it wants.
    pub(crate) fn admits(&self, head: &Parts) -> Result<(), Refusal> {
        let uri = &head.uri;
        if uri.authority().is_some() || !uri.path().starts_with('/') {
            return Err(Refusal(StatusCode::BAD_REQUEST, "the address is not one of ours"));
        }
        // Another name leads here when somebody's DNS says so.
        if !only(&head.headers, HOST.as_str()).is_some_and(|host| is(host, &self.host)) {
            return Err(Refusal(StatusCode::MISDIRECTED_REQUEST, "this is not that host"));
        }
        if head.headers.contains_key("sec-purpose") {
            return Err(refused("nothing is fetched ahead"));
        }
        Ok(())
    }

    /// What holds for a request of this use.
    pub(crate) fn fits(&self, head: &Parts, kind: Use) -> Result<(), Refusal> {
        let wanted = if kind == Use::Form { Method::POST } else { Method::GET };
        if head.method != wanted {
            return Err(Refusal(StatusCode::METHOD_NOT_ALLOWED, "that is not done here"));
        }
        let headers = &head.headers;
        let said = |name| only(headers, name).unwrap_or_default();
        let how = (said("sec-fetch-mode"), said("sec-fetch-dest"));
        let from = said("sec-fetch-site");
        let fits = match kind {
            Use::Link => from == "none" && how == BY_HAND,
            Use::Page => match from {
                "none" => how == BY_HAND,
                "same-origin" => how == BY_HAND || how.1 == "empty",
                _ => false,
            },
            Use::Part => from == "same-origin" && matches!(how.1, "script" | "style" | "image"),
            Use::Script => from == "same-origin" && how.1 == "empty",
            Use::Return => how == BY_HAND,
            // A form that a script sends says nothing of a hand.
            Use::Form => from == "same-origin" && how == BY_HAND && said("sec-fetch-user") == "?1",
        };
        if !fits {
            return Err(refused("this console is opened in a browser, by its own link"));
        }
        let origin = headers.get_all(ORIGIN).iter().count();
        let ours = only(headers, ORIGIN.as_str()).is_some_and(|it| is(it, &self.origin));
        match (kind, origin) {
            (Use::Form, _) if !ours => Err(refused("the form is not one of ours")),
            (_, 1..) if !ours => Err(refused("the page that asks is not one of ours")),
            _ => Ok(()),
        }
    }
}

/// Whether this asks for the page that only says where to look, under that page's own name.
pub(crate) fn is_look(head: &Parts, name: &str) -> bool {
    let root = head.uri.path() == "/" && head.uri.query().is_none();
    let named = only(&head.headers, HOST.as_str()).is_some_and(|host| is(host, name));
    head.method == Method::GET && root && named && head.uri.authority().is_none()
}

/// A header that is there exactly once, and text.
fn only<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut all = headers.get_all(name).iter();
    let value = all.next().filter(|_| all.next().is_none())?;
    value.to_str().ok()
}

fn is(said: &str, ours: &str) -> bool {
    same(said.as_bytes(), ours.as_bytes())
}

#[cfg(test)]
mod tests {
    use hyper::Request;

    use super::*;

    const HOST_NAME: &str = "c0ffee.localhost:4000";
    const OURS: &str = "http://c0ffee.localhost:4000";

    fn head(method: &str, uri: &str, headers: &[(&str, &str)]) -> Parts {
        let mut request = Request::builder().method(method).uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    fn browser<'a>(site: &'a str, mode: &'a str, dest: &'a str) -> Vec<(&'a str, &'a str)> {
        vec![("sec-fetch-site", site), ("sec-fetch-mode", mode), ("sec-fetch-dest", dest)]
    }

    #[test]
    fn only_our_own_name_is_answered() {
        let wall = Wall::new(HOST_NAME);
        let admits = |uri: &str, headers: &[(&str, &str)]| wall.admits(&head("GET", uri, headers));
        assert_eq!(admits("/", &[("host", HOST_NAME)]), Ok(()));
        for (uri, headers) in [
            ("/", vec![]),
            ("/", vec![("host", "127.0.0.1:4000")]),
            ("/", vec![("host", "localhost:4000")]),
            ("/", vec![("host", "c0ffee.localhost")]),
            ("/", vec![("host", "c0ffee.localhost:4001")]),
            ("/", vec![("host", "C0FFEE.localhost:4000")]),
            ("/", vec![("host", "c0ffee.localhost.:4000")]),
            ("/", vec![("host", "rebound.example:4000")]),
            ("/", vec![("host", HOST_NAME), ("host", HOST_NAME)]),
            ("/", vec![("host", HOST_NAME), ("sec-purpose", "prefetch;prerender")]),
            ("http://c0ffee.localhost:4000/", vec![("host", HOST_NAME)]),
        ] {
            assert!(admits(uri, &headers).is_err(), "{uri} {headers:?}");
        }
    }

    #[test]
    fn a_browser_has_to_say_where_a_request_comes_from() {
        let wall = Wall::new(HOST_NAME);
        let fits = |kind, method: &str, headers: Vec<(&str, &str)>| {
            wall.fits(&head(method, "/", &headers), kind).is_ok()
        };
        let page = ("navigate", "document");
        for (kind, site, (mode, dest), expect) in [
            (Use::Link, "none", page, true),
            (Use::Link, "same-origin", page, false),
            (Use::Link, "cross-site", page, false),
            (Use::Page, "none", page, true),
            (Use::Page, "same-origin", page, true),
            (Use::Page, "same-origin", ("cors", "empty"), true),
            (Use::Page, "none", ("cors", "empty"), false),
            (Use::Page, "same-site", page, false),
            (Use::Page, "cross-site", page, false),
            (Use::Page, "same-origin", ("navigate", "iframe"), false),
            (Use::Page, "same-origin", ("no-cors", "script"), false),
            (Use::Page, "", ("", ""), false),
            (Use::Part, "same-origin", ("no-cors", "style"), true),
            (Use::Part, "cross-site", ("no-cors", "script"), false),
            (Use::Part, "same-origin", page, false),
            (Use::Script, "same-origin", ("cors", "empty"), true),
            (Use::Script, "same-site", ("cors", "empty"), false),
        ] {
            assert_eq!(fits(kind, "GET", browser(site, mode, dest)), expect, "{kind:?} {site}");
            assert!(!fits(kind, "POST", browser(site, mode, dest)), "{kind:?}");
            let mut foreign = browser(site, mode, dest);
            foreign.push(("origin", "http://127.0.0.1:5000"));
            assert!(!fits(kind, "GET", foreign), "{kind:?} {site}");
        }
    }

    #[test]
    fn a_form_is_ours_and_sent_by_hand() {
        let wall = Wall::new(HOST_NAME);
        let good = || {
            let mut headers = browser("same-origin", "navigate", "document");
            headers.extend([("sec-fetch-user", "?1"), ("origin", OURS)]);
            headers
        };
        let fits = |method: &str, headers: &[(&str, &str)]| {
            wall.fits(&head(method, "/", headers), Use::Form).is_ok()
        };
        assert!(fits("POST", &good()));
        for method in ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "post", "BREW"] {
            assert!(!fits(method, &good()), "{method}");
        }
        for place in 0..good().len() {
            let mut headers = good();
            let (name, _) = headers.remove(place);
            assert!(!fits("POST", &headers), "without {name}");
            headers.push((name, "null"));
            assert!(!fits("POST", &headers), "another {name}");
            let mut twice = good();
            twice.push(good()[place]);
            assert!(!fits("POST", &twice), "{name} twice");
        }
        for origin in ["http://c0ffee.localhost:4001", "https://c0ffee.localhost:4000", "null"] {
            let mut headers = good();
            headers.pop();
            headers.push(("origin", origin));
            assert!(!fits("POST", &headers), "{origin}");
        }
    }
}
