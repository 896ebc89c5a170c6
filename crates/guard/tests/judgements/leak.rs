//! What errors give away, in the words of the runtimes that write them.

use portcullis_guard::leak::{leaks, withhold};

fn withheld(text: &str) -> String {
    let found = leaks(text, |place| place.starts_with("/home/ada/project"));
    withhold(text, &found)
}

#[test]
fn what_tells_of_the_machine_is_withheld() {
    let table = [
        (
            "Error: boom\n    at read (/srv/app/index.js:10:5)\n    at process.main (node:internal/main:1:2)\n",
            "Error: boom\n<withheld:stack-trace>\n",
        ),
        (
            "Traceback (most recent call last):\n  File \"/srv/s.py\", line 3, in f\n    x()\nValueError: bad",
            "<withheld:stack-trace>\nValueError: bad",
        ),
        (
            "java.lang.NullPointerException: no\n\tat com.example.A.b(A.java:12)\n\tat com.example.C.d(C.java:3)",
            "java.lang.NullPointerException: no\n<withheld:stack-trace>",
        ),
        (
            "thread 'main' panicked at src/main.rs:2:5:\nboom\nstack backtrace:\n   0: std::panicking::begin\n",
            "<withheld:stack-trace>\nboom\n<withheld:stack-trace>\n",
        ),
        ("goroutine 1 [running]:\nmain.main()", "<withheld:stack-trace>\nmain.main()"),
        (
            "query failed: SELECT id, pw FROM users WHERE id = 1\nretry",
            "query failed: <withheld:sql>\nretry",
        ),
        ("near \"FORM\": syntax error", "<withheld:sql>"),
        ("SQLSTATE[42S02]: base table", "<withheld:sql>"),
        ("ENOENT: open '/etc/app/config.yml'", "ENOENT: open '<withheld:path>'"),
        ("no such file: C:\\Users\\ada\\x.txt", "no such file: <withheld:path>"),
        (
            "served by nginx/1.25.3, Python 3.11.4",
            "served by <withheld:version>, <withheld:version>",
        ),
    ];
    for (text, expect) in table {
        assert_eq!(withheld(text), expect, "{text}");
    }
}

#[test]
fn what_helps_the_asker_stays() {
    for text in [
        "file not found: /home/ada/project/notes.txt",
        "select a value from the list",
        "`limit` must be at most 100",
        "see https://example.net/home/help and http://x.test/usr/share",
        "line 3: unexpected token at column 7",
        "needs Python 3 or newer, node 20",
        "rate limited, try again at 12:30 (UTC)",
        "update the issue and set a label",
        "/repos/ada/notes was not found",
    ] {
        assert_eq!(withheld(text), text);
    }
}
