//! A bundle: unpacked into a place that is thrown away, its manifest read, and started as a host would start it, without a
//! person's settings.

mod archive;
mod manifest;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::Read as _;
use std::path::{Component, Path, PathBuf};

use super::ordinary;
use super::scratch::Scratch;
use crate::evidence::bundle::{Bundle, Signature};
use crate::evidence::source::LeftOut;
use manifest::{FILE, Read};

/// The largest bundle that is read, in bytes.
const MOST: u64 = 100 << 20;
/// The same for a manifest.
const MANIFEST: u64 = 1 << 20;
/// What stands for the place where it was unpacked, as in a manifest.
pub const HERE: &str = "${__dirname}";

/// Whether a file's name is one of a bundle.
#[must_use]
pub fn is_bundle(file: &Path) -> bool {
    let ending = file.extension().and_then(|it| it.to_str()).unwrap_or_default();
    matches!(ending.to_ascii_lowercase().as_str(), "mcpb" | "dxt") && !file.is_dir()
}

/// What came of it.
#[derive(Debug)]
pub struct Opened {
    /// What it is.
    pub bundle: Bundle,
    /// How it is started, when it can be.
    pub command: Vec<OsString>,
    /// The variables that it is given.
    pub environment: BTreeMap<String, String>,
    /// Where it lies; everything in it goes with this.
    scratch: Scratch,
}

impl Opened {
    /// Where its files are.
    #[must_use]
    pub fn tree(&self) -> PathBuf {
        self.scratch.path().join("bundle")
    }
}

/// Unpacks and reads one. What is wrong with it is in [`Opened::bundle`].
///
/// # Errors
/// When it cannot be read, or there is no place for it.
pub fn open(file: &Path) -> std::io::Result<Opened> {
    let mut packed = Vec::new();
    ordinary::open(file)?.take(MOST + 1).read_to_end(&mut packed)?;
    let scratch = Scratch::new()?;
    let tree = scratch.path().join("bundle");
    std::fs::create_dir(&tree)?;
    let mut bundle = Bundle {
        manifest: None,
        signature: Signature::None,
        entries: 0,
        bytes: 0,
        flaws: Vec::new(),
        unstarted: None,
        unread: Vec::new(),
    };
    let named = || file.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let unpacked = match packed.len() as u64 > MOST {
        true => Err("it is larger than 100 MiB".to_owned()),
        false => archive::unpack(&packed, &tree, archive::MOST),
    };
    drop(packed);
    match unpacked {
        Err(why) => bundle.unread.push(LeftOut::of(named(), why)),
        Ok(unpacked) => {
            (bundle.entries, bundle.bytes) = (unpacked.entries, unpacked.bytes);
            (bundle.signature, bundle.flaws) = (unpacked.signature, unpacked.flaws);
            bundle.unread = unpacked.unread;
        }
    }
    let mut opened = Opened { bundle, command: Vec::new(), environment: BTreeMap::new(), scratch };
    opened.understand(&tree);
    Ok(opened)
}

impl Opened {
    fn understand(&mut self, tree: &Path) {
        let mut text = String::new();
        let file = ordinary::open_itself(&tree.join(FILE));
        let whole = file.and_then(|it| it.take(MANIFEST + 1).read_to_string(&mut text));
        let read = match whole {
            Ok(length) if length as u64 <= MANIFEST => manifest::read(&text),
            Ok(_) => Err("it is larger than 1 MiB".to_owned()),
            Err(_) => Err("there is none that can be read".to_owned()),
        };
        match read {
            Err(why) => {
                self.bundle.unread.push(LeftOut::of(FILE.to_owned(), why));
                self.bundle.unstarted = Some("its manifest was not understood".to_owned());
            }
            Ok(read) => {
                let launch = launch(&read, tree);
                self.bundle.manifest = Some(read.manifest);
                match launch {
                    Ok((command, environment)) => {
                        (self.command, self.environment) = (command, environment);
                    }
                    Err(why) => self.bundle.unstarted = Some(why),
                }
            }
        }
    }
}

type Launch = (Vec<OsString>, BTreeMap<String, String>);

/// The command that a host would start here, for somebody who set nothing.
fn launch(read: &Read, tree: &Path) -> Result<Launch, String> {
    if !read.platforms.is_empty() && !read.platforms.iter().any(|it| it == "linux") {
        return Err(format!("it is for {}, and this is Linux", read.platforms.join(", ")));
    }
    let mut settings = read.presets.clone();
    for setting in read.manifest.settings.iter().filter(|it| !it.preset || is_place(&it.kind)) {
        let stage = match setting.kind.as_str() {
            "directory" => "{project}",
            "file" if setting.required => "{database}",
            _ if setting.required => {
                let name = &setting.name;
                return Err(format!("it wants a setting that only a person has: `{name}`"));
            }
            _ => continue,
        };
        settings.insert(setting.name.clone(), vec![stage.to_owned()]);
    }
    let here = tree.to_string_lossy();
    let place = |word: &str| {
        let word = word.replace(HERE, &here).replace("${pathSeparator}", "/").replace("${/}", "/");
        ["${HOME}", "${DESKTOP}", "${DOCUMENTS}", "${DOWNLOADS}"]
            .iter()
            .fold(word, |word, name| word.replace(name, "{project}"))
    };
    // A setting that nobody made is no word.
    let fill = |word: &String| manifest::filled(word, &settings).into_iter().map(|it| place(&it));
    let set = |word: &String| !word.contains("${user_config.");
    let mut words: Vec<String> = match (read.words.is_empty(), read.manifest.kind.as_str()) {
        (false, _) => read.words.iter().flat_map(fill).filter(set).collect(),
        (true, "node") => vec!["node".to_owned(), read.entry_point.clone()],
        (true, "python") => vec!["python3".to_owned(), read.entry_point.clone()],
        (true, "binary") => vec![read.entry_point.clone()],
        (true, _) => Vec::new(),
    };
    if read.manifest.kind == "uv" || words.is_empty() {
        return Err("what it needs is installed by the host, which was not done here".to_owned());
    }
    // Hosts start it where it lies: what is called so there is meant, and not what is called so where we are.
    for word in &mut words {
        let file = tree.join(&*word);
        let here = file.is_file() || file.exists() && Path::new(&*word).exists();
        if !word.is_empty() && !word.starts_with('-') && file.starts_with(tree) && here {
            *word = file.to_string_lossy().into_owned();
        }
    }
    if let Some(word) = words.iter().enumerate().find(|it| is_elsewhere(it.1, it.0 == 0, tree)) {
        return Err(format!("its command names what is not in it: `{}`", word.1));
    }
    if let Some(first) = words.first_mut().filter(|it| *it == "python") {
        "python3".clone_into(first);
    }
    let environment = read.variables.iter().flat_map(|(name, value)| {
        let value = fill(value).next().filter(set)?;
        Some((name.clone(), value))
    });
    let environment: BTreeMap<String, String> = environment.collect();
    if let Some((name, _)) = environment.iter().find(|it| is_elsewhere(it.1, false, tree)) {
        return Err(format!("its variable `{name}` names what is not in it"));
    }
    Ok((words.into_iter().map(OsString::from).collect(), environment))
}

/// Whether a word of a stranger's names something of this machine's: who wrote it is given nothing of the person's. The
/// program itself may be one that is searched.
fn is_elsewhere(word: &str, program: bool, tree: &Path) -> bool {
    let values = [word, word.split_once('=').map_or("", |(_, value)| value)];
    let named = |it: &&str| !it.is_empty() && (!program || it.contains('/'));
    values.into_iter().filter(named).any(|value| {
        let plain = !Path::new(value).components().any(|it| it == Component::ParentDir);
        let Ok(path) = std::path::absolute(value) else { return true };
        // Joined to a directory, an absolute path is itself.
        let of_it = Path::new(value).is_relative() && tree.join(value).exists();
        let inside = plain && (path.starts_with(tree) || of_it);
        !inside && path.exists()
    })
}

fn is_place(kind: &str) -> bool {
    matches!(kind, "directory" | "file")
}
