//! A browser that the test drives: Debian's Chromium, by `peers/browser/drive.mjs`.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::stage::{Stage, finish, start};

/// A browser. Dropping it ends it.
#[derive(Debug)]
pub struct Browser {
    child: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
    /// Where its socket is: the name of one has 108 bytes, and TMPDIR may be longer.
    _short: tempfile::TempDir,
}

/// A file of this repository.
pub fn source(name: &str) -> PathBuf {
    // At run time: the tests may run from a copy of the sources.
    let here = std::env::var_os("CARGO_MANIFEST_DIR");
    let here = here.map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    here.join("../..").canonicalize().unwrap().join(name)
}

/// Where other people's programs are.
pub fn peers() -> PathBuf {
    let default = || source("target/peers");
    std::env::var_os("PORTCULLIS_PEERS").map_or_else(default, PathBuf::from)
}

/// The Chromium of the system, if it runs.
fn chromium() -> Option<String> {
    let mut look = start("/bin/sh");
    look.args(["-c", "command -v chromium"]);
    let found = finish(look).out.trim().to_owned();
    if found.is_empty() {
        return None;
    }
    let mut version = start(&found);
    version.arg("--version");
    (finish(version).code == 0).then_some(found)
}

/// How long a test waits for what must come.
const PATIENCE: Duration = Duration::from_secs(30);

impl Browser {
    /// A browser with a profile of its own, or a line that says why there is none.
    pub fn start(stage: &Stage, profile: &str) -> Option<Self> {
        Self::start_with(stage, profile, "with-scripts")
    }

    /// The same, in which pages run their scripts or not.
    #[expect(clippy::print_stdout, reason = "the line that is counted")]
    pub fn start_with(stage: &Stage, profile: &str, scripts: &str) -> Option<Self> {
        let Some(chromium) = chromium() else {
            println!("skipped: there is no chromium that runs");
            return None;
        };
        let peers = peers();
        let missing = !peers.join("node/node_modules/playwright-core").exists();
        assert!(!missing, "no playwright-core in the peers: run `cargo xtask peers`");
        let short = tempfile::tempdir_in("/tmp").unwrap();
        let mut command = start("node");
        stage.scrub(&mut command);
        command.env("TMPDIR", short.path());
        command.env("PATH", std::env::var_os("PATH").unwrap());
        command.env("PORTCULLIS_PEERS", peers);
        command.arg(source("peers/browser/drive.mjs")).arg(chromium);
        command.arg(stage.folder(&format!("tmp/{profile}"), 0o700)).arg(scripts);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let to = child.stdin.take().unwrap();
        let from = BufReader::new(child.stdout.take().unwrap());
        let mut browser = Self { child, to, from, _short: short };
        match browser.answer() {
            Some(Ok(_)) => Some(browser),
            _ => {
                println!("skipped: chromium does not start here");
                None
            }
        }
    }

    fn answer(&mut self) -> Option<Result<Value, String>> {
        let mut line = String::new();
        self.from.read_line(&mut line).ok().filter(|count| *count > 0)?;
        let mut said: Value = serde_json::from_str(&line).ok()?;
        Some(match said.get("error").and_then(Value::as_str) {
            Some(error) => Err(error.to_owned()),
            None => Ok(said["ok"].take()),
        })
    }

    /// Does something; what came of it.
    pub fn tries(&mut self, order: &Value) -> Result<Value, String> {
        writeln!(self.to, "{order}").unwrap();
        self.answer().expect("the browser is gone")
    }

    /// Does something that must work.
    pub fn does(&mut self, order: &Value) -> Value {
        self.tries(order).unwrap_or_else(|error| panic!("{order}: {error}"))
    }

    pub fn goto(&mut self, page: &str, url: &str) -> Value {
        self.does(&json!({"do": "goto", "page": page, "url": url}))
    }

    pub fn eval(&mut self, page: &str, script: &str) -> Value {
        self.does(&json!({"do": "eval", "page": page, "script": script}))
    }

    pub fn text(&mut self, page: &str) -> String {
        self.eval(page, "document.body.innerText").as_str().unwrap().to_owned()
    }

    /// Waits until a script in the page is true.
    pub fn until(&mut self, page: &str, script: &str) {
        self.does(&json!({"do": "until", "page": page, "script": script}));
    }

    /// Waits until the page shows a text.
    pub fn shows(&mut self, page: &str, text: &str) {
        let script = format!("document.body.innerText.includes({})", json!(text));
        let order = json!({"do": "until", "page": page, "script": script});
        if let Err(error) = self.tries(&order) {
            panic!("no `{text}`: {error}: {}", self.text(page));
        }
    }

    /// Waits until a person could press what a selector names. A page that is still being read
    /// shows its buttons as the document has them: what its script does with them comes after.
    pub fn pressable(&mut self, page: &str, selector: &str) {
        let selector = json!(selector);
        self.until(
            page,
            &format!(
                "document.readyState === 'complete' \
                 && document.querySelector({selector})?.disabled === false \
                 && getComputedStyle(document.querySelector({selector})).visibility === 'visible'"
            ),
        );
    }

    pub fn press(&mut self, page: &str, key: &str) {
        self.does(&json!({"do": "press", "page": page, "key": key}));
    }

    /// Moves the focus with the tab key until it is on what a selector names: several rounds of
    /// the page, as what comes into view again is inert again for a moment.
    pub fn tabs_to(&mut self, page: &str, selector: &str) {
        let there = format!("!!document.activeElement?.matches({})", json!(selector));
        let until = Instant::now() + PATIENCE;
        while Instant::now() < until {
            if self.eval(page, &there) == true {
                return;
            }
            self.press(page, "Tab");
        }
        panic!("the tab key never comes to {selector}: {}", self.text(page));
    }

    /// Answers with the keyboard: the focus moves to a button, a key presses it, a text appears.
    /// A press on a button that became inert meanwhile is no press: the person tries again.
    pub fn presses_for(&mut self, page: &str, selector: &str, key: &str, text: &str) {
        let shown = format!("document.body.innerText.includes({})", json!(text));
        let until = Instant::now() + PATIENCE;
        while Instant::now() < until {
            self.pressable(page, selector);
            self.tabs_to(page, selector);
            self.press(page, key);
            for _ in 0..100 {
                let order = json!({"do": "eval", "page": page, "script": shown});
                // A page that goes elsewhere meanwhile has no answer.
                if self.tries(&order).is_ok_and(|it| it == true) {
                    return;
                }
                std::thread::sleep(Duration::from_millis(100));
            }
        }
        panic!("no `{text}` after {key} on {selector}: {}", self.text(page));
    }

    /// Nothing on any page complained since it was asked last.
    pub fn is_content(&mut self) {
        let complaints = self.does(&json!({"do": "complaints"}));
        assert_eq!(complaints, json!([]));
    }

    pub fn forgets_complaints(&mut self) {
        self.does(&json!({"do": "complaints"}));
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
