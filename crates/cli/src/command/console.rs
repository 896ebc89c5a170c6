//! `portcullis console`: the page on loopback, and the link that opens it.

use std::io::{BufRead as _, IsTerminal as _};
use std::process::{Command, Stdio};
use std::sync::Arc;

use portcullis_console::{Console as Page, Links};
use portcullis_store::Window;

use crate::args::{Console, Places};
use crate::desk::StateDesk;
use crate::exit::{Exit, Trouble};
use crate::state::state_dir;

/// What opens a link in the desktop's browser, whichever is there.
const OPENERS: &[&str] = &["xdg-open", "open"];

pub(super) fn run(args: &Console, places: &Places) -> Result<Exit, Trouble> {
    let state = state_dir(places)?;
    let desk = StateDesk::open(&state, places, "console")?;
    let page = Page::bind(args.port).map_err(|error| {
        let port = args.port.map_or("a free port".to_owned(), |port| format!("port {port}"));
        Trouble::new(Exit::Failed, format!("cannot listen on 127.0.0.1, {port}: {error}"))
    })?;
    // Gateways find it as long as it runs; of several on one state, the first.
    let _window = Window::open(&state, &page.look())?;
    let links = page.links();
    announce(&links, args.open)?;
    if std::io::stdin().is_terminal() {
        std::thread::spawn(move || {
            for _ in std::io::stdin().lock().lines().map_while(Result::ok) {
                let _ = announce(&links, false);
            }
        });
    }
    page.serve(Arc::new(desk)).map_err(|error| Trouble::failed(&error))?;
    Ok(Exit::Clean)
}

/// Prints a new link, and opens it if that is wanted.
fn announce(links: &Links, open: bool) -> Result<(), Trouble> {
    let link = links.make().map_err(|error| Trouble::failed(&error))?;
    eprintln!("portcullis: the console opens once, within 2 minutes, at {link}");
    if open && !OPENERS.iter().any(|program| is_opened(program, &link)) {
        eprintln!("portcullis: no browser could be started: open the link yourself");
    }
    Ok(())
}

/// Others see the link in the list of processes: it opens once, and for our account only.
#[expect(clippy::disallowed_methods, reason = "a program of the desktop's, started for the person")]
fn is_opened(program: &str, link: &str) -> bool {
    let mut command = Command::new(program);
    command.arg(link).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().is_ok()
}
