//! The keys of `[files]`.

use super::{KIB, Key, Kind, MIB, ROOT, key, quoted};
use crate::files::Files;
use crate::values::show_size;

pub(super) static FILES: &[Key] = &[
    key("roots", Kind::Roots(ROOT), "directories that it may act in; the ceiling for its client's")
        .usually("[]")
        .such_as(r#"["~/project:rw", "~/notes"]"#),
    key("read_bytes", Kind::Size(4 * KIB..=16 * MIB), "the most of files in one answer")
        .computed(|| quoted(&show_size(Files::default().read_bytes)))
        .such_as(r#""256KiB""#),
    key("write_bytes", Kind::Size(KIB..=64 * MIB), "the largest file that it writes")
        .computed(|| quoted(&show_size(Files::default().write_bytes)))
        .such_as(r#""1MiB""#),
    key("gitignore", Kind::Flag, "whether a search leaves out what git ignores, unless asked to")
        .computed(|| Files::default().gitignore.to_string())
        .such_as("false"),
    key("hidden", Kind::Flag, "whether a search looks into hidden files without being asked to")
        .computed(|| Files::default().hidden.to_string())
        .such_as("true"),
];
