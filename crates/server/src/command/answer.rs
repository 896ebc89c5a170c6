//! What a program said, as the tool answers it.

use portcullis_confine::Exit;
use portcullis_confine::runner::{Output, Ran};
use portcullis_kit::{Answer, Refusal};
use schemars::JsonSchema;
use serde::Serialize;

/// The structure of an answer. Bytes that are no UTF-8 are replaced.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Said {
    /// How the program ended: its exit code, or 128 and the number of the signal.
    #[schemars(range(min = 0, max = 255))]
    exit_code: i32,
    /// What it said.
    stdout: String,
    /// What it complained about.
    stderr: String,
    /// There was more of one of them, or of both, than was kept.
    truncated: bool,
    /// It took too long and was ended.
    timed_out: bool,
}

pub(super) fn of(ran: &Ran) -> Result<Answer, Refusal> {
    let said = Said {
        exit_code: code(ran.exit),
        stdout: text(&ran.stdout),
        stderr: text(&ran.stderr),
        truncated: ran.stdout.truncated() || ran.stderr.truncated(),
        timed_out: ran.timed_out,
    };
    let structured = serde_json::to_value(said)
        .map_err(|broken| Refusal::failed("writing the answer", broken))?;
    Ok(Answer::structured(structured))
}

fn code(exit: Exit) -> i32 {
    match exit {
        Exit::Code(code) => code.clamp(0, 255),
        Exit::Signal(signal) => signal.saturating_add(128).clamp(0, 255),
        // The kernel would have said it so.
        Exit::Memory(_) => 137,
    }
}

/// Without half a character at the end, where it was cut.
fn text(output: &Output) -> String {
    let kept = match std::str::from_utf8(&output.kept) {
        Err(broken) if output.truncated() && broken.error_len().is_none() => {
            output.kept.get(..broken.valid_up_to()).unwrap_or_default()
        }
        _ => &output.kept,
    };
    String::from_utf8_lossy(kept).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_leaves_no_half_character() {
        let output = Output { kept: b"ab\xe2\x82".to_vec(), bytes: 9 };
        assert_eq!(text(&output), "ab");
        let whole = Output { kept: b"ab\xff".to_vec(), bytes: 3 };
        assert_eq!(text(&whole), "ab\u{fffd}");
    }

    #[test]
    fn every_end_has_a_code() {
        assert_eq!(code(Exit::Code(3)), 3);
        assert_eq!(code(Exit::Signal(9)), 137);
        assert_eq!(code(Exit::Memory(1)), 137);
    }
}
