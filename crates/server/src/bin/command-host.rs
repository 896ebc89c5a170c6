//! The server with commands, for this crate's own tests: what `portcullis server` is,
//! without a command line.
//!
//! `command-host DIR[:rw] FILE STATE`: the root, a `portcullis.toml` with `[commands]`,
//! and a directory for the journal.

use std::process::ExitCode;

use portcullis_config::{Config, Documents};
use portcullis_confine::own_box::close_inherited;
use portcullis_confine::{Access, Level, admit_root, personality};
use portcullis_kit::Limits;
use portcullis_server::{Settings, serve};

fn main() -> ExitCode {
    if let Some(code) = personality() {
        return code;
    }
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [root, file, state] = words.as_slice() else { return ExitCode::from(2) };
    if close_inherited().is_err() {
        return ExitCode::FAILURE;
    }
    match settings(root, file, state).and_then(|settings| Ok(serve(settings)?)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn settings(root: &str, file: &str, state: &str) -> Result<Settings, Box<dyn std::error::Error>> {
    let (root, access) = match root.strip_suffix(":rw") {
        Some(root) => (root, Access::ReadWrite),
        None => (root, Access::ReadOnly),
    };
    let text = std::fs::read_to_string(file)?;
    let config = Config::read(&text, file).map_err(|wrong| format!("{wrong:?}"))?;
    let commands = Documents::only(config, file).commands();
    Ok(Settings {
        name: "commands".to_owned(),
        roots: vec![admit_root(root.as_ref(), access, None)?],
        state: state.into(),
        limits: Limits::default(),
        files: portcullis_server::files::Settings::default(),
        queries: portcullis_server::query::Ready::default(),
        least: Level::Landlock,
        commands: commands.map_err(|wrong| format!("{wrong:?}"))?,
    })
}
