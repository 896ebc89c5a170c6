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
    command.iter().try_for_each(|argument| refuse_argument(argument))
}

/// The same for one argument.
pub(crate) fn refuse_argument(argument: &str) -> Result<(), Unfit> {
    match look(argument) {
        None => Ok(()),
        Some(kind) => Err(Unfit::new(format!(
            "an argument of the command looks like a secret ({kind}), and every process can read \
             arguments: pass it as a variable, with `--env NAME=@FILE` or, in the config, \
             `env = {{ NAME = {{ file = \"…\" }} }}`"
        ))),
    }
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
