//! Values that cannot be printed, and values that should not have been written.

use std::fmt;

use crate::values::Unfit;

/// A value that no log, error or record can show by accident.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretString(String);

impl SecretString {
    /// Takes a value in.
    #[must_use]
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// Lets it out, to whoever says why.
    #[must_use]
    pub fn expose(&self, _why: &'static str) -> &str {
        &self.0
    }
}

impl fmt::Debug for SecretString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Refuses a command that carries a secret: arguments are visible to every
/// process of the machine.
///
/// # Errors
/// [`Unfit`], with the way to do it right and without the secret.
pub fn refuse_in_command(command: &[String]) -> Result<(), Unfit> {
    for (place, argument) in command.iter().enumerate() {
        if let Some(kind) = look(argument) {
            return Err(Unfit::new(format!(
                "argument {place} of the command looks like a secret ({kind}), and arguments are visible to \
                 every process: pass it with `--env NAME=@FILE`, or in the config as `env = {{ NAME = {{ file = \"…\" }} }}`"
            )));
        }
    }
    Ok(())
}

/// What kind of secret a text holds.
pub(crate) fn look(text: &str) -> Option<&'static str> {
    const MARKS: &[(&str, &str)] = &[
        ("ghp_", "github token"),
        ("github_pat_", "github token"),
        ("sk-", "api key"),
        ("AKIA", "aws key"),
        ("xoxb-", "slack token"),
        ("-----BEGIN", "private key"),
    ];
    MARKS.iter().find(|(mark, _)| text.contains(mark)).map(|(_, kind)| *kind)
}
