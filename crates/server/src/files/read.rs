//! `read_file`: a file or a part of it, by lines or by bytes.

mod part;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use portcullis_confine::beneath::RootDir;
use portcullis_kit::tool::ContentBlock;
use portcullis_kit::{Call, Hints, Refusal, TypedTool, UnderRoot};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::refused::{failed, refused};
use super::{Settings, mime};

pub(super) use part::Part;

/// Reads a file.
#[derive(Debug)]
pub struct ReadFile(pub Settings);

/// What of which file.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    path: UnderRoot,
    /// The first line to read, from 1.
    #[serde(default)]
    #[schemars(range(min = 1, max = 1_000_000_000_000_u64))]
    first_line: Option<u64>,
    /// How many lines to read; alone it is the head of the file.
    #[serde(default)]
    #[schemars(range(min = 1, max = 10_000_000))]
    lines: Option<u64>,
    /// The last so many lines.
    #[serde(default)]
    #[schemars(range(min = 1, max = 10_000_000))]
    tail: Option<u64>,
    /// The first byte to read, from 0.
    #[serde(default)]
    #[schemars(range(max = 1_000_000_000_000_000_u64))]
    first_byte: Option<u64>,
    /// How many bytes to read.
    #[serde(default)]
    #[schemars(range(min = 1, max = 1_000_000_000_000_u64))]
    bytes: Option<u64>,
    /// `text`, `base64`, or whichever the content is.
    #[serde(default)]
    form: Form,
}

/// How content is handed over.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Form {
    /// Text where it is text, base64 where not.
    #[default]
    Auto,
    /// Text, whatever it is.
    Text,
    /// The bytes as they are.
    Base64,
}

/// How content was handed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Encoding {
    /// As text.
    #[serde(rename = "utf-8")]
    Utf8,
    /// As RFC 4648, section 4 writes bytes.
    Base64,
}

/// A file, or the part of it that was asked for.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Content {
    /// The file.
    pub(super) path: String,
    /// What it is.
    mime_type: String,
    /// How `content` is written.
    pub(super) encoding: Encoding,
    /// The part that was read.
    pub(super) content: String,
    /// The size of the file, in bytes.
    size: u64,
    /// Where the part begins, in bytes.
    first_byte: u64,
    /// How long the part is in the file, in bytes.
    pub(super) bytes: u64,
    /// The number of its first line, where lines were counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    first_line: Option<u64>,
    /// Whether the file ends where the part does.
    pub(super) complete: bool,
    /// Pass it as `first_byte` to go on.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_byte: Option<u64>,
    /// Pass it as `first_line` to go on.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_line: Option<u64>,
    /// How many sequences are no UTF-8 and stand as U+FFFD in `content`; `form: base64`
    /// gives the bytes themselves.
    #[serde(default, skip_serializing_if = "super::is_zero")]
    replaced: u64,
}

impl TypedTool for ReadFile {
    type Arguments = Asked;
    type Output = Content;
    const NAME: &'static str = "read_file";
    const TITLE: &'static str = "Read a file";
    const DESCRIPTION: &'static str = "Reads a file, or a part of it: by lines (`first_line`, \
        `lines`, `tail`) or by bytes (`first_byte`, `bytes`). Text comes as text, anything else \
        as base64 with its MIME type. What is too large for one answer is cut, and `next_line` or \
        `next_byte` say where to go on.";
    const HINTS: Hints = Hints::reads();

    async fn run(&self, asked: Asked, call: &Call) -> Result<Content, Refusal> {
        let most = self.0.read_bytes;
        let part = asked.part()?;
        call.blocking(move |call| {
            let (path, form) = (&asked.path, asked.form);
            read(path.dir(), path.below(), path.shown(), (part, form), most, call)
        })
        .await
    }

    fn shown(it: &Content) -> Vec<ContentBlock> {
        let kind = it.mime_type.split('/').next();
        vec![match (it.encoding, kind) {
            (Encoding::Utf8, _) => ContentBlock::text(&it.content),
            (Encoding::Base64, Some("image")) => ContentBlock::image(&it.content, &it.mime_type),
            (Encoding::Base64, Some("audio")) => ContentBlock::audio(&it.content, &it.mime_type),
            // Its structure says all there is.
            (Encoding::Base64, _) => return Vec::new(),
        }]
    }
}

impl Asked {
    /// One way to say what part is meant.
    fn part(&self) -> Result<Part, Refusal> {
        let lines = self.first_line.is_some() || self.lines.is_some();
        let bytes = self.first_byte.is_some() || self.bytes.is_some();
        match (lines, self.tail, bytes) {
            (false, None, false) => Ok(Part::Bytes { first: 0, count: None }),
            (true, None, false) => {
                Ok(Part::Lines { first: self.first_line.unwrap_or(1), count: self.lines })
            }
            (false, Some(count), false) => Ok(Part::Tail(count)),
            (false, None, true) => {
                Ok(Part::Bytes { first: self.first_byte.unwrap_or(0), count: self.bytes })
            }
            _ => Err(Refusal::new(
                "say which part in one way: `first_line` and `lines`, or `tail`, or `first_byte` \
                 and `bytes`",
            )),
        }
    }
}

/// Reads a part of a file, at most so many bytes of it.
pub(super) fn read(
    root: &RootDir,
    below: &str,
    shown: &str,
    (part, form): (Part, Form),
    most: usize,
    call: &Call,
) -> Result<Content, Refusal> {
    let file = root.file(below).map_err(|why| refused(shown, why))?;
    let mut piece = part::read(&file, part, most, call).map_err(|stop| stop.refusal(shown))?;
    let start = part::start(&file).map_err(|error| failed(shown, error))?;
    let no_zeros = looks_like_text(&piece.bytes);
    let mime_type = mime::of(shown, &start, no_zeros);
    // A picture may have no zeros: it is still no text, unless every byte of it is.
    let is_text = no_zeros && (mime::is_text(mime_type) || str::from_utf8(&piece.bytes).is_ok());
    let as_text = form == Form::Text || (form == Form::Auto && is_text);
    if as_text {
        piece.cut_to_characters();
    }
    let (encoding, content, replaced) = match as_text {
        true => text(piece.bytes.as_slice()),
        false => (Encoding::Base64, STANDARD.encode(&piece.bytes), 0),
    };
    let bytes = piece.bytes.len() as u64;
    let complete = piece.first + bytes >= piece.size;
    Ok(Content {
        path: shown.to_owned(),
        mime_type: mime_type.to_owned(),
        encoding,
        content,
        size: piece.size,
        first_byte: piece.first,
        bytes,
        first_line: piece.first_line,
        complete,
        next_byte: (!complete).then_some(piece.first + bytes),
        next_line: piece.next_line().filter(|_| !complete && as_text),
        replaced,
    })
}

/// Zeros are in nothing that a person wrote.
fn looks_like_text(bytes: &[u8]) -> bool {
    memchr::memchr(0, bytes).is_none()
}

fn text(bytes: &[u8]) -> (Encoding, String, u64) {
    let (mut content, mut replaced) = (String::with_capacity(bytes.len()), 0);
    for chunk in bytes.utf8_chunks() {
        content.push_str(chunk.valid());
        if !chunk.invalid().is_empty() {
            content.push('\u{fffd}');
            replaced += 1;
        }
    }
    (Encoding::Utf8, content, replaced)
}
