//! Where the attacker of this crate's tests acts: a gateway with everything
//! that is worth stealing, and a server that is the attacker.
//!
//! `confine-stage SCENE PROBE plain|full|landlock|none host|- [ID]...` puts the victims in place
//! (`victims.rs`), starts the probe as a plain child or in a box of that level,
//! and repeats what it says. Where only the outside can tell (`look`), it looks.
//! It has the terminal of whoever started it, and a secret in its environment.
#![allow(unsafe_code, reason = "victims that no safe interface can make")]

mod victims;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use portcullis_confine::egress::Doors;
use portcullis_confine::{Access, Level, Limits, Network, Profile, admit_root, personality, spawn};
use portcullis_guard::egress::{Reach, Rule};

use crate::victims::{Victims, as_server};

type Failed = Box<dyn std::error::Error>;

fn main() -> ExitCode {
    if let Some(code) = personality() {
        return code;
    }
    match perform(&std::env::args().skip(1).collect::<Vec<_>>()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn perform(words: &[String]) -> Result<(), Failed> {
    let [scene, probe, level, network, chosen @ ..] = words else {
        return Err("say where, who, how, and which".into());
    };
    let scene = PathBuf::from(scene);
    let victims = Victims::set(&scene)?;
    let variables = variables(&scene, &victims);
    let command: Vec<&str> = std::iter::once(probe).chain(chosen).map(String::as_str).collect();
    let said = match level.as_str() {
        "plain" => plain(&scene, &command, &variables)?,
        level => boxed(&scene, &command, variables.clone(), level_of(level), network_of(network)?)?,
    };
    let mut out = std::io::stdout().lock();
    for line in said.lines() {
        writeln!(out, "{}", seen(line, &variables))?;
    }
    Ok(())
}

fn network_of(word: &str) -> Result<Network, Failed> {
    let listed = ["ok.test", "10.9.8.7:9"].map(Rule::new).into_iter().collect::<Result<_, _>>()?;
    Ok(match word {
        "host" => Network::Host,
        "named" => Network::Named(Doors::of(&Reach::new(listed)?)),
        _ => Network::None,
    })
}

fn level_of(word: &str) -> Level {
    match word {
        "none" => Level::None,
        "landlock" => Level::Landlock,
        _ => Level::Full,
    }
}

/// What the attacker is told, because guessing is not what is tested.
fn variables(scene: &Path, victims: &Victims) -> BTreeMap<String, String> {
    let below = |name: &str| scene.join(name).display().to_string();
    let mut all = BTreeMap::from([
        ("SECRET".to_owned(), below("vault/secret")),
        ("FOREIGN".to_owned(), below("foreign")),
        ("ARRIVAL".to_owned(), below("arrival")),
        ("PERSON".to_owned(), below("home")),
        ("RO".to_owned(), below("home/ro")),
        ("RW".to_owned(), below("home/rw")),
        ("DAEMON".to_owned(), format!("77{}.5", std::process::id())),
        ("CORE".to_owned(), most_core()),
    ]);
    all.extend(victims.variables());
    all
}

/// The most of a core dump that a server could be given.
fn most_core() -> String {
    let most = rustix::process::getrlimit(rustix::process::Resource::Core).maximum;
    most.map_or_else(|| "unlimited".to_owned(), |most| most.to_string())
}

/// A direct child, as hosts start servers: it inherits whatever there is. Root
/// would have nothing to break out of, so it is the servers' account.
fn plain(
    scene: &Path,
    command: &[&str],
    variables: &BTreeMap<String, String>,
) -> Result<String, Failed> {
    let [program, arguments @ ..] = command else { return Err("no command".into()) };
    #[expect(clippy::disallowed_methods, reason = "the control run is without a box")]
    let mut child = Command::new(program);
    child.args(arguments).envs(variables).env("TMPDIR", "/tmp").stdout(Stdio::piped());
    child.stderr(log(scene)?);
    let mut child = as_server(&mut child).spawn()?;
    let mut said = String::new();
    if let Some(mut out) = child.stdout.take() {
        out.read_to_string(&mut said)?;
    }
    child.wait()?;
    Ok(said)
}

/// Where a host keeps what its servers say, as many do.
fn log(scene: &Path) -> Result<File, Failed> {
    use std::os::unix::fs::PermissionsExt as _;
    let path = scene.join("log");
    std::fs::write(&path, "what another server said\n")?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o666))?;
    Ok(File::options().append(true).open(path)?)
}

fn boxed(
    scene: &Path,
    command: &[&str],
    variables: BTreeMap<String, String>,
    level: Level,
    network: Network,
) -> Result<String, Failed> {
    let mut profile = Profile::new(command.iter().map(Into::into).collect());
    profile.code.extend(command.first().map(PathBuf::from));
    (profile.least, profile.most) = (level, level);
    let home = scene.join("home");
    for (name, access) in [("ro", Access::ReadOnly), ("rw", Access::ReadWrite)] {
        profile.roots.push(admit_root(&home.join(name), access, Some(&home))?);
    }
    profile.network = network;
    profile.env = variables;
    profile.limits = Limits {
        processes: 32,
        file_bytes: 16 << 20,
        tmp_bytes: 8 << 20,
        data_bytes_per_process: 64 << 20,
        ..Limits::default()
    };
    let confined = spawn(&profile)?;
    let errors = std::thread::spawn(|| read(File::from(confined.stderr)));
    let said = read(File::from(confined.stdout));
    let mut custody = confined.custody;
    custody.wait()?;
    let errors = errors.join().unwrap_or_default();
    if errors.is_empty() { Ok(said) } else { Err(errors.into()) }
}

fn read(mut from: File) -> String {
    let mut text = String::new();
    let _ = from.read_to_string(&mut text);
    text
}

/// A line, and where only the outside can tell, what the outside says.
fn seen(line: &str, variables: &BTreeMap<String, String>) -> String {
    let told = |name: &str| variables.get(name).map(String::as_str).unwrap_or_default();
    let arrived = match line.split('\t').take(2).collect::<Vec<_>>()[..] {
        ["fs15", "look"] => Path::new(told("ARRIVAL")).exists(),
        ["fs14", "look"] => Path::new(told("PERSON")).join(".bashrc").exists(),
        ["pr18", "look"] => victims::end(told("DAEMON")),
        _ => return line.to_owned(),
    };
    line.replacen("look", if arrived { "LEAK" } else { "held" }, 1)
}
