//! `read_many`: several files in one answer; one that cannot be read stops no other.

use portcullis_kit::{Bounded, Call, Hints, Refusal, TypedTool, UnderRoot};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Settings;
use super::read::{Content, Form, Part, read};

/// Reads several files.
#[derive(Debug)]
pub struct ReadMany(pub Settings);

/// Which files.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    /// Paths inside the allowed directories, absolute or relative to the first.
    #[schemars(
        length(min = 1, max = 100),
        inner(length(min = 1), regex(pattern = r"^[^\x00-\x1f\x7f]+$"))
    )]
    paths: Vec<Bounded<4096>>,
    /// `text`, `base64`, or whichever the content is.
    #[serde(default)]
    form: Form,
}

/// What became of each, in the order in which they were asked for.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Contents {
    files: Vec<One>,
}

/// A file or the reason why not.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(untagged)]
pub(super) enum One {
    /// Its content.
    Read(Content),
    /// Why there is none.
    Refused {
        /// As it was asked for.
        path: String,
        /// What is wrong.
        error: String,
    },
}

impl TypedTool for ReadMany {
    type Arguments = Asked;
    type Output = Contents;
    const NAME: &'static str = "read_many";
    const TITLE: &'static str = "Read several files";
    const DESCRIPTION: &'static str = "Reads up to 100 files. The answer has an entry for each: \
        its content, or an `error`. What does not fit into one answer is cut: `complete` is \
        false, and read_file goes on from `next_byte`.";
    const HINTS: Hints = Hints::reads();

    async fn run(&self, asked: Asked, call: &Call) -> Result<Contents, Refusal> {
        let most = self.0.read_bytes;
        call.blocking(move |call| {
            let mut left = most;
            let mut files = Vec::new();
            for path in &asked.paths {
                call.goes_on()?;
                files.push(one(path, asked.form, &mut left, call));
            }
            Ok(Contents { files })
        })
        .await
    }
}

fn one(asked: &str, form: Form, left: &mut usize, call: &Call) -> One {
    let part = Part::Bytes { first: 0, count: None };
    let content = UnderRoot::<portcullis_kit::arguments::Looking>::judge(asked, call.roots())
        .and_then(|it| {
            if *left == 0 {
                return Err(Refusal::new("the answer is full: read it with another call"));
            }
            read(it.dir(), it.below(), it.shown(), (part, form), *left, call)
        });
    match content {
        Ok(content) => {
            *left = left.saturating_sub(usize::try_from(content.bytes).unwrap_or(usize::MAX));
            One::Read(content)
        }
        Err(refusal) => One::Refused { path: asked.to_owned(), error: refusal.public().to_owned() },
    }
}
