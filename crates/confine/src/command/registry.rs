//! Where packages come from: the hosts that the person's own settings name.
//!
//! The installer reaches these and nothing else. A mirror or a proxy that the settings
//! name counts, wherever it is, for the person put it there; what nobody named is the
//! public registry.

use std::ffi::OsString;

use portcullis_guard::egress::{Host, Reach, Rule, Target};

use crate::egress::Via;

/// The registries that need no setting. The second is where the first of Python's
/// keeps its files.
const NPM: &[&str] = &["registry.npmjs.org:443"];
const PYTHON: &[&str] = &["pypi.org:443", "files.pythonhosted.org:443"];

/// What an installer may reach, and how.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Registry {
    rules: Vec<Rule>,
}

/// Settings as pairs; names in lower case.
pub(super) type Settings = Vec<(String, String)>;

impl Registry {
    /// npm's: of `.npmrc` files, then of variables, which win.
    pub(super) fn npm(files: &str, variables: &Settings) -> Self {
        let settings: Settings = ini(files).chain(npm_variables(variables)).collect();
        let scoped = |name: &str| name.starts_with('@') && name.ends_with(":registry");
        let urls = settings.iter().filter(|(name, _)| scoped(name)).map(|(_, url)| url);
        let main = settings.iter().rev().find(|(name, _)| name == "registry").map(|(_, url)| url);
        Self::of(main, urls.collect(), NPM)
    }

    /// uv's: of variables alone, for it is told to read no file.
    pub(super) fn python(variables: &Settings) -> Self {
        let value = |wanted: &str| {
            variables.iter().find(|(name, _)| name == wanted).map(|(_, value)| value)
        };
        let main = value("uv_default_index").or_else(|| value("uv_index_url"));
        let more = ["uv_index", "uv_extra_index_url", "uv_find_links"];
        let more = more.into_iter().filter_map(value).flat_map(|list| list.split([' ', ',']));
        // `name=url` is a named index.
        let url = |word: &str| word.split_once("=http").map(|(_, rest)| format!("http{rest}"));
        let more: Vec<String> = more.map(|word| url(word).unwrap_or(word.to_owned())).collect();
        Self::of(main, more.iter().collect(), PYTHON)
    }

    fn of(main: Option<&String>, more: Vec<&String>, public: &[&str]) -> Self {
        let named = main.into_iter().chain(more).filter_map(|url| target(url));
        let mut rules: Vec<Rule> = named.flat_map(vouched).collect();
        if main.is_none_or(|url| target(url).is_none()) {
            rules.extend(public.iter().filter_map(|text| Rule::new(text).ok()));
        }
        Self { rules }
    }

    /// As a list.
    pub(super) fn reach(self) -> Reach {
        // Settings that name hosts without end are nobody's; nothing is reached then.
        Reach::new(self.rules).unwrap_or_default()
    }
}

/// Programs find `localhost` by themselves, and come with its address.
fn vouched(target: Target) -> Vec<Rule> {
    let mut rules = vec![Rule::vouched(&target)];
    if target.host.to_string() == "localhost" {
        let here = Host::address(std::net::Ipv4Addr::LOCALHOST.into());
        rules.push(Rule::vouched(&Target { host: here, port: target.port }));
    }
    rules
}

/// The host of a URL; whoever wrote it may have put a login into it.
fn target(url: &str) -> Option<Target> {
    let (scheme, rest) = url.trim().trim_matches(['"', '\'']).split_once("://")?;
    let usual = match scheme.to_ascii_lowercase().as_str() {
        "https" => 443,
        "http" => 80,
        _ => return None,
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    Target::new(host, Some(usual)).ok()
}

/// The lines of `.npmrc` files that set something.
fn ini(text: &str) -> impl Iterator<Item = (String, String)> {
    text.lines().filter_map(|line| {
        let (name, value) = line.trim().split_once('=')?;
        let comment = name.starts_with([';', '#']);
        (!comment).then(|| (name.trim().to_ascii_lowercase(), value.trim().to_owned()))
    })
}

fn npm_variables(variables: &Settings) -> impl Iterator<Item = (String, String)> {
    variables.iter().filter_map(|(name, value)| {
        Some((name.strip_prefix("npm_config_")?.to_owned(), value.clone()))
    })
}

/// The proxy of the person's, if there is one.
///
/// # Errors
/// What of it is not supported.
pub(super) fn via(npm_files: &str, variables: &Settings) -> Result<Option<Via>, String> {
    let settings: Settings = ini(npm_files)
        .filter(|(name, _)| matches!(name.as_str(), "https-proxy" | "proxy" | "noproxy"))
        .chain(npm_variables(variables).map(|(name, value)| (name.replace('_', "-"), value)))
        .chain(variables.iter().cloned())
        .filter(|(_, value)| !value.is_empty() && value != "null")
        .collect();
    let value = |names: [&str; 5]| {
        let find = |name: &str| settings.iter().rev().find(|(known, _)| known == name);
        names.into_iter().find_map(|name| find(name).map(|(_, value)| value.as_str()))
    };
    let proxy = value(["https-proxy", "proxy", "https_proxy", "http_proxy", "all_proxy"]);
    let except = value(["noproxy", "no_proxy", "", "", ""]).unwrap_or_default();
    proxy.map(|proxy| Via::new(proxy, except)).transpose()
}

/// Our environment, as far as it says where packages come from.
pub(super) fn settings(variables: impl Iterator<Item = (OsString, OsString)>) -> Settings {
    let text = |(name, value): (OsString, OsString)| {
        Some((name.into_string().ok()?.to_ascii_lowercase(), value.into_string().ok()?))
    };
    variables.filter_map(text).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables(pairs: &[(&str, &str)]) -> Settings {
        settings(pairs.iter().map(|(name, value)| (name.into(), value.into())))
    }

    fn hosts(registry: Registry) -> String {
        registry.reach().to_string()
    }

    #[test]
    fn npm_reaches_the_registry_that_its_settings_name() {
        let public = "registry.npmjs.org:443";
        for (files, pairs, expect) in [
            ("", &[][..], public),
            ("cafile=/etc/ca.pem\nfund = false", &[], public),
            ("; registry=https://a.test", &[], public),
            ("registry=https://npm.corp.test/api/npm/", &[], "npm.corp.test:443"),
            ("registry = http://u:p@10.0.0.5:4873", &[], "10.0.0.5:4873"),
            (
                "registry=https://a.test",
                &[("NPM_CONFIG_REGISTRY", "https://b.test:8443")],
                "b.test:8443",
            ),
            ("@corp:registry=https://c.test/", &[], "c.test:443, registry.npmjs.org:443"),
            ("registry=http://localhost:4873/", &[], "localhost:4873, 127.0.0.1:4873"),
            ("registry=${NOBODY}", &[], public),
            ("", &[("npm_config_registry", "file:///tmp")], public),
        ] {
            assert_eq!(hosts(Registry::npm(files, &variables(pairs))), expect, "{files} {pairs:?}");
        }
    }

    #[test]
    fn uv_reaches_the_index_that_its_variables_name() {
        let public = "pypi.org:443, files.pythonhosted.org:443";
        let more = "extra.test:443, pypi.org:443, files.pythonhosted.org:443";
        for (pairs, expect) in [
            (&[][..], public),
            (&[("UV_DEFAULT_INDEX", "https://mirror.test/simple")], "mirror.test:443"),
            (&[("UV_INDEX_URL", "http://127.0.0.1:3141/x")], "127.0.0.1:3141"),
            (&[("UV_EXTRA_INDEX_URL", "https://extra.test/simple")], more),
            (&[("UV_INDEX", "corp=https://extra.test/simple")], more),
            (&[("PIP_INDEX_URL", "https://pip.test/simple")], public),
        ] {
            assert_eq!(hosts(Registry::python(&variables(pairs))), expect, "{pairs:?}");
        }
    }

    #[test]
    fn the_persons_own_proxy_is_used() {
        let shown = |files: &str, pairs: &[(&str, &str)]| {
            via(files, &variables(pairs)).map(|via| format!("{via:?}"))
        };
        for (files, pairs, expect) in [
            ("", &[][..], "None"),
            ("", &[("HTTPS_PROXY", "http://p.test:3128")], "Some(Via(p.test:3128))"),
            ("", &[("https_proxy", "")], "None"),
            (
                "https-proxy=http://q.test:1",
                &[("HTTP_PROXY", "http://p.test:2")],
                "Some(Via(q.test:1))",
            ),
            ("proxy=null", &[], "None"),
            ("", &[("npm_config_https_proxy", "http://r.test:3")], "Some(Via(r.test:3))"),
        ] {
            assert_eq!(shown(files, pairs).as_deref(), Ok(expect), "{files} {pairs:?}");
        }
        let error = shown("", &[("HTTPS_PROXY", "socks5://p.test")]).unwrap_err();
        assert!(error.contains("socks5"), "{error}");
    }
}
