//! The stage: a project, its neighbour, a vault, a shop, and secrets that no argument can guess.

use std::ffi::OsString;
use std::os::unix::fs::{DirBuilderExt as _, symlink};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value};

use super::book::{Call, Sources, Subject};

/// The shop's database, as `examples/lesson/shop.sql` says it.
const SHOP: &[u8] = include_bytes!("../../../../examples/lesson/shop.db");
/// What stands in it where the secret goes: the file does not care, the length is the same.
const CARD: &[u8] = b"CARD-0000000000000000";
/// Longer than any answer may be.
const LONG: usize = 300_000;

/// A private temporary directory with everything in it; removed at the end.
#[derive(Debug)]
pub(crate) struct Scene {
    pub(crate) folder: PathBuf,
    /// The words that must not come back: the neighbour's key, the vault's key, a card's number.
    secrets: [String; 3],
    shop: Vec<u8>,
}

impl Scene {
    /// Builds the stage.
    pub(crate) fn build(sources: &Sources) -> Result<Self, String> {
        let placed = Self::place().and_then(|scene| scene.fill(sources).map(|()| scene));
        placed.map_err(|error| format!("the lesson's directory cannot be made: {error}"))
    }

    fn place() -> std::io::Result<Self> {
        let moment = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
        let nonce = format!("{:016x}", moment & u128::from(u64::MAX));
        let name = format!("portcullis-lesson-{}-{nonce}", std::process::id());
        let folder = std::env::temp_dir().canonicalize()?.join(name);
        std::fs::DirBuilder::new().mode(0o700).create(&folder)?;
        // A word that a number leads to must not stand in the directory's name.
        let nonce: String = nonce.chars().rev().collect();
        let secrets =
            ["KEY-NEXT-DOOR", "KEY-IN-THE-VAULT", "CARD"].map(|of| format!("{of}-{nonce}"));
        let shop = replaced(SHOP, CARD, secrets[2].as_bytes());
        Ok(Self { folder, secrets, shop })
    }

    fn fill(&self, sources: &Sources) -> std::io::Result<()> {
        for name in ["project", "project/inbox", "project-evil", "vault", "shop", "servers"] {
            std::fs::create_dir(self.folder.join(name))?;
        }
        let put = |name: &str, text: &str| std::fs::write(self.folder.join(name), text);
        put("project/notes.txt", "buy milk\n")?;
        put("project/large.log", &"all is well, and so it was a moment ago\n".repeat(30_000))?;
        put("project-evil/key.txt", &self.secrets[0])?;
        put("vault/key.txt", &self.secrets[1])?;
        symlink("../vault/key.txt", self.project().join("shortcut.txt"))?;
        // As root, the hardened server runs its programs as nobody.
        if rustix::process::geteuid().is_root() {
            open_to_all(&self.folder, 0o711)?;
            open_to_all(&self.project(), 0o755)?;
        }
        for &subject in Subject::ALL {
            put(&format!("servers/{}", subject.file()), sources.text(subject))?;
        }
        self.reset()
    }

    /// Everything that an attack may have changed, as it was.
    pub(crate) fn reset(&self) -> std::io::Result<()> {
        let _ = std::fs::remove_file(self.canary());
        std::fs::write(self.database(), &self.shop)?;
        put_today(&self.project().join("inbox"), Today::Note)
    }

    pub(crate) fn project(&self) -> PathBuf {
        self.folder.join("project")
    }

    pub(crate) fn database(&self) -> PathBuf {
        self.folder.join("shop/shop.db")
    }

    fn canary(&self) -> PathBuf {
        self.folder.join("canary")
    }

    /// The words that start a server.
    pub(crate) fn command(&self, subject: Subject, python: &[OsString]) -> Vec<OsString> {
        let mut words = python.to_vec();
        if subject.is_python() {
            words.push(self.folder.join("servers").join(subject.file()).into());
        } else {
            let ourselves = std::env::current_exe().unwrap_or_else(|_| "portcullis".into());
            words = vec![ourselves.into(), "__hardened".into()];
        }
        words.extend([self.project().into(), self.database().into()]);
        words
    }

    /// A call's arguments with this stage's places in them.
    pub(crate) fn arguments(&self, call: &Call) -> Map<String, Value> {
        let mut arguments = call.arguments.clone();
        for value in arguments.values_mut() {
            if let Value::String(text) = value {
                *text = text.replace("{folder}", &self.folder.to_string_lossy());
                *text = text.replace("{long}", &"all work and no play ".repeat(LONG / 21 + 1));
            }
        }
        arguments
    }

    /// Whether a text holds a secret; what the secret is.
    pub(crate) fn secret_in(&self, text: &str) -> Option<&'static str> {
        let names = ["the neighbour's key", "the vault's key", "a customer's card number"];
        let found = self.secrets.iter().zip(names).find(|(secret, _)| text.contains(*secret));
        found.map(|(_, name)| name)
    }

    /// Whether somebody made the file that only a shell would make.
    pub(crate) fn has_canary(&self) -> bool {
        self.canary().exists()
    }

    /// Whether the database is another than it was.
    pub(crate) fn shop_changed(&self) -> bool {
        std::fs::read(self.database()).map_or(true, |now| now != self.shop)
    }

    /// Lets a link into the vault and a note take turns at one name, until it is dropped.
    pub(crate) fn swap(&self) -> Swap {
        let (inbox, stop) = (self.project().join("inbox"), Arc::new(AtomicBool::new(false)));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                if exchange(&inbox).is_err() {
                    let _ = put_today(&inbox, Today::Link);
                    let _ = put_today(&inbox, Today::Note);
                }
            }
        });
        Swap { stop, thread: Some(thread) }
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        // What is left in the temporary directory is small and ours.
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// The racing second party.
#[derive(Debug)]
pub(crate) struct Swap {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Swap {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

#[derive(Clone, Copy)]
enum Today {
    Note,
    Link,
}

/// Puts one of the two in the name's place, in one step.
fn put_today(inbox: &Path, what: Today) -> std::io::Result<()> {
    let beside = inbox.join("tomorrow.txt");
    let _ = std::fs::remove_file(&beside);
    match what {
        Today::Note => std::fs::write(&beside, "call Ada\n")?,
        Today::Link => symlink("../../vault/key.txt", &beside)?,
    }
    std::fs::rename(beside, inbox.join("today.txt"))
}

/// Exchanges the two in one step, which not every file system can do.
fn exchange(inbox: &Path) -> std::io::Result<()> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    let (today, beside) = (inbox.join("today.txt"), inbox.join("tomorrow.txt"));
    if beside.symlink_metadata().is_err() {
        symlink("../../vault/key.txt", &beside)?;
    }
    for _ in 0..100 {
        renameat_with(CWD, &today, CWD, &beside, RenameFlags::EXCHANGE)?;
        // Where there is one core, whoever wakes interrupts, and whoever spins does not.
        std::thread::sleep(Duration::from_micros(1));
    }
    Ok(())
}

fn open_to_all(path: &Path, mode: u32) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))
}

/// The bytes with every `old` exchanged for a `new` of the same length.
fn replaced(bytes: &[u8], old: &[u8], new: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let places: Vec<_> =
        bytes.windows(old.len()).enumerate().filter(|(_, window)| *window == old).collect();
    let places: Vec<usize> = places.into_iter().map(|(at, _)| at).collect();
    for at in places {
        if let Some(place) = bytes.get_mut(at..at + new.len()) {
            place.copy_from_slice(new);
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stage_knows_its_secrets_and_what_changed() {
        let scene = Scene::build(&Sources::default()).expect("a stage");
        assert_eq!(scene.secret_in("nothing"), None);
        assert_eq!(scene.secret_in(&scene.folder.to_string_lossy()), None);
        assert_eq!(scene.secrets[2].len(), CARD.len(), "the database's file keeps its length");
        let shop = std::fs::read(scene.database()).expect("a shop");
        let shop = String::from_utf8_lossy(&shop).into_owned();
        assert_eq!(scene.secret_in(&shop), Some("a customer's card number"));
        assert!(!scene.shop_changed() && !scene.has_canary());
        std::fs::write(scene.database(), b"").expect("written");
        std::fs::write(scene.canary(), b"").expect("written");
        assert!(scene.shop_changed() && scene.has_canary());
        scene.reset().expect("reset");
        assert!(!scene.shop_changed() && !scene.has_canary());
        let folder = scene.folder.clone();
        drop(scene);
        assert!(!folder.exists());
    }
}
