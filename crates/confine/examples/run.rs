//! Runs a command in a box with this terminal's streams, to try things out.
//!
//! `cargo run -p portcullis-confine --example run -- [--ro DIR] [--rw DIR]
//! [--host] [--level full|landlock|none] [--store DIR] COMMAND [ARG]...`

use std::ffi::OsString;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use portcullis_confine::command::{Plan, Preparation, resolve};
use portcullis_confine::{Access, Exit, Level, Network, Profile, admit_root, personality, spawn};

type Failure = Box<dyn std::error::Error>;

fn main() -> ExitCode {
    if let Some(code) = personality() {
        return code;
    }
    match run() {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<u8, Failure> {
    let mut profile = Profile::new(Vec::new());
    let mut store = PathBuf::from("/tmp/portcullis-packages");
    let home = std::env::var_os("HOME").map(PathBuf::from);
    let mut words = std::env::args_os().skip(1).peekable();
    while let Some(option) = words.next_if(|word| word.to_string_lossy().starts_with("--")) {
        let mut value = || words.next().unwrap_or_default();
        let mut root = |access| -> Result<(), Failure> {
            let grant = admit_root(Path::new(&value()), access, home.as_deref())?;
            profile.roots.push(grant);
            Ok(())
        };
        match option.to_str() {
            Some("--ro") => root(Access::ReadOnly)?,
            Some("--rw") => root(Access::ReadWrite)?,
            Some("--host") => profile.network = Network::Host,
            Some("--store") => store = value().into(),
            Some("--level") => {
                let level = match value().to_str() {
                    Some("none") => Level::None,
                    Some("landlock") => Level::Landlock,
                    _ => Level::Full,
                };
                (profile.least, profile.most) = (level, level);
            }
            _ => return Err("unknown option".into()),
        }
    }
    let command: Vec<OsString> = words.collect();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut resolved = resolve(&command, &path, home.as_deref())?;
    if let Plan::Prepare(package) = &resolved.plan {
        resolved = package
            .prepare(&Preparation {
                store: &store,
                path: &path,
                home: home.as_deref(),
                user: None,
                least: Level::Full,
                launcher: None,
                builds: true,
            })?
            .resolved;
    }
    resolved.apply(&mut profile);
    let started = std::time::Instant::now();
    let confined = spawn(&profile)?;
    eprintln!("{:?} {:?} weak {:?}", resolved.code, started.elapsed(), confined.achieved.weak);
    copy(confined.stdin, confined.stdout, confined.stderr);
    let mut custody = confined.custody;
    match custody.wait()? {
        Exit::Code(code) => Ok(u8::try_from(code).unwrap_or(1)),
        other => Err(format!("ended: {other}").into()),
    }
}

fn copy(stdin: std::os::fd::OwnedFd, stdout: std::os::fd::OwnedFd, stderr: std::os::fd::OwnedFd) {
    std::thread::spawn(|| std::io::copy(&mut std::io::stdin(), &mut File::from(stdin)));
    let errors =
        std::thread::spawn(|| std::io::copy(&mut File::from(stderr), &mut std::io::stderr()));
    let _ = std::io::copy(&mut File::from(stdout), &mut std::io::stdout());
    let _ = errors.join();
}
