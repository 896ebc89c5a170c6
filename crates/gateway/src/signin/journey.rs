//! The person and their browser: asked, sent, and back (MCP-AUTH-22 to -24).
//!
//! The question lies in the store like any other, so every view shows it, with the link to the
//! page that answers it. A no in any view is a no. A yes is given on the page, for it is the
//! browser there that goes on.

use std::time::{Duration, Instant};

use portcullis_config as config;
use portcullis_console::{self as console, Came, Sheet};
use portcullis_journal::Event;
use portcullis_mediation::grant::Standing;
use portcullis_mediation::{ApprovalId, ApprovalKey, Fingerprint, Matter, Question};
use portcullis_oauth::{Consent, Flow, Need, Registration, Why};
use portcullis_policy::{Ask, Decision, Tier};
use portcullis_store::{ApprovalStore as _, NotDecided, State, Taken, Verdict};
use portcullis_wire::{Json, canonical};
use serde_json::json;
use tokio::sync::{mpsc, oneshot};
use tokio::time::MissedTickBehavior;

use super::attempt::{Attempts, SESSION};
use super::now;
use crate::dice;
use crate::driver::wall_clock;

/// How often the store is looked at.
const LOOK: Duration = Duration::from_millis(150);
/// How long a page is there after the journey.
const LINGERS: Duration = Duration::from_secs(10);
/// Who answers on the page.
const PAGE: &str = "consent page";

/// The page, bound before anybody is asked: where it is belongs to what is registered.
pub(super) struct Door(console::Door);

impl Door {
    /// On the port that the operator wants, or on the one that we registered before.
    pub(super) fn bind(how: &config::OAuth, known: &[Registration]) -> Result<Self, Why> {
        let failed =
            |error: std::io::Error| Why::Kept(format!("the page cannot be bound: {error}"));
        if let Some(port) = how.redirect_port {
            return console::Door::bind(Some(port)).map(Self).map_err(failed);
        }
        let before = known.iter().filter_map(|it| port(it.redirect.as_deref()?));
        for port in before {
            // Somebody else may have it now; then we register anew.
            if let Ok(door) = console::Door::bind(Some(port)) {
                return Ok(Self(door));
            }
        }
        console::Door::bind(None).map(Self).map_err(failed)
    }

    pub(super) fn callback(&self) -> String {
        self.0.callback()
    }
}

/// The port of an address that we come back to.
fn port(redirect: &str) -> Option<u16> {
    redirect.strip_prefix("http://127.0.0.1:")?.split('/').next()?.parse().ok()
}

/// One journey.
pub(super) struct Journey<'a> {
    pub(super) attempts: &'a mut Attempts,
    pub(super) consent: Consent,
}

/// How far it is.
enum Step {
    /// The person has not answered.
    Asked,
    /// The browser is away.
    Away,
    /// It came back, and is told how it ends.
    Back(oneshot::Sender<Result<(), String>>),
}

impl Journey<'_> {
    /// Asks, and follows the browser until it is back and what it brought is redeemed.
    pub(super) async fn travelled(mut self, flow: &mut Flow, door: Door) -> Result<Need, Why> {
        if self.attempts.plan.server.rules.mode == Ask::Never {
            return Err(Why::Refused);
        }
        let link = door.0.link();
        let question = self.question(&link)?;
        self.attempts.record(Event::Asked, Decision::default(), Some(self.told()))?;
        let stored = self.attempts.approvals.ask(&question, wall_clock());
        stored.map_err(|error| Why::Kept(error.to_string()))?;
        self.call(&question, &link);
        let (say, mut events) = mpsc::channel(4);
        let page = self.attempts.pages.spawn(door.0.open(self.sheet(), say));
        let (mut step, mut deadline) = (Step::Asked, Instant::now() + question.patience);
        let mut looks = tokio::time::interval(LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let went = loop {
            let came = tokio::select! {
                came = events.recv() => match came {
                    Some(came) => Some(came),
                    None => break Err(Why::Kept("the page was closed".to_owned())),
                },
                _ = looks.tick() => None,
            };
            let went = self.goes(flow, came, &question, &mut step, &mut deadline);
            match went {
                Ok(()) => {}
                Err(why) => break Err(why),
            }
            if let Step::Back(_) = step {
                break Ok(());
            }
        };
        let need = match went {
            Ok(()) => self.redeemed(flow, step).await,
            Err(why) => {
                self.withdraw(&question);
                Err(why)
            }
        };
        // Until the browser has its last page, and what belongs to it.
        self.attempts.pages.spawn(async move {
            tokio::time::sleep(LINGERS).await;
            page.abort();
            Ok(())
        });
        need
    }

    /// One thing that happened, or a look at the store and the clock.
    fn goes(
        &mut self,
        flow: &mut Flow,
        came: Option<Came>,
        question: &Question,
        step: &mut Step,
        deadline: &mut Instant,
    ) -> Result<(), Why> {
        // Whatever comes, and however often: the time is over when it is.
        if Instant::now() >= *deadline {
            return Err(if matches!(step, Step::Asked) { Why::Refused } else { Why::Late });
        }
        match (came, &step) {
            (Some(Came::Yes(say)), Step::Asked) => {
                self.allowed(question)?;
                flow.allowed(&Attempts::dice()?, now());
                let Some(Need::Visit(visit)) = flow.poll() else { return Err(Why::Order) };
                *deadline = Instant::now() + Duration::from_secs(visit.until.saturating_sub(now()));
                *step = Step::Away;
                // A browser that broke off may not come back: then it is too late.
                let _ = say.send(visit.url);
            }
            (Some(Came::No), Step::Asked) => {
                self.decided(question, Verdict::Deny)?;
                flow.refused();
                return Err(Why::Refused);
            }
            (Some(Came::Back(query, say)), Step::Away) if flow.awaits(&query) => {
                flow.returned(&query, now());
                *step = Step::Back(say);
            }
            // Somebody who was not sent by us, or any page that leads a browser here: the one that
            // is away is waited for.
            (Some(Came::Back(_, say)), _) => {
                let _ = say.send(Err("nobody was sent there".to_owned()));
            }
            (Some(Came::Yes(_) | Came::No), _) => {}
            (None, Step::Asked) => {
                let taken =
                    self.attempts.approvals.take(&question.approval, &question.key, wall_clock());
                match taken.map_err(|error| Why::Kept(error.to_string()))? {
                    Taken::Denied | Taken::Gone => {
                        flow.refused();
                        return Err(Why::Refused);
                    }
                    // The page is still the place where the browser goes on.
                    Taken::Approved | Taken::Pending | Taken::Edited(_) => {}
                }
            }
            (None, _) => {}
        }
        Ok(())
    }

    /// What the browser brought is redeemed, and the person told.
    async fn redeemed(&mut self, flow: &mut Flow, step: Step) -> Result<Need, Why> {
        let Step::Back(say) = step else { return Err(Why::Order) };
        let need = self.attempts.settled(flow).await?;
        let told = match &need {
            Need::Failed(why) => Err(why.to_string()),
            _ => Ok(()),
        };
        let _ = say.send(told);
        Ok(need)
    }

    /// The yes of the page is one of a question that still waits, once.
    fn allowed(&mut self, question: &Question) -> Result<(), Why> {
        self.decided(question, Verdict::Approve)?;
        let told = format!("{}: yes, on the consent page", self.told());
        self.attempts.record(Event::Answered, Decision::default(), Some(told))
    }

    fn decided(&mut self, question: &Question, verdict: Verdict) -> Result<(), Why> {
        let decided =
            self.attempts.approvals.decide(&question.approval, verdict, PAGE, wall_clock());
        let decided = decided.map_err(|error| Why::Kept(error.to_string()))?;
        if decided.is_ok() && verdict == Verdict::Approve {
            let approvals = &mut self.attempts.approvals;
            let taken = approvals.take(&question.approval, &question.key, wall_clock());
            let taken = taken.map_err(|error| Why::Kept(error.to_string()))?;
            return if matches!(taken, Taken::Approved) { Ok(()) } else { Err(Why::Refused) };
        }
        // Somebody said yes elsewhere, which was taken: the page's press is what sends the browser.
        match decided {
            Ok(_) | Err(NotDecided::Already(State::Used | State::Approved)) => Ok(()),
            Err(_) => Err(Why::Refused),
        }
    }

    fn withdraw(&mut self, question: &Question) {
        // It ends by itself when this fails.
        let _ = self.attempts.approvals.withdraw(&question.approval);
    }

    fn told(&self) -> String {
        let Consent { issuer, resource, scopes, .. } = &self.consent;
        format!("may a browser go to {issuer} for {resource}, asking for: {scopes}")
    }

    fn call(&self, question: &Question, link: &str) {
        let id = &question.approval;
        eprintln!(
            "portcullis: {}: {}? open {link} (or `portcullis approvals deny {id}`)",
            self.attempts.plan.server.name,
            self.told()
        );
    }

    fn sheet(&self) -> Sheet {
        let Consent { issuer, place, resource, scopes, client_id, redirect } = &self.consent;
        Sheet {
            host: format!("whoever runs `portcullis` as {}", self.attempts.plan.principal),
            server: self.attempts.plan.server.name.to_string(),
            resource: resource.clone(),
            issuer: issuer.clone(),
            at: place.target().to_string(),
            place: place.as_str().to_owned(),
            scopes: scopes.to_string(),
            client_id: client_id.clone(),
            redirect: redirect.clone(),
        }
    }

    fn question(&self, link: &str) -> Result<Question, Why> {
        let [bits, _] = dice::two().map_err(|fault| Why::Kept(fault.to_string()))?;
        let Consent { issuer, place, resource, scopes, client_id, redirect } = &self.consent;
        let content = json!({
            "server": resource,
            "authorization server": issuer,
            "goes to": place.as_str(),
            "scopes": scopes.to_string(),
            "as": client_id,
            "comes back to": redirect,
            "page": link,
        });
        let content = canonical(&Json::from_value(&content));
        let plan = &self.attempts.plan;
        let key = ApprovalKey {
            matter: Matter::Authorization,
            principal: plan.principal.clone(),
            server: plan.server.name.clone(),
            session: SESSION.to_owned(),
            tool: place.target().to_string(),
            definition_pin: Fingerprint::of(plan.pins.as_bytes()),
            arguments_digest: Fingerprint::of(&content),
            policy: Fingerprint::of(SESSION.as_bytes()),
        };
        Ok(Question {
            approval: ApprovalId::from_entropy(bits),
            key,
            arguments: String::from_utf8_lossy(&content).into_owned(),
            risk: Tier::Unknown,
            reasons: vec!["the server wants a token of its authorization server".to_owned()],
            patience: plan.server.patience,
            standing: Standing::default(),
        })
    }
}
