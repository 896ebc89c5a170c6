//! `channels` and `trusted_hosts`: how a person is called.

use std::collections::BTreeSet;

use portcullis_guard::text::visible;
use portcullis_policy::Channel;

use crate::reader::{Reader, Section};
use crate::values;

/// Longest name of a host, in characters.
const NAME: usize = 64;

impl Reader<'_, '_> {
    /// The channels in the order in which they are tried, each once.
    pub(crate) fn channels(&mut self, section: &Section<'_>) -> Option<Vec<Channel>> {
        let entry = self.get(section, "channels")?;
        let mut chosen = Vec::new();
        for (at, text) in self.texts(entry)? {
            let wrong = match values::choose(text, "one of `channels`", Channel::WORDS) {
                Ok(channel) if chosen.contains(&channel) => {
                    format!("`{text}` stands there twice, and is tried once")
                }
                Ok(channel) => {
                    chosen.push(channel);
                    continue;
                }
                Err(unfit) => unfit.to_string(),
            };
            self.diagnoses.wrong(&at, Some(entry.key), wrong);
        }
        Some(chosen)
    }

    /// Names that are compared letter by letter, so none has any that nobody sees.
    pub(crate) fn trusted_hosts(&mut self, section: &Section<'_>) -> Option<BTreeSet<String>> {
        let entry = self.get(section, "trusted_hosts")?;
        let mut names = BTreeSet::new();
        for (at, text) in self.texts(entry)? {
            let plain = !text.is_empty() && text.chars().count() <= NAME && visible(text) == text;
            if plain {
                names.insert(text.to_owned());
                continue;
            }
            let what = "a host's name is one to 64 characters that can be seen".to_owned();
            self.diagnoses.wrong(&at, Some(entry.key), what);
        }
        Some(names)
    }
}
