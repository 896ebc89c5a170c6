//! What whoever reaches servers over a network has to see to, and where each stands in a config.

use portcullis_config::{Listen, Serve, Server, Source};
use portcullis_console::api::{Line, Standing};
use portcullis_guard::secret;
use toml::{Table, Value};

use super::{Now, line, list};
use crate::exit::Trouble;

/// The list itself.
const LIST: &str = include_str!("../../../transport/checklist.toml");

/// Every line.
pub(crate) fn lines(serve: &Serve, servers: &[Server]) -> Result<Vec<Line>, Trouble> {
    let table: Table = LIST.parse().map_err(|error| Trouble::failed(&error))?;
    let lines = table.get("line").and_then(Value::as_array).into_iter().flatten();
    let stands = |id: &str| match id {
        "https-remote" => https(serve),
        "origin-checked" => origins(serve),
        "loopback-bound" => bound(serve),
        "callers-authenticated" => callers(serve, servers),
        "sessions-random" => sessions(serve),
        "secrets-referenced" => secrets(servers),
        // A line that nobody can judge is nothing to be calm about.
        other => (Standing::Bad, format!("nothing here knows `{other}`")),
    };
    Ok(lines.map(|written| line(written, stands)).collect())
}

/// Whether only this machine reaches it.
fn is_here(serve: &Serve) -> bool {
    match &serve.listen {
        Listen::Tcp(address) => address.ip().is_loopback(),
        Listen::Unix(_) => true,
    }
}

fn https(serve: &Serve) -> Now {
    match (&serve.tls, is_here(serve)) {
        (Some(tls), _) => {
            (Standing::Good, format!("TLS, with the certificate in {}", tls.certificate))
        }
        (None, true) if serve.hosts.is_empty() => {
            (Standing::Good, "no TLS, and only this machine reaches it".to_owned())
        }
        (None, true) => {
            let says = "no TLS; what speaks it for";
            (Standing::Look, format!("{says} {} must be on this machine", list(&serve.hosts)))
        }
        (None, false) => (Standing::Bad, "other machines reach it without TLS".to_owned()),
    }
}

fn origins(serve: &Serve) -> Now {
    let wide: Vec<String> =
        serve.origins.iter().filter(|origin| origin.ends_with("://*")).cloned().collect();
    match (serve.origins.is_empty(), wide.is_empty()) {
        (true, _) => (Standing::Good, "no page of a browser may call it".to_owned()),
        (false, true) => (Standing::Good, format!("pages of {} may", list(&serve.origins))),
        (false, false) => {
            (Standing::Look, format!("every page with the scheme of {} may", list(&wide)))
        }
    }
}

fn bound(serve: &Serve) -> Now {
    match &serve.listen {
        Listen::Unix(path) => (Standing::Good, format!("the socket {path}, for its owner alone")),
        Listen::Tcp(address) if address.ip().is_loopback() => {
            (Standing::Good, format!("{address}, on this machine alone"))
        }
        Listen::Tcp(address) => {
            (Standing::Look, format!("{address}, which other machines reach, as the config says"))
        }
    }
}

fn callers(serve: &Serve, servers: &[Server]) -> Now {
    if let Listen::Tcp(at) = &serve.listen
        && let Some(why) = servers.iter().find_map(|server| serve.lets_in(server, *at))
    {
        return (Standing::Bad, why);
    }
    let mut known = Vec::new();
    if !serve.issuers.is_empty() {
        let names: Vec<String> = serve.issuers.iter().map(|it| it.name.clone()).collect();
        known.push(format!("tokens of {}", list(&names)));
    }
    if !serve.tokens.is_empty() {
        let names: Vec<String> = serve.tokens.iter().map(|it| it.name.clone()).collect();
        known.push(format!("tokens of the config for {}", list(&names)));
    }
    if serve.tls.as_ref().is_some_and(|tls| tls.client_ca.is_some()) {
        known.push("certificates".to_owned());
    }
    match (known.is_empty(), is_here(serve)) {
        (true, true) => (Standing::Good, "processes of the account that serves".to_owned()),
        (true, false) => (Standing::Bad, "nobody is asked who they are".to_owned()),
        (false, _) => (Standing::Good, known.join("; ")),
    }
}

fn sessions(serve: &Serve) -> Now {
    let (idle, lifetime) = (serve.idle.as_secs(), serve.lifetime.as_secs());
    (Standing::Good, format!("each ends after {idle} s unused, and after {lifetime} s in any case"))
}

fn secrets(servers: &[Server]) -> Now {
    let holds = |server: &&Server| {
        server.env.iter().any(|variable| match variable.source() {
            Source::Value(value) => {
                let text = value.expose("to see whether it is a credential");
                !secret::find(&format!("{}={text}", variable.name())).is_empty()
            }
            Source::Environment(_) | Source::File(_) => false,
        })
    };
    let written: Vec<String> =
        servers.iter().filter(holds).map(|server| server.name.to_string()).collect();
    match written.is_empty() {
        true => (Standing::Good, "the config holds none".to_owned()),
        false => {
            (Standing::Bad, format!("what looks like a credential stands in {}", list(&written)))
        }
    }
}
