//! SQLite, with files that somebody prepared.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use portcullis_config::{Config, SecretString, Source};
use portcullis_server::query::Ready;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use rusqlite::Connection;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::servers;
use crate::shop::{self, Shop, TABLES};

const MORE: &str = r#"
timeout = "30s"
rows = 50
"#;

const QUERIES: &str = r#"
[queries.echo]
database = "shop"
about = "Says what it is told"
sql = "select :text, :number, :whole, :flag"
parameters.text = { max = 5000 }
parameters.number = { type = "number", optional = true }
parameters.whole = { type = "integer", optional = true }
parameters.flag = { type = "boolean", optional = true }

[queries.huge]
database = "shop"
about = "A value of any size"
sql = "select zeroblob(:size), 1"
parameters.size = { type = "integer" }

[queries.all_gone]
database = "shop"
about = "Removes and shows"
sql = "delete from orders returning id, customer, total from_orders"
writes = true
rows = 1

[queries.from_view]
database = "shop"
about = "What a view says"
sql = "select * from trap"

[queries.bump]
database = "shop"
about = "Changes a total"
sql = "update orders set total = total + 1 where id = 1"
writes = true
"#;

struct Stand {
    folder: TempDir,
    path: PathBuf,
}

impl Stand {
    fn new(more: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("shop.db");
        let connection = Connection::open(&path).unwrap();
        for sql in TABLES.iter().chain(more) {
            connection.execute_batch(sql).unwrap();
        }
        Self { folder, path }
    }

    fn shop(&self) -> Shop {
        self.shop_with(MORE)
    }

    fn hasty_shop(&self) -> Shop {
        self.shop_with(&MORE.replace("30s", "300ms"))
    }

    fn shop_with(&self, more: &str) -> Shop {
        let file = format!("file = {:?}\n{more}", self.path.display().to_string());
        // `trap` is not in every file: its query is judged by its words alone.
        Shop::open(&file, QUERIES, "")
    }
}

#[tokio::test]
async fn queries_of_sqlite_do_what_they_say() {
    let stand = Stand::new(&[]);
    shop::named_queries_do_what_they_say(&stand.shop()).await;
}

#[tokio::test]
async fn a_value_of_sqlite_is_never_a_text() {
    let stand = Stand::new(&[]);
    shop::a_value_is_never_a_text(&stand.shop()).await;
}

#[tokio::test]
async fn stacked_and_hidden_statements_do_nothing_in_sqlite() {
    let stand = Stand::new(&[]);
    let before = fs::read(&stand.path).unwrap();
    shop::stacked_and_hidden_statements_do_nothing(&stand.shop()).await;
    assert_eq!(fs::read(&stand.path).unwrap(), before, "not a byte of the file changed");
}

#[test]
fn any_value_comes_back_as_it_went_in() {
    let stand = Stand::new(&[]);
    let shop = stand.shop();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let values = (any::<String>(), any::<f64>(), any::<i32>(), any::<bool>());
    let told = TestRunner::default().run(&values, |(text, number, whole, flag)| {
        let text = text.replace('\0', "");
        let arguments = json!({"text": text, "number": number, "whole": whole, "flag": flag});
        let call = shop.call("echo", arguments);
        let answer = runtime.block_on(call).unwrap();
        let number = if number.is_finite() { json!(number) } else { Value::Null };
        prop_assert_eq!(&answer["rows"][0], &json!([text, number, whole, u8::from(flag)]));
        Ok(())
    });
    told.unwrap();
}

#[tokio::test]
async fn attach_extensions_and_pragmas_are_refused() {
    let stand = Stand::new(&[]);
    let (shop, other) = (stand.shop(), stand.folder.path().join("other.db"));
    for sql in [
        format!("attach database '{}' as other", other.display()),
        format!("vacuum into '{}'", other.display()),
        "select load_extension('/tmp/evil.so')".to_owned(),
        "select writefile('/tmp/portcullis-was-here', 'x')".to_owned(),
        "select readfile('/etc/passwd')".to_owned(),
        "select fts3_tokenizer('simple', x'4141414141414141')".to_owned(),
        "pragma writable_schema = on".to_owned(),
        "select * from pragma_database_list".to_owned(),
        "select sql from sqlite_master".to_owned(),
        "select sql from main.\"sqlite_schema\"".to_owned(),
        "create temp table x as select 1".to_owned(),
    ] {
        let said = shop.refused(&sql).await;
        assert!(said.starts_with("not run: "), "{sql}: {said}");
    }
    assert!(!other.exists());
    shop.is_untouched().await;
}

#[tokio::test]
async fn a_query_that_never_ends_is_ended() {
    let stand = Stand::new(&[]);
    let shop = stand.hasty_shop();
    let crossed = format!("select count(*) from orders{}", ", orders".repeat(23));
    for sql in [
        "with recursive x(n) as (select 1 union all select n + 1 from x) select count(*) from x",
        "with recursive x(n) as (select 1 union all select n + 1 from x) select n from x where n < 0",
        crossed.replace(", orders", " cross join orders").as_str(),
    ] {
        let said = shop.refused(sql).await;
        assert!(said.contains("longer than 300 ms"), "{sql}: {said}");
    }
    // The next one is answered.
    stand.shop().is_untouched().await;
}

#[tokio::test]
async fn endless_rows_and_giant_values_are_cut_off() {
    let stand = Stand::new(&[]);
    let shop = stand.shop();
    let numbers = "with recursive x(n) as (select 1 union all select n + 1 from x) select n from x";
    let answer = shop.ask(numbers).await.unwrap();
    assert_eq!(
        (answer["rows"].as_array().unwrap().len(), &answer["truncated"]),
        (50, &json!(true))
    );
    for size in [3_000_000, 900_000_000, i64::from(i32::MAX), i64::MAX] {
        let refusal = shop.call("huge", json!({ "size": size })).await.unwrap_err();
        assert!(refusal.public().contains("select less of it"), "{refusal:?}");
    }
    let fits = shop.call("huge", json!({"size": 3})).await.unwrap();
    assert_eq!(fits["rows"], json!([[{"base64": "AAAA"}, 1]]));
    // Doubling a text is not a way around.
    let doubled = "with recursive x(t) as (select 'xxxxxxxxxxxxxxxx' union all \
         select t || t from x) select length(t) from x order by 1 desc";
    let said = shop.refused(doubled).await;
    assert!(said.contains("select less of it") || said.contains("longer than"), "{said}");
}

/// One step of SQLite's may be long: a search for a long text in another, which no clock
/// interrupts. Each is kept short, and there are few between two looks.
#[tokio::test]
async fn a_search_that_no_clock_interrupts_is_short() {
    let stand = Stand::new(&[]);
    let shop = stand.hasty_shop();
    let search = "with recursive x(t) as (select 'aaaaaaaaaaaaaaaa' union all \
         select t || t from x where length(t) < {}) \
         select max(instr(t, substr(t, length(t) / 2) || 'b')) from x, orders, orders o, orders p";
    for most in ["100000", "1000000", "100000000"] {
        let answer = shop.ask(&search.replace("{}", most)).await;
        let said = answer.map_err(|refusal| refusal.public().to_owned());
        let ended = match &said {
            Ok(answer) => answer["rows"] == json!([[0]]),
            Err(why) => why.contains("longer than") || why.contains("select less of it"),
        };
        assert!(ended, "{said:?}");
    }
    stand.shop().is_untouched().await;
}

#[tokio::test]
async fn a_change_is_whole_or_it_is_not() {
    let stand = Stand::new(&[]);
    let shop = stand.shop();
    let refusal = shop.call("all_gone", json!({})).await.unwrap_err();
    assert!(refusal.public().ends_with("nothing was changed"), "{refusal:?}");
    shop.is_untouched().await;
}

#[tokio::test]
async fn a_file_that_is_no_plain_file_is_not_opened() {
    let stand = Stand::new(&[]);
    let folder = stand.folder.path();
    let (link, pipe) = (folder.join("link.db"), folder.join("pipe.db"));
    symlink(&stand.path, &link).unwrap();
    servers::run("mkfifo", &[pipe.to_str().unwrap()]);
    for (path, why) in [
        (link.as_path(), "no plain file"),
        (pipe.as_path(), "no plain file"),
        (folder, "no plain file"),
        (Path::new("/dev/zero"), "no plain file"),
        (&folder.join("missing.db"), "No such file"),
    ] {
        let text = format!("[databases.x]\nfile = {:?}", path.display().to_string());
        let config = Config::read(&text, "x.toml").unwrap();
        let resolve = |_: &Source| Ok(SecretString::new(String::new()));
        let refused = Ready::of(&config.queries, None, &resolve).unwrap_err().to_string();
        assert!(refused.contains(why), "{}: {refused}", path.display());
    }
    // Nor later, when somebody puts a link in its place.
    let shop = stand.shop();
    shop.is_untouched().await;
    let elsewhere = folder.join("elsewhere.db");
    fs::rename(&stand.path, &elsewhere).unwrap();
    symlink(&elsewhere, &stand.path).unwrap();
    let said = shop.refused("select 1").await;
    assert_eq!(said, "opening the database failed");
}

#[tokio::test]
async fn a_schema_that_was_prepared_does_nothing() {
    for trap in [
        "create view trap as select load_extension('/tmp/evil.so')",
        "create view trap as select fts3_tokenizer('simple', x'4141414141414141')",
        "create view trap as select writefile('/tmp/portcullis-was-here', 'x')",
        "create view trap as select readfile('/etc/passwd')",
        "create view trap as select * from pragma_database_list",
    ] {
        let stand = Stand::new(&[trap]);
        let shop = stand.shop();
        // What the operator's own query, or a stranger's, meets there is refused.
        let refusal = shop.call("from_view", json!({})).await.unwrap_err();
        assert_eq!(refusal.public(), "the query failed", "{trap}: {refusal:?}");
        let said = shop.refused("select * from trap").await;
        assert!(said.starts_with("the database says: "), "{trap}: {said}");
    }
    let stand = Stand::new(&["create view trap as select sql, name from sqlite_master"]);
    let said = stand.shop().refused("select * from trap").await;
    assert!(said.contains("prohibited"), "the catalog does not come by way of a view: {said}");
    let stand = Stand::new(&["create trigger t after update on orders begin \
         select load_extension('/tmp/evil.so'); end"]);
    let shop = stand.shop();
    assert!(shop.call("bump", json!({})).await.is_err());
    shop.is_untouched().await;
}

#[tokio::test]
async fn a_damaged_file_is_an_answer_and_no_crash() {
    let stand = Stand::new(&["create table filler as select randomblob(20000) as a from orders"]);
    let whole = fs::read(&stand.path).unwrap();
    let runs = 200;
    for run in 0..runs {
        let mut bytes = whole.clone();
        // Spread over the file, and never twice the same: no dice, the same every time.
        for step in 0..8 {
            let place = (run * 2_654_435_761_usize + step * 40_503) % bytes.len();
            bytes[place] ^= u8::try_from(run % 255 + 1).unwrap();
        }
        fs::write(&stand.path, &bytes).unwrap();
        let shop = stand.shop();
        for sql in ["select * from orders", "select count(*), max(length(a)) from filler"] {
            if let Err(refusal) = shop.ask(sql).await {
                assert!(!refusal.public().contains("shop.db"), "{refusal:?}");
            }
        }
    }
    fs::write(&stand.path, b"this is no database, whatever its name").unwrap();
    let said = stand.shop().refused("select 1 from orders").await;
    assert_eq!(said, "reading the database failed");
}

#[tokio::test]
async fn what_sqlite_says_goes_to_who_wrote_the_text() {
    let stand = Stand::new(&[]);
    let shop = stand.shop();
    let said = shop.refused("select missing from orders").await;
    assert_eq!(said, "the database says: no such column: missing");
    let refusal = shop.call("from_view", json!({})).await.unwrap_err();
    assert_eq!(refusal.public(), "the query failed");
    assert!(refusal.cause().unwrap().contains("trap"), "{refusal:?}");
}
