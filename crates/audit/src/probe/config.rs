//! Reads a host's config: bounded, nothing of it started, and what is a secret in it not kept.

use std::io::Read as _;
use std::path::Path;

use portcullis_config::hosts::{self, Asks, Broken, Form, HostFile, Spot};

use super::ordinary;
use crate::evidence::Place;
use crate::evidence::config::{Entry, Given, Guard, HostConfig, Loose, Twice, Way, Word};
use crate::evidence::source::LeftOut;

/// The largest file that is read. A host that keeps its history in the same file writes megabytes.
const MOST: u64 = 32 << 20;

/// Why a file could not be looked at.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    /// It is not there, or not for us to read.
    #[error("`{path}` cannot be read")]
    Unreadable {
        /// As it was named.
        path: String,
        /// The system's reason.
        #[source]
        why: std::io::Error,
    },
}

/// Whether a file's name says that it is written as a host's config is.
#[must_use]
pub fn is_config(file: &Path) -> bool {
    form(file).is_some() && !file.is_dir()
}

fn form(file: &Path) -> Option<Form> {
    Form::of(&file.file_name()?.to_string_lossy())
}

/// Reads a file. What is broken is in [`HostConfig::unread`].
///
/// # Errors
/// When there is nothing that could be read.
pub fn look(file: &Path) -> Result<HostConfig, Trouble> {
    let named = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let unreadable = |why| Trouble::Unreadable { path: file.display().to_string(), why };
    let mut bytes = Vec::new();
    let read = ordinary::open(file).and_then(|it| it.take(MOST + 1).read_to_end(&mut bytes));
    read.map_err(unreadable)?;
    let form = form(file).unwrap_or(Form::Json);
    let whole = bytes.len() as u64 <= MOST;
    let text = String::from_utf8(bytes);
    let outcome = match (whole, &text) {
        (false, _) => Err("it is larger than 32 MiB".to_owned()),
        (_, Err(_)) => Err("it is not UTF-8".to_owned()),
        (_, Ok(text)) => hosts::read(text, form).map_err(|broken| told(&broken, form)),
    };
    Ok(match outcome {
        Ok(found) => Reader { file: &named }.config(form, found),
        Err(why) => HostConfig {
            form: form.word().to_owned(),
            unread: vec![LeftOut::of(named, why)],
            ..HostConfig::default()
        },
    })
}

fn told(broken: &Broken, form: Form) -> String {
    format!("it is no {}: {broken}", form.word())
}

struct Reader<'f> {
    file: &'f str,
}

impl Reader<'_> {
    fn config(&self, form: Form, found: HostFile) -> HostConfig {
        let unread = found.unread.iter().map(|it| {
            let server = it.server.as_ref().map(|name| format!("`{name}`: ")).unwrap_or_default();
            LeftOut::of(self.place(it.spot).to_string(), format!("{server}{}", it.what))
        });
        let twice = found
            .twice
            .iter()
            .map(|it| Twice { place: self.place(it.spot), what: it.what.clone() });
        let nowhere = found.sections.is_empty().then(|| {
            let why = format!("nothing in it is where a host keeps its servers: {}", sections());
            LeftOut::of(self.file.to_owned(), why)
        });
        HostConfig {
            form: form.word().to_owned(),
            sections: found.sections.iter().map(|it| (*it).to_owned()).collect(),
            unread: unread.chain(nowhere).collect(),
            twice: twice.collect(),
            loose: self.loose(&found.loose),
            asks: found.asks == Asks::Person,
            servers: found.entries.iter().map(|it| self.entry(it)).collect(),
        }
    }

    fn place(&self, spot: Spot) -> Place {
        Place { file: self.file.to_owned(), line: spot.line, column: spot.column }
    }

    fn loose(&self, all: &[hosts::Loose]) -> Vec<Loose> {
        let of = |it: &hosts::Loose| Loose {
            place: self.place(it.spot),
            setting: it.setting.clone(),
            everything: it.everything,
            sampling: it.sampling,
        };
        all.iter().map(of).collect()
    }

    fn word(&self, word: &hosts::Word) -> Word {
        Word {
            place: self.place(word.spot),
            text: word.text.clone(),
            secret: word.secret.map(str::to_owned),
            certain: word.certain,
        }
    }

    fn given(&self, all: &[hosts::Given]) -> Vec<Given> {
        let of = |it: &hosts::Given| Given {
            name: it.name.clone(),
            value: self.word(&it.value),
            reference: it.reference,
        };
        all.iter().map(of).collect()
    }

    fn entry(&self, entry: &hosts::Entry) -> Entry {
        let words: Vec<Word> = entry.command.iter().map(|word| self.word(word)).collect();
        let (guard, command) = guarded(words, &entry.variables);
        let behind = guard.as_ref().and_then(address);
        Entry {
            name: entry.name.clone(),
            place: self.place(entry.spot),
            scope: entry.scope.clone(),
            way: match entry.way {
                hosts::Way::Started if behind.is_some() => Way::Reached,
                hosts::Way::Started => Way::Started,
                hosts::Way::Reached => Way::Reached,
                hosts::Way::Built => Way::Built,
            },
            command,
            url: entry.url.as_ref().map(|url| self.word(url)).or(behind),
            variables: self.given(&entry.variables),
            headers: self.given(&entry.headers),
            loose: self.loose(&entry.loose),
            asks: entry.asks == Asks::Person,
            off: entry.off,
            boxed: entry.boxed,
            guard,
        }
    }
}

/// Where hosts keep their servers, in words.
fn sections() -> String {
    hosts::SECTIONS.iter().map(|(section, _)| format!("`{section}`")).collect::<Vec<_>>().join(", ")
}

/// `portcullis run [OPTIONS] -- COMMAND`: the gateway's options, and the server's own command.
///
/// A program of that name that lies beside the config, or that a variable of the config leads to, is whoever's wrote it.
fn guarded(mut words: Vec<Word>, variables: &[hosts::Given]) -> (Option<Guard>, Vec<Word>) {
    let leads = |name: &str| {
        let name = name.to_ascii_uppercase();
        name == "PATH" || name.starts_with("LD_") || name.starts_with("DYLD_")
    };
    let led = variables.iter().any(|it| leads(&it.name));
    let ours = words.first().is_some_and(|word| {
        let text = word.text.as_str();
        let name = text.rsplit(['/', '\\']).next().unwrap_or_default();
        let whole = text.starts_with('/') || text.get(1..3) == Some(":\\");
        matches!(name, "portcullis" | "portcullis.exe") && (whole || name == text) && !led
    });
    // `--state DIR` and the like may stand before the command.
    let run = words.iter().take_while(|word| word.text != "--").position(|word| word.text == "run");
    let Some(run) = run.filter(|_| ours) else { return (None, words) };
    let end = words.iter().position(|word| word.text == "--").unwrap_or(words.len());
    let command = words.split_off(end.saturating_add(1).min(words.len()));
    words.truncate(end);
    words.remove(run);
    words.remove(0);
    (Some(Guard { options: words }), command)
}

/// The address of a remote server behind a gateway.
fn address(guard: &Guard) -> Option<Word> {
    let url = guard.says("--url")?;
    let word = guard.options.iter().find(|word| word.text.ends_with(url))?;
    Some(Word { text: url.to_owned(), ..word.clone() })
}
