//! The server's environment, from scratch.
//!
//! Nothing is inherited. What a program needs to run at all is set here; what
//! else it gets, the profile names.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::view::{HOME, SYSTEM_CODE, SYSTEM_DATA};

/// Where programs are, unless the profile knows better.
pub const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Kept from our own environment when set: harmless, and wrong if made up.
const KEPT: &[&str] = &["LANG", "LC_ALL", "LC_CTYPE", "TZ"];

/// Where a company's own certificates are. Without them every connection of a
/// server fails in a way that nobody understands.
const CERTIFICATES: &[&str] = &[
    "NODE_EXTRA_CA_CERTS",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "GIT_SSL_CAINFO",
];

/// Our defaults, overridden by what the profile says.
pub(crate) fn environment(profile: &BTreeMap<String, String>) -> BTreeMap<OsString, OsString> {
    let fixed = [
        ("PATH", DEFAULT_PATH),
        ("HOME", HOME),
        ("TMPDIR", "/tmp"),
        ("LANG", "C.UTF-8"),
        ("USER", "user"),
        ("LOGNAME", "user"),
        ("SHELL", "/usr/sbin/nologin"),
    ];
    let mut all: BTreeMap<OsString, OsString> =
        fixed.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
    all.extend(KEPT.iter().filter_map(|name| Some((OsString::from(name), ours(name)?))));
    all.extend(certificates().into_iter().map(|(name, path)| (OsString::from(name), path.into())));
    all.extend(profile.iter().map(|(name, value)| (name.into(), value.into())));
    all
}

fn ours(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

/// The certificate variables of our environment whose files exist.
pub(crate) fn certificates() -> Vec<(&'static str, PathBuf)> {
    let set = |name: &&'static str| Some((*name, PathBuf::from(ours(name)?)));
    CERTIFICATES
        .iter()
        .filter_map(set)
        .filter(|(_, path)| path.is_absolute() && path.exists())
        .collect()
}

/// Certificate files that the view would otherwise not show.
pub(crate) fn hidden_certificates() -> Vec<PathBuf> {
    let shown =
        |path: &Path| SYSTEM_CODE.iter().chain(SYSTEM_DATA).any(|dir| path.starts_with(dir));
    certificates()
        .into_iter()
        .map(|(_, path)| path)
        .filter(|path| !shown(path) && path.is_file())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::environment;
    use std::collections::BTreeMap;
    use std::ffi::OsStr;

    #[test]
    fn the_profile_wins_over_the_defaults() {
        let env = environment(&BTreeMap::from([("PATH".to_owned(), "/opt/bin".to_owned())]));
        assert_eq!(
            env.get(OsStr::new("PATH")).map(|v| v.as_os_str()),
            Some(OsStr::new("/opt/bin"))
        );
        assert!(env.contains_key(OsStr::new("HOME")));
        assert!(!env.contains_key(OsStr::new("CARGO_MANIFEST_DIR")));
    }
}
