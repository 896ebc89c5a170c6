//! Where servers stand in each host's file, and who writes it so.

use super::tree::{Member, Node};

/// A place in which a host's servers stand: its name, and whose it is.
pub const SECTIONS: &[(&str, &str)] = &[
    (
        "mcpServers",
        "Claude Code, Claude Desktop, Cursor, Windsurf, JetBrains, Gemini CLI, Copilot CLI, Cline, Roo Code, Continue, LM Studio, Kiro, Antigravity, Trae, Kimi, Factory, Qoder, LibreChat",
    ),
    ("projects.*.mcpServers", "Claude Code, for one project"),
    ("servers", "VS Code: mcp.json"),
    ("mcp.servers", "VS Code: settings.json"),
    ("customizations.vscode.mcp.servers", "VS Code: devcontainer.json"),
    ("context_servers", "Zed"),
    ("mcp_servers", "Codex; Mistral Vibe, as a list"),
    ("extensions", "goose"),
    ("mcp", "opencode"),
    ("amp.mcpServers", "Amp"),
    ("(the file itself)", "a plug-in of Claude Code"),
];

/// A section that is there.
pub(super) struct Found<'n> {
    pub(super) section: &'static str,
    /// The project that it is for.
    pub(super) scope: Option<&'n str>,
    pub(super) node: &'n Node,
}

/// Every section that is there.
pub(super) fn find(root: &Node) -> Vec<Found<'_>> {
    let settings = root.get("mcp");
    let nested = settings.and_then(|mcp| mcp.get("servers")).filter(|node| !is_server(node));
    let container = ["customizations", "vscode", "mcp", "servers"];
    let sections = [
        ("mcpServers", root.get("mcpServers")),
        ("servers", root.get("servers").filter(|node| some(node))),
        ("mcp.servers", nested.or_else(|| root.get("mcp.servers"))),
        ("customizations.vscode.mcp.servers", below(root, &container)),
        ("context_servers", root.get("context_servers")),
        ("mcp_servers", root.get("mcp_servers")),
        ("extensions", root.get("extensions").filter(|node| all(node, is_extension))),
        ("mcp", settings.filter(|node| nested.is_none() && some(node))),
        (
            "amp.mcpServers",
            root.get("amp.mcpServers").or_else(|| below(root, &["amp", "mcpServers"])),
        ),
    ];
    let mut found: Vec<Found<'_>> = sections
        .into_iter()
        .filter_map(|(section, node)| Some(Found { section, scope: None, node: node? }))
        .collect();
    for project in root.get("projects").into_iter().flat_map(Node::members) {
        let servers = project.node.get("mcpServers");
        found.extend(servers.map(|node| Found {
            section: "projects.*.mcpServers",
            scope: Some(&project.name),
            node,
        }));
    }
    if found.is_empty() && all(root, is_server) {
        found.push(Found { section: "(the file itself)", scope: None, node: root });
    }
    found
}

fn below<'n>(root: &'n Node, path: &[&str]) -> Option<&'n Node> {
    path.iter().try_fold(root, |node, name| node.get(name))
}

/// At least one member, and each of them such a one.
fn all(node: &Node, is: fn(&Node) -> bool) -> bool {
    let members: &[Member] = node.members();
    !members.is_empty() && members.iter().all(|member| is(&member.node))
}

/// At least one member is a server; what the others lack is told of each.
fn some(node: &Node) -> bool {
    node.members().iter().any(|member| is_server(&member.node))
}

/// It says what to start, or where to go.
fn is_server(node: &Node) -> bool {
    node.is_table()
        && ["command", "url", "serverUrl", "httpUrl"].iter().any(|name| node.get(name).is_some())
}

/// goose's words for what an extension is.
fn is_extension(node: &Node) -> bool {
    const KINDS: &[&str] =
        &["stdio", "sse", "streamable_http", "builtin", "platform", "frontend", "inline_python"];
    node.get("type").and_then(Node::text).is_some_and(|kind| KINDS.contains(&kind))
}
