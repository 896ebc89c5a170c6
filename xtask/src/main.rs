//! The project's own commands: `cargo xtask tidy | generate | test | ci | fuzz | peers`.
//!
//! [`tidy`] holds the rules that no compiler checks, one file each; [`generate`]
//! writes the documents that derive from definitions; [`ci`] is what a change
//! must pass, here and on the project's own machines alike; [`fuzz`] sends strangers'
//! bytes.

mod ci;
mod fuzz;
mod generate;
mod repo;
mod run;
mod tidy;

use std::process::ExitCode;

use repo::Repo;

const USAGE: &str = "usage: cargo xtask COMMAND

  tidy              the rules that no compiler checks; fast
  generate          write docs/reference from the definitions
  generate --check  fail when one of them is stale
  test              everything a change must pass (what .ci/run runs); `ci` is the same; [--from STEP] goes on
                    with the first step whose name begins so, when what is before it passed
  fuzz [DOOR...]    strangers' bytes at the doors of `fuzz/`; [--seconds N] each (60), [--keep] what is learned
  peers             install other people's servers and clients into target/peers, and say hello to each
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = Repo::here().and_then(|repo| match words.as_slice() {
        ["tidy"] => tidy::command(&repo),
        ["generate"] => generate::write(&repo),
        ["generate", "--check"] => generate::check(&repo),
        ["test" | "ci"] => ci::command(&repo, ""),
        ["test" | "ci", "--from", step] => ci::command(&repo, step),
        ["fuzz", order @ ..] => fuzz::command(&repo, &fuzz::Order::read(order)?),
        ["peers"] => ci::peers::command(&repo),
        ["--help" | "-h" | "help"] => {
            say(USAGE);
            Ok(())
        }
        _ => Err(USAGE.to_owned()),
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            complain(&format!("error: {why}"));
            ExitCode::FAILURE
        }
    }
}

/// Prints one line of progress or data.
#[expect(clippy::print_stdout, reason = "a command's output is its purpose")]
fn say(line: &str) {
    println!("{line}");
}

fn complain(line: &str) {
    eprintln!("{line}");
}
