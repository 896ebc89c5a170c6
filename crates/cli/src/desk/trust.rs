//! Whose word counts for what, the highest first, and where that stands on this machine.

use std::path::Path;

use portcullis_console::api::Trust;

use crate::documents::InForce;

/// The table.
pub(super) fn table(dir: &Path, in_force: &InForce) -> Vec<Trust> {
    let documents = &in_force.documents;
    let file = |document: Option<&portcullis_config::Document>| {
        document.map_or("there is none".to_owned(), |document| document.file.clone())
    };
    let projects = documents.projects.iter().map(|document| document.file.clone());
    let projects: Vec<_> = projects.collect();
    let account = rustix::process::getuid().as_raw();
    let row = |who, decides, not, here: String| Trust { who, decides, not, here };
    vec![
        row(
            "The administrator",
            "what no other file may loosen: lists, modes, boxes, policies, a ceiling for every server",
            "single calls",
            file(documents.administrator.as_ref()),
        ),
        row(
            "The person",
            "every question: a call, a changed definition, a directory taken back or given again",
            "what the administrator fixed",
            format!("account {account}; answers lie in {}", dir.display()),
        ),
        row(
            "The person's file and command line",
            "which servers there are, their roots, network, box, lists and policies",
            if documents.person_may_permit() {
                "what the administrator fixed"
            } else {
                "what is permitted: the administrator closed that"
            },
            file(documents.user.as_ref()),
        ),
        row(
            "A project's file",
            "more care: it tightens what stands above",
            "anything that loosens; one that tries starts nothing",
            if projects.is_empty() { "there is none".to_owned() } else { projects.join(", ") },
        ),
        row(
            "The host",
            "what is called, and which roots it offers below the ceiling",
            "what is allowed",
            "no answer of a host counts as a person's".to_owned(),
        ),
        row(
            "The model",
            "nothing: it proposes",
            "whether a call is made; no argument of a call answers a question",
            "everything that it asks for is judged".to_owned(),
        ),
        row(
            "The server",
            "nothing: what it says of itself lowers no risk",
            "its roots, its network, its box",
            "its box holds what it was given".to_owned(),
        ),
    ]
}
