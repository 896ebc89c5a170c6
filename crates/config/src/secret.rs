//! Secrets that were written where everybody can read them.

use portcullis_guard::secret::find;

use crate::values::Unfit;

/// Refuses a command that carries a secret: arguments are visible to every
/// process of the machine.
///
/// # Errors
/// [`Unfit`], with the way to do it right and without the secret.
pub fn refuse_in_command(command: &[String]) -> Result<(), Unfit> {
    match (0..command.len()).find_map(|place| secret_at(command, place)) {
        None => Ok(()),
        Some(kind) => Err(Unfit::new(format!(
            "an argument of the command looks like a secret ({kind}), and every process can read \
             arguments: pass it as a variable, with `--env NAME=@FILE` or, in the config, \
             `env = {{ NAME = {{ file = \"…\" }} }}`"
        ))),
    }
}

/// What kind of secret the argument at a place is, alone or as the value of the
/// option before it.
pub(crate) fn secret_at(command: &[String], place: usize) -> Option<&'static str> {
    let argument = command.get(place)?;
    let option = place.checked_sub(1).and_then(|before| command.get(before));
    let named = option.filter(|option| option.starts_with('-') && !option.contains('='));
    look(argument).or_else(|| look(&format!("{}={argument}", named?.trim_start_matches('-'))))
}

/// What kind of secret a text holds.
fn look(text: &str) -> Option<&'static str> {
    find(text).first().map(|hit| hit.kind.as_str())
}

/// Refuses a plain value that is a secret; references are the way.
///
/// # Errors
/// [`Unfit`], without the secret.
pub(crate) fn refuse_in_value(name: &str, value: &str) -> Result<(), Unfit> {
    match look(value).or_else(|| look(&format!("{name}={value}"))) {
        None => Ok(()),
        Some(kind) => Err(Unfit::new(format!(
            "the value of `{name}` looks like a secret ({kind}), and this file is no place for it: \
             write `{name} = {{ file = \"…\" }}` or `{name} = {{ env = \"{name}\" }}`"
        ))),
    }
}

/// Refuses a value on our own command line that is a secret.
///
/// # Errors
/// [`Unfit`], with the way to do it right and without the secret.
pub(crate) fn refuse_in_option(name: &str, value: &str) -> Result<(), Unfit> {
    match look(value).or_else(|| look(&format!("{name}={value}"))) {
        None => Ok(()),
        Some(kind) => Err(Unfit::new(format!(
            "the value of `{name}` looks like a secret ({kind}), and every process can read \
             arguments: write `{name}=@FILE`, or set the variable and write `{name}` alone"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_on_our_own_command_line_is_refused_and_not_repeated() {
        let token = format!("ghp_{}", "0123456789abcdefghijABCDEFGHIJ012345");
        for (text, expect) in [
            (format!("TOKEN={token}"), true),
            (format!("ANY={token}"), true),
            ("PASSWORD=hunter2hunter2".to_owned(), true),
            ("TOKEN=@/run/secrets/token".to_owned(), false),
            ("TOKEN".to_owned(), false),
            ("LOG_LEVEL=info".to_owned(), false),
        ] {
            let read = crate::values::parse_env(&text);
            assert_eq!(read.is_err(), expect, "{text}");
            if let Err(unfit) = read {
                let told = unfit.to_string();
                assert!(!told.contains("hunter2") && !told.contains(&token), "{told}");
                assert!(told.contains("=@FILE"), "{told}");
            }
        }
    }

    #[test]
    fn secrets_are_seen_and_ordinary_commands_are_not() {
        let digest = format!("ghcr.io/a/b@sha256:{}", "0123456789abcdef".repeat(4));
        let token = format!("ghp_{}", "0123456789abcdefghijABCDEFGHIJ012345");
        let (equals, bearer) =
            (format!("--token={token}"), format!("Authorization: Bearer {token}"));
        for (command, expect) in [
            (vec!["npx", "-y", "@modelcontextprotocol/server-filesystem@2026.8.31", "/p"], false),
            (vec!["docker", "run", "-i", "--rm", &digest], false),
            (vec!["uvx", "mcp-server-git", "--repository", "/home/ada/Project2026"], false),
            (vec!["server", "--token-file", "/run/secrets/token"], false),
            (vec!["server", "--token", "${TOKEN}"], false),
            (vec!["server", &token], true),
            (vec!["server", &equals], true),
            (vec!["server", "--header", &bearer], true),
            (vec!["server", "--password", "hunter2hunter2"], true),
            (vec!["server", "--api-key", "a8f5f167f44f4964e6c998dee827110c"], true),
            (vec!["server", "postgresql://ada:hunter2hunter2@db/x"], true),
        ] {
            let command: Vec<_> = command.into_iter().map(str::to_owned).collect();
            assert_eq!(refuse_in_command(&command).is_err(), expect, "{command:?}");
        }
    }
}
