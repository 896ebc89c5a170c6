//! The programs of the system that tests need, installed when they are missing.
//!
//! One that only some tests want is tried for and may be missing: they say so, and are counted.
//!
//! As root they are installed; otherwise their packages are unpacked into
//! `target/ci/system`, whose `usr/bin` is put on the path; where there is no
//! `apt-get`, one line says what to install.

use std::fs;
use std::path::Path;

use super::Ci;
use crate::{run, say};

/// What must work, and the package that brings it.
const NEEDED: &[Need] = &[
    Need { what: "python3 with venv", packages: &["python3", "python3-venv"], works: python_works },
    Need { what: "node", packages: &["nodejs"], works: || runs("node") },
    Need { what: "npm", packages: &["npm"], works: || runs("npm") },
    Need { what: "git", packages: &["git"], works: || runs("git") },
    Need { what: "postgres", packages: &["postgresql"], works: postgres_works },
    Need { what: "mariadbd", packages: &["mariadb-server"], works: mariadb_works },
];

/// What some tests use, and say so where it is missing.
const WANTED: &[Need] =
    &[Need { what: "chromium", packages: &["chromium"], works: || runs("chromium") }];

struct Need {
    what: &'static str,
    packages: &'static [&'static str],
    works: fn() -> bool,
}

/// Installs what is missing.
pub(super) fn install(ci: &mut Ci<'_>) -> Result<(), String> {
    bring(ci, NEEDED)?;
    if let Err(why) = bring(ci, WANTED) {
        say(&format!("going on without it: {why}"));
    }
    Ok(())
}

fn bring(ci: &Ci<'_>, needs: &'static [Need]) -> Result<(), String> {
    let missing = missing(needs);
    if missing.is_empty() {
        return Ok(());
    }
    let names: Vec<_> = missing.iter().map(|need| need.what).collect();
    let packages: Vec<_> = missing.iter().flat_map(|need| need.packages).copied().collect();
    say(&format!("missing: {}", names.join(", ")));
    let advice = format!("install {} (Debian: {})", names.join(", "), packages.join(" "));
    if !run::on_path("apt-get") {
        return Err(advice);
    }
    let tried = if run::root() { as_root(&packages) } else { unpack(ci, &packages) };
    match (tried, self::missing(needs).is_empty()) {
        (Ok(()), true) => Ok(()),
        (Ok(()), false) => Err(advice),
        (Err(why), _) => Err(format!("{why}\n{advice}")),
    }
}

fn missing(needs: &'static [Need]) -> Vec<&'static Need> {
    needs.iter().filter(|need| !(need.works)()).collect()
}

/// The python that makes the venvs: the system's first, because a server in a
/// box cannot see an interpreter that lives in somebody's home.
pub(super) fn python() -> Option<&'static str> {
    let works = |program: &&&str| {
        let usable = "import ensurepip, sys; sys.exit(sys.version_info < (3, 11))";
        run::works(run::command(**program).args(["-c", usable]))
    };
    ["/usr/bin/python3", "/usr/local/bin/python3", "python3"].iter().find(works).copied()
}

/// Unpacked is not yet working: a library may be missing.
fn runs(program: &str) -> bool {
    run::works(run::command(program).arg("--version"))
}

fn python_works() -> bool {
    python().is_some()
}

/// The servers are run by the tests, from folders of their own, and never as a service.
fn postgres_works() -> bool {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    run::on_path("initdb")
        || versions.map(|entry| entry.path()).any(|path| path.join("bin/initdb").is_file())
}

fn mariadb_works() -> bool {
    let installs = run::on_path("mariadb-install-db");
    installs && (runs("mariadbd") || runs("/usr/sbin/mariadbd"))
}

fn as_root(packages: &[&str]) -> Result<(), String> {
    let apt = || {
        let mut apt = run::command("apt-get");
        apt.env("DEBIAN_FRONTEND", "noninteractive");
        apt
    };
    run::pass(apt().args(["update", "-q"]))?;
    run::pass(apt().args(["install", "-y", "-q", "--no-install-recommends"]).args(packages))
}

fn unpack(ci: &Ci<'_>, packages: &[&str]) -> Result<(), String> {
    let folder = ci.target.join("ci/system");
    let broken = |error: std::io::Error| format!("{}: {error}", folder.display());
    fs::create_dir_all(&folder).map_err(broken)?;
    let mut download = run::command("apt-get");
    download.current_dir(&folder).arg("download").args(with_needs(packages)?);
    run::pass(&mut download)?;
    for entry in fs::read_dir(&folder).map_err(broken)? {
        let package = entry.map_err(broken)?.path();
        if package.extension().is_some_and(|end| end == "deb") {
            run::pass(run::command("dpkg").arg("-x").arg(&package).arg(&folder))?;
        }
    }
    prepend_path(&folder.join("usr/sbin"))?;
    prepend_path(&folder.join("usr/bin"))
}

/// The packages, and what they depend on that is not installed.
fn with_needs(packages: &[&str]) -> Result<Vec<String>, String> {
    let mut simulate = run::command("apt-get");
    simulate.args(["install", "--simulate", "-q", "--no-install-recommends"]).args(packages);
    let plan = run::read(&mut simulate)?;
    let planned = plan.lines().filter_map(|line| line.strip_prefix("Inst "));
    Ok(planned.filter_map(|rest| rest.split_whitespace().next()).map(str::to_owned).collect())
}

/// Every program that we start from here on looks there first.
fn prepend_path(folder: &Path) -> Result<(), String> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let all = std::iter::once(folder.to_owned()).chain(std::env::split_paths(&path));
    let path = std::env::join_paths(all).map_err(|error| error.to_string())?;
    run::set_path(path);
    Ok(())
}
