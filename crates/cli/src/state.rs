//! Where our files are.

use std::ffi::OsString;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use portcullis_config::Config;
use rustix::fs::OFlags;

use crate::args::Places;
use crate::documents::{LONGEST, text_of};
use crate::exit::{Exit, Trouble};

/// Looks up a variable; the environment's, except in tests.
type Environment<'a> = &'a dyn Fn(&str) -> Option<OsString>;

/// The variable of our own environment, unless it is empty.
pub(crate) fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

/// The person's home; what the account list says when the environment says nothing.
pub(crate) fn home() -> Option<PathBuf> {
    absolute(variable("HOME")).or_else(|| {
        let uid = std::fs::metadata("/proc/self").ok()?.uid();
        home_of(uid, &std::fs::read_to_string("/etc/passwd").ok()?)
    })
}

fn home_of(uid: u32, accounts: &str) -> Option<PathBuf> {
    let ours = |line: &&str| line.split(':').nth(2).and_then(|id| id.parse().ok()) == Some(uid);
    let home = accounts.lines().find(ours)?.split(':').nth(5)?;
    absolute(Some(home.into()))
}

/// The state directory: the option, else the environment, else below home.
pub(crate) fn state_dir(places: &Places) -> Result<PathBuf, Trouble> {
    let dir = find_state(places, &variable).ok_or_else(|| {
        let said =
            "no place for journal and approvals: HOME is not set, so name it with --state DIR";
        Trouble::new(Exit::Usage, said)
    })?;
    std::path::absolute(&dir).map_err(|error| Trouble::failed(&error))
}

fn find_state(places: &Places, environment: Environment<'_>) -> Option<PathBuf> {
    let given = places.state.clone();
    let ours = || environment("PORTCULLIS_STATE").map(PathBuf::from);
    let xdg = || absolute(environment("XDG_STATE_HOME")).map(|dir| dir.join("portcullis"));
    let below_home =
        || absolute(environment("HOME")).map(|home| home.join(".local/state/portcullis"));
    given.or_else(ours).or_else(xdg).or_else(below_home)
}

/// The person's config with its file: one that was named must be there, the usual
/// one may be missing.
pub(crate) fn config(places: &Places) -> Result<Option<(PathBuf, Config)>, Trouble> {
    let Some(file) = config_file(places) else { return Ok(None) };
    match text_of(&file, OFlags::empty(), LONGEST) {
        Ok(text) => {
            let config = read_config(&text, &file)?;
            Ok(Some((file, config)))
        }
        Err(error) if places.config.is_none() && is_missing(&error) => Ok(None),
        Err(error) => {
            let said = format!("config `{}` cannot be read: {error}", file.display());
            Err(Trouble::new(Exit::Usage, said))
        }
    }
}

/// The config file in force, whether it exists or not.
pub(crate) fn config_file(places: &Places) -> Option<PathBuf> {
    places.config.clone().or_else(|| find_config(&variable))
}

fn find_config(environment: Environment<'_>) -> Option<PathBuf> {
    let xdg = absolute(environment("XDG_CONFIG_HOME"));
    let below_home = || absolute(environment("HOME")).map(|home| home.join(".config"));
    Some(xdg.or_else(below_home)?.join("portcullis/portcullis.toml"))
}

pub(crate) fn read_config(text: &str, file: &Path) -> Result<Config, Trouble> {
    Config::read(text, &file.display().to_string()).map_err(|found| {
        let said = found.iter().map(ToString::to_string).collect();
        Trouble { exit: Exit::Usage, said }
    })
}

/// The XDG specification: a relative path is to be ignored.
fn absolute(value: Option<OsString>) -> Option<PathBuf> {
    value.map(PathBuf::from).filter(|path| path.is_absolute())
}

pub(crate) fn is_missing(error: &std::io::Error) -> bool {
    matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(pairs: &[(&str, &str)]) -> impl Fn(&str) -> Option<OsString> {
        let pairs: Vec<_> = pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).into())).collect();
        move |name| {
            pairs.iter().find(|(key, _)| key == name).map(|(_, value)| OsString::clone(value))
        }
    }

    #[test]
    fn the_state_is_found_in_order() {
        let given = Places { state: Some("/given".into()), config: None };
        let all = [("PORTCULLIS_STATE", "/ours"), ("XDG_STATE_HOME", "/xdg"), ("HOME", "/h")];
        let none = Places::default();
        for (places, pairs, expect) in [
            (&given, &all[..], Some("/given")),
            (&none, &all[..], Some("/ours")),
            (&none, &all[1..], Some("/xdg/portcullis")),
            (&none, &all[2..], Some("/h/.local/state/portcullis")),
            (&none, &[("XDG_STATE_HOME", "relative")], None),
            (&none, &[], None),
        ] {
            let found = find_state(places, &environment(pairs));
            assert_eq!(found, expect.map(PathBuf::from), "{pairs:?}");
        }
    }

    #[test]
    fn the_config_is_found_in_order() {
        for (pairs, expect) in [
            (
                &[("XDG_CONFIG_HOME", "/c"), ("HOME", "/h")][..],
                Some("/c/portcullis/portcullis.toml"),
            ),
            (&[("HOME", "/h")], Some("/h/.config/portcullis/portcullis.toml")),
            (&[], None),
        ] {
            assert_eq!(find_config(&environment(pairs)), expect.map(PathBuf::from), "{pairs:?}");
        }
    }

    #[test]
    fn the_account_list_knows_a_home_too() {
        let accounts =
            "root:x:0:0:root:/root:/bin/sh\nada:x:1000:100::/home/ada:/bin/sh\nodd:x:7\n";
        for (uid, expect) in [(1000, Some("/home/ada")), (0, Some("/root")), (7, None), (8, None)] {
            assert_eq!(home_of(uid, accounts), expect.map(PathBuf::from), "{uid}");
        }
    }
}
