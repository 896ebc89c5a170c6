//! Who may come in, and whose a session is.

use serde_json::json;

use crate::house::{House, LEGACY, modern, opening, request};
use crate::stage::Stage;

/// The token of the guide, whose digest stands there.
pub const ADAS: &str = "Bearer a-token-that-only-ada-has";
pub const BOBS: &str = "Bearer bobs-own-token";
/// SHA-256 of Ada's.
const ADAS_DIGEST: &str = "f59c8b45166f459994d2f676c679bb2cfd6630f8c7d30b0eef044d35a3563631";
/// SHA-256 of Bob's.
const BOBS_DIGEST: &str = "b8284df284383ef352cd6f5df1827bd2b6a80330c7d800bed62428c6da339980";

fn guide() -> String {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/guide/serve.md");
    let text = std::fs::read_to_string(file).unwrap();
    let block = text.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next());
    // It names no token that anybody has.
    let none = "0".repeat(64);
    assert!(block.unwrap().contains(&none), "whoever copies it lets in who has read it");
    block.unwrap().replace(&none, ADAS_DIGEST)
}

/// The config of the guide, for this stage, with Bob beside Ada.
fn house(stage: &Stage) -> House {
    House::with(stage, &of_two(stage))
}

fn of_two(stage: &Stage) -> String {
    let project = stage.project().display().to_string();
    let config = guide()
        .replace("/srv/project", &project)
        .replace("\"portcullis\"", &format!("\"{}\"", env!("CARGO_BIN_EXE_portcullis")))
        .replace("127.0.0.1:8808", "127.0.0.1:0");
    let bob = format!("[serve.tokens.bob]\nsha256 = \"{BOBS_DIGEST}\"\nservers = [\"files\"]\n");
    let other = "[server.other]\ncommand = [\"sh\", \"-c\", \"sleep 600\"]\n";
    format!("{config}\n{bob}\n{other}")
}

/// The two of them; `more` is said of Ada.
pub fn people(more: &str) -> String {
    let tokens = guide();
    let tokens = tokens.split("[serve.tokens.ada]").nth(1).unwrap();
    let ada = tokens.split("[server").next().unwrap();
    format!("[serve.tokens.ada]{ada}{more}[serve.tokens.bob]\nsha256 = \"{BOBS_DIGEST}\"\n")
}

/// The same two people, with this command as `files`.
pub fn house_of(stage: &Stage, command: &serde_json::Value, more: &str) -> House {
    let people = people("");
    let root = json!([stage.root()]);
    House::with(
        stage,
        &format!(
            "[serve]\nlisten = \"127.0.0.1:0\"\n{more}\n{people}\
             [server.files]\ncommand = {command}\nroots = {root}\nask = \"never\"\n"
        ),
    )
}

#[test]
fn the_guides_config_serves_whoever_has_the_token_and_nobody_else() {
    let stage = Stage::new();
    let house = house(&stage);
    let list = modern(1, "tools/list", &json!({}));
    for wrong in [
        vec![],
        vec![("Authorization", "Bearer another-token")],
        vec![("Authorization", "Basic YTpi")],
        vec![("Authorization", ADAS), ("Authorization", BOBS)],
    ] {
        let got = house.asks_modern(&wrong, &list);
        assert_eq!((got.status, got.header("www-authenticate")), (401, Some("Bearer")), "{got:?}");
        let got = house.posts(&wrong, &opening(LEGACY));
        assert_eq!((got.status, got.header("mcp-session-id")), (401, None), "{got:?}");
    }
    let query = house.sends("POST", "/s/files/mcp?access_token=a-token-that-only-ada-has", &[], "");
    assert_eq!(query.status, 401);
    assert!(stage.events("started").is_empty(), "nothing was started for strangers");
    let got = house.asks_modern(&[("Authorization", ADAS)], &list);
    assert_eq!(got.status, 200, "{got:?}");
    assert!(got.json()["result"]["tools"].is_array(), "{got:?}");
    let started = stage.events("started");
    assert_eq!((started.len(), &started[0]["principal"]), (1, &json!("token:ada")));
    let turned = stage.events("denied");
    assert_eq!(turned.len(), 9, "{turned:?}");
    let text = std::fs::read_dir(stage.state().join("journal")).unwrap();
    let text: String = text
        .map(|file| {
            let bytes = std::fs::read(file.unwrap().path()).unwrap_or_default();
            String::from_utf8_lossy(&bytes).into_owned()
        })
        .collect();
    assert!(!text.contains("only-ada-has") && !text.contains("another-token"), "a token is kept");
    stage.verify();
}

#[test]
fn a_session_is_for_whoever_began_it() {
    let stage = Stage::new();
    let house = house(&stage);
    let (ada, bob) = ([("Authorization", ADAS)], [("Authorization", BOBS)]);
    let hers = house.greets(&ada);
    let list = request(2, "tools/list", &json!({}));
    assert_eq!(house.asks(&hers, &ada, &list).status, 200);
    assert_eq!(house.asks(&hers, &bob, &list).status, 403, "a name that was stolen");
    assert_eq!(house.asks(&hers, &[], &list).status, 401, "a name is no proof");
    let names = [bob[0], ("Mcp-Session-Id", hers.as_str()), ("MCP-Protocol-Version", LEGACY)];
    assert_eq!(house.sends("DELETE", "/s/files/mcp", &names, "").status, 403);
    let listens = [names[0], names[1], names[2], ("Accept", "text/event-stream")];
    assert_eq!(house.sends("GET", "/s/files/mcp", &listens, "").status, 403);
    let stolen = stage.events("denied");
    let stolen = stolen.iter().filter(|it| it["principal"] == "token:bob").count();
    assert_eq!(stolen, 3, "each is recorded");
    assert_eq!(house.asks(&hers, &ada, &list).status, 200, "hers goes on");
    // Programs of two people share nothing, though they declare the same.
    let list = modern(1, "tools/list", &json!({}));
    assert_eq!(house.asks_modern(&ada, &list).status, 200);
    assert_eq!(house.asks_modern(&bob, &list).status, 200);
    let started = stage.events("started");
    let of = |who: &str| started.iter().filter(|it| it["principal"] == who).count();
    assert_eq!((of("token:ada"), of("token:bob")), (2, 1));
}

#[test]
fn a_theft_is_recorded_whatever_was_recorded_before() {
    let stage = Stage::new();
    let house = house(&stage);
    let (ada, bob) = ([("Authorization", ADAS)], [("Authorization", BOBS)]);
    let hers = house.greets(&ada);
    for _ in 0..40 {
        assert_eq!(house.sends("GET", "/s/nowhere/mcp", &bob, "").status, 404);
    }
    let list = request(2, "tools/list", &json!({}));
    assert_eq!(house.asks(&hers, &bob, &list).status, 403);
    let denied = stage.events("denied");
    let stolen: Vec<_> = denied
        .iter()
        .filter(|it| it["decision"].to_string().contains("callers-authenticated"))
        .collect();
    assert_eq!(stolen.len(), 1, "{denied:?}");
    assert_eq!(stolen[0]["principal"], "token:bob");
}

/// A log whose reader is gone is lost, and nothing else is.
#[test]
fn whoever_stops_reading_the_log_ends_nobodys_session() {
    let stage = Stage::new();
    let house = House::unheard(&stage, &of_two(&stage));
    let (ada, bob) = ([("Authorization", ADAS)], [("Authorization", BOBS)]);
    let hers = house.greets(&ada);
    let list = request(2, "tools/list", &json!({}));
    for _ in 0..3 {
        // It is worth a line.
        assert_eq!(house.asks(&hers, &bob, &list).status, 403);
        assert_eq!(house.asks(&hers, &ada, &list).status, 200);
    }
}

#[test]
fn what_somebody_may_not_reach_is_not_there() {
    let stage = Stage::new();
    let house = house(&stage);
    let body = opening(LEGACY).to_string();
    let asks = |token: &str, path: &str| {
        let headers = [
            ("Authorization", token),
            ("Content-Type", "application/json"),
            ("Accept", "application/json, text/event-stream"),
        ];
        house.sends("POST", path, &headers, &body)
    };
    let (kept, missing) = (asks(BOBS, "/s/other/mcp"), asks(BOBS, "/s/nowhere/mcp"));
    assert_eq!((kept.status, kept.body), (404, missing.body), "the same as what is not there");
    let turned = stage.events("denied");
    let is_bob = |it: &&serde_json::Value| it["principal"] == "token:bob";
    assert_eq!(turned.iter().filter(is_bob).count(), 2, "both are recorded: {turned:?}");
    assert_eq!(asks(BOBS, "/s/files/mcp").status, 200);
}

/// Who comes without a token is known by its account, and a server has ours: one that reaches the
/// port would be whoever serves.
#[test]
fn a_server_that_would_be_its_operator_is_not_started() {
    if rustix::process::geteuid().is_root() {
        println!("skipped: where root serves, servers have accounts of their own");
        return;
    }
    let stage = Stage::new();
    for network in ["\"host\"", "[\"127.0.0.1:8808\"]"] {
        let config = stage.config(&format!(
            "[serve]\nlisten = \"127.0.0.1:8808\"\n[server.files]\ncommand = [\"true\"]\n\
             network = {network}\n"
        ));
        let said = stage.says(&["serve", "--config", &config.display().to_string()]);
        assert_eq!(said.code, 2, "{network}: {said:?}");
        assert!(said.err.contains("would be let in like whoever serves"), "{said:?}");
    }
}
