//! Typed reading of one table: what is there is right, or a diagnosis says why not.

use std::collections::BTreeSet;
use std::ops::{Range, RangeInclusive};
use std::time::Duration;

use portcullis_policy::Place;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::definition::{Key, Kind};
use crate::diagnose::Diagnoses;
use crate::values;

/// A table together with the keys that it may hold.
pub(crate) struct Section<'t> {
    pub(crate) name: String,
    pub(crate) table: &'t DeTable<'t>,
    pub(crate) keys: &'static [Key],
}

/// A value together with its key.
#[derive(Clone, Copy)]
pub(crate) struct Entry<'t> {
    pub(crate) key: &'static Key,
    pub(crate) value: &'t Spanned<DeValue<'t>>,
}

pub(crate) struct Reader<'r, 'a> {
    pub(crate) diagnoses: &'r mut Diagnoses<'a>,
}

impl Reader<'_, '_> {
    pub(crate) fn flag(&mut self, section: &Section<'_>, name: &str) -> Option<bool> {
        let entry = self.get(section, name)?;
        self.expect(entry, "`true` or `false`", DeValue::as_bool)
    }

    pub(crate) fn text<'t>(&mut self, section: &Section<'t>, name: &str) -> Option<&'t str> {
        let entry = self.get(section, name)?;
        self.expect(entry, "a text", DeValue::as_str)
    }

    pub(crate) fn word<T: Copy>(
        &mut self,
        section: &Section<'_>,
        name: &str,
        words: &[(&str, T)],
    ) -> Option<T> {
        let entry = self.get(section, name)?;
        let text = self.text(section, name)?;
        self.fit(entry, values::choose(text, &format!("a value of `{name}`"), words))
    }

    pub(crate) fn words<T: Copy + Ord>(
        &mut self,
        section: &Section<'_>,
        name: &str,
        words: &[(&str, T)],
    ) -> Option<BTreeSet<T>> {
        let entry = self.get(section, name)?;
        let mut chosen = BTreeSet::new();
        for (at, text) in self.texts(entry)? {
            match values::choose(text, &format!("one of `{name}`"), words) {
                Ok(word) => drop(chosen.insert(word)),
                Err(unfit) => self.diagnoses.wrong(&at, Some(entry.key), unfit.to_string()),
            }
        }
        Some(chosen)
    }

    pub(crate) fn duration(&mut self, section: &Section<'_>, name: &str) -> Option<Duration> {
        let entry = self.get(section, name)?;
        let Kind::Duration(range) = &entry.key.kind else { return None };
        let text = self.expect(entry, "a duration such as \"2m\"", DeValue::as_str)?;
        let duration = self.fit(entry, values::parse_duration(text))?;
        let milliseconds = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        let show = |number: u64| values::show_duration(Duration::from_millis(number));
        self.within(entry, milliseconds, range, show).map(Duration::from_millis)
    }

    pub(crate) fn size(&mut self, section: &Section<'_>, name: &str) -> Option<u64> {
        let entry = self.get(section, name)?;
        let Kind::Size(range) = &entry.key.kind else { return None };
        let text = self.expect(entry, "a size such as \"4MiB\"", DeValue::as_str)?;
        let bytes = self.fit(entry, values::parse_size(text))?;
        self.within(entry, bytes, range, values::show_size)
    }

    pub(crate) fn count(&mut self, section: &Section<'_>, name: &str) -> Option<u32> {
        let entry = self.get(section, name)?;
        let Kind::Count(range) = &entry.key.kind else { return None };
        let number = self.expect(entry, "a whole number", DeValue::as_integer)?;
        let number = i64::from_str_radix(number.as_str(), number.radix()).unwrap_or(i64::MAX);
        let number = u64::try_from(number).unwrap_or(0);
        let number = self.within(entry, number, range, |number| number.to_string())?;
        u32::try_from(number).ok()
    }

    pub(crate) fn within(
        &mut self,
        entry: Entry<'_>,
        number: u64,
        range: &RangeInclusive<u64>,
        show: impl Fn(u64) -> String,
    ) -> Option<u64> {
        if range.contains(&number) {
            return Some(number);
        }
        let (least, most) = (show(*range.start()), show(*range.end()));
        self.wrong(entry, format!("`{}` lies between {least} and {most}", entry.key.name));
        None
    }

    pub(crate) fn texts<'t>(&mut self, entry: Entry<'t>) -> Option<Vec<(Range<usize>, &'t str)>> {
        let list = self.expect(entry, "a list of texts", DeValue::as_array)?;
        let items = list.iter().map(|value| Entry { key: entry.key, value });
        let read = items.map(|item| {
            let text = self.expect(item, "a list of texts", DeValue::as_str)?;
            Some((item.value.span(), text))
        });
        read.collect::<Vec<_>>().into_iter().collect()
    }

    pub(crate) fn table<'t>(&mut self, section: &Section<'t>, name: &str) -> Option<Section<'t>> {
        let entry = self.get(section, name)?;
        let Kind::Table(keys) = entry.key.kind else { return None };
        let table = self.expect(entry, "a table", DeValue::as_table)?;
        let inner = match section.name.trim_matches(['[', ']']) {
            "the file" => format!("[{name}]"),
            outer => format!("[{outer}.{name}]"),
        };
        Some(self.section(&inner, table, keys))
    }

    /// Opens a table: whatever it holds that is not among the keys is wrong.
    pub(crate) fn section<'t>(
        &mut self,
        name: &str,
        table: &'t DeTable<'t>,
        keys: &'static [Key],
    ) -> Section<'t> {
        for written in table.keys() {
            match keys.iter().find(|key| key.name == written.get_ref().as_ref()) {
                None => self.diagnoses.unknown(&written.span(), written.get_ref(), name, keys),
                Some(key) if matches!(key.kind, Kind::Later) => {
                    let what = format!("`{}` in {name} is not supported by this version", key.name);
                    self.diagnoses.wrong(&written.span(), Some(key), what);
                }
                Some(_) => {}
            }
        }
        Section { name: name.to_owned(), table, keys }
    }

    pub(crate) fn get<'t>(&self, section: &Section<'t>, name: &str) -> Option<Entry<'t>> {
        let key = section.keys.iter().find(|key| key.name == name)?;
        let (_, value) = section.table.iter().find(|(written, _)| written.get_ref() == name)?;
        Some(Entry { key, value })
    }

    /// Where a key was written, if it was.
    pub(crate) fn place_of(&self, section: &Section<'_>, name: &str) -> Option<Place> {
        let entry = self.get(section, name)?;
        Some(self.diagnoses.place(&entry.value.span()))
    }

    pub(crate) fn expect<'t, T>(
        &mut self,
        entry: Entry<'t>,
        what: &str,
        read: impl Fn(&'t DeValue<'t>) -> Option<T>,
    ) -> Option<T> {
        let value = read(entry.value.get_ref());
        if value.is_none() {
            let found = kind_of(entry.value.get_ref());
            self.wrong(entry, format!("`{}` is {what}, not {found}", entry.key.name));
        }
        value
    }

    pub(crate) fn fit<T>(&mut self, entry: Entry<'_>, read: Result<T, values::Unfit>) -> Option<T> {
        read.map_err(|unfit| self.wrong(entry, unfit.to_string())).ok()
    }

    pub(crate) fn wrong(&mut self, entry: Entry<'_>, what: String) {
        self.diagnoses.wrong(&entry.value.span(), Some(entry.key), what);
    }
}

pub(crate) fn kind_of(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a fraction",
        DeValue::Boolean(_) => "`true` or `false`",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}
