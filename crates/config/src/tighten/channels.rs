//! The same for how a person is called: some of the channels and hosts, and no others.

use std::collections::BTreeSet;

use portcullis_policy::Channel;

use super::Tighten;

impl Tighten<'_> {
    pub(super) fn channels(
        &mut self,
        outer: Option<Vec<Channel>>,
        inner: Option<Vec<Channel>>,
        usual: Option<Vec<Channel>>,
    ) -> Option<Vec<Channel>> {
        let words =
            |all: &Vec<Channel>| all.iter().map(|one| one.as_str()).collect::<Vec<_>>().join(", ");
        self.keep("channels", outer, inner, usual, |inner, outer| in_order(inner, outer), words)
    }

    pub(super) fn trusted(
        &mut self,
        outer: Option<BTreeSet<String>>,
        inner: Option<BTreeSet<String>>,
    ) -> Option<BTreeSet<String>> {
        let words = |all: &BTreeSet<String>| match all.is_empty() {
            true => "none".to_owned(),
            false => all.iter().map(String::as_str).collect::<Vec<_>>().join(", "),
        };
        let usual = Some(BTreeSet::new());
        self.keep("trusted_hosts", outer, inner, usual, BTreeSet::is_subset, words)
    }
}

/// Some of the same channels, in the same order.
fn in_order(inner: &[Channel], outer: &[Channel]) -> bool {
    let mut outer = outer.iter();
    inner.iter().all(|one| outer.any(|other| other == one))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tighten::Means;

    #[test]
    fn what_is_fixed_to_nothing_is_called_none() {
        let mut wrong = Vec::new();
        let mut both = Tighten::new("ceiling", "project", Means::Ceiling, &mut wrong);
        let project = BTreeSet::from(["a".to_owned()]);
        assert_eq!(both.trusted(Some(BTreeSet::new()), Some(project)), Some(BTreeSet::new()));
        let said = wrong.iter().map(|(_, said)| said.to_string()).collect::<String>();
        assert!(said.contains("project says `a`, and ceiling fixes `none`"), "{said}");
    }
}
