//! A message has the shape that its revision gives to its method (MCP-VAL-18,
//! MCP-SESS-10). The shapes are data of `wire`; here is what a misfit leads to.

use portcullis_catalog::control::SHAPE_CHECKED;
use portcullis_policy::{Decision, Effect, Obligation};
use portcullis_wire::view::Misfit;
use portcullis_wire::{
    Json, Kind, Method, Outcome, Peer, Request, Revision, array, elements, method, task,
};

use crate::Session;
use crate::correlate::{InFlight, Purpose};
use crate::handshake::offered;
use crate::settle::Refusal;
use crate::without::Layer;

/// A request or a notification that a peer sends.
fn judge(row: &Method, params: Option<&Json>, revision: Revision) -> Decision {
    denied(row.params.holds_params(params, revision), row.name)
}

/// A client's request: what does not fit is answered as the revision says.
fn request(row: &Method, params: Option<&Json>, revision: Revision) -> Result<(), Refusal> {
    row.params.holds_params(params, revision).map_err(|misfit| {
        let decision = denied(Err(misfit), row.name);
        Refusal::error(decision, Misfit::CODE, &misfit.to_string())
    })
}

/// `initialize`, whose revision is the one that it asks for if that is ours.
pub(crate) fn opening(asked: &Request) -> Result<(), Refusal> {
    let version = asked.params.as_ref().and_then(Json::object);
    let version = version.and_then(|params| params.get("protocolVersion")?.as_text());
    let revision = offered(&version.unwrap_or_default());
    let row = method(revision, Peer::Client, Kind::Request, &asked.method);
    row.map_or(Ok(()), |row| request(row, asked.params.as_ref(), revision))
}

/// The answer to a request, without entries that do not fit.
fn answer(row: &Method, result: &Json, revision: Revision) -> Result<(Json, Decision), Decision> {
    let (result, sifted) = sift(row, result, revision).unwrap_or((result.clone(), None));
    let judged = denied(row.result.holds(&result, "result", revision), row.name);
    if judged.effect == Effect::Deny { Err(judged) } else { Ok((result, sifted.unwrap_or(judged))) }
}

/// A listing without the entries that do not fit. One that is spoiled does not
/// hide the others: a host with no tools at all helps nobody.
fn sift(row: &Method, result: &Json, revision: Revision) -> Option<(Json, Option<Decision>)> {
    let (name, each) = row.result.entries(revision)?;
    let mut members = result.object()?;
    let entries = elements(members.get(name)?)?;
    let mut misfits = Vec::new();
    let kept: Vec<Json> = entries
        .iter()
        .filter(|entry| each.holds(entry, name, revision).map_err(|why| misfits.push(why)).is_ok())
        .cloned()
        .collect();
    let first = misfits.first()?;
    let why = format!("{} entries of `{}` were left out: {first}", misfits.len(), row.name);
    members.set(name, array(&kept));
    let decision = Decision::because(Effect::Allow, SHAPE_CHECKED, why);
    Some((members.to_json(), Some(decision.owing(Obligation::Rewritten))))
}

fn denied(fit: Result<(), Misfit>, name: &str) -> Decision {
    match fit {
        Ok(()) => Decision::default(),
        Err(misfit) => Decision::deny(SHAPE_CHECKED, format!("`{name}` does not fit: {misfit}")),
    }
}

impl Session {
    /// The revision whose shapes are held, once there is one.
    fn shape_of(&self) -> Option<Revision> {
        self.phase.revision().filter(|_| !self.settings.without.is(Layer::Schema))
    }

    /// A request of the client.
    pub(crate) fn shaped(&self, row: &Method, asked: &Request) -> Result<(), Refusal> {
        let revision = self.shape_of();
        revision.map_or(Ok(()), |revision| request(row, asked.params.as_ref(), revision))
    }

    /// What a peer sends without being asked.
    pub(crate) fn has_shape(&self, row: &Method, params: Option<&Json>) -> Result<(), Decision> {
        let Some(revision) = self.shape_of() else { return Ok(()) };
        match judge(row, params, revision) {
            denied if denied.effect == Effect::Deny => Err(denied),
            _ => Ok(()),
        }
    }

    /// What the server answers.
    pub(crate) fn fitting(
        &self,
        row: &InFlight,
        result: Json,
    ) -> Result<(Json, Decision), Decision> {
        // Only the handshake's answer names the revision to judge it by.
        let revision = match row.purpose {
            Purpose::Initialize => agreed(&result),
            _ => self.shape_of(),
        };
        let asked = revision.and_then(|revision| {
            let answered = match self.is_task(row, &result) {
                true => task(revision, &row.method)?,
                false => method(revision, Peer::Client, Kind::Request, &row.method)?,
            };
            Some((answered, revision))
        });
        match asked {
            Some((row, revision)) => answer(row, &result, revision),
            None => Ok((result, Decision::default())),
        }
    }

    /// What the client answers to a request of the server.
    pub(crate) fn fitting_answer(
        &self,
        row: &InFlight,
        outcome: Outcome,
    ) -> Result<Outcome, Decision> {
        let Some(revision) = self.shape_of() else { return Ok(outcome) };
        let asked = method(revision, Peer::Server, Kind::Request, &row.method);
        let judged = match (asked, &outcome) {
            (Some(asked), Outcome::Result(result)) => {
                denied(asked.result.holds(result, "result", revision), asked.name)
            }
            _ => Decision::default(),
        };
        if judged.effect == Effect::Deny { Err(judged) } else { Ok(outcome) }
    }
}

/// The revision that the server chose, if it is ours.
fn agreed(result: &Json) -> Option<Revision> {
    Revision::parse(&result.object()?.get("protocolVersion")?.as_text()?)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn listing(entries: serde_json::Value) -> Result<(Json, Decision), Decision> {
        let revision = Revision::V2025_11_25;
        let row = method(revision, Peer::Client, Kind::Request, "prompts/list").expect("known");
        answer(row, &Json::from_value(&json!({"prompts": entries})), revision)
    }

    #[test]
    fn one_spoiled_entry_does_not_hide_the_others() {
        let (kept, decision) = listing(json!([{"name": "a"}, {"name": 1}, {}])).expect("a page");
        assert_eq!(kept.value(), json!({"prompts": [{"name": "a"}]}));
        assert!(decision.names(SHAPE_CHECKED) && decision.effect == Effect::Allow);
        let (whole, decision) = listing(json!([{"name": "a"}])).expect("a page");
        assert_eq!(
            (whole.value(), decision),
            (json!({"prompts": [{"name": "a"}]}), Decision::default())
        );
        assert!(listing(json!({"name": "a"})).is_err_and(|why| why.names(SHAPE_CHECKED)));
    }
}
