//! A git repository with one commit, byte for byte, so that tools for repositories have something to work
//! on and no program of the user's has to run to make it. The same in a directory outside of the project
//! has no commit: what is in it is new to it, and its status names it.

use std::io;
use std::path::Path;

/// What says that a directory is a repository (gitrepository-layout(5)).
const SKELETON: &[(&str, &str)] = &[
    ("HEAD", "ref: refs/heads/main\n"),
    ("config", "[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n\tbare = false\n"),
];

/// The commit of `notes.txt` and `data/prices.csv`.
const MAIN: &str = "d8139fa8809c7bf99f92fa597e72b62618f24f92\n";

/// Objects and index, as git wrote them.
const FILES: &[(&str, &str)] = &[
    (
        "index",
        "4449524300000002000000026b0fc7d60455c2a86b0fc7d60455c2a80000fe0000998172000081a4000000000000\
         000000000029cfc5980b0182efdb96bc6ec09478c7ff660d9b7d000f646174612f7072696365732e637376000000\
         6b0fc7d60418b9a86b0fc7d60418b9a80000fe0000994929000081a400000000000000000000001ad4cc15ab9e69\
         227369b181eb6ef036f90737e43a00096e6f7465732e74787400a50e47c1c8c5875e03a904a01157aa2df433ffb5",
    ),
    (
        "objects/9d/25cca72499c22b92eb09b2a0ced7d1aa4162bd",
        "78012b294a4d5530b660303430303331512828ca4c4e2dd64b2e2e63387f74063763d3fbdbd3f6e41d985271fc7f\
         1aefec5a00730612ec",
    ),
    (
        "objects/b0/87fed361962839190291e3066e38a12952eada",
        "78012b294a4d5530b360303100028594c4924486b9aa6796abcc3ca43de935e7a605e7ae5f5ce598b4d7d0c0c0cc\
         c444212fbf24b558afa4a284e1ca19d1d5f332958a333736becefb60f693ddfc8915005b321f95",
    ),
    (
        "objects/cf/c5980b0182efdb96bc6ec09478c7ff660d9b7d",
        "78014bcac94f52303164c84bcc4dd52928ca4c4ee54aca494cce5628494dd431d13332e04a2f4a4dcd83722d0cb8\
         0085f10ecb",
    ),
    (
        "objects/d4/cc15ab9e69227369b181eb6ef036f90737e43a",
        "78014bcac94f52303263482aad54c8cdccc9e62a4f2c492d5228c9485528c849cc2b29e60200c5780b8f",
    ),
    (
        "objects/d8/139fa8809c7bf99f92fa597e72b62618f24f92",
        "78018d8d4b0a023110055de714bd17249d363f10d13b788176d2c30c1833645af0f8e608be5d15146f6ab5ae0ae8\
         d341bb083c6d8ab3140a98834b94315b9751c8862094185df64eb8b0e18f2eadc3bd305c06dfe4cb757bc9696af5\
         0a18432447f6ece168c7ccb0e346e5efc03c168179edbbc2bba9ece607321b30fb",
    ),
];

/// Makes a directory a repository. One that is one already stays as it is.
pub(super) fn make(folder: &Path, committed: bool) -> io::Result<()> {
    let git = folder.join(".git");
    if git.exists() {
        return Ok(());
    }
    for name in ["objects", "refs/heads", "refs/tags"] {
        std::fs::create_dir_all(git.join(name))?;
    }
    for (name, text) in SKELETON {
        std::fs::write(git.join(name), text)?;
    }
    if committed {
        std::fs::write(git.join("refs/heads/main"), MAIN)?;
        for (name, hex) in FILES {
            let file = git.join(name);
            file.parent().map_or(Ok(()), std::fs::create_dir_all)?;
            std::fs::write(file, bytes(hex))?;
        }
    }
    Ok(())
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.chars().filter_map(|c| c.to_digit(16)?.try_into().ok()).collect();
    digits
        .chunks_exact(2)
        .map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit))
        .collect()
}
