//! What a file is, by its name and, for pictures and sound, by its first bytes.

/// Names end in these.
const BY_NAME: &[(&str, &str)] = &[
    ("aac", "audio/aac"),
    ("avif", "image/avif"),
    ("bmp", "image/bmp"),
    ("c", "text/x-c"),
    ("css", "text/css"),
    ("csv", "text/csv"),
    ("doc", "application/msword"),
    ("docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
    ("flac", "audio/flac"),
    ("gif", "image/gif"),
    ("gz", "application/gzip"),
    ("htm", "text/html"),
    ("html", "text/html"),
    ("ico", "image/vnd.microsoft.icon"),
    ("jpeg", "image/jpeg"),
    ("jpg", "image/jpeg"),
    ("js", "text/javascript"),
    ("json", "application/json"),
    ("m4a", "audio/mp4"),
    ("md", "text/markdown"),
    ("mjs", "text/javascript"),
    ("mp3", "audio/mpeg"),
    ("mp4", "video/mp4"),
    ("oga", "audio/ogg"),
    ("ogg", "audio/ogg"),
    ("opus", "audio/ogg"),
    ("pdf", "application/pdf"),
    ("png", "image/png"),
    ("py", "text/x-python"),
    ("rs", "text/x-rust"),
    ("sh", "application/x-sh"),
    ("sqlite", "application/vnd.sqlite3"),
    ("svg", "image/svg+xml"),
    ("tar", "application/x-tar"),
    ("tif", "image/tiff"),
    ("tiff", "image/tiff"),
    ("toml", "application/toml"),
    ("ts", "text/x-typescript"),
    ("txt", "text/plain"),
    ("wasm", "application/wasm"),
    ("wav", "audio/wav"),
    ("webm", "video/webm"),
    ("webp", "image/webp"),
    ("xls", "application/vnd.ms-excel"),
    ("xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    ("xml", "application/xml"),
    ("yaml", "application/yaml"),
    ("yml", "application/yaml"),
    ("zip", "application/zip"),
];

/// Files begin with these.
const BY_START: &[(&[u8], &str)] = &[
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
    (b"%PDF-", "application/pdf"),
    (b"PK\x03\x04", "application/zip"),
    (b"\x1f\x8b", "application/gzip"),
    (b"OggS", "audio/ogg"),
    (b"fLaC", "audio/flac"),
    (b"ID3", "audio/mpeg"),
    (b"SQLite format 3\0", "application/vnd.sqlite3"),
    (b"\x7fELF", "application/x-elf"),
];

/// The type of a file: by its name, else by how it begins, else text or not.
pub(super) fn of(name: &str, start: &[u8], is_text: bool) -> &'static str {
    let ending = name.rsplit('/').next().and_then(|name| name.rsplit_once('.'));
    let ending = ending.map(|(_, ending)| ending.to_ascii_lowercase());
    let named = BY_NAME.iter().find(|(known, _)| ending.as_deref() == Some(*known));
    let begun = || BY_START.iter().find(|(known, _)| start.starts_with(known)).map(|it| it.1);
    let rest = if is_text { "text/plain" } else { "application/octet-stream" };
    named.map(|it| it.1).or_else(begun).unwrap_or(rest)
}

/// Whether files of this type are text. One of them is where its bytes are.
pub(super) fn is_text(mime_type: &str) -> bool {
    const TEXTS: &[&str] = &[
        "application/json",
        "application/toml",
        "application/x-sh",
        "application/xml",
        "application/yaml",
        "image/svg+xml",
    ];
    mime_type.starts_with("text/") || TEXTS.contains(&mime_type)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_before_bytes_before_guesses() {
        for (name, start, is_text, expect) in [
            ("a/b.PNG", &b""[..], false, "image/png"),
            ("photo", b"\xff\xd8\xff\xe0", false, "image/jpeg"),
            ("a.b/c", b"hello", true, "text/plain"),
            ("x.unknown", b"\0\0", false, "application/octet-stream"),
            (".png", b"", true, "image/png"),
        ] {
            assert_eq!(of(name, start, is_text), expect, "{name}");
        }
    }

    #[test]
    fn the_table_is_sorted() {
        assert!(BY_NAME.is_sorted());
    }
}
