//! Words that a program may be given.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use portcullis_guard::command::{self, Grammar, LONGEST_WORD, MOST_WORDS, Place};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, de::Error as _};

use crate::refusal::Refusal;
use crate::roots::Roots;

/// A program with a grammar.
pub trait Program: Send + Sync + 'static {
    /// What it may be told. Build it once: it is asked for at each call.
    fn grammar() -> &'static Grammar;
}

/// The arguments of one call of a program, every word judged: options that are listed,
/// values that fit, paths that lie in a root of the conversation.
pub struct Argv<P: Program> {
    words: command::Argv,
    reason: PhantomData<P>,
}

impl<P: Program> Argv<P> {
    /// Judges words, without the program's name.
    ///
    /// # Errors
    /// The first word that does not fit, by its place.
    pub fn judge(asked: &[String], roots: &Roots) -> Result<Self, Refusal> {
        let place = Place { roots: roots.words(), directory: roots.first() };
        let words = P::grammar().judge(asked, place).map_err(|no| Refusal::new(no.to_string()))?;
        Ok(Self { words, reason: PhantomData })
    }

    /// The words as they are passed, without the program's name.
    pub fn words(&self) -> impl Iterator<Item = &str> {
        self.words.words()
    }

    /// The judgement, with the paths among the words.
    #[must_use]
    pub fn judged(&self) -> &command::Argv {
        &self.words
    }
}

impl<P: Program> fmt::Debug for Argv<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.words()).finish()
    }
}

impl<'de, P: Program> Deserialize<'de> for Argv<P> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let asked = Vec::<String>::deserialize(deserializer)?;
        let Some(roots) = super::roots() else {
            return Err(D::Error::custom("words are only read inside a call"));
        };
        Self::judge(&asked, &roots).map_err(D::Error::custom)
    }
}

impl<P: Program> JsonSchema for Argv<P> {
    fn schema_name() -> Cow<'static, str> {
        "Argv".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "array",
            "maxItems": MOST_WORDS,
            "items": { "type": "string", "minLength": 1, "maxLength": LONGEST_WORD },
        })
    }
}
