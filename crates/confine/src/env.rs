//! The server's environment, from scratch.
//!
//! Nothing is inherited. What a program needs to run at all is set here; what
//! else it gets, the profile names.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::egress::listen::PROXY_PORT;
use crate::profile::Network;
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
pub(crate) fn environment(
    profile: &BTreeMap<String, String>,
    network: &Network,
) -> BTreeMap<OsString, OsString> {
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
    all.extend(proxies(network).into_iter().map(|(name, value)| (name.into(), value.into())));
    all.extend(profile.iter().map(|(name, value)| (name.into(), value.into())));
    all
}

/// How programs find our proxy. Those that ignore these variables find it all the
/// same: whatever name they ask for leads to it.
///
/// `ALL_PROXY` says `http` too, though SOCKS would be understood: httpx fails to start
/// when it names SOCKS and a package for that is missing. What is local in the box
/// needs no proxy, and an address exception is served where it is.
fn proxies(network: &Network) -> Vec<(&'static str, String)> {
    if !matches!(network, Network::Named(_)) {
        return Vec::new();
    }
    let proxy = format!("http://127.0.0.1:{PROXY_PORT}");
    let names =
        ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"];
    let npm = ["npm_config_proxy", "npm_config_https_proxy"];
    let mut all: Vec<_> = names.into_iter().chain(npm).map(|name| (name, proxy.clone())).collect();
    let local = "localhost,127.0.0.1,::1".to_owned();
    // Node reads the variables from 22.21 and 24.5 on, when this one is set.
    all.extend([
        ("NO_PROXY", local.clone()),
        ("no_proxy", local),
        ("NODE_USE_ENV_PROXY", "1".to_owned()),
    ]);
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
        let env = environment(
            &BTreeMap::from([("PATH".to_owned(), "/opt/bin".to_owned())]),
            &super::Network::None,
        );
        assert_eq!(
            env.get(OsStr::new("PATH")).map(|v| v.as_os_str()),
            Some(OsStr::new("/opt/bin"))
        );
        assert!(env.contains_key(OsStr::new("HOME")));
        assert!(!env.contains_key(OsStr::new("CARGO_MANIFEST_DIR")));
    }
}
