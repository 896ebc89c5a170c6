//! What an answer loses on its way to the client: entries that it may not have,
//! links that lead astray, cursors and states that are the server's own.

use std::time::Instant;

use portcullis_catalog::control::{CURSORS_OURS, METHOD_KNOWN, RESOURCES_LISTED, STATE_SEALED};
use portcullis_policy::{Decision, Effect, Obligation};
use portcullis_wire::view::input_request::InputRequired;
use portcullis_wire::{Era, Json, Object, RpcError, array, elements};

use crate::Session;
use crate::control::links_judged::{Judge, Named};
use crate::control::{
    answers_match_questions, apps_contained, cache_private, completions_bounded, links_judged,
};
use crate::correlate::InFlight;
use crate::lists::LISTS;
use crate::sealed::{self, Kept};

/// Pages of one list before it is cut off (the longest real list measured has one).
const PAGES: u32 = 256;
/// Longest cursor or state of a server, in bytes.
const LONGEST: usize = 64 << 10;
/// Rounds of one call before it is given up.
const ROUNDS: u32 = 10;
/// Rounds in a row in which the server asks for nothing: the client comes back at
/// once, so this is a loop without a person or a wait in it.
const IDLE: u32 = 3;

/// What becomes of an answer.
#[derive(Debug)]
pub(crate) enum Revised {
    /// It goes on like this.
    Passes(Json, Decision),
    /// The client reads that there is no such thing.
    Missing(Decision),
    /// It does not fit, and does not go on.
    Refused(Decision),
}

impl Session {
    /// Judges an answer part by part.
    pub(crate) fn revise(&mut self, row: &InFlight, result: Json) -> Revised {
        let judge = self.judge();
        let revised = match row.method.as_str() {
            "resources/list" => sift(&result, "resources", |entry| judge.entry(entry, "uri")),
            "resources/templates/list" => {
                sift(&result, "resourceTemplates", |entry| judge.entry(entry, "uriTemplate"))
            }
            "prompts/list" => sift(&result, "prompts", |entry| judge.entry(entry, "name")),
            "tools/call" => {
                let (result, page) = apps_contained::of_result(&result, judge.apps);
                let (result, links) = links_judged::content(&judge, &result);
                Some((result, page.and(links)))
            }
            "prompts/get" => Some(links_judged::messages(&judge, &result)),
            "completion/complete" => completions_bounded::cut(&judge, &row.carries, &result),
            "resources/read" => return self.revise_contents(row, &result),
            "tools/list" => return Revised::Passes(result, Decision::default()),
            _ => Some((result.clone(), Decision::default())),
        };
        match revised {
            Some((result, decision)) => {
                let (result, decision) = self.page(row, result, decision);
                Revised::Passes(result, decision)
            }
            None => Revised::Refused(Decision::deny(METHOD_KNOWN, "the list does not fit")),
        }
    }

    /// What was read is only what could have been asked for.
    fn revise_contents(&mut self, row: &InFlight, result: &Json) -> Revised {
        let judge = self.judge();
        let Some((result, decision)) = sift(result, "contents", |entry| judge.entry(entry, "uri"))
        else {
            // A call that goes on has no contents yet.
            return Revised::Passes(result.clone(), Decision::default());
        };
        let left = result.object().and_then(|members| elements(members.get("contents")?));
        let nothing = left.is_some_and(|left| left.is_empty());
        // Nothing is said by an error since 2026-07-28 (server/resources).
        if nothing && (self.phase.era() == Era::Modern || !decision.because.is_empty()) {
            let why = "there is nothing in it that may be read";
            let empty = Decision::because(Effect::Allow, RESOURCES_LISTED, why);
            return Revised::Missing(decision.and(empty));
        }
        let (result, decision) = self.page(row, result, decision);
        Revised::Passes(result, decision)
    }

    /// The server's own words for a resource that is not there become ours, so that
    /// nobody can tell it from one that may not be read (MCP-RES-03).
    pub(crate) fn uniform(&self, row: &InFlight, error: RpcError) -> RpcError {
        let about_one = ["resources/read", "resources/subscribe"].contains(&row.method.as_str());
        // Invalid params, not found before 2026-07-28, and what Python's SDK says.
        if about_one && [-32602, -32002, 0].contains(&error.code) {
            return self.missing();
        }
        error
    }

    /// There is no such resource.
    pub(crate) fn missing(&self) -> RpcError {
        let message = "resource not found".to_owned();
        RpcError { code: self.not_found(), message, data: None }
    }

    /// The end of a page: the cursor becomes ours, and what a cache may keep is cut.
    pub(crate) fn page(
        &mut self,
        row: &InFlight,
        result: Json,
        decision: Decision,
    ) -> (Json, Decision) {
        let kept = ["server/discover", "resources/read"].contains(&row.method.as_str());
        let listed = LISTS.contains(&row.method.as_str());
        let Some(mut members) = result.object().filter(|_| listed || kept) else {
            return (result, decision);
        };
        let filtered = !decision.because.is_empty() || self.has_lists(&row.method);
        // What is counted over several sessions is a server of several people.
        let several = self.settings.tally.is_some();
        let cached = cache_private::clamp(&mut members, filtered, several, &row.carries);
        let mut changed = !cached.because.is_empty();
        let mut decision = decision.and(cached);
        if listed && members.get("nextCursor").is_some() {
            decision = decision.and(self.next_page(row, &mut members));
            changed = true;
        }
        if changed { (members.to_json(), decision) } else { (result, decision) }
    }

    fn has_lists(&self, method: &str) -> bool {
        match method {
            "tools/list" => self.settings.rules.withholds(),
            "prompts/list" => self.settings.rules.withholds_prompts(),
            _ => self.settings.rules.withholds_resources(),
        }
    }

    fn next_page(&mut self, row: &InFlight, members: &mut Object) -> Decision {
        let next = members.remove("nextCursor").and_then(|next| next.as_text());
        let round = row.carries.round + 1;
        let why = match &next {
            None => Some("its cursor is no text"),
            Some(next) if next.len() > LONGEST => Some("its cursor is too long"),
            Some(_) if next == row.carries.cursor => Some("it goes on where it came from"),
            Some(_) if round >= PAGES => Some("it has no end"),
            Some(_) => None,
        };
        if let Some(why) = why {
            let why = format!("the list was cut off: {why}");
            let cut = Decision::because(Effect::Allow, CURSORS_OURS, why);
            return cut.owing(Obligation::Rewritten);
        }
        let private = members
            .get("cacheScope")
            .is_some_and(|scope| scope.as_text().as_deref() == Some("private"));
        let kept =
            Kept { serial: self.seals.serial(), round, private, inner: next, ..Kept::default() };
        let envelope = sealed::seal(&self.settings.seal, &kept, &row.carries.bound);
        members.set("nextCursor", Json::string(&envelope));
        Decision::default()
    }

    /// A call that the server leaves open: its state is sealed, its rounds are counted.
    pub(crate) fn seal_state(
        &mut self,
        row: &InFlight,
        asked: &InputRequired,
        result: &Json,
        now: Instant,
    ) -> Result<(Json, Decision), Decision> {
        let no = |why: &str| Err(Decision::deny(STATE_SEALED, why));
        let round = row.carries.round + 1;
        let idle = if asked.requests.is_empty() { row.carries.idle + 1 } else { 0 };
        if round > ROUNDS {
            return no("the server left the call open too often");
        }
        if idle > IDLE {
            return no("the server sends the client in circles");
        }
        if self.seals.clock(now).saturating_sub(row.carries.since) > self.story() {
            return no("the call was left open for too long");
        }
        if asked.state.as_ref().is_some_and(|state| state.len() > LONGEST) {
            return no("the state is too long");
        }
        let Some(mut members) = result.object() else { return no("the result does not fit") };
        let questions = answers_match_questions::asked(asked)?;
        self.bridge.given(asked.state.as_deref());
        let serial = self.seals.serial();
        self.seals.give(serial);
        let (since, inner) = (row.carries.since, asked.state.clone());
        let people = row.carries.people;
        let asked = questions;
        let kept = Kept { serial, since, round, idle, people, private: true, asked, inner };
        let envelope = sealed::seal(&self.settings.seal, &kept, &row.carries.bound);
        members.set("requestState", Json::string(&envelope));
        // A question is nobody's to keep (2026-07-28, server/utilities/caching).
        members.remove("ttlMs");
        members.remove("cacheScope");
        let sealed = Decision::because(Effect::Allow, STATE_SEALED, "the call is left open");
        Ok((members.to_json(), sealed.owing(Obligation::Rewritten)))
    }
}

/// Judges each entry of a list; `None` when there is no such list.
fn sift(
    result: &Json,
    member: &str,
    judge: impl Fn(&Json) -> (Option<Json>, Decision),
) -> Option<(Json, Decision)> {
    let mut members = result.object()?;
    let entries = elements(members.get(member)?)?;
    let (mut kept, mut decision, mut changed) = (Vec::new(), Decision::default(), false);
    for entry in entries {
        let (passes, opinion) = judge(&entry);
        changed |= passes.as_ref() != Some(&entry);
        decision = decision.and(opinion);
        kept.extend(passes);
    }
    decision.effect = Effect::Allow;
    if !changed {
        return Some((result.clone(), decision));
    }
    members.set(member, array(&kept));
    Some((members.to_json(), decision.owing(Obligation::Rewritten)))
}

impl Judge<'_> {
    /// Judges one entry of a list by the member that names it, and its icons.
    fn entry(&self, entry: &Json, by: &str) -> (Option<Json>, Decision) {
        let members = entry.object().unwrap_or_default();
        let Some(name) = members.get(by).and_then(Json::as_text) else {
            let why = format!("an entry without `{by}` was left out");
            return (None, Decision::because(Effect::Allow, METHOD_KNOWN, why));
        };
        let decision = self.of(match by {
            "uri" => Named::Link(&name),
            "uriTemplate" => Named::Template(&name),
            _ => Named::Prompt(&name),
        });
        let decision = decision.and(apps_contained::judge_kind(&members));
        if decision.effect == Effect::Deny {
            return (None, decision);
        }
        match self.inert(&members) {
            None => (Some(entry.clone()), decision),
            Some((cleaned, cut)) => (Some(cleaned.to_json()), decision.and(cut)),
        }
    }
}
