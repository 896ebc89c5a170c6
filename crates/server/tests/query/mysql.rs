//! MariaDB, with everything that its superuser may do within reach.

use serde_json::json;
use sqlx::{AssertSqlSafe, Connection, Executor, MySqlConnection};

use crate::servers;
use crate::shop::{self, Shop, TABLES};

const DATABASE: &str = r#"
kind = "mysql"
url = { env = "URL" }
timeout = "30s"
rows = 50
"#;

const QUERIES: &str = r#"
[queries.every_kind]
database = "shop"
about = "One of each type"
sql = "select * from kinds"

[queries.own]
database = "shop"
about = "A function of the operator's, which writes although it says that it reads"
sql = "select sneak()"

[queries.twice]
database = "shop"
about = "A parameter in two places"
sql = "select :a, :b, :a"
parameters = { a = {}, b = { type = "number" } }
"#;

struct Stand {
    url: String,
    folder: std::path::PathBuf,
    _server: std::sync::Arc<servers::Server>,
}

impl Stand {
    async fn new(name: &str, more: &[&str]) -> Self {
        let server = servers::mariadb();
        let folder = server.folder().to_owned();
        let socket = folder.join("m").display().to_string();
        let url = |name: &str| format!("mysql://root@localhost/{name}?socket={socket}");
        let mut first = MySqlConnection::connect(&url("mysql")).await.unwrap();
        first
            .execute(AssertSqlSafe(format!("create database {name} character set utf8mb4")))
            .await
            .unwrap();
        first.close().await.unwrap();
        let mut connection = MySqlConnection::connect(&url(name)).await.unwrap();
        for sql in TABLES.iter().chain(more) {
            connection.execute(AssertSqlSafe(*sql)).await.unwrap();
        }
        connection.close().await.unwrap();
        Self { url: url(name), folder, _server: server }
    }

    fn shop(&self) -> Shop {
        Shop::open(DATABASE, QUERIES, &self.url)
    }

    fn hasty_shop(&self) -> Shop {
        Shop::open(&DATABASE.replace("30s", "1500ms"), QUERIES, &self.url)
    }
}

#[tokio::test]
async fn queries_of_mysql_do_what_they_say() {
    let stand = Stand::new("named", &[]).await;
    let shop = stand.shop();
    shop::named_queries_do_what_they_say(&shop).await;
    let twice = shop.call("twice", json!({"a": "x", "b": 0.5})).await.unwrap();
    assert_eq!(twice["rows"], json!([["x", 0.5, "x"]]));
}

#[tokio::test]
async fn a_value_of_mysql_is_never_a_text() {
    let stand = Stand::new("valued", &[]).await;
    shop::a_value_is_never_a_text(&stand.shop()).await;
}

#[tokio::test]
async fn stacked_and_hidden_statements_do_nothing_in_mysql() {
    let stand = Stand::new("stacked", &[]).await;
    shop::stacked_and_hidden_statements_do_nothing(&stand.shop()).await;
}

#[tokio::test]
async fn files_of_mysql_are_out_of_reach() {
    let stand = Stand::new("reach", &[]).await;
    let (shop, out) = (stand.shop(), stand.folder.join("out"));
    let shown = out.display();
    for sql in [
        format!("select 1 into outfile '{shown}'"),
        format!("select * from orders into outfile '{shown}'"),
        format!("select 'x' into dumpfile '{shown}'"),
        format!("select 1 /*!50000 into outfile '{shown}' */"),
        format!("select 1 /*M! into outfile '{shown}' */"),
        "select load_file('/etc/passwd')".to_owned(),
        "select `load_file`('/etc/passwd')".to_owned(),
        "load data infile '/etc/passwd' into table orders".to_owned(),
        "load data local infile '/etc/passwd' into table orders".to_owned(),
        "select authentication_string from mysql.user".to_owned(),
        "select * from other.orders".to_owned(),
        "select @@datadir".to_owned(),
        "select get_lock('x', 1)".to_owned(),
        "install soname 'x'".to_owned(),
        "set global general_log = 1".to_owned(),
        "select 'a\\' union select 1 -- '".to_owned(),
    ] {
        let said = shop.refused(&sql).await;
        assert!(said.starts_with("not run: "), "{sql}: {said}");
    }
    assert!(!out.exists());
    shop.is_untouched().await;
}

/// What a server that passes texts through would run.
#[tokio::test]
async fn what_falls_a_careless_server_of_mysql_does_nothing_here() {
    let stand = Stand::new("careless", &[]).await;
    let shop = stand.shop();
    let made = stand.folder.join("made");
    let shown = made.display();
    for sql in [
        format!("select 1 into outfile '{shown}'"),
        format!("select 'x' into dumpfile '{shown}'"),
        format!("select 1 /*!50000 into outfile '{shown}' */"),
        format!("select 1 /*M! into outfile '{shown}' */"),
    ] {
        assert!(shop.refused(&sql).await.starts_with("not run: "), "{sql}");
        assert!(!made.exists(), "{sql}");
        let mut careless = MySqlConnection::connect(&stand.url).await.unwrap();
        careless.execute(AssertSqlSafe(sql.clone())).await.unwrap();
        assert!(made.exists(), "{sql}");
        std::fs::remove_file(&made).unwrap();
    }
    shop.is_untouched().await;
}

#[tokio::test]
async fn a_reading_transaction_of_mysql_holds_alone() {
    let sneak = "create function sneak() returns integer modifies sql data \
         begin delete from orders; return 1; end";
    let stand = Stand::new("sneak", &[sneak]).await;
    let shop = stand.shop();
    let refusal = shop.call("own", json!({})).await.unwrap_err();
    assert_eq!(refusal.public(), "this changes something, and only reading is allowed");
    shop.is_untouched().await;
}

#[tokio::test]
async fn queries_of_mysql_that_never_end_are_ended() {
    let stand = Stand::new("endless", &[]).await;
    let shop = stand.hasty_shop();
    for sql in ["select sleep(100)", "select benchmark(100000000000, md5('a'))"] {
        let said = shop.refused(sql).await;
        assert!(said.starts_with("not run: "), "{sql}: {said}");
    }
    let crossed = format!("select count(*) from orders{}", " cross join orders".repeat(22));
    let crossed: String = crossed
        .split(" cross join orders")
        .enumerate()
        .map(|(place, part)| {
            if place == 0 {
                format!("{part} o0")
            } else {
                format!(" cross join orders o{place}{part}")
            }
        })
        .collect();
    let said = shop.refused(&crossed).await;
    assert!(said.contains("longer than 1500 ms"), "{said}");
    stand.shop().is_untouched().await;
}

#[tokio::test]
async fn endless_rows_and_giant_values_of_mysql_are_cut_off() {
    let stand = Stand::new(
        "giants",
        &[
            "create table giants (giant longtext)",
            "insert into giants values (repeat('x', 5000000))",
        ],
    )
    .await;
    let shop = stand.shop();
    let crossed =
        "select o1.id from orders o1, orders o2, orders o3, orders o4, orders o5, orders o6";
    let answer = shop.ask(crossed).await.unwrap();
    assert_eq!(
        (answer["rows"].as_array().unwrap().len(), &answer["truncated"]),
        (50, &json!(true))
    );
    let said = shop.refused("select giant from giants").await;
    assert!(said.contains("select less of it"), "{said}");
}

#[tokio::test]
async fn every_kind_of_value_of_mysql_is_shown_as_it_is() {
    let stand = Stand::new("kinds", &[
        "create table kinds (a boolean, b tinyint unsigned, c bigint, d bigint unsigned, e float, \
         f double, g decimal(12,4), h varchar(10), i text, j varbinary(10), k blob, l date, \
         m datetime(3), n time, o year, p bit(12), q enum('glad','sad'), r char(3), s int)",
        "insert into kinds values (true, 255, -9007199254740993, 18446744073709551615, 0.1, 1e300, \
         -12345.67, 'ü', 'text', x'deadbeef', x'00ff', '2026-12-01', '2026-12-01 08:30:00.25', \
         '-26:03:04', 2026, b'101000000001', 'sad', 'y', null)",
    ])
    .await;
    let answer = stand.shop().call("every_kind", json!({})).await.unwrap();
    let expect = json!([[
        1, 255, "-9007199254740993", "18446744073709551615", 0.1, 1e300, "-12345.6700", "ü", "text",
        {"base64": "3q2+7w=="}, {"base64": "AP8="}, "2026-12-01", "2026-12-01T08:30:00.25",
        "-26:03:04", 2026, 2561, "sad", "y", null,
    ]]);
    assert_eq!(answer["rows"], expect);
}
