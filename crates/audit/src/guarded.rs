//! Finding by finding, what came of it behind the gateway: stopped, by which control, or not stoppable there.
//!
//! A pure function of evidence. That an effect was not seen again proves nothing by itself: a server may behave as long as
//! it is watched. So nothing counts as stopped without a reason of ours: a record of the gateway's journal, or a box in
//! which the thing that was harmed does not exist. What a server says is no reason.

use std::collections::{BTreeMap, BTreeSet};

use portcullis_catalog::control::{self, CONTROLS};
use serde::Serialize;
use serde_json::Value;

use crate::check;
use crate::evidence::guarded::{Guarded, Refusal, What};
use crate::evidence::live::{Answer, Attack, Conduct, Effect, Trial};
use crate::evidence::{Evidence, Live};
use crate::finding::{Confidence, Finding, Location};
use crate::report::fingerprint;

/// What came of one finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "verdict")]
pub enum Verdict {
    /// It did not happen, whatever anybody says.
    Stopped {
        /// The controls that held.
        by: BTreeSet<String>,
    },
    /// It does not happen unless a person says yes to that call.
    Asked {
        /// The controls that held.
        by: BTreeSet<String>,
    },
    /// It happened again.
    NotStoppable {
        /// What was seen.
        why: String,
    },
    /// Nobody can say.
    Unknown {
        /// Why.
        why: String,
    },
}

/// What came of a tool's honest calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Honest {
    /// They were answered as before.
    Works,
    /// A person is asked about each.
    Asked,
    /// The tool is not listed any more.
    LeftOut,
    /// They are not answered any more.
    Broken,
}

/// Everything that came of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Outcome {
    /// For each finding, by its fingerprint.
    pub findings: BTreeMap<String, Verdict>,
    /// For each tool that answered an honest call without the gateway.
    pub honest: BTreeMap<String, Honest>,
}

impl Verdict {
    /// As a person reads it.
    #[must_use]
    pub fn words(&self) -> String {
        let names = |by: &BTreeSet<String>| by.iter().cloned().collect::<Vec<_>>().join(", ");
        match self {
            Self::Stopped { by } => format!("stopped by {}", names(by)),
            Self::Asked { by } => {
                format!("stopped by {} unless a person says yes to the call", names(by))
            }
            Self::NotStoppable { why } => format!("not stoppable here, fix the server: {why}"),
            Self::Unknown { why } => format!("not known: {why}"),
        }
    }
}

impl Honest {
    /// As a person reads it.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Works => "answered as before",
            Self::Asked => "a person is asked",
            Self::LeftOut => "left out",
            Self::Broken => "not answered any more",
        }
    }
}

impl Outcome {
    /// Reads it out of evidence; nothing when the probes were not made again.
    #[must_use]
    pub fn of(evidence: &Evidence, findings: &[Finding]) -> Option<Self> {
        let bare = evidence.live.as_ref()?;
        let guarded = bare.guarded.as_deref()?;
        let mut behind = evidence.clone();
        behind.live = Some(guarded.live.clone());
        let again = check::judge(&behind);
        let known = Known { bare, guarded, again: &again };
        let verdicts =
            findings.iter().map(|finding| (fingerprint(finding), known.verdict(finding)));
        Some(Self { findings: verdicts.collect(), honest: known.honest() })
    }
}

/// What a verdict is made of.
struct Known<'a> {
    bare: &'a Live,
    guarded: &'a Guarded,
    /// What is found behind the gateway.
    again: &'a [Finding],
}

impl Known<'_> {
    fn verdict(&self, finding: &Finding) -> Verdict {
        let unknown = |why: &str| Verdict::Unknown { why: why.to_owned() };
        let done = finding.confidence == Confidence::Confirmed;
        if !done && matches!(finding.location, Location::Source(_)) {
            return unknown("the source shows it, and nothing that was tried did");
        }
        if self.guarded.live.revision.is_none() {
            return unknown(&self.not_started());
        }
        if let Some(same) = self.again.iter().find(|it| {
            fingerprint(it) == fingerprint(finding)
                && (!done || it.confidence == Confidence::Confirmed)
        }) {
            return Verdict::NotStoppable { why: same.evidence.clone() };
        }
        match self.trial_of(finding) {
            Some((trial, effect)) => self.of_trial(trial, effect),
            None => self.of_listing(finding),
        }
    }

    fn not_started(&self) -> String {
        let why = self.guarded.live.conduct.iter().find_map(|conduct| match conduct {
            Conduct::NotStarted { why } => Some(why.as_str()),
            _ => None,
        });
        format!("the server did not start under the policy: {}", why.unwrap_or("it never answered"))
    }

    /// The trial that a finding rests on.
    fn trial_of(&self, finding: &Finding) -> Option<(&Trial, &Effect)> {
        let request = finding.reproducer.as_ref()?;
        let all = self.bare.trials.iter().filter(|trial| trial.request == *request);
        all.filter_map(|trial| Some((trial, trial.effect.as_ref()?))).next()
    }

    /// Each of the same trials has to be stopped by something. An attack of another kind that goes on is found again.
    fn of_trial(&self, bare: &Trial, effect: &Effect) -> Verdict {
        let same = |trial: &Trial| {
            (trial.attack, &trial.tool, &trial.parameter)
                == (bare.attack, &bare.tool, &bare.parameter)
        };
        let all = self.guarded.live.trials.iter().enumerate().filter(|(_, trial)| same(trial));
        let (mut by, mut asked, mut tried) = (BTreeSet::new(), false, false);
        for (at, trial) in all {
            tried = true;
            let mut stopped = self.controls(Some(at), &[What::Refused]);
            if is_withheld(effect, trial) {
                stopped.extend(self.controls(Some(at), &[What::Withheld]));
            }
            let changed = self.controls(Some(at), &[What::Changed]);
            if !stopped.is_empty() {
                asked |= stopped.iter().all(|control| asks(control));
                by.extend(stopped);
            } else if self.held_by_the_box(bare.attack, effect) && answered(trial) {
                by.insert(control::SERVER_CONFINED.as_str().to_owned());
            } else if matches!(effect, Effect::Leaked { .. }) && !changed.is_empty() {
                by.extend(changed);
            } else {
                return Verdict::Unknown {
                    why: "it was not seen again, and no record of ours says why".to_owned(),
                };
            }
        }
        match (tried, asked) {
            (false, _) => Verdict::Unknown {
                why: "it was not tried again: there was no time, or nobody to ask".to_owned(),
            },
            (true, true) => Verdict::Asked { by },
            (true, false) => Verdict::Stopped { by },
        }
    }

    /// A finding about what is listed, or about the server's manners.
    fn of_listing(&self, finding: &Finding) -> Verdict {
        let tool = match &finding.location {
            Location::Server { tool: Some(tool), .. } => tool,
            _ => {
                return Verdict::Unknown {
                    why: "it was not seen again, and no record of ours says why".to_owned(),
                };
            }
        };
        let is_listed = |live: &Live| {
            let mut all = live.tools.iter().chain(&live.resources).chain(&live.prompts);
            all.any(|one| one.get("name").and_then(Value::as_str) == Some(tool))
        };
        if is_listed(self.bare) && !is_listed(&self.guarded.live) {
            // The policy names what is listed: whatever else held, that does.
            return Verdict::Stopped {
                by: BTreeSet::from([control::TOOLS_LISTED.as_str().to_owned()]),
            };
        }
        Verdict::Unknown { why: "it was not seen again, and no record of ours says why".to_owned() }
    }

    /// The controls that spoke during a trial. What is no control of ours is none.
    fn controls(&self, during: Option<usize>, what: &[What]) -> BTreeSet<String> {
        let ours = |refusal: &&Refusal| {
            refusal.during == during
                && what.contains(&refusal.what)
                && CONTROLS.iter().any(|known| known.id.as_str() == refusal.control)
        };
        self.guarded.refusals.iter().filter(ours).map(|refusal| refusal.control.clone()).collect()
    }

    /// What was harmed is not in the box, so that no behaviour of the server's reaches it: secrets and files outside of the
    /// roots, and every address. A command that ran is another matter: it still runs, in there.
    fn held_by_the_box(&self, attack: Attack, effect: &Effect) -> bool {
        let own = |word: &String| word.replace("{stage}/project", "").replace("{stage}/files", "");
        let whole = self.bare.command.iter().any(|word| own(word).contains("{stage}"));
        let runs = [Attack::CommandInjection, Attack::CodeInjection, Attack::TemplateInjection];
        match effect {
            _ if runs.contains(&attack) => false,
            Effect::CanaryRead { from } => !whole && outside(from),
            Effect::CanaryWritten { file } => !whole && outside(file),
            Effect::Reached { .. } => true,
            _ => false,
        }
    }

    fn honest(&self) -> BTreeMap<String, Honest> {
        let names: BTreeSet<&str> = self
            .bare
            .trials
            .iter()
            .filter(|trial| trial.worked())
            .map(|trial| trial.tool.as_str())
            .collect();
        let tools = |live: &Live, name: &str| {
            live.tools.iter().any(|tool| tool.get("name").and_then(Value::as_str) == Some(name))
        };
        let all = names.into_iter().filter(|name| tools(self.bare, name));
        all.map(|name| (name.to_owned(), self.one_honest(name, tools(&self.guarded.live, name))))
            .collect()
    }

    fn one_honest(&self, tool: &str, listed: bool) -> Honest {
        let calls = self.guarded.live.trials.iter().enumerate();
        let calls: Vec<(usize, &Trial)> = calls
            .filter(|(_, trial)| trial.attack == Attack::Benign && trial.tool == tool)
            .collect();
        let asked = |at: usize| {
            let by = self.controls(Some(at), &[What::Refused]);
            !by.is_empty() && by.iter().all(|control| asks(control))
        };
        if calls.iter().any(|(_, trial)| trial.worked()) {
            Honest::Works
        } else if !listed && self.guarded.live.revision.is_some() {
            Honest::LeftOut
        } else if !calls.is_empty() && calls.iter().all(|(at, _)| asked(*at)) {
            Honest::Asked
        } else {
            Honest::Broken
        }
    }
}

/// Controls whose no is a person's to lift. Behind the gateway of an audit nobody is there to be asked.
fn asks(control: &str) -> bool {
    [control::APPROVE_BY_RISK, control::FLOWS_APART].iter().any(|known| known.as_str() == control)
}

/// Whether an effect is one of the answer, and that answer did not arrive. A server may have something else withheld at any
/// time: that says nothing of what it did, nor of an answer that came.
fn is_withheld(effect: &Effect, trial: &Trial) -> bool {
    let in_answer = matches!(
        effect,
        Effect::CanaryRead { .. }
            | Effect::Evaluated { .. }
            | Effect::Leaked { .. }
            | Effect::Flood { .. }
    );
    in_answer && trial.answer != Answer::Result
}

/// The server was there and said something.
fn answered(trial: &Trial) -> bool {
    matches!(trial.answer, Answer::Result | Answer::ToolError | Answer::ProtocolError)
}

/// Beside the project, where no policy of ours gives anything.
fn outside(place: &str) -> bool {
    ["{stage}/vault", "{stage}/project-evil", "{stage}/drop"]
        .iter()
        .any(|beside| place.contains(beside))
}
