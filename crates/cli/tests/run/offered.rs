//! Directories that a host offers while its server runs: nothing of them is there before
//! a person said yes, and then they are what the person saw.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::stage::{Gateway, Stage};

use super::roots::{SERVER, note, until};

/// A host with directories of a person's work, outside of `/tmp`.
struct Work {
    _dir: tempfile::TempDir,
    path: PathBuf,
}

impl Work {
    fn new() -> Self {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir_in("/var/tmp").unwrap();
        std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
        let path = dir.path().canonicalize().unwrap();
        let work = Self { _dir: dir, path };
        for name in ["site", "other"] {
            std::fs::create_dir(work.at(name)).unwrap();
            std::fs::write(work.at(name).join("note"), name).unwrap();
        }
        work
    }

    fn at(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    fn uri(&self, name: &str) -> String {
        format!("file://{}", self.at(name).display())
    }

    /// A server for which directories below this one are asked about, greeted.
    fn started(&self, stage: &Stage, access: &str) -> Gateway {
        self.started_with(stage, access, "destructive")
    }

    /// The same where others are asked about, or nobody is.
    fn started_with(&self, stage: &Stage, access: &str, ask: &str) -> Gateway {
        let site = self.at("site").display().to_string();
        let server = ["python3", "-u", "-c", SERVER, &site].map(str::to_owned);
        let root = format!("{}:{access}:ask", self.path.display());
        let options = ["--name", "notes", "--root", &root, "--ask", ask];
        let mut gateway = Gateway::start(stage.run(&options, &server), None);
        let hello = json!({
            "protocolVersion": "2025-11-25", "capabilities": {"roots": {"listChanged": true}},
            "clientInfo": {"name": "host", "version": "1"},
        });
        let id = gateway.asks("initialize", &hello);
        gateway.answer(id);
        gateway.says(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}));
        gateway
    }

    /// The host answers what it was asked with these.
    fn offers(&self, gateway: &mut Gateway, names: &[&str]) {
        let roots: Vec<Value> = names.iter().map(|name| json!({"uri": self.uri(name)})).collect();
        let id = loop {
            let heard: Value = serde_json::from_str(&gateway.hears()).unwrap();
            if heard["method"] == "roots/list" {
                break heard["id"].clone();
            }
        };
        gateway.says(&json!({"jsonrpc": "2.0", "id": id, "result": {"roots": roots}}));
    }
}

fn question(gateway: &mut Gateway, stage: &Stage) -> Value {
    let found = gateway.until(|_| stage.questions().into_iter().next());
    found.expect("a question")
}

fn denied(stage: &Stage, part: &str) -> bool {
    let denied = stage.events("denied");
    denied.iter().any(|record| record["decision"]["because"].to_string().contains(part))
}

#[test]
fn a_directory_is_there_after_a_yes_and_not_before() {
    let (stage, work) = (Stage::new(), Work::new());
    std::fs::write(work.at("site").join(".env"), "KEY=1").unwrap();
    let mut gateway = work.started(&stage, "rw");
    work.offers(&mut gateway, &["site"]);
    let asked = question(&mut gateway, &stage);
    assert_eq!(asked["kind"], "root");
    let site = work.at("site").display().to_string();
    let expect = json!({"access": "rw", "directory": site, "holds": [".env (keys)"]});
    assert_eq!(asked["arguments"], expect);
    assert_eq!(note(&mut gateway).1, "ENOENT");

    let id = asked["id"].as_str().unwrap();
    let shown = stage.says(&["approvals", "show", id]).out;
    assert!(shown.contains(&format!("1 {site} as it was shown")), "{shown}");
    let said = stage.says(&["approvals", "approve", id]);
    assert!(said.out.contains(&format!("`notes` may read and write in `{site}`")), "{said:?}");
    until(&mut gateway, "site");
    let listed = stage.says(&["grants", "list", "--json"]).out;
    let grants: Vec<Value> = serde_json::from_str(&listed).unwrap();
    assert_eq!((&grants[0]["root"], &grants[0]["access"]), (&json!(site), &json!("rw")));

    // Taken back, it is gone from the box that runs, and no offer brings it back.
    let grant = grants[0]["id"].as_str().unwrap();
    assert_eq!(stage.says(&["grants", "revoke", grant]).code, 0);
    until(&mut gateway, "ENOENT");
    // Nor does an offer of what lies in it.
    std::fs::create_dir(work.at("site/sub")).unwrap();
    gateway.says(&json!({"jsonrpc": "2.0", "method": "notifications/roots/list_changed"}));
    work.offers(&mut gateway, &["site", "site/sub"]);
    for name in ["site", "site/sub"] {
        let place = format!("{}`", work.at(name).display());
        let refused = || {
            let denied = stage.events("denied").into_iter();
            let mut why = denied.map(|record| record["decision"]["because"].to_string());
            why.any(|why| why.contains("a person took it back") && why.contains(&place))
        };
        gateway
            .until(|_| refused().then_some(()))
            .unwrap_or_else(|| panic!("{:?}", stage.events("denied")));
    }
    assert!(stage.questions().is_empty());
    assert_eq!(gateway.leave().code, 0);
    stage.verify();
}

/// What was given until the session ends is over then, and listed so.
#[test]
fn a_directory_of_a_session_is_listed_as_over_after_it() {
    let (stage, work) = (Stage::new(), Work::new());
    let mut gateway = work.started(&stage, "ro");
    work.offers(&mut gateway, &["site"]);
    let asked = question(&mut gateway, &stage);
    assert_eq!(stage.says(&["approvals", "approve", asked["id"].as_str().unwrap()]).code, 0);
    until(&mut gateway, "site");
    let site = work.at("site").display().to_string();
    let word = || {
        let listed = stage.says(&["grants", "list"]).out;
        let line = listed.lines().find(|line| line.contains(&site)).unwrap_or(&listed).trim_end();
        line.rsplit("  ").next().unwrap_or_default().trim().to_owned()
    };
    assert_eq!(word(), "given");
    assert_eq!(gateway.leave().code, 0);
    assert_eq!(word(), "over");
}

/// The next session asks again, unless the yes stands; and what stands ends in the box too.
#[test]
fn a_yes_that_stands_is_taken_back_in_the_box_that_runs() {
    let (stage, work) = (Stage::new(), Work::new());
    let mut gateway = work.started(&stage, "ro");
    work.offers(&mut gateway, &["site"]);
    let first = question(&mut gateway, &stage);
    assert_eq!(stage.says(&["approvals", "approve", first["id"].as_str().unwrap()]).code, 0);
    until(&mut gateway, "site");
    assert_eq!(gateway.leave().code, 0);

    let mut gateway = work.started(&stage, "ro");
    work.offers(&mut gateway, &["site"]);
    let again = question(&mut gateway, &stage);
    let id = again["id"].as_str().unwrap();
    let said = stage.says(&["approvals", "approve", id, "--for", "always", "--covers", "1"]);
    assert_eq!(said.code, 0, "{said:?}");
    let told =
        format!("approved: `notes` may read in `{}`, now and until ", work.at("site").display());
    assert!(said.out.starts_with(&told), "{said:?}");
    until(&mut gateway, "site");
    assert_eq!(gateway.leave().code, 0);

    let mut gateway = work.started(&stage, "ro");
    work.offers(&mut gateway, &["site", "other"]);
    until(&mut gateway, "site");
    let other = question(&mut gateway, &stage);
    assert_eq!(other["arguments"]["directory"], json!(work.at("other").display().to_string()));
    let grant = id.replace("apr_", "grt_");
    let said = stage.says(&["grants", "revoke", &grant]);
    assert_eq!(said.code, 0, "{said:?}");
    until(&mut gateway, "ENOENT");
    assert_eq!(gateway.leave().code, 0);
    stage.verify();
}

/// A yes was to what was shown: not to another directory of its name, nor to one in which
/// something else lies by now.
#[test]
fn what_changed_since_the_question_is_not_let_in() {
    let (stage, work) = (Stage::new(), Work::new());
    let mut gateway = work.started(&stage, "ro");
    work.offers(&mut gateway, &["site", "other"]);
    gateway.until(|_| (stage.questions().len() == 2).then_some(())).expect("two questions");
    std::fs::rename(work.at("site"), work.at("was")).unwrap();
    std::fs::rename(work.at("other"), work.at("site")).unwrap();
    std::fs::rename(work.at("was"), work.at("other")).unwrap();
    std::fs::write(work.at("other").join("id_rsa"), "key").unwrap();
    for asked in stage.questions() {
        let id = asked["id"].as_str().unwrap().to_owned();
        assert_eq!(stage.says(&["approvals", "approve", &id]).code, 0);
    }
    let why = "it is not what a person was shown any more";
    let refused = || {
        let denied = stage.events("denied");
        let because = |record: &&Value| record["decision"]["because"].to_string().contains(why);
        (denied.iter().filter(because).count() == 2).then_some(())
    };
    gateway.until(|_| refused()).expect("two refusals");
    assert_eq!(note(&mut gateway).1, "ENOENT");
    assert_eq!(gateway.leave().code, 0);
}

/// Nor is one in which keys lie by now, although it is the same directory.
#[test]
fn a_directory_that_holds_more_since_the_question_is_not_let_in() {
    let (stage, work) = (Stage::new(), Work::new());
    let mut gateway = work.started(&stage, "ro");
    work.offers(&mut gateway, &["site"]);
    let asked = question(&mut gateway, &stage);
    std::fs::write(work.at("site").join("id_rsa"), "key").unwrap();
    assert_eq!(stage.says(&["approvals", "approve", asked["id"].as_str().unwrap()]).code, 0);
    let why = "it is not what a person was shown any more";
    gateway.until(|_| denied(&stage, why).then_some(())).expect("a refusal");
    assert_eq!(note(&mut gateway).1, "ENOENT");
    assert_eq!(gateway.leave().code, 0);
}

/// With `--ask never` there is nobody, so nobody is asked and nothing is let in.
#[test]
fn where_nobody_is_no_directory_is_asked_about() {
    let (stage, work) = (Stage::new(), Work::new());
    let mut gateway = work.started_with(&stage, "ro", "never");
    work.offers(&mut gateway, &["site"]);
    let why = "nobody is there who could be asked";
    gateway.until(|_| denied(&stage, why).then_some(())).expect("a refusal");
    assert_eq!(note(&mut gateway).1, "ENOENT");
    assert_eq!(gateway.leave().code, 0);
    assert!(stage.every_question().is_empty());
}

/// Beyond the ceiling, by a link, or where keys are kept: nobody is asked.
#[test]
fn what_could_be_no_root_is_refused_without_a_question() {
    let (stage, work) = (Stage::new(), Work::new());
    let outside = Work::new();
    std::os::unix::fs::symlink(outside.at("site"), work.at("link")).unwrap();
    std::fs::create_dir_all(work.at(".ssh/deep")).unwrap();
    let mut gateway = work.started(&stage, "rw");
    work.offers(&mut gateway, &["link", ".ssh/deep", "missing"]);
    for why in ["by way of a link", "keys are kept there", "cannot be opened"] {
        gateway.until(|_| denied(&stage, why).then_some(())).expect(why);
    }
    assert!(stage.questions().is_empty());
    assert_eq!(note(&mut gateway).1, "ENOENT");
    assert_eq!(gateway.leave().code, 0);
}

/// A directory that asks inside of one that is shown would ask in vain.
#[test]
fn a_ceiling_that_asks_in_vain_is_refused() {
    let (stage, work) = (Stage::new(), Work::new());
    let (shown, asks) = (work.path.display().to_string(), work.at("site").display().to_string());
    let asks = format!("{asks}:ask");
    let options = ["--name", "notes", "--root", &shown, "--root", &asks];
    let said = crate::stage::finish(stage.run(&options, &Stage::shell("exit 0")));
    assert_eq!(said.code, 2, "{said:?}");
    assert!(said.err.contains("which is shown unasked"), "{said:?}");
    let said = crate::stage::finish(stage.run(&["--root", "/:ask"], &Stage::shell("exit 0")));
    assert_eq!(said.code, 2, "{said:?}");
    assert!(said.err.contains("the whole file system"), "{said:?}");
}

/// What the operator says of a part of a directory holds also when all of it is let in.
#[test]
fn a_narrower_word_about_a_part_holds_in_the_whole() {
    use std::os::unix::fs::PermissionsExt as _;
    let (stage, work) = (Stage::new(), Work::new());
    std::fs::set_permissions(work.at("site"), std::fs::Permissions::from_mode(0o777)).unwrap();
    let read = "open(os.path.join(sys.argv[1], asked['params']['arguments']['name'])).read()";
    let write = "open(os.path.join(sys.argv[1], 'new'), 'w').write('x')";
    assert!(SERVER.contains(read));
    let writes = SERVER.replace(read, write);
    let site = work.at("site").display().to_string();
    let server = ["python3", "-u", "-c", writes.as_str(), &site].map(str::to_owned);
    let whole = work.path.display().to_string();
    let (wide, narrow) = (format!("{whole}:rw:ask"), format!("{site}:ro:ask"));
    let options = ["--name", "notes", "--root", &wide, "--root", &narrow, "--ask", "destructive"];
    let mut gateway = Gateway::start(stage.run(&options, &server), None);
    let hello = json!({
        "protocolVersion": "2025-11-25", "capabilities": {"roots": {}},
        "clientInfo": {"name": "host", "version": "1"},
    });
    let id = gateway.asks("initialize", &hello);
    gateway.answer(id);
    gateway.says(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}));
    work.offers(&mut gateway, &["."]);
    let asked = question(&mut gateway, &stage);
    assert_eq!(asked["arguments"]["directory"], json!(whole));
    assert_eq!(note(&mut gateway).1, "ENOENT");
    assert_eq!(stage.says(&["approvals", "approve", asked["id"].as_str().unwrap()]).code, 0);
    until(&mut gateway, "EROFS");
    assert!(!work.at("site/new").exists());
    assert_eq!(gateway.leave().code, 0);
}
