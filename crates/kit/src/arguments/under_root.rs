//! A path that lies under a root of the conversation.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use portcullis_confine::beneath::RootDir;
use portcullis_guard::Access;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, de::Error as _};

use crate::refusal::Refusal;
use crate::roots::Roots;

/// What a path is asked for.
pub trait Use: fmt::Debug + Send + Sync + 'static {
    /// What the root must grant.
    const NEEDS: Access;
    /// For the schema.
    const ABOUT: &'static str;
}

/// To be looked at.
#[derive(Debug, Clone, Copy)]
pub enum Looking {}
/// To be changed.
#[derive(Debug, Clone, Copy)]
pub enum Writing {}

impl Use for Looking {
    const NEEDS: Access = Access::Read;
    const ABOUT: &'static str =
        "A path inside an allowed directory, absolute or relative to the first.";
}

impl Use for Writing {
    const NEEDS: Access = Access::Write;
    const ABOUT: &'static str = "A path inside an allowed directory that may be written to, absolute or relative to the first.";
}

/// A path inside a root that grants what it is asked for. It holds the root as a
/// directory that is open already: nothing that happens to the path afterwards leads
/// out of it.
pub struct UnderRoot<U: Use = Looking> {
    dir: Arc<RootDir>,
    below: String,
    shown: String,
    reason: PhantomData<U>,
}

impl<U: Use> UnderRoot<U> {
    /// Judges a path against these roots.
    ///
    /// # Errors
    /// Outside of every root, or in one that grants less; the text names the roots.
    pub fn judge(asked: &str, roots: &Roots) -> Result<Self, Refusal> {
        let (dir, below, shown) = roots.resolve(asked, U::NEEDS)?;
        Ok(Self { dir, below, shown, reason: PhantomData })
    }

    /// The root, open.
    #[must_use]
    pub fn dir(&self) -> &RootDir {
        &self.dir
    }

    /// The path below the root; empty for the root itself.
    #[must_use]
    pub fn below(&self) -> &str {
        &self.below
    }

    /// The path as the asker may see it.
    #[must_use]
    pub fn shown(&self) -> &str {
        &self.shown
    }
}

impl<U: Use> Clone for UnderRoot<U> {
    fn clone(&self) -> Self {
        let (dir, below, shown) = (Arc::clone(&self.dir), self.below.clone(), self.shown.clone());
        Self { dir, below, shown, reason: PhantomData }
    }
}

impl<U: Use> fmt::Debug for UnderRoot<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("UnderRoot").field(&self.shown).finish()
    }
}

impl<'de, U: Use> Deserialize<'de> for UnderRoot<U> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let asked = String::deserialize(deserializer)?;
        let Some(roots) = super::roots() else {
            return Err(D::Error::custom("a path is only read inside a call"));
        };
        Self::judge(&asked, &roots).map_err(D::Error::custom)
    }
}

impl<U: Use> JsonSchema for UnderRoot<U> {
    fn schema_name() -> Cow<'static, str> {
        "UnderRoot".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "minLength": 1,
            "maxLength": 4096,
            // NUL and other control characters are in no path that anybody means.
            "pattern": "^[^\\x00-\\x1f\\x7f]+$",
            "description": U::ABOUT,
        })
    }
}
