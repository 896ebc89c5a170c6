//! What lets calls through that nobody was asked about, and when.

use portcullis_journal::Record;
use portcullis_mediation::grant::{GrantId, Lasts};
use portcullis_mediation::{ApprovalId, Cover, Fingerprint};
use portcullis_policy::{Effect, Obligation};
use portcullis_wire::Request;

use crate::world::World;

impl World {
    /// The person answers the oldest question for its directory, if that is offered.
    pub(crate) fn grant(&mut self) {
        let Some(question) = self.store.oldest(self.now) else { return };
        let (id, tool) = (question.approval.clone(), question.key.tool.clone());
        let gave = self.store.give(&id, Lasts::Session, 2, self.now);
        let is_current = self.asked_about.get(&id.to_string()) == Some(&0);
        self.check(!gave || tool == "edit_file", "what is asked one by one was offered");
        self.check(gave || tool != "edit_file" || !is_current, "nothing was offered");
        if gave {
            self.yes.insert(id.to_string());
        }
    }

    /// Grants that no person gave, as wide as can be written, for every tool that was asked
    /// about, or for the same under another policy: as if somebody else had the store.
    pub(crate) fn forge(&mut self) {
        let asked: Vec<_> = self.store.0.iter().map(|row| row.question.clone()).collect();
        for (question, bits) in asked.into_iter().zip(100..) {
            let id = question.approval.clone();
            let wide = r#"{"path":{"below":"/"}}"#;
            let Ok(cover) = serde_json::from_str::<Cover>(wide) else { continue };
            let mut forged = question.clone();
            if question.key.tool == "edit_file" {
                // This tool may be granted; what is forged is for another policy.
                forged.key.policy = Fingerprint::of(b"another policy");
            }
            forged.approval = ApprovalId::from_entropy(bits);
            forged.standing.covers = vec![cover];
            self.store.ask(forged, self.now);
            let forged = ApprovalId::from_entropy(bits);
            self.store.give(&forged, Lasts::Always, 1, self.now);
            self.store.0.retain(|row| row.question.approval != forged);
            self.check(self.store.0.iter().any(|row| row.question.approval == id), "a row is lost");
        }
    }

    /// A grant lets through what it covers, while it stands, and while the tool is what
    /// the person was shown.
    pub(crate) fn granted(&self, record: &Record, request: &Request) {
        let owed = record.decision.obligations.contains(&Obligation::Approved);
        self.check(owed && record.decision.effect == Effect::Ask, "a grant that is not recorded");
        let id = record.grant.clone().unwrap_or_default();
        let kept = self.store.1.iter().find(|kept| kept.grant.id.as_str() == id);
        self.check(kept.is_some_and(|kept| !kept.revoked), "a grant that does not stand");
        let given = self.yes.iter().filter_map(|yes| ApprovalId::parse(yes));
        let mut given = given.map(|yes| GrantId::of(&yes));
        self.check(given.any(|yes| yes.as_str() == id), "a grant that nobody gave");
        self.check(self.definition == Some(0), "a grant for another definition");
        let arguments = request.params.as_ref().map(|params| params.value()["arguments"].clone());
        let path = arguments.as_ref().and_then(|arguments| arguments["path"].as_str());
        let directory = if kept.is_some_and(|kept| kept.grant.cover.told().contains("/p/src-far;"))
        {
            "/p/src-far/"
        } else {
            "/p/src/"
        };
        self.check(path.is_some_and(|path| path.starts_with(directory)), "a call not covered");
        let policy = kept.map(|kept| kept.grant.key.policy.clone());
        self.check(policy == Some(Fingerprint::of(b"policy")), "a grant under another policy");
    }
}
