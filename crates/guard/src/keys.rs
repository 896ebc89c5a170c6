//! Names under which keys and credentials lie in somebody's directories.

/// Directories that hold them and little else.
const DIRECTORIES: &[&str] = &[
    ".ssh",
    ".aws",
    ".azure",
    ".gnupg",
    ".kube",
    ".docker",
    ".password-store",
    ".mozilla",
    "keyrings",
    "gcloud",
    "google-chrome",
];

/// Files that are some.
const FILES: &[&str] = &[
    ".env",
    ".envrc",
    ".netrc",
    ".npmrc",
    ".pypirc",
    ".pgpass",
    ".my.cnf",
    ".git-credentials",
    ".htpasswd",
    ".vault-token",
    "credentials",
    "credentials.json",
    "secrets.json",
    "secrets.toml",
    "secrets.yaml",
    "secrets.yml",
];

/// How the names of keys begin, and end.
const BEGIN: &[&str] = &["id_rsa", "id_dsa", "id_ecdsa", "id_ed25519", ".env."];
const END: &[&str] = &[".pem", ".key", ".p12", ".pfx", ".jks", ".keystore", ".kdbx", ".ppk"];

/// Whether a directory of this name holds keys or credentials.
#[must_use]
pub fn is_key_directory(name: &str) -> bool {
    DIRECTORIES.contains(&name.to_ascii_lowercase().as_str())
}

/// Whether a file of this name is probably one of them. What is there to be copied and filled in
/// is none.
#[must_use]
pub fn is_key_file(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let sample = [".example", ".sample", ".template", ".dist", ".pub"];
    let named = FILES.contains(&name.as_str())
        || BEGIN.iter().any(|begin| name.starts_with(begin))
        || END.iter().any(|end| name.ends_with(end));
    named && !sample.iter().any(|end| name.ends_with(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_known_by_their_names() {
        for (name, expect) in [
            (".env", true),
            (".env.production", true),
            (".env.example", false),
            ("id_ed25519", true),
            ("id_ed25519.pub", false),
            ("Server.PEM", true),
            (".npmrc", true),
            ("environment.md", false),
            ("key", false),
            ("monkey.txt", false),
        ] {
            assert_eq!(is_key_file(name), expect, "{name}");
        }
        assert!(is_key_directory(".ssh") && is_key_directory(".AWS"));
        assert!(!is_key_directory("ssh") && !is_key_directory("src"));
    }
}
