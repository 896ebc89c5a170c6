//! The limit: a relay that copies bytes both ways and looks at nothing.

use std::io::{Read, Write};
use std::process::Stdio;

use crate::host::command;

/// Relays between our own pipes and a program's until the program ends.
pub(crate) fn relay(program: &[String]) -> Result<(), String> {
    let failed = |error: std::io::Error| format!("the relay cannot go on: {error}");
    let (name, arguments) = program.split_first().ok_or("the relay needs a program")?;
    let mut child = command(name)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(failed)?;
    let (input, output) = (child.stdin.take(), child.stdout.take());
    let (Some(input), Some(output)) = (input, output) else {
        return Err("the relay has no pipes".to_owned());
    };
    // It ends with the process, when the host closes its pipe.
    let _inwards = std::thread::spawn(move || pump(std::io::stdin().lock(), input));
    pump(output, std::fs::File::from(owned_stdout()?)).map_err(failed)?;
    child.wait().map(|_| ()).map_err(failed)
}

/// Our standard output without the line buffer around it.
fn owned_stdout() -> Result<std::os::fd::OwnedFd, String> {
    use std::os::fd::AsFd as _;
    std::io::stdout().as_fd().try_clone_to_owned().map_err(|error| error.to_string())
}

fn pump(mut from: impl Read, mut to: impl Write) -> std::io::Result<()> {
    let mut chunk = vec![0; 64 << 10];
    loop {
        let read = from.read(&mut chunk)?;
        if read == 0 {
            return Ok(());
        }
        to.write_all(chunk.get(..read).unwrap_or_default())?;
        to.flush()?;
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_byte_passes() {
        let bytes: Vec<u8> = (0..200_000_u32).map(|at| at.to_le_bytes()[0]).collect();
        let mut out = Vec::new();
        super::pump(bytes.as_slice(), &mut out).unwrap();
        assert_eq!(out, bytes);
    }
}
