//! Progress, log messages, updates and news of changes have a budget each, and news
//! that the client has not looked into yet is not told again (MCP-LIM-04).

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::calls_per_minute::Quota;

/// The span of every budget.
const SPAN: Duration = Duration::from_secs(10);

/// News that is remembered, of all streams together.
const TOLD: usize = 256;

/// The budgets of one session.
#[derive(Debug)]
pub(crate) struct Rates {
    budgets: BTreeMap<&'static str, Quota>,
    completions: Quota,
    /// Budgets that are used up, and when that was recorded.
    hushed: BTreeMap<&'static str, Instant>,
    /// What was told and not looked into since, by stream; true when that was recorded.
    told: BTreeMap<(Option<i64>, &'static str), bool>,
}

/// Notifications of a server, of all kinds together.
#[derive(Debug)]
pub(crate) struct Chatter {
    quota: Quota,
    /// Some are being dropped, and that was recorded.
    hushed: bool,
}

impl Default for Chatter {
    fn default() -> Self {
        Self { quota: Quota::new(500, SPAN), hushed: false }
    }
}

impl Chatter {
    /// One more. A run of dropped ones ends when all of the budget is there again: whoever never
    /// stops gets one place back every few milliseconds, and would have each fill a run of its own.
    pub(crate) fn spend(&mut self, now: Instant) -> Verdict {
        self.hushed &= !self.quota.is_whole(now);
        if self.quota.spend(now).is_ok() {
            return Verdict::Pass;
        }
        if std::mem::replace(&mut self.hushed, true) {
            return Verdict::Hush;
        }
        Verdict::Tell("too many notifications; more are dropped without a record")
    }
}

/// Each budget, its notifications in ten seconds, and what a client does about it.
const BUDGETS: &[(&str, u32, &[&str])] = &[
    ("notifications/progress", 200, &[]),
    ("notifications/message", 200, &[]),
    ("notifications/resources/updated", 100, &[]),
    ("notifications/tasks", 100, &[]),
    ("notifications/tasks/status", 100, &[]),
    ("notifications/tools/list_changed", 50, &["tools/list"]),
    ("notifications/prompts/list_changed", 50, &["prompts/list"]),
    ("notifications/resources/list_changed", 50, &["resources/list", "resources/templates/list"]),
];

/// What to do about one more notification.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Let it pass.
    Pass,
    /// Drop it, and record that it and its like are dropped.
    Tell(&'static str),
    /// Drop it; that was recorded.
    Hush,
}

impl Default for Rates {
    fn default() -> Self {
        let quota = |(name, most, _): &(&'static str, u32, _)| (*name, Quota::new(*most, SPAN));
        Self {
            budgets: BUDGETS.iter().map(quota).collect(),
            completions: Quota::new(50, SPAN),
            hushed: BTreeMap::new(),
            told: BTreeMap::new(),
        }
    }
}

impl Rates {
    /// Spends from the budget of a notification, if it has one.
    pub(crate) fn spend(&mut self, method: &str, now: Instant) -> Verdict {
        let Some((name, _, _)) = BUDGETS.iter().find(|(name, _, _)| *name == method) else {
            return Verdict::Pass;
        };
        if self.budgets.get_mut(name).is_none_or(|quota| quota.spend(now).is_ok()) {
            return Verdict::Pass;
        }
        // One record in a span, however often a budget runs dry in it.
        let told = self.hushed.get(name).copied();
        if told.is_some_and(|told| now.saturating_duration_since(told) < SPAN) {
            return Verdict::Hush;
        }
        self.hushed.insert(name, now);
        Verdict::Tell("more than its budget; what follows is dropped unrecorded")
    }

    /// Whether news of a change says something that the client was not told.
    pub(crate) fn news(&mut self, stream: Option<i64>, method: &str) -> Verdict {
        let row = BUDGETS.iter().find(|(name, _, looks)| *name == method && !looks.is_empty());
        let Some((name, _, _)) = row else { return Verdict::Pass };
        if self.told.len() >= TOLD {
            // Streams that are over: whoever is told twice loses nothing.
            self.told.clear();
        }
        match self.told.get_mut(&(stream, *name)) {
            None => {
                self.told.insert((stream, *name), false);
                Verdict::Pass
            }
            Some(recorded) => match std::mem::replace(recorded, true) {
                false => Verdict::Tell("told already, and the client has not looked since"),
                true => Verdict::Hush,
            },
        }
    }

    /// The client looks: the next change is news again.
    pub(crate) fn looked(&mut self, method: &str) {
        let by = |name: &str| {
            BUDGETS.iter().any(|(row, _, looks)| *row == name && looks.contains(&method))
        };
        self.told.retain(|(_, name), _| !by(name));
    }

    /// Spends a completion; false when there is none left.
    pub(crate) fn completion(&mut self, now: Instant) -> bool {
        self.completions.spend(now).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_of_one_kind_is_not_anothers() {
        #[expect(clippy::disallowed_methods, reason = "an arbitrary epoch")]
        let start = Instant::now();
        let mut rates = Rates::default();
        let mut spend = |method: &str, now| rates.spend(method, now);
        for _ in 0..200 {
            assert_eq!(spend("notifications/message", start), Verdict::Pass);
        }
        assert!(matches!(spend("notifications/message", start), Verdict::Tell(_)));
        assert_eq!(spend("notifications/message", start), Verdict::Hush);
        assert_eq!(spend("notifications/progress", start), Verdict::Pass);
        assert_eq!(spend("notifications/cancelled", start), Verdict::Pass);
        assert_eq!(spend("notifications/message", start + SPAN), Verdict::Pass);
    }

    #[test]
    fn whoever_never_stops_is_recorded_once() {
        #[expect(clippy::disallowed_methods, reason = "an arbitrary epoch")]
        let start = Instant::now();
        let mut chatter = Chatter::default();
        let mut told = 0;
        // A thousand a second, for a minute.
        for tick in 0..60_000 {
            let verdict = chatter.spend(start + Duration::from_millis(tick));
            told += u32::from(matches!(verdict, Verdict::Tell(_)));
        }
        assert_eq!(told, 1);
        let later = start + Duration::from_secs(60) + SPAN;
        let run: Vec<Verdict> = (0..502).map(|_| chatter.spend(later)).collect();
        assert!(run.iter().take(500).all(|verdict| *verdict == Verdict::Pass));
        assert!(matches!(run.get(500..), Some([Verdict::Tell(_), Verdict::Hush])), "another run");
    }

    #[test]
    fn news_is_told_once_until_the_client_looks() {
        let mut rates = Rates::default();
        let changed = "notifications/tools/list_changed";
        assert_eq!(rates.news(None, changed), Verdict::Pass);
        assert!(matches!(rates.news(None, changed), Verdict::Tell(_)));
        assert_eq!(rates.news(None, changed), Verdict::Hush);
        assert_eq!(rates.news(Some(1), changed), Verdict::Pass, "another stream");
        rates.looked("prompts/list");
        assert_eq!(rates.news(None, changed), Verdict::Hush);
        rates.looked("tools/list");
        assert_eq!(rates.news(None, changed), Verdict::Pass);
        assert_eq!(rates.news(None, "notifications/resources/updated"), Verdict::Pass);
        assert_eq!(rates.news(None, "notifications/resources/updated"), Verdict::Pass);
    }
}
