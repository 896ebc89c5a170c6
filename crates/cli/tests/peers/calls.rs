//! The servers, and for each of their reading tools a call that means something.

use serde_json::{Value, json};

use crate::yard::{Yard, command, peer};

/// One server of somebody else's, and how it is started, bare and guarded.
#[derive(Debug)]
pub(crate) struct Subject {
    /// Its command.
    pub(crate) server: Vec<String>,
    /// What the operator grants it; never more than it has bare.
    pub(crate) options: Vec<String>,
    /// Variables that it gets, bare and guarded.
    pub(crate) variables: Vec<(&'static str, String)>,
    /// What the host offers as roots, when the server asks.
    pub(crate) roots: Option<Value>,
    /// Reading tools with arguments; every such tool is here at least once.
    pub(crate) reads: Vec<(&'static str, Value)>,
    /// Tools that our own judgement puts above the reading tier.
    pub(crate) others: Vec<&'static str>,
}

impl Subject {
    pub(crate) fn new(server: &[&str]) -> Self {
        let (program, arguments) = server.split_first().unwrap();
        let arguments = arguments.iter().map(|&word| word.to_owned());
        Self {
            server: std::iter::once(peer(program)).chain(arguments).collect(),
            options: Vec::new(),
            variables: Vec::new(),
            roots: None,
            reads: Vec::new(),
            others: Vec::new(),
        }
    }

    pub(crate) fn root(mut self, root: String) -> Self {
        self.options.extend(["--root".to_owned(), root]);
        self
    }

    pub(crate) fn variable(mut self, name: &'static str, value: String) -> Self {
        self.options.extend(["--env".to_owned(), format!("{name}={value}")]);
        self.variables.push((name, value));
        self
    }

    /// The words of `portcullis run` for it.
    pub(crate) fn guarded(&self, yard: &Yard, more: &[&str]) -> Vec<String> {
        let granted = self.options.iter().map(String::as_str);
        yard.run(&granted.chain(more.iter().copied()).collect::<Vec<_>>(), &self.server)
    }
}

/// A small project with text and a picture, to read.
pub(crate) fn filesystem(yard: &Yard) -> Subject {
    files(yard, "ro")
}

/// The same project, to write.
pub(crate) fn writable_filesystem(yard: &Yard) -> Subject {
    files(yard, "rw")
}

fn files(yard: &Yard, access: &str) -> Subject {
    yard.file("project/notes.txt", "one\ntwo\nthree\nfour\n");
    yard.file("project/docs/guide.md", "# Guide\n\nÜber alles: nothing.\n");
    yard.file("project/docs/deep/notes.txt", "deep\n");
    yard.file("project/dot.png", include_bytes!("dot.png"));
    yard.dir("project/empty");
    let project = yard.text("project");
    let at = |name: &str| format!("{project}/{name}");
    let mut subject = Subject::new(&["node/node_modules/.bin/mcp-server-filesystem", &project])
        .root(format!("{project}:{access}"));
    subject.reads = vec![
        ("read_file", json!({"path": at("notes.txt")})),
        ("read_text_file", json!({"path": at("notes.txt"), "head": 2})),
        ("read_text_file", json!({"path": at("docs/../notes.txt"), "tail": 1})),
        ("read_text_file", json!({"path": at("missing.txt")})),
        ("read_media_file", json!({"path": at("dot.png")})),
        ("read_multiple_files", json!({"paths": [at("notes.txt"), at("docs/guide.md")]})),
        ("list_directory", json!({"path": project})),
        ("list_directory_with_sizes", json!({"path": project, "sortBy": "size"})),
        ("directory_tree", json!({"path": project, "excludePatterns": ["deep"]})),
        ("search_files", json!({"path": project, "pattern": "**/notes.txt"})),
        ("get_file_info", json!({"path": at("notes.txt")})),
        ("list_allowed_directories", json!({})),
    ];
    subject.others = vec!["write_file", "edit_file", "create_directory", "move_file"];
    subject
}

/// The server with everything in it; the host offers it exactly what is granted.
pub(crate) fn everything(yard: &Yard) -> Subject {
    let project = yard.dir("project").display().to_string();
    let mut subject = Subject::new(&["node/node_modules/.bin/mcp-server-everything"])
        .root(project.clone())
        .variable("GRANTED", "this is for the server".to_owned());
    subject.roots = Some(json!([{"uri": format!("file://{project}"), "name": "project"}]));
    subject.reads = vec![
        ("echo", json!({"message": "héllo \u{1f980} \"quoted\"\n"})),
        ("get-annotated-message", json!({"messageType": "error", "includeImage": true})),
        ("get-annotated-message", json!({"messageType": "debug"})),
        ("get-resource-links", json!({"count": 4})),
        ("get-resource-reference", json!({"resourceType": "Text", "resourceId": 3})),
        ("get-roots-list", json!({})),
        ("get-structured-content", json!({"location": "Chicago"})),
        ("get-sum", json!({"a": 0.1, "b": 0.2})),
        ("get-tiny-image", json!({})),
        // What it shows differs: `servers.rs` looks at it.
        ("get-env", json!({})),
    ];
    subject.others = vec![
        "gzip-file-as-resource",
        "toggle-simulated-logging",
        "toggle-subscriber-updates",
        "trigger-long-running-operation",
        "simulate-research-query",
    ];
    subject
}

/// A memory that remembers two things.
pub(crate) fn memory(yard: &Yard) -> Subject {
    let known = [
        json!({"type": "entity", "name": "Ada", "entityType": "person", "observations": ["counts", "writes"]}),
        json!({"type": "entity", "name": "Engine", "entityType": "machine", "observations": ["turns"]}),
        json!({"type": "relation", "from": "Ada", "to": "Engine", "relationType": "programs"}),
    ];
    let lines: Vec<String> = known.iter().map(Value::to_string).collect();
    let file = yard.file("memory/graph.jsonl", lines.join("\n")).display().to_string();
    let mut subject = Subject::new(&["node/node_modules/.bin/mcp-server-memory"])
        .root(format!("{}:rw", yard.text("memory")))
        .variable("MEMORY_FILE_PATH", file);
    subject.reads = vec![
        ("read_graph", json!({})),
        ("search_nodes", json!({"query": "turn"})),
        ("open_nodes", json!({"names": ["Ada", "nobody"]})),
    ];
    subject.others = vec![
        "create_entities",
        "create_relations",
        "add_observations",
        "delete_entities",
        "delete_observations",
        "delete_relations",
    ];
    subject
}

/// A repository with history, a branch, and changes on the way.
pub(crate) fn git(yard: &Yard) -> Subject {
    let repository = repository(yard);
    let mut subject = Subject::new(&["python/servers/bin/mcp-server-git"]).root(repository.clone());
    let with = |mut arguments: Value| {
        arguments["repo_path"] = json!(repository);
        arguments
    };
    subject.reads = vec![
        ("git_status", with(json!({}))),
        ("git_diff_unstaged", with(json!({"context_lines": 1}))),
        ("git_diff_staged", with(json!({}))),
        ("git_diff", with(json!({"target": "side"}))),
        ("git_log", with(json!({"max_count": 5}))),
        ("git_show", with(json!({"revision": "HEAD~1"}))),
        ("git_show", with(json!({"revision": "nowhere"}))),
        ("git_branch", with(json!({"branch_type": "all"}))),
    ];
    subject.others =
        vec!["git_commit", "git_add", "git_reset", "git_create_branch", "git_checkout"];
    subject
}

fn repository(yard: &Yard) -> String {
    let folder = yard.dir("repository");
    let git = |words: &[&str]| {
        let mut command = command("git");
        command.current_dir(&folder).args([
            "-c",
            "user.name=Ada",
            "-c",
            "user.email=ada@example.com",
        ]);
        command.env("GIT_AUTHOR_DATE", "2026-01-02T03:04:05Z").env("GIT_CONFIG_NOSYSTEM", "1");
        command
            .env("GIT_COMMITTER_DATE", "2026-01-02T03:04:05Z")
            .env("GIT_CONFIG_GLOBAL", "/dev/null");
        let output = command.args(words).output().unwrap();
        assert!(output.status.success(), "git {words:?}: {output:?}");
    };
    git(&["init", "-q", "-b", "main"]);
    yard.file("repository/poem.txt", "roses\nviolets\n");
    git(&["add", "."]);
    git(&["commit", "-q", "-m", "Begin"]);
    git(&["branch", "side"]);
    yard.file("repository/poem.txt", "roses\nare red\nviolets\n");
    git(&["commit", "-q", "-a", "-m", "Colour the roses"]);
    yard.file("repository/poem.txt", "roses\nare red\nviolets\nare blue\n");
    yard.file("repository/title.txt", "Flowers\n");
    git(&["add", "title.txt"]);
    yard.file("repository/draft.txt", "later\n");
    folder.display().to_string()
}

/// The clock of the world.
pub(crate) fn time(_yard: &Yard) -> Subject {
    let mut subject = Subject::new(&["python/servers/bin/mcp-server-time"]);
    let (from, to) = ("Europe/Berlin", "Asia/Kathmandu");
    subject.reads = vec![
        ("get_current_time", json!({"timezone": from})),
        ("get_current_time", json!({"timezone": "Nowhere/Land"})),
        ("convert_time", json!({"source_timezone": from, "time": "16:30", "target_timezone": to})),
    ];
    subject
}
