//! Whole flows against authorization servers that are tables: what goes where, in which order,
//! and what each trick ends in.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test")]

use std::collections::BTreeMap;
use std::sync::Arc;

use portcullis_guard::secret::SecretString;
use portcullis_oauth::{
    Answer, Challenge, Flow, Grant, Identity, Means, Need, Place, Purpose, Registration, Scopes,
    Setup, Tokens, Visit, Why,
};
use serde_json::{Value, json};

const SERVER: &str = "https://mcp.example.com/mcp";
const ISSUER: &str = "https://login.example.com";
const REDIRECT: &str = "http://127.0.0.1:4000/callback";
const NOW: u64 = 1_000_000;

/// Somebody else's side: what is answered where, and what came there.
struct World {
    answers: BTreeMap<String, (u16, String)>,
    came: Vec<(String, String)>,
}

impl World {
    fn new() -> Self {
        let mut world = Self { answers: BTreeMap::new(), came: Vec::new() };
        let resource = json!({"resource": SERVER, "authorization_servers": [ISSUER], "scopes_supported": ["a", "b"]});
        world.at(
            "https://mcp.example.com/.well-known/oauth-protected-resource/mcp",
            200,
            &resource,
        );
        world.at(
            &format!("{ISSUER}/.well-known/oauth-authorization-server"),
            200,
            &metadata(ISSUER),
        );
        world.at(&format!("{ISSUER}/register"), 201, &json!({"client_id": "ours"}));
        world.at(&format!("{ISSUER}/token"), 200, &token("t1"));
        world
    }

    fn at(&mut self, place: &str, status: u16, body: &Value) {
        self.answers.insert(place.to_owned(), (status, body.to_string()));
    }

    fn forget(&mut self, place: &str) {
        self.answers.remove(place);
    }

    /// Does what a flow needs, until a person or a browser is needed, or it ends.
    fn drive(&mut self, flow: &mut Flow) -> Need {
        loop {
            match flow.poll().expect("a flow always needs something") {
                Need::Fetch(ask) => {
                    let body = ask.whole_body(None);
                    let body = body.map(|it| it.expose("a test").to_owned()).unwrap_or_default();
                    let place = ask.place.as_str().to_owned();
                    assert_eq!(
                        ask.body.is_some(),
                        !matches!(ask.purpose, Purpose::Resource | Purpose::Server)
                    );
                    let (status, text) =
                        self.answers.get(&place).cloned().unwrap_or((404, String::new()));
                    self.came.push((place, body));
                    flow.answered(&Answer { status, body: text.into_bytes() }, NOW);
                }
                other => return other,
            }
        }
    }

    /// All of it, with a person who says yes and a browser that comes back with this.
    fn whole(&mut self, setup: Setup, back: &str) -> Result<Grant, Why> {
        let mut flow = Flow::begin(setup);
        loop {
            match self.drive(&mut flow) {
                Need::Consent(_) => flow.allowed(&[7; 64], NOW),
                Need::Visit(visit) => {
                    let state = parameter(&visit, "state");
                    self.came.push((visit.url.clone(), String::new()));
                    flow.returned(&back.replace("STATE", &state), NOW);
                }
                Need::Done(grant) => return Ok(grant),
                Need::Failed(why) => return Err(why),
                Need::Fetch(_) | Need::Callback => unreachable!(),
            }
        }
    }

    fn went_to(&self, place: &str) -> usize {
        self.came.iter().filter(|(it, _)| it.starts_with(place)).count()
    }

    fn body_at(&self, place: &str) -> &str {
        &self.came.iter().rfind(|(it, _)| it == place).expect(place).1
    }
}

fn metadata(issuer: &str) -> Value {
    json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{issuer}/authorize"),
        "token_endpoint": format!("{issuer}/token"),
        "registration_endpoint": format!("{issuer}/register"),
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": ["none"],
    })
}

fn token(text: &str) -> Value {
    json!({"access_token": text, "token_type": "Bearer", "expires_in": 60, "refresh_token": format!("r-{text}")})
}

fn setup() -> Setup {
    Setup {
        server: Place::read(SERVER).unwrap(),
        challenge: None,
        identity: Identity::default(),
        means: Means::Code,
        redirect: Some(REDIRECT.to_owned()),
        scopes: None,
        held: None,
        known: Vec::new(),
    }
}

fn challenged(value: &str) -> Option<Challenge> {
    Challenge::read([value]).unwrap()
}

fn parameter(visit: &Visit, name: &str) -> String {
    let (_, query) = visit.url.split_once('?').unwrap();
    let start = format!("{name}=");
    let found = query.split('&').find_map(|pair| pair.strip_prefix(&start));
    found.unwrap_or_default().to_owned()
}

fn held(access: &str, scopes: &str) -> Grant {
    Grant {
        issuer: ISSUER.to_owned(),
        resource: SERVER.to_owned(),
        client_id: "ours".to_owned(),
        tokens: Tokens {
            access: Arc::new(SecretString::new(access.to_owned())),
            refresh: Some(Arc::new(SecretString::new(format!("r-{access}")))),
            expires: Some(NOW),
            scopes: Scopes::parse(scopes).unwrap(),
        },
    }
}

fn registered(issuer: &str) -> Registration {
    Registration {
        issuer: issuer.to_owned(),
        client_id: "ours".to_owned(),
        secret: None,
        method: portcullis_oauth::Method::None,
        redirect: Some(REDIRECT.to_owned()),
        expires: None,
    }
}

#[test]
fn a_code_is_redeemed_after_a_persons_yes_and_not_before() {
    let mut world = World::new();
    let mut flow = Flow::begin(setup());
    let Need::Consent(consent) = world.drive(&mut flow) else { panic!("no consent") };
    assert_eq!(
        (consent.issuer.as_str(), consent.place.as_str()),
        (ISSUER, "https://login.example.com/authorize")
    );
    assert_eq!((consent.scopes.to_string().as_str(), consent.redirect.as_str()), ("a b", REDIRECT));
    assert_eq!((world.went_to(ISSUER), world.went_to(&format!("{ISSUER}/token"))), (2, 0));
    flow.allowed(&[7; 64], NOW);
    let Need::Visit(visit) = world.drive(&mut flow) else { panic!("no visit") };
    for (name, value) in [
        ("response_type", "code"),
        ("client_id", "ours"),
        ("redirect_uri", "http%3A%2F%2F127.0.0.1%3A4000%2Fcallback"),
        ("code_challenge_method", "S256"),
        ("resource", "https%3A%2F%2Fmcp.example.com%2Fmcp"),
        ("scope", "a%20b"),
    ] {
        assert_eq!(parameter(&visit, name), value, "{name}");
    }
    let state = parameter(&visit, "state");
    assert_eq!((state.len(), parameter(&visit, "code_challenge").len()), (43, 43));
    flow.returned(&format!("code=c&state={state}"), NOW);
    let Need::Done(grant) = world.drive(&mut flow) else { panic!("no grant") };
    assert_eq!(grant.tokens.access.expose("a test"), "t1");
    let body = world.body_at("https://login.example.com/token");
    for field in [
        "grant_type=authorization_code",
        "code=c",
        "resource=https%3A%2F%2Fmcp",
        "client_id=ours",
        "code_verifier=",
    ] {
        assert!(body.contains(field), "{field}: {body}");
    }
    // The answer was to one question, and that is over.
    flow.returned(&format!("code=c&state={state}"), NOW);
    assert!(matches!(world.drive(&mut flow), Need::Failed(Why::Order)));
    assert_eq!(world.went_to(&format!("{ISSUER}/token")), 1);
}

#[test]
fn a_no_a_late_answer_and_an_answer_without_a_question_end_it() {
    let mut world = World::new();
    let mut flow = Flow::begin(setup());
    world.drive(&mut flow);
    flow.refused();
    assert!(matches!(world.drive(&mut flow), Need::Failed(Why::Refused)));
    let mut flow = Flow::begin(setup());
    world.drive(&mut flow);
    flow.returned("code=c&state=", NOW);
    assert!(matches!(world.drive(&mut flow), Need::Failed(Why::Order)), "before any yes");
    let mut flow = Flow::begin(setup());
    world.drive(&mut flow);
    flow.allowed(&[7; 64], NOW);
    let Need::Visit(visit) = world.drive(&mut flow) else { panic!("no visit") };
    assert_eq!(visit.until, NOW + 600);
    flow.returned(&format!("code=c&state={}", parameter(&visit, "state")), NOW + 600);
    assert!(matches!(world.drive(&mut flow), Need::Failed(Why::Late)));
    assert_eq!(world.went_to(&format!("{ISSUER}/token")), 0);
}

#[test]
fn another_authorization_servers_answer_is_not_redeemed() {
    for (back, says_iss) in [
        ("code=c&state=STATE&iss=https%3A%2F%2Fevil.test", false),
        ("code=c&state=STATE&iss=https%3A%2F%2Flogin.example.com%2F", true),
        ("code=c&state=STATE", true),
    ] {
        let mut world = World::new();
        let mut said = metadata(ISSUER);
        said["authorization_response_iss_parameter_supported"] = json!(says_iss);
        world.at(&format!("{ISSUER}/.well-known/oauth-authorization-server"), 200, &said);
        assert_eq!(world.whole(setup(), back).unwrap_err(), Why::MixUp, "{back}");
        assert_eq!(world.went_to(&format!("{ISSUER}/token")), 0, "{back}");
    }
    let mut world = World::new();
    assert_eq!(world.whole(setup(), "code=c&state=other").unwrap_err(), Why::State);
    assert_eq!(world.went_to(&format!("{ISSUER}/token")), 0);
}

#[test]
fn metadata_that_is_somebody_elses_is_used_for_nothing() {
    let well_known = format!("{ISSUER}/.well-known/oauth-authorization-server");
    let mut plain = metadata(ISSUER);
    plain["code_challenge_methods_supported"] = json!(["plain"]);
    let mut script = metadata(ISSUER);
    script["authorization_endpoint"] = json!("javascript:alert(1)");
    let mut inner = metadata(ISSUER);
    inner["token_endpoint"] = json!("https://169.254.169.254/token");
    for (body, says) in [
        (metadata("https://evil.test"), "says that it is of"),
        (plain, "PKCE"),
        (script, "no web address"),
        (inner, "link-local"),
        (json!([]), "cannot be read"),
    ] {
        let mut world = World::new();
        world.at(&well_known, 200, &body);
        let told = world.whole(setup(), "").unwrap_err().to_string();
        assert!(told.contains(says), "{told}");
        assert_eq!(world.came.len(), 2, "{:?}", world.came);
    }
    for place in [
        "https://169.254.169.254/a",
        "http://localhost:1/a",
        "https://[::1]/a",
        "file:///etc/passwd",
        "http://mcp.example.com/a",
    ] {
        let mut world = World::new();
        let challenge = challenged(&format!("Bearer resource_metadata=\"{place}\""));
        let failed = world.whole(Setup { challenge, ..setup() }, "").unwrap_err();
        assert!(matches!(failed, Why::Address { .. }), "{place}: {failed}");
        assert_eq!(world.came, [], "{place}");
    }
}

#[test]
fn what_is_not_there_is_looked_for_where_older_revisions_have_it() {
    let mut world = World::new();
    world.forget("https://mcp.example.com/.well-known/oauth-protected-resource/mcp");
    // No metadata of the server: it is its own authorization server, with the usual endpoints.
    world.at("https://mcp.example.com/register", 201, &json!({"client_id": "ours"}));
    world.at("https://mcp.example.com/token", 200, &token("old"));
    let grant = world.whole(setup(), "code=c&state=STATE").unwrap();
    assert_eq!(
        (grant.issuer.as_str(), grant.resource.as_str()),
        ("https://mcp.example.com", SERVER)
    );
    let looked: Vec<&str> = world.came.iter().map(|(place, _)| place.as_str()).take(4).collect();
    assert_eq!(
        looked,
        [
            "https://mcp.example.com/.well-known/oauth-protected-resource/mcp",
            "https://mcp.example.com/.well-known/oauth-protected-resource",
            "https://mcp.example.com/.well-known/oauth-authorization-server",
            "https://mcp.example.com/.well-known/openid-configuration",
        ]
    );
    // A place that the server named is not looked for elsewhere.
    let mut world = World::new();
    let challenge = challenged("Bearer resource_metadata=\"https://mcp.example.com/nowhere\"");
    let failed = world.whole(Setup { challenge, ..setup() }, "").unwrap_err();
    assert!(matches!(failed, Why::Status { status: 404, .. }), "{failed}");
    // An authorization server that is named has metadata.
    let mut world = World::new();
    world.forget(&format!("{ISSUER}/.well-known/oauth-authorization-server"));
    assert_eq!(world.whole(setup(), "").unwrap_err(), Why::NoMetadata(ISSUER.to_owned()));
}

#[test]
fn what_was_given_is_refreshed_and_its_refresh_token_replaced() {
    let mut world = World::new();
    let known = vec![registered(ISSUER)];
    let before = Setup { held: Some(held("t0", "a")), known: known.clone(), ..setup() };
    let grant = world.whole(before, "").unwrap();
    let body = world.body_at("https://login.example.com/token");
    assert!(body.contains("grant_type=refresh_token&refresh_token=r-t0&resource="), "{body}");
    let refresh = grant.tokens.refresh.unwrap();
    assert_eq!((grant.tokens.scopes.to_string().as_str(), refresh.expose("a test")), ("a", "r-t1"));
    // One that is used up leads to a person.
    for error in ["invalid_grant", "unauthorized_client", "unsupported_grant_type"] {
        world.at(&format!("{ISSUER}/token"), 400, &json!({"error": error}));
        let before = Setup { held: Some(held("t0", "a")), known: known.clone(), ..setup() };
        assert!(matches!(world.drive(&mut Flow::begin(before)), Need::Consent(_)), "{error}");
    }
    // A moment's trouble, or one of ours, does not.
    for (status, body, says) in [
        (400, json!({"error": "invalid_client"}), "invalid_client"),
        (400, json!({"error": "invalid_request"}), "invalid_request"),
        (429, json!({"error": "slow_down"}), "slow_down"),
        (429, json!("later"), "status 429"),
        (404, json!({}), "status 404"),
        (503, json!({"error": "invalid_grant"}), "status 503"),
    ] {
        world.at(&format!("{ISSUER}/token"), status, &body);
        let before = Setup { held: Some(held("t0", "a")), known: known.clone(), ..setup() };
        let need = world.drive(&mut Flow::begin(before));
        let Need::Failed(why) = need else { panic!("{body}: {need:?}") };
        assert!(why.to_string().contains(says), "{body}: {why}");
    }
}

#[test]
fn where_a_browser_comes_back_to_is_asked_for_when_one_goes() {
    let mut world = World::new();
    let before = |known| Setup { redirect: None, held: Some(held("t0", "a")), known, ..setup() };
    let grant = world.whole(before(vec![registered(ISSUER)]), "").unwrap();
    assert_eq!(grant.tokens.access.expose("a test"), "t1", "refreshed without it");
    // As another client than the one that it was given to nothing is refreshed.
    let other = Registration { client_id: "other".to_owned(), ..registered(ISSUER) };
    let ended = Registration { expires: Some(NOW), ..registered(ISSUER) };
    for known in [vec![], vec![other], vec![ended]] {
        let mut flow = Flow::begin(before(known));
        assert!(matches!(world.drive(&mut flow), Need::Callback));
        assert_eq!(world.went_to(&format!("{ISSUER}/token")), 1);
        flow.comes_back(REDIRECT.to_owned(), NOW);
        let Need::Consent(consent) = world.drive(&mut flow) else { panic!("no consent") };
        assert_eq!(consent.redirect, REDIRECT);
    }
    world.at(&format!("{ISSUER}/token"), 400, &json!({"error": "invalid_grant"}));
    let mut flow = Flow::begin(before(vec![registered(ISSUER)]));
    assert!(matches!(world.drive(&mut flow), Need::Callback), "a person is asked");
    flow.comes_back(REDIRECT.to_owned(), NOW);
    assert!(matches!(world.drive(&mut flow), Need::Consent(_)));
    flow.comes_back(REDIRECT.to_owned(), NOW);
    assert!(matches!(world.drive(&mut flow), Need::Failed(Why::Order)));
}

#[test]
fn a_return_that_is_of_nobody_we_sent_is_known_before_it_ends_anything() {
    let mut world = World::new();
    let mut flow = Flow::begin(setup());
    assert!(!flow.awaits("code=c&state="));
    world.drive(&mut flow);
    flow.allowed(&[7; 64], NOW);
    let Need::Visit(visit) = world.drive(&mut flow) else { panic!("no visit") };
    let state = parameter(&visit, "state");
    let twice = format!("code=c&state={state}&state={state}");
    for query in ["", "code=c", "code=c&state=", "code=c&state=other", "error=x", "%", &twice] {
        assert!(!flow.awaits(query), "{query}");
    }
    for query in [format!("code=c&state={state}"), format!("error=access_denied&state={state}")] {
        assert!(flow.awaits(&query), "{query}");
    }
    flow.returned(&format!("code=c&state={state}"), NOW);
    assert!(matches!(world.drive(&mut flow), Need::Done(_)), "it was still away");
    assert!(!flow.awaits(&format!("code=c&state={state}")), "once");
}

#[test]
fn more_is_asked_for_together_with_what_was_given() {
    let mut world = World::new();
    let challenge = challenged("Bearer error=\"insufficient_scope\", scope=\"c\"");
    let before = Setup {
        held: Some(held("t0", "a")),
        known: vec![registered(ISSUER)],
        challenge,
        ..setup()
    };
    let mut flow = Flow::begin(before);
    let Need::Consent(consent) = world.drive(&mut flow) else { panic!("no consent") };
    assert_eq!(consent.scopes.to_string(), "a c");
    // The challenge before the operator before the server's list; nothing when nobody says.
    for (challenge, operator, expect) in [
        (Some("Bearer scope=\"c\""), Some("o"), "c"),
        (Some("Bearer"), Some("o"), "o"),
        (None, None, "a b"),
    ] {
        let scopes = operator.and_then(Scopes::parse);
        let challenge = challenge.and_then(challenged);
        let mut flow = Flow::begin(Setup { challenge, scopes, ..setup() });
        let Need::Consent(consent) = world.drive(&mut flow) else { panic!("no consent") };
        assert_eq!(consent.scopes.to_string(), expect);
    }
}

#[test]
fn nothing_of_one_authorization_server_goes_to_another() {
    const OTHER: &str = "https://other.example.com";
    let mut world = World::new();
    let resource = json!({"resource": SERVER, "authorization_servers": [OTHER]});
    world.at("https://mcp.example.com/.well-known/oauth-protected-resource/mcp", 200, &resource);
    world.at(&format!("{OTHER}/.well-known/oauth-authorization-server"), 200, &metadata(OTHER));
    world.at(&format!("{OTHER}/register"), 201, &json!({"client_id": "theirs"}));
    world.at(&format!("{OTHER}/token"), 200, &token("t2"));
    let before =
        || Setup { held: Some(held("t0", "a")), known: vec![registered(ISSUER)], ..setup() };
    let grant = world.whole(before(), "code=c&state=STATE").unwrap();
    assert_eq!((grant.issuer.as_str(), grant.client_id.as_str()), (OTHER, "theirs"));
    assert_eq!(world.went_to(ISSUER), 0);
    for (place, body) in &world.came {
        assert!(
            !body.contains("t0") && !body.contains("ours") && !place.contains("ours"),
            "{place}: {body}"
        );
    }
    // What an operator registered is moved by the operator alone.
    let identity = Identity {
        client_id: Some("hand".to_owned()),
        issuer: Some(ISSUER.to_owned()),
        ..Identity::default()
    };
    let moved = world.whole(Setup { identity, ..before() }, "").unwrap_err();
    assert!(matches!(moved, Why::Moved { .. }), "{moved}");
}

#[test]
fn client_credentials_need_no_person_and_no_browser() {
    let mut world = World::new();
    let mut said = metadata(ISSUER);
    said["token_endpoint_auth_methods_supported"] = json!(["client_secret_post"]);
    said["code_challenge_methods_supported"] = json!([]);
    world.at(&format!("{ISSUER}/.well-known/oauth-authorization-server"), 200, &said);
    let identity = |secret: Option<&str>| Identity {
        client_id: Some("machine".to_owned()),
        secret: secret.map(|it| Arc::new(SecretString::new(it.to_owned()))),
        ..Identity::default()
    };
    let machine = |secret| Setup {
        identity: identity(secret),
        means: Means::Credentials,
        redirect: None,
        ..setup()
    };
    let grant = world.whole(machine(Some("s")), "").unwrap();
    assert_eq!(grant.tokens.access.expose("a test"), "t1");
    let body = world.body_at("https://login.example.com/token");
    assert!(
        body.contains("grant_type=client_credentials") && body.contains("client_secret=s"),
        "{body}"
    );
    assert!(matches!(world.whole(machine(None), ""), Err(Why::Lacks(_))));
}

#[test]
fn a_token_endpoint_that_answers_anything_gives_nothing() {
    for (status, body, says) in [
        (200, json!("<html>"), "cannot be read"),
        (200, json!({"access_token": "t"}), "cannot be read"),
        (200, json!({"access_token": "t", "token_type": "DPoP"}), "another type"),
        (200, json!({"access_token": "t\r\nX-Evil: 1", "token_type": "Bearer"}), "cannot be read"),
        (400, json!({"error": "invalid_client"}), "invalid_client"),
        (400, json!({"error": "<script>"}), "an error that is none"),
        (302, json!({}), "status 302"),
        (500, json!({}), "status 500"),
    ] {
        let mut world = World::new();
        world.at(&format!("{ISSUER}/token"), status, &body);
        let told = world.whole(setup(), "code=c&state=STATE").unwrap_err().to_string();
        assert!(told.contains(says), "{body}: {told}");
    }
    let mut world = World::new();
    world.at(&format!("{ISSUER}/register"), 403, &json!({"error": "access_denied"}));
    let told = world.whole(setup(), "").unwrap_err().to_string();
    assert!(told.contains("our registration was answered with status 403"), "{told}");
    let mut flow = Flow::begin(setup());
    assert!(matches!(flow.poll(), Some(Need::Fetch(_))) && flow.poll().is_none());
    flow.unreached("it leads inside".to_owned());
    assert!(matches!(flow.poll(), Some(Need::Failed(Why::Unreached { .. }))));
}
