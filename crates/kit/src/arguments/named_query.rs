//! One query that the author wrote, and the values that a client brings.

use std::borrow::Cow;
use std::fmt;

use portcullis_guard::sql::{self, Dialect, Effect, Judged};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer};

use crate::refusal::Refusal;

/// A query with a name of its own: a type.
pub trait Query: Send + Sync + 'static {
    /// Its values, one field for each parameter. Derive `Deserialize` and `JsonSchema`,
    /// and bound every field.
    type Values: DeserializeOwned + JsonSchema + Send;
    /// Whose SQL it is.
    const DIALECT: Dialect;
    /// One statement, its values written as `:name`.
    const TEXT: &'static str;
    /// The names in it.
    const PARAMETERS: &'static [&'static str];
    /// What it may do to the database. There is no default.
    const EFFECT: Effect;
}

/// The values for one run of a [`Query`], whose text was read as a tree: one statement,
/// exactly its parameters, and nothing that writes where it says that it reads.
pub struct NamedQuery<Q: Query> {
    values: Q::Values,
    judged: Judged,
}

impl<Q: Query> NamedQuery<Q> {
    /// Judges the query. A test of yours that calls this finds what is wrong with it
    /// before a client does.
    ///
    /// # Errors
    /// What is wrong with the text; only the journal is told.
    pub fn judge() -> Result<Judged, Refusal> {
        let judged = sql::named(Q::DIALECT, Q::TEXT, Q::PARAMETERS)
            .map_err(|unfit| Refusal::failed("the query", unfit))?;
        if judged.effect() > Q::EFFECT {
            return Err(Refusal::failed("the query", "it writes, and says that it reads"));
        }
        Ok(judged)
    }

    /// The text with the driver's positions in the places of the names.
    #[must_use]
    pub fn text(&self) -> &str {
        self.judged.text()
    }

    /// For each position, which of [`Query::PARAMETERS`] stands there.
    #[must_use]
    pub fn order(&self) -> &[usize] {
        self.judged.order()
    }

    /// The values, to be bound and never written into the text.
    #[must_use]
    pub fn values(&self) -> &Q::Values {
        &self.values
    }
}

impl<Q: Query> fmt::Debug for NamedQuery<Q> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("NamedQuery").field(&self.text()).finish()
    }
}

impl<'de, Q: Query> Deserialize<'de> for NamedQuery<Q> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let values = Q::Values::deserialize(deserializer)?;
        Ok(Self { values, judged: Self::judge().map_err(D::Error::custom)? })
    }
}

impl<Q: Query> JsonSchema for NamedQuery<Q> {
    fn schema_name() -> Cow<'static, str> {
        Q::Values::schema_name()
    }

    fn inline_schema() -> bool {
        Q::Values::inline_schema()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        Q::Values::json_schema(generator)
    }
}
