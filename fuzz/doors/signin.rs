//! A remote server, and whoever it names as its authorization server, lead a sign-in: whatever they
//! answer, it goes nowhere inside, no browser goes anywhere before a yes, no code is redeemed that
//! came without our state, no secret stands anywhere but in what is sent for a token, and it ends.
//!
//! The first byte chooses what is known before; then come, divided by 0x1e, the challenge and one
//! answer after the other: a digit for the status and a body, or what a browser comes back with,
//! in which `STATE` is ours.
#![no_main]

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use portcullis_guard::secret::SecretString;
use portcullis_oauth::{
    Answer, Challenge, Consent, Flow, Grant, Identity, Means, Method, Need, Place, Purpose,
    Registration, Scopes, Setup, Tokens, Visit,
};

const SERVER: &str = "https://mcp.example.com/mcp";
const ISSUER: &str = "https://login.example.com";
const REDIRECT: &str = "http://127.0.0.1:4000/callback";
const NOW: u64 = 1_000_000;
/// What no word of ours may repeat.
const HELD: &str = "held-canary-7f3a";
const SECRET: &str = "secret-canary-91bc";
/// No sign-in takes more steps.
const STEPS: usize = 40;

fuzz_target!(|bytes: &[u8]| {
    let Some((before, rest)) = bytes.split_first() else { return };
    let mut said = rest.split(|byte| *byte == 0x1e);
    let challenge = std::str::from_utf8(said.next().unwrap_or_default()).unwrap_or_default();
    let challenge = match challenge {
        "" => None,
        value => Challenge::read([value]).unwrap_or_default(),
    };
    let mut flow = Flow::begin(setup(*before, challenge));
    let mut way = Way::default();
    for step in 0.. {
        assert!(step < STEPS, "it goes on and on");
        let need = flow.poll().expect("a sign-in always needs something");
        let told = format!("{need:?} {flow:?}");
        assert!(!told.contains(HELD) && !told.contains(SECRET), "{told}");
        match need {
            Need::Fetch(ask) => {
                let place = &ask.place;
                assert!(place.origin().starts_with("https://") && !place.is_here(), "{place}");
                let body = ask.body.as_ref().map(|body| body.expose("a check").to_owned());
                let sends = body.unwrap_or_default();
                match ask.purpose {
                    Purpose::Resource | Purpose::Server => {
                        assert!(sends.is_empty() && ask.authorization.is_none(), "{place}");
                    }
                    Purpose::Registration => {
                        assert!(!sends.contains(HELD) && !sends.contains(SECRET), "{sends}");
                    }
                    Purpose::Token if sends.contains("grant_type=authorization_code") => {
                        assert!(way.came_back, "a code is redeemed that nobody brought");
                    }
                    Purpose::Token => {}
                }
                match said.next().and_then(|answer| answer.split_first()) {
                    Some((status, body)) => {
                        flow.answered(&Answer { status: code(*status), body: body.to_vec() }, NOW);
                    }
                    None => flow.unreached("nobody is there".to_owned()),
                }
            }
            Need::Callback => flow.comes_back(REDIRECT.to_owned(), NOW),
            Need::Consent(consent) => {
                assert!(way.consent.is_none(), "a person is asked once");
                way.consent = Some(consent);
                match said.next() {
                    Some([b'n', ..]) => flow.refused(),
                    _ => flow.allowed(&[7; 64], NOW),
                }
            }
            Need::Visit(visit) => {
                let state = way.visits(&visit);
                let back = String::from_utf8_lossy(said.next().unwrap_or_default()).into_owned();
                let ours = back.contains("STATE") || back.contains('%') || back.contains(&state);
                flow.returned(&back.replace("STATE", &state), NOW);
                way.came_back = ours;
            }
            Need::Done(grant) => {
                let token = grant.tokens.access.expose("a check");
                let told = format!("{grant:?}");
                assert!(token.len() < 12 || !told.contains(token), "{told}");
                break;
            }
            Need::Failed(_) => break,
        }
    }
});

/// How far it went.
#[derive(Default)]
struct Way {
    consent: Option<Consent>,
    came_back: bool,
}

impl Way {
    /// A browser goes where the person was told it would; the state with which it may come back.
    fn visits(&self, visit: &Visit) -> String {
        let consent = self.consent.as_ref().expect("a browser goes after a yes");
        let shown = consent.place.as_str().split('#').next().unwrap_or_default();
        assert!(visit.url.starts_with(shown), "{} is not {shown}", visit.url);
        assert_eq!(consent.redirect, REDIRECT);
        let state = visit.url.rsplit_once("state=").map(|(_, rest)| rest).unwrap_or_default();
        let state = state.split('&').next().unwrap_or_default();
        assert_eq!(state.len(), 43, "256 bits");
        state.to_owned()
    }
}

fn code(digit: u8) -> u16 {
    match digit {
        b'1' => 201,
        b'3' => 302,
        b'4' => 404,
        b'5' => 500,
        b'0' => 400,
        b'9' => 401,
        _ => 200,
    }
}

fn setup(before: u8, challenge: Option<Challenge>) -> Setup {
    let has = |bit: u8| before & (1 << bit) != 0;
    let secret = || Some(Arc::new(SecretString::new(SECRET.to_owned())));
    let identity = Identity {
        client_id: has(0).then(|| "by-hand".to_owned()),
        secret: has(0).then(secret).flatten(),
        signs: has(1),
        issuer: has(2).then(|| ISSUER.to_owned()),
        document: has(3).then(|| "https://us.example.com/client.json".to_owned()),
    };
    let tokens = || Tokens {
        access: Arc::new(SecretString::new("access".to_owned())),
        refresh: Some(Arc::new(SecretString::new(HELD.to_owned()))),
        expires: Some(NOW),
        scopes: Scopes::parse("a").expect("a scope"),
    };
    let held = has(4).then(|| Grant {
        issuer: ISSUER.to_owned(),
        resource: SERVER.to_owned(),
        client_id: "ours".to_owned(),
        tokens: tokens(),
    });
    let known = has(5).then(|| Registration {
        issuer: ISSUER.to_owned(),
        client_id: "ours".to_owned(),
        secret: secret(),
        method: Method::Post,
        redirect: Some(REDIRECT.to_owned()),
        expires: None,
    });
    Setup {
        server: Place::read(SERVER).expect("an address"),
        challenge,
        identity,
        means: if has(6) { Means::Credentials } else { Means::Code },
        redirect: None,
        scopes: has(7).then(|| Scopes::parse("a b").expect("scopes")),
        held,
        known: known.into_iter().collect(),
    }
}
