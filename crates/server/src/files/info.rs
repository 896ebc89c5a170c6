//! `file_info`: what is known about a file without reading it.

use std::io::Read as _;

use portcullis_confine::beneath::Kind;
use portcullis_kit::{Call, Hints, Refusal, TypedTool, UnderRoot};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::refused::{failed, refused};
use super::{mime, time};

/// Tells about a file or a directory.
#[derive(Debug)]
pub struct FileInfo;

/// About which.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    path: UnderRoot,
    /// Whether to count its lines, which reads it.
    #[serde(default)]
    count_lines: bool,
}

/// What is known.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Info {
    path: String,
    /// `file`, `directory`, `pipe`, `socket`, `device` or `special file`.
    kind: &'static str,
    /// Whether the path is a symbolic link; all else is about what it leads to.
    is_link: bool,
    /// In bytes.
    size: u64,
    /// When its content changed last, as in RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    modified: Option<String>,
    /// When it was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    created: Option<String>,
    /// When it was read last, as far as the file system keeps that.
    #[serde(skip_serializing_if = "Option::is_none")]
    accessed: Option<String>,
    /// The permissions in octal.
    mode: String,
    /// How many names it has. With more than one, a change under any of them, which may
    /// lie anywhere, is a change of all.
    hard_links: u32,
    /// Of files.
    #[serde(skip_serializing_if = "Option::is_none")]
    mime_type: Option<&'static str>,
    /// Where they were counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    lines: Option<u64>,
    /// Whether the directory it lies in may be written to.
    writable: bool,
}

impl TypedTool for FileInfo {
    type Arguments = Asked;
    type Output = Info;
    const NAME: &'static str = "file_info";
    const TITLE: &'static str = "File information";
    const DESCRIPTION: &'static str = "Tells kind, size, times, permissions, number of hard links \
        and MIME type of a file or directory, and on request how many lines it has.";
    const HINTS: Hints = Hints::reads();

    async fn run(&self, asked: Asked, call: &Call) -> Result<Info, Refusal> {
        call.blocking(move |call| info(&asked, call)).await
    }
}

fn info(asked: &Asked, call: &Call) -> Result<Info, Refusal> {
    let (path, shown) = (&asked.path, asked.path.shown());
    let no = |why| refused(shown, why);
    let itself = path.dir().facts_of_link(path.below()).map_err(no)?;
    let is_link = itself.kind == Kind::Link;
    let facts = if is_link { path.dir().facts(path.below()).map_err(no)? } else { itself };
    let (mut mime_type, mut lines) = (None, None);
    if facts.kind == Kind::File {
        let mut file = path.dir().file(path.below()).map_err(no)?;
        let mut chunk = vec![0; 256 << 10];
        let read = file.read(&mut chunk).map_err(|error| failed(shown, error))?;
        let start = chunk.get(..read).unwrap_or_default();
        mime_type = Some(mime::of(shown, start, memchr::memchr(0, start).is_none()));
        if asked.count_lines {
            let (mut count, mut read) = (0, read);
            let mut last = b'\n';
            while read > 0 {
                call.goes_on()?;
                let bytes = chunk.get(..read).unwrap_or_default();
                count += memchr::memchr_iter(b'\n', bytes).count() as u64;
                last = bytes.last().copied().unwrap_or(last);
                read = file.read(&mut chunk).map_err(|error| failed(shown, error))?;
            }
            lines = Some(count + u64::from(last != b'\n'));
        }
    }
    Ok(Info {
        path: shown.to_owned(),
        kind: facts.kind.as_str(),
        is_link,
        size: facts.size,
        modified: facts.modified.and_then(time::written),
        created: facts.created.and_then(time::written),
        accessed: facts.accessed.and_then(time::written),
        mode: format!("{:04o}", facts.mode),
        hard_links: facts.links,
        mime_type,
        lines,
        writable: path.dir().is_writable(),
    })
}
