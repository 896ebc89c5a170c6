//! The script, the style and the icon: ours, few, and in the binary.

/// One of them.
#[derive(Debug)]
pub(crate) struct Asset {
    name: &'static str,
    /// What it is.
    pub(crate) kind: &'static str,
    /// All of it.
    pub(crate) bytes: &'static [u8],
}

const ALL: &[Asset] = &[
    Asset {
        name: "console.js",
        kind: "text/javascript; charset=utf-8",
        bytes: include_bytes!("assets/console.js"),
    },
    Asset {
        name: "console.css",
        kind: "text/css; charset=utf-8",
        bytes: include_bytes!("assets/console.css"),
    },
    Asset { name: "icon.svg", kind: "image/svg+xml", bytes: include_bytes!("assets/icon.svg") },
];

/// The one of this name.
pub(crate) fn find(name: &str) -> Option<&'static Asset> {
    ALL.iter().find(|asset| asset.name == name)
}
