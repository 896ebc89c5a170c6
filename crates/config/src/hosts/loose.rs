//! What a host was told to let through without asking anybody.

use super::tree::{Node, Spot, Value};

/// A setting that lets something through unasked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loose {
    /// Where it stands.
    pub spot: Spot,
    /// The setting, as the host calls it.
    pub setting: String,
    /// Whether it is about everything, and not about tools that it names.
    pub everything: bool,
    /// Whether it is about a server's requests to the model, and not about calls.
    pub sampling: bool,
}

/// What a host says of asking a person about calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Asks {
    /// Nothing: whatever the host does when nothing is said.
    #[default]
    Unsaid,
    /// A person is asked.
    Person,
}

/// Settings of the whole host: where they stand, and the values that ask nobody.
const OF_HOST: &[(&[&str], &[&str])] = &[
    (&["chat.tools.autoApprove"], &["true"]),
    (&["chat.tools.global.autoApprove"], &["true"]),
    (&["permissions", "defaultMode"], &["bypassPermissions"]),
    (&["approval_policy"], &["never"]),
    (&["GOOSE_MODE"], &["auto"]),
    (&["amp.dangerouslyAllowAll"], &["true"]),
    (&["permission"], &["allow"]),
    (&["agent", "always_allow_tool_actions"], &["true"]),
    (&["enableAllProjectMcpServers"], &["true"]),
];

/// Settings of the whole host that say that a person is asked.
const ASKING: &[(&[&str], &[&str])] = &[
    (&["GOOSE_MODE"], &["approve", "smart_approve"]),
    (&["permission"], &["ask"]),
    (&["chat.tools.global.autoApprove"], &["false"]),
];

/// Settings of one server: its name, and the values that ask nobody.
const OF_SERVER: &[(&str, &[&str])] = &[
    ("trust", &["true"]),
    ("default_tools_approval_mode", &["approve", "auto"]),
    ("alwaysAllow", &["true"]),
    ("autoApprove", &["true"]),
];

/// Lists of tools that are let through.
const LISTS: &[&str] = &["autoApprove", "alwaysAllow", "auto_approve", "always_allow"];

/// Settings of the whole file.
pub(super) fn of_host(root: &Node) -> (Vec<Loose>, Asks) {
    let at = |path: &[&str]| path.iter().try_fold(root, |node, name| node.get(name));
    let says = |rows: &[(&[&str], &[&str])]| -> Vec<(Spot, String)> {
        let rows = rows.iter().filter_map(|(path, values)| {
            let node = at(path)?;
            let fits = node.word().is_some_and(|word| values.contains(&word.as_str()));
            fits.then(|| (node.spot, path.join(".")))
        });
        rows.collect()
    };
    let everything = |(spot, setting)| Loose { spot, setting, everything: true, sampling: false };
    let mut loose: Vec<Loose> = says(OF_HOST).into_iter().map(everything).collect();
    loose.extend(sampling(root));
    let asks = if says(ASKING).is_empty() { Asks::Unsaid } else { Asks::Person };
    (loose, asks)
}

/// VS Code: which server may ask the model when.
fn sampling(root: &Node) -> Vec<Loose> {
    let servers = root.get("chat.mcp.serverSampling").into_iter().flat_map(Node::members);
    let open = servers.filter(|server| {
        ["allowedDuringChat", "allowedOutsideChat"]
            .iter()
            .any(|name| server.node.get(name).and_then(Node::flag) == Some(true))
    });
    let loose = open.map(|server| Loose {
        spot: server.spot,
        setting: "chat.mcp.serverSampling".to_owned(),
        everything: false,
        sampling: true,
    });
    loose.collect()
}

/// Settings of one server.
pub(super) fn of_server(server: &Node) -> (Vec<Loose>, Asks) {
    let mut loose = Vec::new();
    let mut say = |spot, setting: &str, everything| {
        let setting = setting.to_owned();
        loose.push(Loose { spot, setting, everything, sampling: false });
    };
    for (name, values) in OF_SERVER {
        let Some(node) = server.get(name) else { continue };
        if node.word().is_some_and(|word| values.contains(&word.as_str())) {
            say(node.spot, name, true);
        }
    }
    for name in LISTS {
        let Some(node) = server.get(name) else { continue };
        if let Value::List(items) = &node.value
            && !items.is_empty()
        {
            say(node.spot, name, items.iter().any(|item| item.text() == Some("*")));
        }
    }
    for tool in server.get("tools").into_iter().flat_map(Node::members) {
        let mode = tool.node.get("approval_mode");
        if let Some(node) = mode.filter(|node| matches!(node.text(), Some("approve" | "auto"))) {
            say(node.spot, "approval_mode", false);
        }
    }
    let mode = server.get("default_tools_approval_mode").and_then(Node::text);
    let asks = match mode {
        Some("prompt" | "writes") => Asks::Person,
        _ => Asks::Unsaid,
    };
    (loose, asks)
}
