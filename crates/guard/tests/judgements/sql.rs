//! Query texts: what each does, whoever reads it.

use std::thread;

use portcullis_guard::sql::{self, Dialect, Effect, Why};
use proptest::prelude::*;
use sqlparser::dialect::{Dialect as Grammar, MySqlDialect, PostgreSqlDialect, SQLiteDialect};
use sqlparser::parser::Parser;

use Dialect::{MySql, Postgres, Sqlite};

const ALL: [Dialect; 3] = [Sqlite, Postgres, MySql];

fn said(dialect: Dialect, text: &str) -> String {
    match sql::adhoc(dialect, text) {
        Ok(judged) => {
            assert_eq!(judged.effect(), Effect::Reads, "{text}");
            assert!(judged.order().is_empty());
            "runs".to_owned()
        }
        Err(unfit) => unfit.to_string(),
    }
}

#[test]
fn ordinary_reading_is_run_everywhere() {
    for text in [
        "select 1",
        "SELECT name, count(*) AS n FROM orders WHERE total > 10.5 GROUP BY name HAVING count(*) > 1;",
        "with recent as (select * from orders where day > '2026-01-01') select * from recent order by 1 desc limit 5",
        "select o.id, c.name from orders o left join customers c on c.id = o.customer where c.name like 'A%'",
        "select case when total > 1 then 'big; -- not a comment' else 'it''s' end from orders",
        "select * from orders where id in (select id from late) union all select * from archive",
        "select sum(total) over (partition by customer order by day) from orders",
        "select lower(name), coalesce(note, '/* text */') from orders -- and a remark",
        "select /* why */ 1 + 2 * -3",
        "values (1, 'a'), (2, 'b')",
        "select exists(select 1 from orders where not (a is null or b between 1 and 2))",
    ] {
        for dialect in ALL {
            let said = said(dialect, text);
            // MySQL has its own form of VALUES.
            let other = dialect == MySql && text.starts_with("values");
            assert!(said == "runs" || other, "{dialect:?}: {text}: {said}");
        }
    }
}

#[test]
fn each_dialect_has_its_own_reading() {
    for (dialect, text) in [
        (
            Postgres,
            "select total::numeric(10,2), tags[1], data->>'x' from orders where data @> '{}'",
        ),
        (Postgres, "select date_trunc('month', day) from orders where name ilike 'a%'"),
        (Postgres, "select * from information_schema.columns"),
        (
            Postgres,
            "select extract(year from day), interval '1 day', day at time zone 'UTC' from orders",
        ),
        (Postgres, "select distinct on (customer) * from orders order by customer, day desc"),
        (MySql, "select `name` from `orders` where note = \"x\" # remark"),
        (MySql, "select date_format(day, '%Y') from orders limit 5, 10"),
        (MySql, "select 5 - -1 from orders -- remark"),
        (Sqlite, "select [name], \"total\" from orders where note glob 'a*'"),
        (Sqlite, "select json_extract(data, '$.a') from orders where path = 'C:\\'"),
        (Sqlite, "select value from json_each('[1,2]')"),
    ] {
        assert_eq!(said(dialect, text), "runs", "{dialect:?}: {text}");
    }
}

#[test]
fn stacked_statements_are_refused() {
    let more = Why::Several.to_string();
    for text in [
        "select 1; drop table orders",
        "select 1;select 2",
        "select 1;;/* x */;drop table orders--",
        "select 1 ; -- a\n delete from orders",
        "; select 1",
    ] {
        for dialect in ALL {
            assert_eq!(said(dialect, text), more, "{dialect:?}: {text}");
        }
    }
    for dialect in ALL {
        assert_eq!(said(dialect, "select 1;;  -- that is all\n;"), "runs");
    }
}

#[test]
fn comments_hide_nothing() {
    for (dialect, text, why) in [
        (MySql, "select 1 /*! union select password from users */", Why::RunComment),
        (MySql, "select 1 /*!50000 into outfile '/tmp/x' */", Why::RunComment),
        (MySql, "select 1 /*M! into outfile '/tmp/x' */", Why::RunComment),
        (MySql, "select 1 --1", Why::Dashes),
        (Postgres, "select 1 /* /* */ ; drop table orders -- */", Why::CommentInComment),
        (Sqlite, "select 1 /* unfinished", Why::Open("a comment")),
        (MySql, "select 'a\\' or 1=1 -- '", Why::Backslash),
        (MySql, "select \"a\\\" or 1=1 -- \"", Why::Backslash),
        (Postgres, "select 'a\\' or 1=1 -- '", Why::Backslash),
        (Postgres, "select e'a' or 1", Why::Literal("E")),
        (Postgres, "select $$a$$", Why::Literal("dollar signs")),
        (Postgres, "select $x$ ; drop table orders $x$", Why::Literal("dollar signs")),
        (Postgres, "select U&'\\0041'", Why::Literal("U&")),
        (Postgres, "select U&\"d\\0061t\\+000061\"", Why::Literal("U&")),
        (MySql, "select _utf8'a'", Why::Literal("a character set")),
        (Sqlite, "select 'a", Why::Open("a string")),
        (Sqlite, "select \"a", Why::Open("a quoted name")),
        (Sqlite, "select 1\0; drop table orders", Why::Control),
        (Sqlite, "select 'a\0b'", Why::Control),
        (Postgres, "ſelect 1", Why::Character('ſ')),
        (Postgres, "select\u{a0}1", Why::Character('\u{a0}')),
        (MySql, "select @a := 1", Why::Character('@')),
        (MySql, "select @@version", Why::Character('@')),
        (Sqlite, "select ?", Why::Character('?')),
        (Sqlite, "select $name", Why::Character('$')),
        (Sqlite, "select @name", Why::Character('@')),
        (Sqlite, "select :name", Why::Undeclared("name".to_owned())),
        (Postgres, "select $1", Why::Literal("dollar signs")),
        (MySql, "select {d '2026-01-01'}", Why::Character('{')),
        (Sqlite, " -- nothing", Why::Empty),
        (Sqlite, "", Why::Empty),
    ] {
        assert_eq!(said(dialect, text), why.to_string(), "{dialect:?}: {text}");
    }
    // What remains has no comment, and two words do not grow together.
    let judged = sql::adhoc(MySql, "select/**/1/*+ SET_VAR(max_execution_time=0) */# x").unwrap();
    assert_eq!(judged.text().trim(), "select 1");
}

#[test]
fn whatever_writes_is_refused_wherever_it_stands() {
    for (dialect, text) in [
        (Postgres, "with gone as (delete from orders returning *) select * from gone"),
        (Postgres, "with x as (insert into orders values (1) returning id) select id from x"),
        (Postgres, "with x as (update orders set total = 0 returning 1) select 1"),
        (Postgres, "select * from (with x as (delete from orders returning 1) select * from x) y"),
        (Postgres, "select * from orders for update"),
        (Postgres, "select * from orders for share of orders nowait"),
        (Postgres, "select * from (select * from orders for update) x"),
        (Postgres, "select * into copy from orders"),
        (Postgres, "select nextval('ids')"),
        (Postgres, "select pg_advisory_lock(1)"),
        (Postgres, "copy orders to '/tmp/x'"),
        (Postgres, "copy (select 1) to program 'id'"),
        (Postgres, "copy orders from program 'id'"),
        (Postgres, "explain analyze delete from orders"),
        (Postgres, "explain analyze select 1"),
        (Postgres, "call f()"),
        (Postgres, "do 'begin end'"),
        (Postgres, "begin"),
        (Postgres, "commit"),
        (Postgres, "set transaction read write"),
        (Postgres, "set role postgres"),
        (Postgres, "reset all"),
        (Postgres, "listen x"),
        (Postgres, "prepare p as delete from orders"),
        (Postgres, "execute p"),
        (Postgres, "declare c cursor for select 1"),
        (Postgres, "lock table orders"),
        (Postgres, "create table x as select 1"),
        (Postgres, "table pg_authid"),
        (Postgres, "load 'evil'"),
        (Postgres, "vacuum"),
        (Postgres, "merge into a using b on a.id = b.id when matched then delete"),
        (MySql, "select 1 into outfile '/tmp/x'"),
        (MySql, "select * from orders into outfile '/tmp/x'"),
        (MySql, "select * from orders into dumpfile '/tmp/x'"),
        (MySql, "select 1 into @a"),
        (MySql, "select * from orders lock in share mode"),
        (MySql, "load data infile '/etc/passwd' into table orders"),
        (MySql, "replace into orders values (1)"),
        (MySql, "handler orders open"),
        (MySql, "select get_lock('a', 10)"),
        (MySql, "kill 1"),
        (MySql, "set global general_log = 1"),
        (MySql, "show grants"),
        (MySql, "install plugin x soname 'x.so'"),
        (Sqlite, "insert into orders values (1)"),
        (Sqlite, "update orders set total = 1"),
        (Sqlite, "delete from orders"),
        (Sqlite, "drop table orders"),
        (Sqlite, "attach database '/tmp/x' as y"),
        (Sqlite, "detach database main"),
        (Sqlite, "pragma writable_schema = 1"),
        (Sqlite, "pragma table_info(orders)"),
        (Sqlite, "vacuum into '/tmp/x'"),
        (Sqlite, "reindex"),
        (Sqlite, "create temp table x as select 1"),
        (Sqlite, "create trigger t after insert on orders begin select 1; end"),
        (Sqlite, "explain select 1"),
        (Sqlite, "replace into orders values (1)"),
        (Sqlite, "with x as (select 1) delete from orders"),
        (Sqlite, "with x as (select 1) insert into orders select * from x"),
        (Sqlite, "savepoint x"),
    ] {
        let said = said(dialect, text);
        assert_ne!(said, "runs", "{dialect:?}: {text}");
        assert!(!said.is_empty() && !said.contains("/tmp"), "{dialect:?}: {text}: {said}");
    }
}

#[test]
fn functions_that_reach_out_are_refused_by_any_name() {
    for (dialect, text) in [
        (Postgres, "select pg_read_file('/etc/passwd')"),
        (Postgres, "select PG_READ_FILE('/etc/passwd')"),
        (Postgres, "select \"pg_read_file\"('/etc/passwd')"),
        (Postgres, "select pg_catalog.pg_read_file('/etc/passwd')"),
        (Postgres, "select pg_catalog . \"pg_read_file\" ('/etc/passwd')"),
        (Postgres, "select pg_read_binary_file('/etc/passwd')"),
        (Postgres, "select * from pg_ls_dir('/') as x"),
        (Postgres, "select * from orders, lateral pg_ls_dir('/') as x"),
        (Postgres, "select x.pg_ls_dir from unnest(array['/']) as x"),
        (Postgres, "select x.\"pg_ls_dir\" from unnest(array['/']) as x"),
        (Postgres, "select (x).pg_ls_dir from unnest(array['/']) as x"),
        (Postgres, "select ('/'::text).pg_ls_dir"),
        (Postgres, "select x.ts_stat from unnest(array['select 1']) as x"),
        (Postgres, "select lo_import('/etc/passwd')"),
        (Postgres, "select * from dblink('host=evil', 'select 1') as t(a int)"),
        (Postgres, "select dblink_exec('host=evil', 'drop table x')"),
        (Postgres, "select pg_sleep(100)"),
        (Postgres, "select 1 from orders where pg_sleep_for('1 hour') is null"),
        (Postgres, "select 1 order by pg_sleep(9)"),
        (Postgres, "select count(*) filter (where pg_sleep(1) is null) from orders"),
        (Postgres, "select sum(1) over (order by pg_sleep(1))"),
        (Postgres, "select query_to_xml('delete from orders', true, true, '')"),
        (Postgres, "select set_config('transaction_read_only', 'off', false)"),
        (Postgres, "select pg_terminate_backend(1)"),
        (Postgres, "select * from rows from (pg_ls_dir('/')) as x"),
        (Postgres, "select array(select pg_read_file('/etc/passwd'))"),
        (Postgres, "select 1 limit (select length(pg_read_file('/etc/passwd')))"),
        (Postgres, "select * from pg_authid"),
        (Postgres, "select * from pg_catalog.pg_shadow"),
        (Postgres, "select current_setting('data_directory')"),
        (MySql, "select load_file('/etc/passwd')"),
        (MySql, "select LOAD_FILE ('/etc/passwd')"),
        (MySql, "select `load_file`('/etc/passwd')"),
        (MySql, "select sleep(100)"),
        (MySql, "select benchmark(1000000000, md5('a'))"),
        (MySql, "select sys_exec('id')"),
        (MySql, "select * from mysql.user"),
        (MySql, "select * from `mysql`.`user`"),
        (MySql, "select * from other.orders"),
        (Sqlite, "select load_extension('/tmp/evil.so')"),
        (Sqlite, "select writefile('/tmp/x', 'y')"),
        (Sqlite, "select readfile('/etc/passwd')"),
        (Sqlite, "select fts3_tokenizer('simple', x'4141414141414141')"),
        (Sqlite, "select * from sqlite_master"),
        (Sqlite, "select * from \"sqlite_schema\""),
        (Sqlite, "select * from pragma_table_info('orders')"),
        (Sqlite, "select zeroblob(1000000000)"),
        (Sqlite, "select randomblob(1000000000)"),
        (Sqlite, "select unknown_function(1)"),
    ] {
        let said = said(dialect, text);
        assert_ne!(said, "runs", "{dialect:?}: {text}");
        assert!(!said.contains("passwd"), "{dialect:?}: {text}: {said}");
    }
}

#[test]
fn an_operator_says_what_a_query_does() {
    use Effect::{Adds, Reads, Writes};
    for (dialect, text, names, expect) in [
        (Sqlite, "select * from orders where id = :id", &["id"][..], Ok(Reads)),
        (Sqlite, "insert into orders(id) values (:id)", &["id"], Ok(Adds)),
        (Sqlite, "delete from orders where id = :id", &["id"], Ok(Writes)),
        (
            Postgres,
            "with x as (delete from orders where id = :id returning *) select * from x",
            &["id"],
            Ok(Writes),
        ),
        (Postgres, "select id from orders for update skip locked", &[], Ok(Writes)),
        (Postgres, "select nextval('ids')", &[], Ok(Adds)),
        (Postgres, "select own_function(:id) from pg_stat_activity", &["id"], Ok(Reads)),
        (MySql, "replace into orders values (:id)", &["id"], Ok(Writes)),
        (
            Postgres,
            "select pg_read_file(:path)",
            &["path"],
            Err(Why::Reaches("pg_read_file".to_owned())),
        ),
        (MySql, "select load_file(:path)", &["path"], Err(Why::Reaches("load_file".to_owned()))),
        (
            Sqlite,
            "select load_extension(:path)",
            &["path"],
            Err(Why::Reaches("load_extension".to_owned())),
        ),
        (
            Postgres,
            "insert into x select dblink(:a)",
            &["a"],
            Err(Why::Reaches("dblink".to_owned())),
        ),
        (Sqlite, "drop table orders", &[], Err(Why::Statement)),
        (Postgres, "copy orders to program 'id'", &[], Err(Why::Statement)),
        (Sqlite, "select 1", &["id"], Err(Why::Unused("id".to_owned()))),
        (Sqlite, "select :ID", &["id"], Err(Why::Undeclared("ID".to_owned()))),
        (Sqlite, "select ':id'", &["id"], Err(Why::Unused("id".to_owned()))),
        (Sqlite, "select 1 -- :id", &["id"], Err(Why::Unused("id".to_owned()))),
    ] {
        let judged = sql::named(dialect, text, names);
        let judged = judged.map(|judged| judged.effect()).map_err(|unfit| unfit.why().clone());
        assert_eq!(judged, expect, "{dialect:?}: {text}");
    }
}

#[test]
fn only_what_keeps_every_row_adds() {
    use Effect::{Adds, Writes};
    for (dialect, text, expect) in [
        (Sqlite, "insert or ignore into a values (1)", Adds),
        (Sqlite, "insert or replace into a values (1)", Writes),
        (Sqlite, "replace into a values (1)", Writes),
        (Sqlite, "insert into a values (1) on conflict do nothing", Adds),
        (Sqlite, "insert into a values (1) on conflict (id) do update set n = 2", Writes),
        (Sqlite, "with x as (select 1) insert into a select * from x", Adds),
        (Sqlite, "with x as (select 1) insert or replace into a select * from x", Writes),
        (Postgres, "insert into a values (nextval('ids')) returning id", Adds),
        (Postgres, "insert into a select setval('ids', 1)", Writes),
        (Postgres, "insert into a values (1) on conflict (id) do nothing", Adds),
        (Postgres, "insert into a values (1) on conflict (id) do update set n = 2", Writes),
        (Postgres, "with x as (delete from b returning *) insert into a select * from x", Writes),
        (
            Postgres,
            "with x as (update b set n = 1 returning *) insert into a select * from x",
            Writes,
        ),
        (Postgres, "with x as (insert into b values (1) returning *) select * from x", Adds),
        (Postgres, "insert into a select * from b for update", Writes),
        (
            Postgres,
            "merge into a using b on a.id = b.id when not matched then insert values (1)",
            Writes,
        ),
        (MySql, "insert into a set n = 1", Adds),
        (MySql, "insert ignore into a values (1)", Adds),
        (MySql, "insert into a values (1) on duplicate key update n = 2", Writes),
        (MySql, "replace into a values (1)", Writes),
    ] {
        let judged = sql::named(dialect, text, &[]).map(|judged| judged.effect());
        assert_eq!(judged, Ok(expect), "{dialect:?}: {text}");
    }
}

#[test]
fn parameters_become_the_drivers_positions() {
    let text = "select ':a', \":b\", a::int from t where x = :b and y=:a or z>:b -- :c";
    let judged = sql::named(Postgres, text, &["a", "b"]).unwrap();
    assert_eq!(
        judged.text().split_whitespace().collect::<Vec<_>>().join(" "),
        "select ':a', \":b\", a::int from t where x = $1 and y= $2 or z> $1"
    );
    assert_eq!(judged.order(), [1, 0]);
    let text = "select `:b` from t where x = :b and y=:a or z>:b";
    let judged = sql::named(MySql, text, &["a", "b"]).unwrap();
    assert_eq!(judged.text().matches('?').count(), 3);
    assert_eq!(judged.order(), [1, 0, 1]);
    let judged = sql::named(Sqlite, "select :a, [:b], :b, :a", &["a", "b"]).unwrap();
    assert_eq!(judged.text().matches("?1").count(), 2);
    assert_eq!(judged.order(), [0, 1]);
    let slice = sql::named(Postgres, "select tags[1:2], tags[:n : 3] from t", &["n"]).unwrap();
    assert_eq!(slice.order(), [0]);
}

#[test]
fn a_parameter_is_a_value_and_nothing_else() {
    for text in [
        "select * from :t",
        "select 1 as :t",
        "select a from t order by a :t",
        "select x.:t from x",
    ] {
        for dialect in ALL {
            assert!(sql::named(dialect, text, &["t"]).is_err(), "{dialect:?}: {text}");
        }
    }
}

#[test]
fn what_is_wrong_is_said_with_its_place() {
    let unfit = sql::named(Sqlite, "select a\nfrom t where x = :y", &[]).unwrap_err();
    assert_eq!(unfit.at(), Some(26));
    assert_eq!(unfit.to_string(), "`:y` is no declared parameter");
    let unfit = sql::adhoc(Sqlite, "select 1 + 'secret' 'secret' + from").unwrap_err();
    assert!(unfit.to_string().starts_with("not understood as SQLite"), "{unfit}");
    assert!(!unfit.to_string().contains("secret"), "{unfit}");
}

/// The tree of a long chain is as deep as it is long, and so is its end.
#[test]
fn bombs_of_any_form_end_on_a_small_stack() {
    let bombs = |n: usize| {
        vec![
            format!("select {}1{}", "(".repeat(n), ")".repeat(n)),
            format!("select {}1", "(".repeat(n)),
            format!("select {}1", "1+".repeat(n)),
            format!("select {}1 from", "1+".repeat(n)),
            format!("select {}", "1 union select ".repeat(n)),
            format!("{}select 1", "select 1 union all ".repeat(n)),
            format!("select {}1", "not ".repeat(n)),
            format!("select {}1", "- ".repeat(n)),
            format!("select {}1", "case when 1 then ".repeat(n)),
            format!("select {}1{}", "case ".repeat(n), " end".repeat(n)),
            format!("select a{}", "::int".repeat(n)),
            format!("select a{}", "[1]".repeat(n)),
            format!("select a{}", ".b".repeat(n)),
            format!("select a{}", " is null".repeat(n)),
            format!("select a{}", " collate x".repeat(n)),
            format!("select a{}", " between 1 and 2".repeat(n)),
            format!("select a{}", "(1)".repeat(n)),
            format!("select * from {}a{}", "(".repeat(n), ")".repeat(n)),
            format!("select * from {}", "a join ".repeat(n)),
            format!("select * from {}", "a join (select * from ".repeat(n)),
            format!("select * from {}", "a join (b natural join ".repeat(n)),
            format!("select {}", "exists(select ".repeat(n)),
            format!("{}select 1", "with a as (".repeat(n)),
            format!("select {}", "interval ".repeat(n)),
            format!("select {}", "array[".repeat(n)),
            format!("select cast(1 as {}int", "array<".repeat(n)),
            format!("select {}", "x in (".repeat(n)),
            format!("select {}", "lower(".repeat(n)),
            format!("select 1{}", " || 'a'".repeat(n)),
            format!("select 1 where a{}", " and b".repeat(n)),
            "'".repeat(n),
            ";".repeat(n),
            "/*".repeat(n),
            "explain ".repeat(n),
        ]
    };
    let small = thread::Builder::new().stack_size(512 << 10);
    let run = small.spawn(move || {
        for n in [10, 23, 24, 40, 60, 300, 490, 2_000, 10_000] {
            for bomb in bombs(n) {
                for dialect in ALL {
                    let _ = sql::adhoc(dialect, &bomb);
                    let _ = sql::named(dialect, &bomb, &[]);
                }
            }
        }
    });
    run.unwrap().join().unwrap();
    let long = format!("select {}1", "1+".repeat(20_000));
    assert_eq!(said(Sqlite, &long), Why::TooLong.to_string());
    assert_eq!(said(Sqlite, &format!("select {}1", "1+".repeat(2_000))), Why::TooMany.to_string());
    assert_eq!(said(Sqlite, &format!("select {}1", "(".repeat(100))), Why::TooDeep.to_string());
}

fn grammar(dialect: Dialect) -> &'static dyn Grammar {
    match dialect {
        Sqlite => &SQLiteDialect {},
        Postgres => &PostgreSqlDialect {},
        MySql => &MySqlDialect {},
    }
}

/// What is in no tree of a reading, by the names that the parser gives to nodes.
const WRITING: &[&str] = &[
    "Insert(",
    "Update(",
    "Delete(",
    "Merge(",
    "Copy {",
    "Call(",
    "into: Some",
    "LockClause {",
    "Explain {",
    "Assignment,",
];

/// What a tree shows, without what stands between quotes.
fn nodes(tree: &str) -> String {
    let (mut nodes, mut inside, mut escaped) = (String::new(), false, false);
    for c in tree.chars() {
        match (inside, c) {
            (true, _) if escaped => escaped = false,
            (true, '\\') => escaped = true,
            (_, '"') => inside = !inside,
            (true, _) => {}
            (false, _) => nodes.push(c),
        }
    }
    nodes
}

fn pieces() -> impl Strategy<Value = String> {
    let words = [
        "select",
        "1",
        "a",
        "t",
        "from",
        "where",
        "(",
        ")",
        ",",
        "'",
        "\"",
        "`",
        "--",
        "/*",
        "*/",
        ";",
        "\\",
        "insert into",
        "update",
        "set",
        "delete",
        "with",
        "as",
        "returning",
        "for update",
        "into",
        "$$",
        "$1",
        ":p",
        "::",
        ":",
        "@",
        "#",
        "union",
        "pg_sleep(1)",
        "count(*)",
        "and",
        "=",
        "case",
        "end",
        "\n",
        " ",
        "'x'",
        "\"t\"",
        "[",
        "]",
        "e'",
        "x'41'",
        "not",
        "in",
        "like",
        "lower(a)",
        "ſ",
        "\u{2028}",
        "\0",
        "values",
        "limit",
        "order by",
        "join",
        "on",
        "table",
    ];
    let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
    let piece = prop_oneof![8 => proptest::sample::select(words), 1 => any::<String>()];
    proptest::collection::vec((piece, prop_oneof![Just(" "), Just("")]), 0..24)
        .prop_map(|pieces| pieces.iter().flat_map(|(piece, gap)| [piece.as_str(), gap]).collect())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn a_text_judged_reading_has_no_writing_node(start in prop_oneof![Just(""), Just("select ")], rest in pieces()) {
        let text = format!("{start}{rest}");
        for dialect in ALL {
            let stranger = sql::adhoc(dialect, &text);
            let operator = sql::named(dialect, &text, &["p"]);
            let reading = operator.ok().filter(|judged| judged.effect() == Effect::Reads);
            for judged in [stranger.ok(), reading].into_iter().flatten() {
                let tree = Parser::parse_sql(grammar(dialect), judged.text());
                let tree = tree.unwrap_or_else(|error| panic!("{}: {error}", judged.text()));
                prop_assert_eq!(tree.len(), 1);
                let shown = nodes(&format!("{tree:?}"));
                for node in WRITING {
                    prop_assert!(!shown.contains(node), "{}: {}", node, judged.text());
                }
                // Judging what was judged says the same: nothing hid in what was taken out.
                if judged.order().is_empty() {
                    let again = sql::named(dialect, judged.text(), &[]);
                    prop_assert_eq!(again.map(|again| again.effect()), Ok(Effect::Reads));
                }
            }
        }
    }

    #[test]
    fn a_literal_stays_a_literal(value in any::<String>()) {
        let quoted = value.replace('\'', "''");
        for dialect in ALL {
            let Ok(judged) = sql::adhoc(dialect, &format!("select '{quoted}' as a")) else { continue };
            prop_assert_eq!(judged.text(), format!("select '{quoted}' as a"));
        }
    }
}
