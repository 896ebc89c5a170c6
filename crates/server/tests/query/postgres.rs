//! PostgreSQL, with everything that its superuser may do within reach.

use serde_json::json;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};

use crate::servers;
use crate::shop::{self, Shop, TABLES};

const DATABASE: &str = r#"
kind = "postgres"
url = { env = "URL" }
timeout = "30s"
rows = 50
"#;

const QUERIES: &str = r#"
[queries.archive]
database = "shop"
about = "Moves the orders of a customer away"
sql = """
with gone as (delete from orders where customer = :customer returning *)
select id, total from gone order by id"""
writes = true
rows = 1
parameters = { customer = {} }

[queries.every_kind]
database = "shop"
about = "One of each type"
sql = "select * from kinds"

[queries.own]
database = "shop"
about = "A function of the operator's, which writes although it says that it reads"
sql = "select sneak()"
"#;

/// A database of its own on the shared server; its account is the superuser.
struct Stand {
    url: String,
    server: std::sync::Arc<servers::Server>,
}

impl Stand {
    async fn new(name: &str, more: &[&str]) -> Self {
        let server = servers::postgres();
        let folder = server.folder().display().to_string();
        let url = |name: &str| format!("postgres://owner@localhost/{name}?host={folder}");
        let mut first = PgConnection::connect(&url("postgres")).await.unwrap();
        first.execute(AssertSqlSafe(format!("create database {name}"))).await.unwrap();
        first.close().await.unwrap();
        let mut connection = PgConnection::connect(&url(name)).await.unwrap();
        for sql in TABLES.iter().chain(more) {
            connection.execute(AssertSqlSafe(*sql)).await.unwrap();
        }
        connection.close().await.unwrap();
        Self { url: url(name), server }
    }

    fn shop(&self) -> Shop {
        Shop::open(DATABASE, QUERIES, &self.url)
    }

    fn hasty_shop(&self) -> Shop {
        Shop::open(&DATABASE.replace("30s", "1500ms"), QUERIES, &self.url)
    }
}

#[tokio::test]
async fn queries_of_postgres_do_what_they_say() {
    let stand = Stand::new("named", &[]).await;
    shop::named_queries_do_what_they_say(&stand.shop()).await;
}

#[tokio::test]
async fn a_value_of_postgres_is_never_a_text() {
    let stand = Stand::new("valued", &[]).await;
    shop::a_value_is_never_a_text(&stand.shop()).await;
}

#[tokio::test]
async fn stacked_and_hidden_statements_do_nothing_in_postgres() {
    let stand = Stand::new("stacked", &[]).await;
    shop::stacked_and_hidden_statements_do_nothing(&stand.shop()).await;
}

#[tokio::test]
async fn ordinary_reading_runs_in_postgres() {
    let stand = Stand::new("reading", &[]).await;
    let shop = stand.shop();
    for (sql, expect) in [
        ("select 1, 'a', null, true", json!([[1, "a", null, true]])),
        (
            "select customer, sum(total) from orders group by 1 order by 1",
            json!([["ada", 40], ["bob", 20]]),
        ),
        ("select id from orders order by total desc limit 2", json!([[3], [2]])),
        (
            "with x as (select * from orders) select count(*) from x where customer ilike 'A%'",
            json!([[2]]),
        ),
        ("select 1 as a, 2 as a", json!([[1, 2]])),
        ("values (1, 'a'), (2, 'b')", json!([[1, "a"], [2, "b"]])),
        (
            "select array_agg(id order by id), date_trunc('day', timestamp '2026-12-01 08:30:00') from orders",
            json!([[[1, 2, 3], "2026-12-01T00:00:00"]]),
        ),
    ] {
        assert_eq!(shop.rows(sql).await, expect, "{sql}");
    }
    let none = shop.ask("select id, customer from orders where id = 0").await.unwrap();
    assert_eq!(none["columns"], json!(["id", "customer"]));
    let said = shop.refused("select nothing from orders").await;
    assert_eq!(said, "the database says: column \"nothing\" does not exist");
}

#[tokio::test]
async fn ctes_that_write_are_refused() {
    let stand = Stand::new("ctes", &[]).await;
    let shop = stand.shop();
    for sql in [
        "with gone as (delete from orders returning *) select * from gone",
        "with x as (insert into orders values (9, 'eve', 1) returning id) select id from x",
        "with x as (update orders set total = 0 returning id) select id from x",
        "select * from (with x as (delete from orders returning 1) select * from x) as y",
        "select * from orders for update",
        "select * into copy from orders",
        "explain analyze delete from orders",
        "merge into orders using orders o on false when not matched then do nothing",
    ] {
        let said = shop.refused(sql).await;
        assert!(said.starts_with("not run: "), "{sql}: {said}");
    }
    shop.is_untouched().await;
}

#[tokio::test]
async fn files_programs_and_other_servers_are_out_of_reach() {
    let stand = Stand::new("reach", &[]).await;
    let shop = stand.shop();
    for sql in [
        "copy (select 1) to program 'touch /tmp/portcullis-was-here'",
        "copy orders from '/etc/passwd'",
        "select pg_read_file('/etc/passwd')",
        "select pg_catalog.\"pg_read_file\"('/etc/passwd')",
        "select * from pg_ls_dir('/') as x",
        // PostgreSQL reads `x.f` as `f(x)` when there is no such column.
        "select x.pg_ls_dir from unnest(array['/']) as x",
        "select (x).pg_read_file from unnest(array['/etc/passwd']) as x",
        "select lo_import('/etc/passwd')",
        "select * from dblink('host=localhost', 'select 1') as t(a int)",
        "select query_to_xml('delete from orders', true, true, '')",
        "select set_config('transaction_read_only', 'off', false)",
        "set transaction read write",
        "select pg_terminate_backend(1)",
        "select rolpassword from pg_authid",
        "select nextval('ids')",
    ] {
        let said = shop.refused(sql).await;
        assert!(said.starts_with("not run: "), "{sql}: {said}");
        assert!(!said.contains("passwd"), "{sql}: {said}");
    }
    shop.is_untouched().await;
}

/// What a server that passes texts through would run: each does what it says there, and
/// with us it does nothing.
#[tokio::test]
async fn what_falls_a_careless_server_of_postgres_does_nothing_here() {
    let stand = Stand::new("careless", &[]).await;
    let shop = stand.shop();
    let made = stand.server.folder().join("made");
    let shown = made.display();
    let attacks = [
        (format!("copy (select 1) to program 'touch {shown}'"), true),
        (format!("copy (select 1) to '{shown}'"), true),
        ("with gone as (delete from orders returning *) select * from gone".to_owned(), false),
        ("select 1; delete from orders".to_owned(), false),
        ("select 1 -- only reads\n; delete from orders".to_owned(), false),
    ];
    for (sql, makes_a_file) in attacks {
        assert!(shop.refused(&sql).await.starts_with("not run: "), "{sql}");
        assert!(!made.exists(), "{sql}");
        shop.is_untouched().await;

        let mut careless = PgConnection::connect(&stand.url).await.unwrap();
        careless.execute(AssertSqlSafe(format!("begin; {sql}"))).await.unwrap();
        let left: i64 = sqlx::query_scalar("select count(*) from orders")
            .fetch_one(&mut careless)
            .await
            .unwrap();
        assert_eq!((made.exists(), left == 0), (makes_a_file, !makes_a_file), "{sql}");
        careless.execute("rollback").await.unwrap();
        let _gone = std::fs::remove_file(&made);
    }
}

/// What the walk over the tree did not see, the server refuses: here a function that
/// says of itself that it only reads.
#[tokio::test]
async fn a_reading_transaction_holds_alone() {
    let sneak = "create function sneak() returns integer language plpgsql as \
         'begin delete from orders; return 1; end'";
    let stand = Stand::new("sneak", &[sneak]).await;
    let shop = stand.shop();
    let refusal = shop.call("own", json!({})).await.unwrap_err();
    assert_eq!(refusal.public(), "this changes something, and only reading is allowed");
    shop.is_untouched().await;
}

#[tokio::test]
async fn queries_of_postgres_that_never_end_are_ended() {
    let stand = Stand::new("endless", &[]).await;
    let shop = stand.hasty_shop();
    let sleeps = shop.refused("select pg_sleep(100)").await;
    assert!(sleeps.starts_with("not run: "), "{sleeps}");
    let crossed = "select count(*) from orders o cross join orders";
    assert_eq!(shop.rows(crossed).await, json!([[9]]));
    let endless = "with recursive x(n) as (select 1 union all select n + 1 from x where n > 0) \
         select count(*) from x where n < 0";
    let said = shop.refused(endless).await;
    assert!(said.contains("longer than 1500 ms"), "{said}");
    stand.shop().is_untouched().await;
}

#[tokio::test]
async fn endless_rows_and_giant_values_of_postgres_are_cut_off() {
    let stand =
        Stand::new("giants", &["create table giants as select repeat('x', 5000000) as giant"])
            .await;
    let shop = stand.shop();
    let numbers = "with recursive x(n) as (select 1 union all select n + 1 from x) select n from x limit 5000";
    let answer = shop.ask(numbers).await.unwrap();
    assert_eq!(
        (answer["rows"].as_array().unwrap().len(), &answer["truncated"]),
        (50, &json!(true))
    );
    let said = shop.refused("select giant from giants").await;
    assert!(said.contains("select less of it"), "{said}");
    // It did not leave the server, also where a column is named as our own row.
    for sql in ["select giant from giants", "select giant, 1 as portcullis_row from giants"] {
        let refusal = shop.ask(sql).await.unwrap_err();
        assert!(refusal.public().contains("select less of it"), "{refusal:?}");
        assert_eq!(refusal.cause(), Some("portcullis: row too large"), "{sql}");
    }
    assert_eq!(shop.rows("select length(giant) from giants").await, json!([[5_000_000]]));
}

#[tokio::test]
async fn a_change_in_postgres_is_whole_or_it_is_not() {
    let stand = Stand::new("whole", &[]).await;
    let shop = stand.shop();
    let refusal = shop.call("archive", json!({"customer": "ada"})).await.unwrap_err();
    assert!(refusal.public().ends_with("nothing was changed"), "{refusal:?}");
    shop.is_untouched().await;
    let answer = shop.call("archive", json!({"customer": "bob"})).await.unwrap();
    assert_eq!(answer["rows"], json!([[2, 20]]));
    assert_eq!(shop.rows("select count(*) from orders").await, json!([[2]]));
}

/// More calls at once than connections: they wait for each other, and all are answered.
#[tokio::test]
async fn a_crowd_is_answered_one_after_the_other() {
    let stand = Stand::new("crowd", &[]).await;
    let shop = std::sync::Arc::new(stand.shop());
    let mut crowd = tokio::task::JoinSet::new();
    for _ in 0..40 {
        let shop = std::sync::Arc::clone(&shop);
        crowd.spawn(async move { shop.ask("select count(*) from orders").await });
    }
    let answers = crowd.join_all().await;
    // On a slow machine the last may wait too long, and are told so.
    let answered = |answer: &Result<serde_json::Value, portcullis_kit::Refusal>| match answer {
        Ok(answer) => answer["rows"] == json!([[3]]),
        Err(refusal) => refusal.public().contains("longer than"),
    };
    assert!(answers.iter().all(answered), "{answers:?}");
    assert!(answers.iter().any(Result::is_ok), "{answers:?}");
}

#[tokio::test]
async fn a_session_ends_with_its_call() {
    let stand = Stand::new("sessions", &[]).await;
    let shop = stand.shop();
    shop.is_untouched().await;
    let mut watch = PgConnection::connect(&stand.url).await.unwrap();
    let ours = "select count(*) from pg_stat_activity \
         where application_name = 'portcullis' and datname = 'sessions'";
    for _ in 0..200 {
        let left: i64 = sqlx::query_scalar(ours).fetch_one(&mut watch).await.unwrap();
        if left == 0 {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("a connection was left behind");
}

#[tokio::test]
async fn every_kind_of_value_is_shown_as_it_is() {
    let stand = Stand::new("kinds", &[
        "create type mood as enum ('glad', 'sad')",
        "create table kinds as select true as a, 2::int2 as b, 9007199254740993::int8 as c, \
         0.1::float4 as d, 1e300::float8 as e, 'NaN'::float8 as f, 12345.6700::numeric(12,4) as g, \
         -0.00001234::numeric as h, 'NaN'::numeric as i, 10000::numeric as j, 'x'::varchar as k, \
         'y'::char(3) as l, '\\xdeadbeef'::bytea as m, '{\"a\": [1, null]}'::jsonb as n, \
         '[1]'::json as o, '6f1d0f52-9d0b-4d0a-8d3f-6f0a1c2b3d4e'::uuid as p, '2026-12-01'::date as q, \
         'infinity'::date as r, '2026-12-01 08:30:00.25'::timestamp as s, \
         '2026-12-01 08:30:00+02'::timestamptz as t, '08:30'::time as u, \
         '1 year 2 days 3.5 seconds'::interval as v, 'glad'::mood as w, \
         array[[1,2],[3,null]]::int[] as x, '{}'::text[] as y, array['a','b'] as z, null::int as aa",
    ])
    .await;
    let answer = stand.shop().call("every_kind", json!({})).await.unwrap();
    let expect = json!([[
        true, 2, "9007199254740993", 0.1, 1e300, "NaN", "12345.6700", "-0.00001234", "NaN", "10000",
        "x", "y  ", {"base64": "3q2+7w=="}, {"a": [1, null]}, [1],
        "6f1d0f52-9d0b-4d0a-8d3f-6f0a1c2b3d4e", "2026-12-01", "infinity",
        "2026-12-01T08:30:00.25", "2026-12-01T06:30:00Z", "08:30:00", "P12M2DT3.5S", "glad",
        [[1, 2], [3, null]], [], ["a", "b"], null,
    ]]);
    assert_eq!(answer["rows"], expect);
    let said = stand.shop().refused("select '(1,2)'::point").await;
    assert_eq!(said, "column `point` has the type POINT: cast it to text");
}

#[tokio::test]
async fn an_address_is_never_shown() {
    let stand = Stand::new("secret", &[]).await;
    let url = stand.url.replace("owner@", "owner:hunter2@");
    let shop = Shop::open(DATABASE, QUERIES, &url);
    assert!(!format!("{:?}", shop.tool("query_shop")).contains("hunter2"));
    let wrong = url.replace("/secret?", "/nowhere?");
    let refusal = Shop::open(DATABASE, QUERIES, &wrong).ask("select 1").await.unwrap_err();
    assert_eq!(refusal.public(), "reaching the database failed");
    assert!(!refusal.cause().unwrap().contains("hunter2"), "{refusal:?}");
}
