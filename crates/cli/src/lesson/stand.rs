//! One server, kept going from attack to attack, and asked something honest before and after each.

use std::ffi::OsString;

use serde_json::json;

use super::attack::{self, Found};
use super::book::{Book, Lesson, Subject};
use super::host::Host;
use super::scene::Scene;
use super::verdict::Outcome;

/// A server on its stand.
#[derive(Debug)]
pub(crate) struct Stand {
    pub(crate) subject: Subject,
    words: Vec<OsString>,
    host: Option<Host>,
}

impl Stand {
    pub(crate) fn new(subject: Subject, words: Vec<OsString>) -> Self {
        Self { subject, words, host: None }
    }

    /// Attacks it; a server that does not serve is neither safe nor fallen.
    pub(crate) fn attacked(&mut self, lesson: &Lesson, book: &Book, scene: &Scene) -> Outcome {
        self.attack(lesson, book, scene).unwrap_or_else(|why| {
            self.host = None;
            Outcome::Dead(why)
        })
    }

    fn attack(&mut self, lesson: &Lesson, book: &Book, scene: &Scene) -> Result<Outcome, String> {
        let broken = |error: std::io::Error| format!("the stage cannot be set: {error}");
        scene.reset().map_err(broken)?;
        let mut found = attack::play(lesson, self.ready(book, scene)?, scene, false)?;
        if found == Found::Unclear {
            self.host = None;
            found = attack::play(lesson, self.ready(book, scene)?, scene, true)?;
        }
        scene.reset().map_err(broken)?;
        match found {
            Found::Effect(evidence) => {
                // It may be worse off than it looks; the next lesson starts with another.
                if serves(self.ready(book, scene)?, book).is_err() {
                    self.host = None;
                }
                Ok(Outcome::Fell(evidence))
            }
            _ => serves(self.ready(book, scene)?, book).map(|()| Outcome::Held),
        }
    }

    /// The server, started when it is not there.
    fn ready(&mut self, book: &Book, scene: &Scene) -> Result<&mut Host, String> {
        if self.host.is_none() {
            let mut host = Host::start(&self.words, &scene.folder)?;
            serves(&mut host, book)?;
            self.host = Some(host);
        }
        self.host.as_mut().ok_or_else(|| "no server".to_owned())
    }
}

/// Every tool answers an honest call that fits its schema.
fn serves(host: &mut Host, book: &Book) -> Result<(), String> {
    let list = host.ask("tools/list", &json!({}))?;
    let tools = list["result"]["tools"].as_array().cloned().unwrap_or_default();
    let mut names: Vec<&str> = book.benign.iter().map(|call| call.tool.as_str()).collect();
    names.dedup();
    for name in names {
        let tool = tools.iter().find(|tool| tool["name"] == name);
        let schema = &tool.ok_or_else(|| format!("there is no tool `{name}`"))?["inputSchema"];
        let fits = |argument: &String| schema["properties"].get(argument).is_some();
        let mut calls = book.benign.iter().filter(|call| call.tool == name);
        let call = calls.find(|call| call.arguments.keys().all(fits));
        let call = call.ok_or_else(|| format!("`{name}` takes no honest call that we know"))?;
        let answer = host.call(name, &call.arguments)?;
        let failed = answer["result"]["isError"] == true;
        if failed || !answer["result"]["content"].to_string().contains(&call.answer) {
            return Err(format!("an honest call of `{name}` failed: {}", answer["result"]));
        }
    }
    Ok(())
}
