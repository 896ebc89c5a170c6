//! `write_file`: a whole file, new or in the place of another.

use std::io::Write as _;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use portcullis_confine::beneath::{BeneathError, Facts};
use portcullis_kit::arguments::Writing;
use portcullis_kit::{Call, Hints, Refusal, TypedTool, UnderRoot};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Settings;
use super::directories::make_all;
use super::refused::{failed, refused};

/// Writes a file.
#[derive(Debug)]
pub struct WriteFile(pub Settings);

/// What into which file.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    path: UnderRoot<Writing>,
    /// The whole content.
    #[schemars(length(max = 67_108_864))]
    content: String,
    /// How `content` is written.
    #[serde(default)]
    encoding: Encoding,
    /// Whether a file of this name is replaced; else it must be new.
    #[serde(default)]
    overwrite: bool,
    /// Whether the directories above it are made where they are not there.
    #[serde(default)]
    create_directories: bool,
}

/// How content is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
pub(super) enum Encoding {
    /// As text.
    #[default]
    #[serde(rename = "utf-8")]
    Utf8,
    /// As RFC 4648, section 4 writes bytes.
    #[serde(rename = "base64")]
    Base64,
}

/// What became of it.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Written {
    path: String,
    /// The size of the file now.
    bytes: u64,
    /// Whether it took the place of another.
    replaced: bool,
    /// How many names the file had that was replaced; the others keep the old content.
    #[serde(skip_serializing_if = "Option::is_none")]
    hard_links: Option<u32>,
}

impl TypedTool for WriteFile {
    type Arguments = Asked;
    type Output = Written;
    const NAME: &'static str = "write_file";
    const TITLE: &'static str = "Write a file";
    const DESCRIPTION: &'static str = "Writes a whole file: a new one, or with `overwrite` one \
        that takes the place of another. Nobody ever sees half of it: it gets its name when it is \
        complete. Permissions are kept.";
    const HINTS: Hints = Hints::destroys().idempotent();

    async fn run(&self, asked: Asked, call: &Call) -> Result<Written, Refusal> {
        let most = self.0.write_bytes;
        call.blocking(move |call| write(asked, most, call)).await
    }
}

fn write(asked: Asked, most: usize, call: &Call) -> Result<Written, Refusal> {
    let (path, shown) = (&asked.path, asked.path.shown());
    let bytes = match asked.encoding {
        Encoding::Utf8 => asked.content.into_bytes(),
        Encoding::Base64 => STANDARD
            .decode(asked.content.as_bytes())
            .map_err(|wrong| Refusal::new(format!("`content` is not base64: {wrong}")))?,
    };
    bounded(&bytes, most)?;
    if asked.create_directories
        && let Some(above) = Path::new(path.below()).parent()
    {
        make_all(path, above, call)?;
    }
    let was = replace(path, &bytes, Replaces::of(asked.overwrite), call)?;
    Ok(Written {
        path: shown.to_owned(),
        bytes: bytes.len() as u64,
        replaced: was.is_some(),
        hard_links: was.map(|was| was.links).filter(|links| *links > 1),
    })
}

/// No file that is larger than the operator allows.
pub(super) fn bounded(bytes: &[u8], most: usize) -> Result<(), Refusal> {
    if bytes.len() <= most {
        return Ok(());
    }
    let has = bytes.len();
    Err(Refusal::new(format!("too large: {has} bytes, and a file may have {most}")))
}

/// What may be in the way.
#[derive(Debug, Clone, Copy)]
pub(super) enum Replaces {
    /// Nothing.
    Nothing,
    /// A file, if there is one.
    Anything,
    /// Exactly the file that was looked at.
    Only(Facts),
}

impl Replaces {
    fn of(overwrite: bool) -> Self {
        if overwrite { Self::Anything } else { Self::Nothing }
    }
}

/// Writes all of a file, and says what it took the place of.
pub(super) fn replace(
    path: &UnderRoot<Writing>,
    bytes: &[u8],
    replaces: Replaces,
    call: &Call,
) -> Result<Option<Facts>, Refusal> {
    let shown = path.shown();
    let overwrite = !matches!(replaces, Replaces::Nothing);
    let draft = path.dir().draft(path.below(), overwrite);
    let mut draft = draft.map_err(|why| refused(shown, why))?;
    let was = draft.replaces().copied();
    if let Replaces::Only(expected) = replaces
        && !was.is_some_and(|was| was.is_unchanged(&expected))
    {
        return Err(refused(shown, BeneathError::Changed));
    }
    draft.write_all(bytes).map_err(|error| failed(shown, error))?;
    // Who was told that it is over finds what was there.
    call.goes_on()?;
    draft.commit().map_err(|why| refused(shown, why))?;
    Ok(was)
}
