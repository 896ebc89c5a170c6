//! What servers say unasked: questions to the client, and news.
//!
//! A question gets an id and a progress token of ours, so that an answer leads to whoever asked, and
//! to nobody else. Which server asks a person stands in the question's text already
//! (`control/elicitation_judged.rs`); nobody samples here (`dress::declared`).

use portcullis_wire::view::lifecycle::PROGRESS_TOKEN;
use portcullis_wire::view::notification::Cancelled;
use portcullis_wire::{Id, Json, Message, Notification, Outcome, Request, Response, code};

use super::{Aggregate, Standing, Step, What, dress, failed};
use portcullis_wire::Era;

/// Questions of all servers that the client has not answered. Each has its share of them, so that
/// none keeps the others from asking.
const QUESTIONS: usize = 256;

/// A question of a server.
#[derive(Debug)]
pub(super) struct Asked {
    member: usize,
    id: Id,
    token: Option<Json>,
}

impl Aggregate {
    /// A server asks the client something (until 2025-11-25).
    pub(super) fn ask_client(&mut self, member: usize, request: &Request) {
        let is_open = self.agreed.is_some() && self.stands(member) == Standing::Here;
        let theirs = self.asked.values().filter(|asked| asked.member == member).count();
        let is_over = theirs >= QUESTIONS.div_ceil(self.seats.len().max(1));
        if !is_open || self.era == Era::Modern || is_over {
            let why = "nobody can be asked now";
            let server = self.server(member);
            self.steps.push_back(Step::Refused(server, why));
            let outcome = Outcome::Error(failed(code::INTERNAL_ERROR, why));
            let id = Some(request.id.clone());
            return self.tell(member, Message::Response(Response { id, outcome }), None);
        }
        let Some(prefix) = self.prefix(member).cloned() else { return };
        let token = dress::token(request.params.as_ref());
        let minted = self.mint();
        let ours = token.as_ref().map(|_| Id::from(minted).to_json());
        let params = dress::params(request.params.as_ref(), ours.as_ref());
        let params = params.map(|params| dress::marked(&params, &prefix));
        self.asked.insert(minted, Asked { member, id: request.id.clone(), token });
        let method = request.method.clone();
        self.say(Message::Request(Request { id: minted.into(), method, params }));
    }

    /// The client answers a question, for whoever asked it.
    pub(super) fn answer(&mut self, response: Response) {
        let Some(Id::Number(number)) = response.id else { return };
        let Some(Asked { member, id, .. }) = self.asked.remove(&number) else { return };
        let response = Response { id: Some(id), outcome: response.outcome };
        self.tell(member, Message::Response(response), None);
    }

    /// The client tells how it gets on with a question.
    pub(super) fn client_goes_on(&mut self, said: Notification) {
        let Some(params) = &said.params else { return };
        let ours = params.object().and_then(|members| members.get(PROGRESS_TOKEN).cloned());
        let Some(Id::Number(number)) = ours.as_ref().and_then(Id::from_json) else { return };
        let Some(Asked { member, token: Some(token), .. }) = self.asked.get(&number) else {
            return;
        };
        let params = dress::with(params, PROGRESS_TOKEN, token.clone());
        let (member, method) = (*member, said.method);
        let said = Notification { method, params: Some(params) };
        self.tell(member, Message::Notification(said), None);
    }

    /// A server that is gone wants no answers.
    pub(super) fn take_back_questions(&mut self, member: usize) {
        let gone: Vec<i64> = self
            .asked
            .extract_if(.., |_, asked| asked.member == member)
            .map(|(number, _)| number)
            .collect();
        for number in gone {
            self.say(Message::Notification(Notification::cancelled(&number.into())));
        }
    }

    /// A server tells something that wants no answer.
    pub(super) fn tell_client(&mut self, member: usize, said: &Notification) {
        let Some(prefix) = self.prefix(member).cloned() else { return };
        let params = said.params.as_ref();
        let params = match said.method.as_str() {
            "notifications/progress" => return self.tell_progress(member, said),
            _ if self.era == Era::Modern => return self.tell_stream(member, said),
            _ if self.agreed.is_none() || self.stands(member) != Standing::Here => return,
            "notifications/cancelled" => return self.take_back(member, said),
            "notifications/message" => params.map(|params| dress::logged(params, &prefix)),
            "notifications/resources/updated" => params.map(|it| dress::updated(it, &prefix)),
            "notifications/elicitation/complete" => params.map(|it| dress::marked(it, &prefix)),
            "notifications/tools/list_changed"
            | "notifications/prompts/list_changed"
            | "notifications/resources/list_changed" => params.cloned(),
            _ => return,
        };
        self.say(Message::Notification(Notification { method: said.method.clone(), params }));
    }

    /// How a call gets on, by the name that its client gave to that.
    fn tell_progress(&mut self, member: usize, said: &Notification) {
        let Some(params) = &said.params else { return };
        let ours = params.object().and_then(|members| members.get(PROGRESS_TOKEN).cloned());
        let Some(Id::Number(number)) = ours.as_ref().and_then(Id::from_json) else { return };
        let Some(leg) = self.legs.get(&number).filter(|leg| leg.member == member) else { return };
        let What::Routed { token: Some(token), .. } = &leg.what else { return };
        let params = dress::with(params, PROGRESS_TOKEN, token.clone());
        let method = said.method.clone();
        self.say(Message::Notification(Notification { method, params: Some(params) }));
    }

    /// A server takes a question back.
    fn take_back(&mut self, member: usize, said: &Notification) {
        let theirs = Cancelled::read(said.params.as_ref()).ok().and_then(|it| it.request_id);
        let is_it = |asked: &Asked| asked.member == member && Some(&asked.id) == theirs.as_ref();
        let Some(number) = self.asked.iter().find(|(_, it)| is_it(it)).map(|(number, _)| *number)
        else {
            return;
        };
        self.asked.remove(&number);
        let id = Id::from(number).to_json();
        let params = said.params.as_ref().map(|params| dress::with(params, "requestId", id));
        let method = said.method.clone();
        self.say(Message::Notification(Notification { method, params }));
    }
}
