//! `serve --checklist`: where each line stands in a config.

use crate::stage::Stage;

const PAGE: &str = include_str!("../../../../docs/reference/transport-checklist.md");

#[test]
fn it_says_of_each_line_where_it_stands() {
    let stage = Stage::new();
    let says = |config: &str| {
        let file = stage.config(config).display().to_string();
        let said = stage.says(&["serve", "--checklist", "--config", &file]);
        assert_eq!(said.code, 0, "{said:?}");
        said.out
    };
    let server = "[server.files]\ncommand = [\"files\"]\n";
    let plain = says(&format!("[serve]\nlisten = \"127.0.0.1:8808\"\n{server}"));
    let lines: Vec<&str> = PAGE.lines().filter(|line| line.starts_with("| ")).skip(1).collect();
    assert_eq!(lines.len(), 6, "{PAGE}");
    for line in lines {
        let what = line.split('|').nth(1).unwrap().trim();
        assert!(plain.contains(&format!("{what}\n  in order: ")), "{what}: {plain}");
    }
    assert!(plain.contains("no TLS, and only this machine reaches it"), "{plain}");
    assert!(plain.contains("processes of the account that serves"), "{plain}");
    assert_eq!(plain.matches("shown by: ").count(), 6, "{plain}");
    // A server that reaches the port would be the operator.
    for network in ["\"host\"", "[\"127.0.0.1:8808\"]"] {
        let open = says(&format!("[serve]\n{server}network = {network}\n"));
        assert!(open.contains("`files` ") && open.contains("would be let in"), "{open}");
    }
    let token = format!("[serve.tokens.ada]\nsha256 = \"{}\"\n", "0f".repeat(32));
    let wide = says(&format!(
        "[serve]\nhosts = [\"gate.example.com\"]\norigins = [\"vscode-webview://*\"]\n{token}{server}"
    ));
    for line in [
        "to be looked at: no TLS; what speaks it for gate.example.com must be on this machine",
        "to be looked at: every page with the scheme of vscode-webview://* may",
        "in order: tokens of the config for ada",
    ] {
        assert!(wide.contains(line), "{line}: {wide}");
    }
    // A config with a credential in it has no lines: it is refused.
    let secret = "ghp_0123456789abcdefghijABCDEFGHIJ012345";
    let file = stage.config(&format!("{server}env = {{ API_TOKEN = \"{secret}\" }}\n"));
    let said = stage.says(&["serve", "--checklist", "--config", &file.display().to_string()]);
    assert_eq!(said.code, 2, "{said:?}");
    assert!(said.err.contains("API_TOKEN") && !said.err.contains("ghp_"), "{said:?}");
}
