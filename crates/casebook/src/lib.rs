//! The casebook's Markdown, read.
