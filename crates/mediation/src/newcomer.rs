//! A directory that the host offers, where the operator wants a person to be asked first.
//!
//! ```text
//!  the host offers it ─▶ Looking ── no root, outside of the ceiling ──▶ refused, recorded
//!                           └ it is there ─▶ a question ── no, silence ──▶ not offered
//!                                               └──────── yes, a grant ──▶ Admit
//!                 the caller holds it against what was shown ─▶ a part of the ceiling
//! ```
//!
//! Meanwhile the server is told of the roots that it had. The caller looks, because the
//! mind touches nothing; what it saw is a part of what a person says yes to.

use std::collections::{BTreeMap, BTreeSet};

use portcullis_catalog::control::{APPROVAL_EXACT, GRANTS_NARROW, ROOTS_ASKED};
use portcullis_guard::path::{Access, Root, Roots};
use portcullis_guard::text::visible;
use portcullis_journal::{Event, Record};
use portcullis_policy::{Decision, Effect, Obligation};
use portcullis_wire::view::resource;
use portcullis_wire::{Json, Object, Peer, array, canonical};

use crate::Session;
use crate::approval::{ApprovalId, ApprovalKey, Fingerprint, Matter};
use crate::control::grants_narrow;
use crate::cover::{Called, Cover};
use crate::grant::{Grant, GrantId, GrantKey, Standing};
use crate::output::Output;
use crate::question::Parked;
use crate::waiting::Waiting;

/// The method with which a host says what it offers.
const METHOD: &str = "roots/list";

/// The member of what is shown that names it.
const DIRECTORY: &str = "directory";

/// Directories of one session that are remembered; who offers more is not asked about.
const REMEMBERED: usize = 64;

/// A directory that waits for a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Newcomer {
    /// Where it is.
    pub root: Root,
    /// What the server could do there.
    pub access: Access,
}

/// A person said yes to it: the caller makes it a root, if it is still what was shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admission {
    /// Which one.
    pub newcomer: Newcomer,
    /// What a grant for it would have to be for.
    pub key: GrantKey,
    /// The grant that the yes gave, if it was one for longer; with it the root ends.
    pub grant: GrantId,
    /// It was this grant that answered.
    pub stands: bool,
}

/// What became of a directory that was offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// The caller looks at it.
    Looking,
    /// A person is asked.
    Waiting,
    /// It is no root. Offered anew after it was not, it is looked at anew.
    Unfit,
    /// A person said no, for this session.
    Refused,
    /// It was let in.
    Admitted,
}

/// What the host offered below directories that are asked about.
#[derive(Debug, Default)]
pub(crate) struct Newcomers {
    /// The ceiling for them.
    askable: Roots,
    stages: BTreeMap<Root, Stage>,
    /// More came than are remembered, and that was recorded.
    full: bool,
}

impl Newcomers {
    pub(crate) fn below(askable: &Roots) -> Self {
        Self { askable: askable.clone(), ..Self::default() }
    }

    /// Nobody is ever asked.
    pub(crate) fn are_none(&self) -> bool {
        self.askable.is_empty()
    }

    /// What the server could do in a directory; nothing outside of the ceiling.
    fn access(&self, root: &Root) -> Option<Access> {
        let around = self.askable.iter().filter(|(ceiling, _)| ceiling.contains(root));
        around.max_by_key(|(ceiling, _)| ceiling.path().len()).map(|(_, access)| access)
    }

    /// Which directories of an offer are asked about: those below the ceiling, or the part
    /// of the ceiling that lies in what is offered.
    pub(crate) fn asked_about(&self, uri: &str, granted: &Roots) -> Vec<Root> {
        let Ok(host) = Root::from_uri(uri) else { return Vec::new() };
        let known = |root: &Root| granted.iter().any(|(around, _)| around.contains(root));
        if self.access(&host).is_some() {
            return if known(&host) { Vec::new() } else { vec![host] };
        }
        let ceilings = self.askable.iter().map(|(ceiling, _)| ceiling);
        ceilings.filter(|ceiling| host.contains(ceiling) && !known(ceiling)).cloned().collect()
    }

    /// What an answer offers that nobody has looked at, and what it offers no longer.
    fn sort(&mut self, answer: &Json, granted: &Roots) -> (Vec<Root>, Vec<Root>) {
        let offered = resource::roots(answer).unwrap_or_default();
        let offered: BTreeSet<Root> =
            offered.iter().flat_map(|root| self.asked_about(&root.uri, granted)).collect();
        let left: Vec<Root> = self
            .stages
            .iter()
            .filter(|(root, stage)| {
                !offered.contains(*root) && !matches!(stage, Stage::Refused | Stage::Admitted)
            })
            .map(|(root, _)| root.clone())
            .collect();
        self.stages.retain(|root, _| !left.contains(root));
        let came = offered.into_iter().filter(|root| {
            let stage = self.stages.get(root);
            // One that was let in and is in force no more is asked about again.
            stage.is_none_or(|stage| *stage == Stage::Admitted)
        });
        (came.collect(), left)
    }
}

impl Session {
    /// The host says what it offers: what a person must be asked about is looked at.
    pub(crate) fn meet_newcomers(&mut self, answer: &Json) {
        if self.newcomers.are_none() {
            return;
        }
        let (came, left) = self.newcomers.sort(answer, self.scope.ceiling());
        for root in left {
            self.newcomer_left(&root);
        }
        for root in came {
            if self.newcomers.stages.len() >= REMEMBERED {
                self.too_many_newcomers();
                return;
            }
            self.newcomers.stages.insert(root.clone(), Stage::Looking);
            self.outputs.push_back(Output::Look(Box::new(root)));
        }
    }

    fn too_many_newcomers(&mut self) {
        if std::mem::replace(&mut self.newcomers.full, true) {
            return;
        }
        let why = "the host offers more new directories than anybody can be asked about";
        let mut record = self.heard(Event::Denied, Peer::Client);
        record.method = Some(METHOD.to_owned());
        record.decision = Decision::deny(ROOTS_ASKED, why);
        self.note(record);
    }

    /// The host offers it no longer: nobody needs an answer.
    fn newcomer_left(&mut self, root: &Root) {
        let is_it = |waiting: &Waiting| match waiting {
            Waiting::Root(newcomer) => newcomer.root == *root,
            _ => false,
        };
        self.forget_question_of(is_it);
    }

    /// What the caller saw of a directory after [`Output::Look`]: what is in it that a person
    /// should know, or why it is no root.
    pub fn looked(&mut self, root: &Root, seen: Result<Vec<String>, String>) {
        if self.is_closed() || self.newcomers.stages.get(root) != Some(&Stage::Looking) {
            return;
        }
        let access = self.newcomers.access(root);
        let seen = seen.and_then(|holds| match access {
            Some(access) => Ok((holds, access)),
            None => Err("it lies outside the ceiling".to_owned()),
        });
        let (holds, access) = match seen {
            Ok(seen) => seen,
            Err(why) => return self.newcomer_is_unfit(root, &why),
        };
        self.newcomers.stages.insert(root.clone(), Stage::Waiting);
        let newcomer = Newcomer { root: root.clone(), access };
        let (key, content) = self.newcomer_key(&newcomer, &holds);
        let why = "the host offers a directory that the server has not had";
        self.park(Waiting::Root(newcomer), key, content, Decision::ask(ROOTS_ASKED, why));
    }

    fn newcomer_is_unfit(&mut self, root: &Root, why: &str) {
        self.newcomers.stages.insert(root.clone(), Stage::Unfit);
        let mut record = self.heard(Event::Denied, Peer::Client);
        record.method = Some(METHOD.to_owned());
        let why = format!("the host's root `{}`: {}", visible(&root.path()), visible(why));
        record.decision = Decision::deny(ROOTS_ASKED, why);
        self.note(record);
    }

    /// What a yes would cover. The roots in force change with every yes, so the policy is
    /// that of the start.
    fn newcomer_key(&self, newcomer: &Newcomer, holds: &[String]) -> (ApprovalKey, String) {
        let mut shown = Object::new();
        let access = if newcomer.access == Access::Write { "rw" } else { "ro" };
        shown.set(DIRECTORY, Json::string(&newcomer.root.path()));
        shown.set("access", Json::string(access));
        let holds: Vec<Json> = holds.iter().map(|what| Json::string(what)).collect();
        shown.set("holds", array(&holds));
        let content = canonical(&shown.to_json());
        let key = ApprovalKey {
            matter: Matter::Root,
            principal: self.settings.principal.clone(),
            server: self.settings.server.clone(),
            session: self.settings.session.clone(),
            tool: METHOD.to_owned(),
            definition_pin: Fingerprint::of(METHOD.as_bytes()),
            arguments_digest: Fingerprint::of(&content),
            policy: self.scope.given_policy().clone(),
        };
        (key, crate::call::shown(&content))
    }

    /// What a yes to a directory may cover beyond this session: the same directory, with
    /// the same things in it.
    pub(crate) fn newcomer_standing(&self, content: &str) -> Standing {
        Standing {
            covers: Cover::exactly(&self.newcomer_called(content), DIRECTORY).into_iter().collect(),
            answers: BTreeSet::from([ROOTS_ASKED.to_string()]),
            session: self.settings.session.clone(),
            project: self.settings.project.clone(),
            quiet: false,
        }
    }

    /// The grant that answers for a directory, if one does.
    pub(crate) fn newcomer_granted<'a>(
        &self,
        parked: &Parked,
        grants: &'a [Grant],
    ) -> Option<&'a Grant> {
        let key = GrantKey::from(&parked.key);
        let called = self.newcomer_called(&parked.content);
        grants.iter().find(|grant| {
            grant.key == key
                && grant.answers.contains(ROOTS_ASKED.as_str())
                && grant.cover.covers(&called)
        })
    }

    fn newcomer_called<'a>(&'a self, content: &'a str) -> Called<'a> {
        Called {
            canonical: content.as_bytes(),
            schema: &serde_json::Value::Null,
            roots: &self.settings.roots,
            cwd: None,
        }
    }

    /// A person said yes to a directory, to this one or to it whenever it is offered.
    pub(crate) fn newcomer_let_in(
        &mut self,
        parked: Parked,
        approval: Option<&ApprovalId>,
        grant: Option<&Grant>,
    ) {
        let Waiting::Root(newcomer) = parked.waiting else { return };
        let yes = match grant {
            Some(grant) => {
                Decision::because(Effect::Allow, GRANTS_NARROW, grants_narrow::told(grant))
            }
            None => Decision::because(Effect::Allow, APPROVAL_EXACT, "a person said yes"),
        };
        let mut record = self.about_newcomer(Event::Notice, &newcomer);
        record.decision = parked.decision.and(yes).owing(Obligation::Approved);
        record.approval = approval.map(ToString::to_string);
        record.grant = grant.map(|grant| grant.id.to_string());
        self.note(record);
        self.newcomers.stages.insert(newcomer.root.clone(), Stage::Admitted);
        let given = approval.map(GrantId::of);
        let Some(id) = grant.map(|grant| grant.id.clone()).or(given) else { return };
        let key = GrantKey::from(&parked.key);
        let admission = Admission { newcomer, key, grant: id, stands: grant.is_some() };
        self.outputs.push_back(Output::Admit(Box::new(admission)));
    }

    /// Nobody let it in. A person's no holds for the session; one that nobody answered is
    /// asked about again when it is offered again.
    pub(crate) fn newcomer_refused(&mut self, newcomer: &Newcomer, by_person: bool) {
        match by_person {
            true => drop(self.newcomers.stages.insert(newcomer.root.clone(), Stage::Refused)),
            false => drop(self.newcomers.stages.remove(&newcomer.root)),
        }
    }

    /// It is not what was shown any more, so it was not let in after all.
    pub fn not_admitted(&mut self, newcomer: &Newcomer, why: &str) {
        self.newcomer_is_unfit(&newcomer.root, why);
    }

    pub(crate) fn about_newcomer(&self, event: Event, newcomer: &Newcomer) -> Record {
        let mut record = self.heard(event, Peer::Client);
        record.method = Some(METHOD.to_owned());
        let access = if newcomer.access == Access::Write { "rw" } else { "ro" };
        record.note = Some(format!("root {}:{access}", visible(&newcomer.root.path())));
        record.policy = Some(self.scope.given_policy().as_str().to_owned());
        record
    }
}
