//! The files of policies that a config names, read.

use std::path::{Component, Path, PathBuf};

use portcullis_policy::{May, PolicyText, Rank};
use rustix::fs::OFlags;

use crate::documents::{text_below, text_of};
use crate::exit::{Exit, Trouble};

/// Longest file of policies, in bytes: a thousand policies have about 200 KiB.
const LONGEST: u64 = 4 << 20;

/// Every file that the patterns of one config name, in the order of their names.
///
/// A pattern that names no file is a mistake: the policies that somebody relies
/// on would not be there.
///
/// A project's files lie below its directory: what cannot be understood is quoted, and a
/// repository must not have other files of the person's quoted.
pub(crate) fn read(
    files: &[String],
    config: &Path,
    may: May,
    rank: Rank,
) -> Result<Vec<PolicyText>, Trouble> {
    let dir = config.parent().unwrap_or(Path::new("."));
    let mut texts = Vec::new();
    for pattern in files {
        let is_below = |part| matches!(part, Component::Normal(_) | Component::CurDir);
        if rank == Rank::Project && !Path::new(pattern).components().all(is_below) {
            let said = format!(
                "{}: `{pattern}` leads out: a project's policies lie below its own directory",
                config.display()
            );
            return Err(Trouble::new(Exit::Usage, said));
        }
        let found = matching(&dir.join(pattern)).map_err(|error| unread(pattern, &error))?;
        if found.is_empty() {
            let said = format!(
                "{}: `{pattern}` names no file: a policy that is not there forbids nothing",
                config.display()
            );
            return Err(Trouble::new(Exit::Usage, said));
        }
        for file in found {
            let name = file.display().to_string();
            let text = match file.strip_prefix(dir) {
                Ok(below) if rank == Rank::Project => text_below(dir, below, LONGEST),
                _ => text_of(&file, OFlags::empty(), LONGEST),
            };
            let text = text.map_err(|error| unread(&name, &error))?;
            texts.push(PolicyText { file: name, text, may, rank });
        }
    }
    Ok(texts)
}

/// The files whose names match the last part of a path.
fn matching(path: &Path) -> std::io::Result<Vec<PathBuf>> {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    if !name.contains('*') {
        return Ok(if path.exists() { vec![path.to_owned()] } else { Vec::new() });
    }
    let pattern = portcullis_policy::Pattern::new(name);
    let entries = match std::fs::read_dir(path.parent().unwrap_or(Path::new("."))) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry?;
        if entry.file_name().to_str().is_some_and(|name| pattern.matches(name)) {
            found.push(entry.path());
        }
    }
    found.sort();
    Ok(found)
}

fn unread(file: &str, error: &std::io::Error) -> Trouble {
    Trouble::new(Exit::Usage, format!("policies in `{file}` cannot be read: {error}"))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_pattern_names_files_in_order_or_is_a_mistake() {
        let dir = tempfile::tempdir().unwrap();
        let policies = dir.path().join("policy");
        std::fs::create_dir(&policies).unwrap();
        for name in ["b.cedar", "a.cedar", "c.txt"] {
            std::fs::write(policies.join(name), name).unwrap();
        }
        let config = dir.path().join("portcullis.toml");
        for (pattern, expect) in [
            ("policy/*.cedar", Some(vec!["a.cedar", "b.cedar"])),
            ("policy/b.cedar", Some(vec!["b.cedar"])),
            ("policy/x*.cedar", None),
            ("policy/c.cedar", None),
            ("nowhere/*.cedar", None),
        ] {
            let found = read(&[pattern.to_owned()], &config, May::All, Rank::Person).ok();
            let found =
                found.map(|texts| texts.into_iter().map(|one| one.text).collect::<Vec<_>>());
            let expect = expect.map(|names| names.into_iter().map(str::to_owned).collect());
            assert_eq!(found, expect, "{pattern}");
        }
    }

    #[test]
    fn a_projects_policies_lie_below_its_directory() {
        let dir = tempfile::tempdir().unwrap();
        let (outside, project) = (dir.path().join("outside"), dir.path().join("project"));
        for folder in [&outside, &project, &project.join("policy")] {
            std::fs::create_dir(folder).unwrap();
        }
        for folder in [&outside, &project.join("policy")] {
            std::fs::write(folder.join("a.cedar"), "").unwrap();
        }
        symlink(outside.join("a.cedar"), project.join("policy/link.cedar")).unwrap();
        symlink(&outside, project.join("way")).unwrap();
        symlink("policy", project.join("inner")).unwrap();
        let config = project.join(".portcullis.toml");
        let absolute = outside.join("a.cedar").display().to_string();
        for (pattern, expect) in [
            ("policy/a.cedar", true),
            ("./policy/a*.cedar", true),
            ("../outside/a.cedar", false),
            ("policy/../../outside/a.cedar", false),
            (absolute.as_str(), false),
            ("policy/link.cedar", false),
            ("policy/*.cedar", false),
            ("way/*.cedar", false),
            ("inner/a.cedar", false),
        ] {
            let read = |rank| read(&[pattern.to_owned()], &config, May::Tighten, rank).is_ok();
            assert_eq!(read(Rank::Project), expect, "{pattern}");
            assert!(read(Rank::Person), "a person's may be anywhere: {pattern}");
        }
    }
}
