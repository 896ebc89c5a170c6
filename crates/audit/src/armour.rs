//! From audit to armour: the tightest table of `portcullis.toml` under which a server's honest tools still work.
//!
//! A pure function of evidence. What a server asked for is a claim: it stands in comments and opens nothing. A directory
//! can be written only when an honest call of a tool that says it writes was seen to change it; a host can be reached
//! only when an honest call could not do without it and the tool's own definition names it; a server that shows any sign
//! of dishonesty gets neither.
//!
//! Read in this order: [`Policy::of`], then `offered` (tools, resources, prompts), `places` (roots), `reach` (network and
//! wishes), `written` (the one place that knows TOML).

mod offered;
mod places;
mod reach;
mod written;

use std::collections::BTreeSet;

use crate::check;
use crate::evidence::{Evidence, Live};
use crate::finding::{Confidence, Finding, Severity};
use offered::Offered;
use places::{Places, Root};
use written::{Line, Value};

/// Findings that are named in the comments.
const TOLD: usize = 40;

/// A table for one server, with why each of its lines stands.
#[derive(Debug, Clone)]
pub struct Policy {
    name: String,
    lines: Vec<Line>,
    places: Places,
    missing: BTreeSet<&'static str>,
}

/// Why there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoPolicy {
    /// Only source was read, or it did not start.
    #[error(
        "a policy comes from what a server did, and this one was not seen at work: name its command after `--`"
    )]
    NotSeen,
    /// `run` speaks with servers over pipes, or at an address.
    #[error(
        "a server that listens in its box is no server that `portcullis run` can start: audit it over its pipes"
    )]
    Listens,
    /// The command cannot be written down.
    #[error(
        "an argument of its command looks like a credential, and a policy is no place for it: pass it as a variable, and audit the server again"
    )]
    Credential,
}

impl Policy {
    /// Reads it out of evidence. `name` is what the server is called by us.
    ///
    /// # Errors
    /// [`NoPolicy`] when nothing is known that a table could be made of.
    pub fn of(evidence: &Evidence, name: &str) -> Result<Self, NoPolicy> {
        let live = evidence.live.as_ref().ok_or(NoPolicy::NotSeen)?;
        let remote = live.box_level == "remote";
        if live.revision.is_none() && live.tools.is_empty() {
            return Err(NoPolicy::NotSeen);
        }
        if evidence.http.is_some() && !remote {
            return Err(NoPolicy::Listens);
        }
        if live.command.iter().any(|word| word.contains("<redacted:")) {
            return Err(NoPolicy::Credential);
        }
        let findings = check::judge(evidence);
        let known = Known { evidence, live, findings: &findings };
        let mut policy = Self {
            name: name.to_owned(),
            lines: Vec::new(),
            places: Places::of(live),
            missing: BTreeSet::new(),
        };
        policy.head(&known);
        let offered = Offered::of(&known);
        match evidence.http.as_ref().filter(|_| remote) {
            Some(http) => policy.elsewhere(&http.url),
            None => policy.process(&known, &offered),
        }
        policy.asking(live);
        policy.inspecting(&known);
        policy.lists(&offered);
        policy.tail(&known);
        Ok(policy)
    }

    /// The whole file, for the person whose server it is.
    #[must_use]
    pub fn text(&self) -> String {
        written::file(&self.name, &self.lines, &|word| self.places.own(word), true)
    }

    /// The same without what would reach beyond this machine, at other places: a word of its command as it is there.
    #[must_use]
    pub fn at(&self, place: &dyn Fn(&str) -> String) -> String {
        written::file(&self.name, &self.lines, place, false)
    }

    /// What it is called.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What stands for a directory or a database that nobody named, and has to be named before the server starts.
    pub fn missing(&self) -> impl Iterator<Item = &'static str> {
        self.missing.iter().copied()
    }

    fn note(&mut self, text: impl AsRef<str>) {
        self.lines.push(Line::note(text.as_ref()));
    }

    fn key(&mut self, name: &'static str, value: Value) {
        self.lines.push(Line::Key(name, value));
    }

    fn head(&mut self, known: &Known<'_>) {
        let live = known.live;
        self.note(format!(
            "Written by `portcullis audit --write-policy`, from what was seen of `{}`: {} tools, {} calls.",
            known.evidence.target,
            live.tools.len(),
            live.trials.len()
        ));
        self.note("It is the least with which its honest calls were seen to work. What the server asked for is a claim:");
        self.note("it stands in comments, and opens nothing.");
        self.lines.push(Line::Server);
    }

    /// Where it is.
    fn elsewhere(&mut self, url: &str) {
        self.note("Where it was asked. No box of ours is around it.");
        self.key("url", Value::text(url));
    }

    /// What is started, and the box around it.
    fn process(&mut self, known: &Known<'_>, offered: &Offered) {
        let live = known.live;
        self.note("As it was started; what it is made of is pinned at its first start.");
        self.key("command", Value::Command(live.command.clone()));
        self.note("The whole box, or no start.");
        self.key("confinement", Value::text("full"));
        let roots = self.places.roots(live, offered);
        for missing in roots.iter().filter_map(|root| self.places.stands_for(&root.place)) {
            self.missing.insert(missing);
        }
        self.roots(&roots);
        let reach = reach::network(known, offered);
        reach.notes.iter().for_each(|note| self.note(note));
        self.key("network", Value::Reach(reach.hosts));
        self.environment(live);
        for note in reach::wishes(live) {
            self.note(note);
        }
    }

    fn roots(&mut self, roots: &[Root]) {
        if roots.is_empty() {
            self.note(
                "No directory: none was named in its command, and no honest call needed one.",
            );
        }
        roots.iter().flat_map(|root| &root.why).for_each(|why| self.lines.push(Line::note(why)));
        self.key("roots", Value::Roots(roots.iter().filter(|root| root.given).cloned().collect()));
    }

    fn environment(&mut self, live: &Live) {
        let fit = |name: &&String| {
            !name.is_empty()
                && !name.starts_with(|c: char| c.is_ascii_digit())
                && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        };
        let names: Vec<String> = live.variables.iter().filter(fit).cloned().collect();
        match names.is_empty() {
            true => self.note("It worked with no variable of yours."),
            false => self.note("The variables that it was started with, from the environment of whoever starts it."),
        }
        self.key("env", Value::Environment(names));
    }

    /// What may be asked of a person, and of the model.
    fn asking(&mut self, live: &Live) {
        self.note("A person is asked about calls that run something, delete something, or cannot be placed.");
        self.key("ask", Value::text("risky"));
        let asked: Vec<&str> = live
            .wishes
            .iter()
            .filter(|wish| wish.what == "ask")
            .map(|wish| wish.object.as_str())
            .take(5)
            .collect();
        match asked.is_empty() {
            true => self.note("It asked nothing of the model or of a person."),
            false => self.note(format!("It asked for {}: refused.", quoted(&asked))),
        }
        self.key("sampling", Value::Mode("refuse"));
        self.key("elicitation", Value::Mode("refuse"));
    }

    /// What becomes of what it says.
    fn inspecting(&mut self, known: &Known<'_>) {
        if known.is_dishonest() {
            self.note("Something speaks against it: orders to a model and hidden text in what it says are withheld.");
            self.key("inspect", Value::Withheld);
        }
    }

    fn lists(&mut self, offered: &Offered) {
        self.lines.push(Line::Table("tools"));
        offered.notes.iter().for_each(|note| self.lines.push(Line::note(note)));
        self.note("What was listed, and nothing that appears later.");
        self.key("allow", Value::Texts(offered.allow.clone()));
        if offered.ask.is_empty() {
            self.note("Nothing was found of one of them that a person should see each time.");
        }
        for (tool, why) in &offered.ask {
            self.note(format!("`{tool}` is asked about: {why}."));
        }
        let ask = offered.ask.iter().map(|(tool, _)| tool.clone()).collect();
        self.key("ask", Value::Texts(ask));
        for (table, list) in [("resources", &offered.resources), ("prompts", &offered.prompts)] {
            self.lines.push(Line::Table(table));
            self.note(match list.is_empty() {
                true => format!("It offered no {table} that can be listed here."),
                false => "What was listed, and nothing that appears later.".to_owned(),
            });
            self.key("allow", Value::Texts(list.clone()));
        }
    }

    /// What was found, and what of this table answers it.
    fn tail(&mut self, known: &Known<'_>) {
        let bad = |finding: &&Finding| finding.severity >= Severity::Medium;
        let all: Vec<&Finding> = known.findings.iter().filter(bad).collect();
        self.lines.push(Line::Blank);
        self.note(match all.is_empty() {
            true => "Nothing was found that needs an answer here.",
            false => "What was found, and what here answers it:",
        });
        for finding in all.iter().take(TOLD) {
            let answer = answer(&finding.check);
            self.note(format!("- {} ({}): {answer}", finding.title, finding.severity.word()));
        }
        if all.len() > TOLD {
            self.note(format!("and {} more", all.len() - TOLD));
        }
    }
}

/// What is known of one server.
struct Known<'a> {
    evidence: &'a Evidence,
    live: &'a Live,
    findings: &'a [Finding],
}

impl Known<'_> {
    /// Whether anything says that it means ill: then nothing is opened on its word.
    fn is_dishonest(&self) -> bool {
        let said = |finding: &Finding| {
            DISHONEST.contains(&finding.check.as_str()) && finding.confidence >= Confidence::Likely
        };
        self.findings.iter().any(said)
    }
}

/// Checks that speak of a server that is not what it seems.
const DISHONEST: &[&str] =
    &["hostile-text", "lying-annotations", "definition-drift", "hidden-tool", "shadowed-tool"];

/// What of a table answers a finding, in words.
fn answer(check: &str) -> &'static str {
    match check {
        "path-escape" | "path-prefix" | "option-injection" => {
            "only the roots exist in its box, and paths in arguments are held to them"
        }
        "shell-execution"
        | "free-process"
        | "code-execution"
        | "template-injection"
        | "unsafe-deserialisation"
        | "inherited-input" => {
            "a person is asked at each call, and what it starts is in the same box"
        }
        "raw-sql" | "sql-first-word" => {
            "a person is asked at each call; what is read of the database is not held: mend the server"
        }
        "server-side-request" => "its network is what `network` says",
        "hostile-text" | "definition-drift" | "shadowed-tool" | "hidden-tool" => {
            "what says so is on no list here"
        }
        "lying-annotations" => "a person is asked at each call",
        "raw-errors" => {
            "places outside of its roots and stacks are taken out of errors; what lies in the roots is told: mend the server"
        }
        _ => "nothing: mend the server",
    }
}

/// Names in words, the first few.
fn quoted(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}
