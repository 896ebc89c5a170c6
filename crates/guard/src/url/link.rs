//! Where a URI leads a host that follows it.

use super::address::is_inside;
use super::{Kind, Uri};

/// What following a URI would do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lead {
    /// It opens a file; roots say whether it may.
    File,
    /// It goes to the public web.
    Web,
    /// It goes back to the server, under a scheme of its own.
    Server,
    /// It leads where no server may send anybody.
    Nowhere(&'static str),
}

/// Schemes that run something, carry their content with them or start another
/// program on the person's machine.
const ACTIVE: &[&str] = &[
    "javascript",
    "vbscript",
    "livescript",
    "data",
    "blob",
    "about",
    "view-source",
    "filesystem",
    "chrome",
    "chrome-extension",
    "moz-extension",
    "jar",
    "intent",
    "shell",
    "search-ms",
    "smb",
    "afp",
    "nfs",
    "ldap",
    "ldaps",
    "gopher",
    "dict",
    "telnet",
    "tftp",
    "rdp",
    "vnc",
    "ssh",
    "sftp",
];

/// Whether a URI or a template of URIs has a scheme that is active.
#[must_use]
pub fn runs(uri: &str) -> bool {
    let scheme = uri.split(':').next().unwrap_or_default().trim().to_ascii_lowercase();
    ACTIVE.contains(&scheme.as_str()) || scheme.starts_with("ms-")
}

/// Says where a URI leads.
#[must_use]
pub fn lead(uri: &str) -> Lead {
    if uri.get(..5).is_some_and(|scheme| scheme.eq_ignore_ascii_case("file:")) {
        return Lead::File;
    }
    let readings = match Uri::readings(uri) {
        Ok(readings) => readings,
        Err(super::BadUri::Climbs) => return Lead::Nowhere("climbs with dots"),
        Err(_) => return Lead::Nowhere("cannot be read in one way"),
    };
    let Some(first) = readings.first() else { return Lead::Nowhere("cannot be read in one way") };
    let scheme = first.scheme.as_str();
    if runs(scheme) {
        return Lead::Nowhere("is not a place but something that runs");
    }
    if Kind::of(scheme) != Kind::Web {
        return Lead::Server;
    }
    if first.authority.contains('@') {
        return Lead::Nowhere("carries credentials");
    }
    let host = match first.authority.split_once(']') {
        Some((address, _)) => format!("{address}]"),
        None => first.authority.split(':').next().unwrap_or_default().to_owned(),
    };
    if host.is_empty() || is_inside(&host) {
        return Lead::Nowhere("leads into this machine or its network");
    }
    Lead::Web
}
