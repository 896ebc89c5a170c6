//! What a reference of the configuration leads to: the address of a database, the value
//! of a program's variable.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use portcullis_config::{SecretString, Source, values};

/// Longest value in a file, in bytes.
const LONGEST: u64 = 64 << 10;

/// The value, without the newline at its end. `home` is what `~` stands for.
///
/// # Errors
/// Why there is none, without a letter of it.
pub fn value(source: &Source, home: Option<&Path>) -> Result<SecretString, String> {
    let text = match source {
        Source::Value(value) => value.expose("a copy for who uses it").to_owned(),
        Source::Environment(name) => {
            std::env::var(name).map_err(|why| format!("the variable `{name}`: {why}"))?
        }
        Source::File(path) => {
            let text = file(path, home).map_err(|why| format!("`{path}`: {why}"))?;
            text.trim_end_matches(['\r', '\n']).to_owned()
        }
    };
    Ok(SecretString::new(text))
}

fn file(path: &str, home: Option<&Path>) -> Result<String, String> {
    let path = values::expand_home(path, home).ok_or("HOME is not set")?;
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(LONGEST + 1).read_to_end(&mut bytes));
    let read = read.map_err(|error| error.to_string())?;
    if u64::try_from(read).unwrap_or(u64::MAX) > LONGEST {
        return Err(format!("it is longer than {LONGEST} bytes"));
    }
    String::from_utf8(bytes).map_err(|_| "it is no text".to_owned())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_value_of_a_file_has_an_end() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("value");
        let longest = usize::try_from(LONGEST).expect("a length");
        for (bytes, expect) in [
            (b"hunter2\n".to_vec(), Ok("hunter2".to_owned())),
            (b" two\nlines \r\n\n".to_vec(), Ok(" two\nlines ".to_owned())),
            (vec![b'a'; longest], Ok("a".repeat(longest))),
            (vec![b'a'; longest + 1], Err("is longer than 65536 bytes")),
            ("é".repeat(longest).into_bytes(), Err("is longer than 65536 bytes")),
            (b"hunter2\xff".to_vec(), Err("is no text")),
        ] {
            fs::write(&path, bytes).expect("a file");
            told(&Source::File(path.display().to_string()), None, expect.clone());
            told(&Source::File("~/value".to_owned()), Some(folder.path()), expect);
        }
        told(&Source::File("~/value".to_owned()), None, Err("`~/value`: HOME is not set"));
        told(&Source::File("/dev/zero".to_owned()), None, Err("is longer than 65536 bytes"));
    }

    fn told(source: &Source, home: Option<&Path>, expect: Result<String, &str>) {
        match (value(source, home), expect) {
            (Ok(value), Ok(expect)) => assert_eq!(value.expose("a test"), expect),
            (Err(why), Err(expect)) => {
                assert!(why.contains(expect) && !why.contains("hunter2"), "{why}");
            }
            (found, expect) => panic!("{source:?}: {found:?}, and not {expect:?}"),
        }
    }
}
