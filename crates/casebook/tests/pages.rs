//! Whole pages, good and bad.

use portcullis_casebook::{Malformed, Side, What, anchor, read};

const GOOD: &str = r#"# silence-is-no

No answer, no channel,
a crash or a restart: no.

More prose that is not the statement.

## Silence is a no
The question waits sixty seconds.

```json
{"an": "example in the prose"}
```
```toml
ask = "destructive"
patience = "60s"
```
```case
client  tools/call delete_file {"path": "notes.txt"}
person? Let `delete_file`

# a comment
wait    60s
client  < refused "not permitted"
server  < nothing
journal denied: approve-by-risk (no answer)
```

## A second one, without settings!
```case
client  ping
```
"#;

fn wrong(text: &str) -> String {
    read(text, "page.md")
        .map_or_else(|malformed: Malformed| malformed.to_string(), |_| "fine".into())
}

#[test]
fn a_page_is_read_whole() {
    let page = read(GOOD, "page.md").expect("a good page");
    assert_eq!(page.control, "silence-is-no");
    assert_eq!(page.statement, "No answer, no channel, a crash or a restart: no.");
    let [first, second] = page.cases.as_slice() else { panic!("{:?}", page.cases) };
    assert_eq!((first.line, first.anchor.as_str()), (8, "silence-is-a-no"));
    assert!(first.story.starts_with("The question waits sixty seconds."));
    assert!(first.story.contains("example in the prose"));
    let settings = first.settings.as_ref().expect("settings");
    assert_eq!(
        (settings.line, settings.text.as_str()),
        (15, "ask = \"destructive\"\npatience = \"60s\"\n")
    );
    let lines: Vec<_> = first.steps.iter().map(|step| step.line).collect();
    assert_eq!(lines, [19, 20, 23, 24, 25, 26]);
    assert!(matches!(first.steps[0].what, What::Sends(Side::Client, _)));
    assert_eq!(second.settings, None);
    assert_eq!(second.anchor, "a-second-one-without-settings");
}

#[test]
fn a_bad_page_says_where_and_why() {
    let case = "```case\nclient  ping\n```\n";
    let table = [
        ("", "page.md:1: a page opens with `# control-id`"),
        ("words\n", "page.md:1: a page opens with `# control-id`"),
        ("# Not An Id\n", "page.md:1: `Not An Id` is not a control's id"),
        ("# a\n## b\n", "page.md:2: no paragraph says what the control promises"),
        ("# a\ntext\n", "page.md:2: the page has no case"),
        ("# a\ntext\n## b\n", "page.md:3: the case `b` has no steps"),
        ("# a\ntext\n```case\n", "page.md:3: a `case` block outside of a case"),
        ("# a\ntext\n## b\n```case\nclient  ping\n", "page.md:4: this block is not closed"),
        (
            "# a\ntext\n## b\n```case\nclient  pong\n```\n",
            "page.md:5: `pong` is neither a method nor a word of the casebook",
        ),
        (&format!("# a\ntext\n## b\n{case}## b\n{case}"), "page.md:7: two cases are called `b`"),
        (&format!("# a\ntext\n## b\n{case}{case}"), "page.md:7: a case has one `case` block"),
        (&format!("# a\ntext\n## b\n{case}# c\n"), "page.md:7: a page has one title"),
    ];
    for (text, expected) in table {
        assert_eq!(wrong(text), expected, "{text}");
    }
}

#[test]
fn anchors_are_those_of_markdown_hosts() {
    assert_eq!(anchor("Silence is a no"), "silence-is-a-no");
    assert_eq!(anchor("`a/b`, then c: 2 × no"), "ab-then-c-2--no");
}
