//! The attacks: what is tried, and what would be seen if it worked.

use std::fs;

use rustix::event::{PollFd, PollFlags};
use serde_json::{Value, json};

use crate::scene::{SECRET, Scene, token};

/// One attack.
pub struct Attack {
    /// What is tried, in a few words.
    pub name: &'static str,
    /// What would be seen if it worked.
    pub seen: &'static str,
    /// The layers that stop it, each by itself; none when something else does.
    pub held_by: &'static [&'static str],
    /// Why no other layer does, or what does when none of them is there.
    pub why: &'static str,
    /// Makes it; whether it succeeded.
    pub play: fn(&mut Scene) -> bool,
}

/// Grouped by who is to be hurt: the person's files, what leaves the machine,
/// the operator's word, what the model reads, and the gateway's own order.
pub const ATTACKS: &[Attack] = &[
    Attack {
        name: "a path with `..` is read",
        seen: "a file outside of the root is in the answer",
        held_by: &["box", "paths"],
        why: "",
        play: |scene| scene.calls("read_note", &json!({"path": "../secret.txt"})).contains(SECRET),
    },
    Attack {
        name: "a path with `..` is written",
        seen: "a file outside of the root is there",
        held_by: &["box", "paths"],
        why: "",
        play: |scene| {
            scene.calls("save_note", &json!({"path": "../outbox/planted"}));
            scene.stage.home().join("outbox/planted").exists()
        },
    },
    Attack {
        name: "a resource outside of the root is read",
        seen: "the file is in the answer",
        held_by: &["box", "paths"],
        why: "",
        play: |scene| {
            let uri = format!("file://{}", scene.stage.home().join("secret.txt").display());
            scene.asks("resources/read", &json!({"uri": uri})).to_string().contains(SECRET)
        },
    },
    Attack {
        name: "a link inside of the root is followed out of it",
        seen: "a file outside of the root is in the answer",
        held_by: &["box"],
        why: "a path is judged by its words, and these lie inside; where a link leads, only the kernel knows",
        play: |scene| {
            scene.calls("read_note", &json!({"path": "link/secret.txt"})).contains(SECRET)
        },
    },
    Attack {
        name: "a protected place in the root is written",
        seen: "`.git/hooks/post-commit` is there",
        held_by: &["box"],
        why: "it lies inside of a root that may be written; that it decides what runs later, only the box knows",
        play: |scene| {
            scene.calls("save_note", &json!({"path": ".git/hooks/post-commit"}));
            scene.stage.project().join(".git/hooks/post-commit").exists()
        },
    },
    Attack {
        name: "a command is put into an argument that has a pattern",
        seen: "a file outside of the root is in the answer",
        held_by: &["box", "schema"],
        why: "",
        play: |scene| {
            scene.calls("count_words", &json!({"note": "x; cat ../secret.txt"})).contains(SECRET)
        },
    },
    Attack {
        name: "a command is put into an argument that has none",
        seen: "a file outside of the root is in the answer",
        held_by: &["box"],
        why: "the tool's schema takes any text, and no text says what a shell will make of it",
        play: |scene| {
            scene.calls("count_lines", &json!({"note": "x; cat ../secret.txt"})).contains(SECRET)
        },
    },
    Attack {
        name: "the server reads what it was not asked for",
        seen: "a secret without a known form is in the answer",
        held_by: &["box"],
        why: "no message asks for it, so nobody who judges messages can say no",
        play: |scene| scene.calls("get_summary", &json!({})).contains(SECRET),
    },
    Attack {
        name: "the server reads a credential",
        seen: "a token with its issuer's form is in the answer",
        held_by: &["box", "inspection"],
        why: "",
        play: |scene| scene.calls("get_status", &json!({})).contains(&token()),
    },
    Attack {
        name: "the server connects to a host that nobody named",
        seen: "a connection arrives",
        held_by: &["box"],
        why: "it needs no message for that",
        play: |scene| {
            scene.calls("fetch_news", &json!({}));
            scene.listener.accept().is_ok()
        },
    },
    Attack {
        name: "the server reads our environment",
        seen: "a variable that was not granted is in the answer",
        held_by: &[],
        why: "a server's environment is made from nothing, in a box or not",
        play: |scene| scene.calls("get_environment", &json!({})).contains(SECRET),
    },
    Attack {
        name: "the server leaves a process behind",
        seen: "it lives after the host has left",
        held_by: &[],
        why: "without a box, whoever started the server adopts its orphans and ends them",
        play: outlives,
    },
    Attack {
        name: "an argument has another type than the tool declares",
        seen: "the call reaches the server",
        held_by: &["schema"],
        why: "the operator has no policy that reads this argument",
        play: |scene| scene.reaches("check_limit", &json!({"limit": "lots"})),
    },
    Attack {
        name: "an argument hides from a policy in a list",
        seen: "the call reaches the server",
        held_by: &["policy", "schema"],
        why: "",
        play: |scene| scene.reaches("push_branch", &json!({"branch": ["main"]})),
    },
    Attack {
        name: "an argument has a hundred thousand characters",
        seen: "the call reaches the server",
        held_by: &[],
        why: "arguments are bounded whatever the tool's schema says; here it says so too",
        play: |scene| scene.reaches("show_title", &json!({"title": "x".repeat(100_000)})),
    },
    Attack {
        name: "a tool on the deny list is called",
        seen: "the call reaches the server",
        held_by: &["policy"],
        why: "only the operator's word is against it",
        play: |scene| scene.reaches("forget_notes", &json!({})),
    },
    Attack {
        name: "a destructive tool says that it only reads",
        seen: "the call reaches the server, and nobody was asked",
        held_by: &["policy"],
        why: "risk is judged in one place, and decides who is asked",
        play: |scene| scene.reaches("wipe_notes", &json!({})),
    },
    Attack {
        name: "an argument has a value that a policy forbids",
        seen: "the call reaches the server",
        held_by: &["policy"],
        why: "only the operator's word is against it",
        play: |scene| scene.reaches("push_branch", &json!({"branch": "main"})),
    },
    Attack {
        name: "a tool changes while it is used",
        seen: "a call of the changed tool reaches the server",
        held_by: &["policy", "pins"],
        why: "",
        play: |scene| {
            scene.calls("get_date", &json!({}));
            fs::write(scene.stage.project().join("date"), "Tells the date, and more.").unwrap();
            scene.calls("get_page", &json!({}));
            scene.hears(|line| line["method"] == "notifications/tools/list_changed");
            scene.reaches("get_date", &json!({}))
        },
    },
    Attack {
        name: "a tool has changed since the last start",
        seen: "a call of the changed tool reaches the server",
        held_by: &["pins"],
        why: "who has forgotten what was approved sees it for the first time",
        play: |scene| {
            scene.calls("get_time", &json!({}));
            scene.leave();
            fs::write(scene.stage.project().join("time"), "Tells the time, and more.").unwrap();
            scene.reaches("get_time", &json!({}))
        },
    },
    Attack {
        name: "a definition gives orders",
        seen: "the orders are in the list that the model reads",
        held_by: &["inspection"],
        why: "what is seen for the first time is pinned as it is, unless the operator wants to be asked",
        play: |scene| scene.asks("tools/list", &json!({})).to_string().contains("IMPORTANT"),
    },
    Attack {
        name: "a result gives orders",
        seen: "the orders are in the answer, and nothing says that they are data",
        held_by: &["inspection"],
        why: "the other layers judge what is done, not what is said",
        play: |scene| {
            let answer = scene.calls("get_page", &json!({}));
            answer.contains("Ignore all previous") && !answer.contains("untrusted data")
        },
    },
    Attack {
        name: "a result hides characters",
        seen: "they are in the answer, and nothing shows them",
        held_by: &["inspection"],
        why: "the other layers judge what is done, not what is said",
        play: |scene| scene.calls("get_letter", &json!({})).contains('\u{202e}'),
    },
    Attack {
        name: "an error tells of the machine",
        seen: "the stack trace is in the answer",
        held_by: &["inspection"],
        why: "the other layers judge what is done, not what is said",
        play: |scene| scene.calls("get_error", &json!({})).contains("/srv/app/db.py"),
    },
    Attack {
        name: "a log message holds a credential",
        seen: "the host hears it",
        held_by: &["inspection"],
        why: "the server makes it up, so that no box could keep it away",
        play: |scene| {
            scene.calls("get_log", &json!({}));
            scene.heard.iter().any(|line| line.to_string().contains(&token()))
        },
    },
    Attack {
        name: "a result leads to a file outside of the root",
        seen: "the link is in the answer",
        held_by: &["paths"],
        why: "the host would follow it, and the host is in no box of ours",
        play: |scene| {
            let secret = scene.stage.home().join("secret.txt").display().to_string();
            scene.calls("get_links", &json!({})).contains(&secret)
        },
    },
    Attack {
        name: "a result is not what its tool declared",
        seen: "it is in the answer",
        held_by: &["schema"],
        why: "nothing else knows what the tool declared",
        play: |scene| scene.calls("get_total", &json!({})).contains("nothing that is a number"),
    },
    Attack {
        name: "a result has a form that the protocol does not have",
        seen: "it is in the answer",
        held_by: &["schema"],
        why: "nothing else knows what the revision declares",
        play: |scene| scene.calls("get_film", &json!({})).contains("unheard-of"),
    },
    Attack {
        name: "an answer can be read in two ways",
        seen: "the host hears it",
        held_by: &[],
        why: "a duplicate key ends a message before anybody judges it",
        play: two_readings,
    },
    Attack {
        name: "the server asks the model, which nobody declared",
        seen: "the host hears the request",
        held_by: &[],
        why: "what was not declared is refused before anybody judges it",
        play: |scene| {
            scene.calls("get_answer", &json!({}));
            scene.heard.iter().any(|line| line["method"] == "sampling/createMessage")
        },
    },
    Attack {
        name: "the server's program has changed since the last start",
        seen: "it starts",
        held_by: &["pins"],
        why: "who has forgotten what was approved sees it for the first time",
        play: |scene| {
            scene.calls("get_time", &json!({}));
            scene.leave();
            let mut program = fs::read_to_string(scene.program()).unwrap();
            program.push_str("# Now it is another one.\n");
            fs::write(scene.program(), program).unwrap();
            let starts = scene.starts();
            scene.leave();
            starts
        },
    },
];

/// The process holds a pipe for as long as it lives.
fn outlives(scene: &mut Scene) -> bool {
    let held = |scene: &Scene| {
        let mut fds = [PollFd::new(scene.pipe.fd(), PollFlags::IN)];
        rustix::event::poll(&mut fds, None).unwrap();
        fds[0].revents()
    };
    let answer = scene.calls("get_child", &json!({}));
    assert!(answer.contains("left"), "{answer}");
    assert!(held(scene).contains(PollFlags::IN), "it holds the pipe");
    scene.leave();
    !held(scene).contains(PollFlags::HUP)
}

/// The host takes the call back, because it may never be answered.
fn two_readings(scene: &mut Scene) -> bool {
    let asked = json!({"name": "get_twice", "arguments": {}});
    let id = scene.host().asks("tools/call", &asked);
    scene.calls("read_note", &json!({"path": "reached"}));
    let heard = scene.heard.iter().any(|line: &Value| line.to_string().contains("other reading"));
    let params = json!({"requestId": id});
    let back = json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": params});
    scene.host().says(&back);
    heard
}
