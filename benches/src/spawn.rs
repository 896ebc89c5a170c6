//! What it takes to start a program that does nothing and see its end: plainly, in
//! our box, and in that of bubblewrap where it is installed.

use std::path::{Path, PathBuf};
use std::time::Instant;

use portcullis_confine::{Exit, Profile};

use crate::host::command;
use crate::process;
use crate::stats::median;

/// How often each is started in a round.
const TIMES: u32 = 40;
/// It ends at once.
const NOTHING: &str = "/bin/true";

/// Who starts it, and how long that took.
#[derive(Clone, Debug)]
pub(crate) struct Spawns {
    pub(crate) who: &'static str,
    /// From before the start to the end, median in milliseconds.
    pub(crate) wall: f64,
    /// Processor time of all that was started, in milliseconds.
    pub(crate) cpu: f64,
}

/// One start and its end.
type Start<'a> = &'a dyn Fn() -> Result<(), String>;

/// Everybody in turn, `rounds` times.
pub(crate) fn costs(gateway: &Path, rounds: usize) -> Result<Vec<Spawns>, String> {
    let all: [(&'static str, Start<'_>); 3] = [
        ("plain", &plain),
        ("bubblewrap, all namespaces", &bubblewrap),
        ("our box, level full", &|| boxed(gateway)),
    ];
    let mut found: Vec<(Vec<f64>, Vec<f64>)> = vec![Default::default(); all.len()];
    for _ in 0..rounds {
        for ((name, start), (walls, cpus)) in all.iter().zip(&mut found) {
            if name.starts_with("bubblewrap") && bwrap().is_none() {
                continue;
            }
            let before = process::ended_children();
            for _ in 0..TIMES {
                let since = Instant::now();
                start()?;
                walls.push(since.elapsed().as_secs_f64() * 1e3);
            }
            let used = process::ended_children().saturating_sub(before);
            cpus.push(used.as_secs_f64() * 1e3 / f64::from(TIMES));
        }
    }
    let each = all.iter().zip(found).filter(|(_, (walls, _))| !walls.is_empty());
    let each =
        each.map(|((who, _), (wall, cpu))| Spawns { who, wall: median(wall), cpu: median(cpu) });
    Ok(each.collect())
}

fn plain() -> Result<(), String> {
    let status = command(NOTHING).status().map_err(|error| error.to_string())?;
    status.success().then_some(()).ok_or_else(|| format!("{NOTHING}: {status}"))
}

fn bwrap() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).map(|dir| dir.join("bwrap")).find(|file| file.exists())
}

fn bubblewrap() -> Result<(), String> {
    let words = "--unshare-all --die-with-parent --new-session --ro-bind /usr /usr \
                 --symlink usr/bin /bin --symlink usr/lib /lib --symlink usr/lib64 /lib64 \
                 --proc /proc --dev /dev --tmpfs /tmp --";
    let mut start = command(bwrap().ok_or("no bwrap")?);
    let status = start.args(words.split_whitespace()).arg(NOTHING).status();
    let status = status.map_err(|error| error.to_string())?;
    status.success().then_some(()).ok_or_else(|| format!("bwrap: {status}"))
}

fn boxed(gateway: &Path) -> Result<(), String> {
    let mut profile = Profile::new(vec![NOTHING.into()]);
    profile.launcher = Some(gateway.to_owned());
    let mut confined = portcullis_confine::spawn(&profile).map_err(|error| error.to_string())?;
    let exit = confined.custody.wait().map_err(|error| error.to_string())?;
    if exit == Exit::Code(0) { Ok(()) } else { Err(format!("{NOTHING} in the box: {exit}")) }
}
