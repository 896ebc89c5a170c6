//! A shop: its tables, the queries that its operator wrote, and somebody who calls them.

use portcullis_config::{Config, SecretString, Source};
use portcullis_guard::Schema;
use portcullis_kit::{Call, Refusal, Roots, Tool};
use portcullis_server::query::{QueryTool, Ready};
use serde_json::{Value, json};

/// The same in every dialect.
pub(crate) const TABLES: &[&str] = &[
    "create table orders (id integer primary key, customer varchar(100) not null, total integer)",
    "insert into orders values (1, 'ada', 10)",
    "insert into orders values (2, 'bob', 20)",
    "insert into orders values (3, 'ada', 30)",
];

/// The queries of every shop.
const QUERIES: &str = r#"
[queries.orders_of]
database = "shop"
about = "The orders of one customer"
sql = "select id, total from orders where customer = :customer order by id"
parameters = { customer = { max = 200 } }

[queries.add_order]
database = "shop"
about = "Adds an order"
sql = "insert into orders (id, customer, total) values (:id, :customer, :total)"
writes = true
additive = true
parameters.id = { type = "integer", least = 1 }
parameters.customer = { max = 64 }
parameters.total = { type = "integer", optional = true }

[queries.forget]
database = "shop"
about = "Removes the orders of a customer"
sql = "delete from orders where customer = :customer"
writes = true
parameters = { customer = {} }

[queries.two_orders]
database = "shop"
about = "Adds two orders, of which the second is there already"
sql = "insert into orders (id, customer) values (:id, 'eve'), (1, 'eve')"
writes = true
parameters.id = { type = "integer" }
"#;

/// Somebody who calls the tools of a configuration.
pub(crate) struct Shop {
    tools: Vec<QueryTool>,
}

impl Shop {
    /// The queries that all share, more of them, and the database's own table.
    pub(crate) fn open(database: &str, more: &str, url: &str) -> Self {
        let text = format!("[databases.shop]\nadhoc = \"read\"\n{database}\n{QUERIES}\n{more}");
        let config = Config::read(&text, "shop.toml").expect("a configuration");
        let resolve = |_: &Source| Ok(SecretString::new(url.to_owned()));
        let ready = Ready::of(&config.queries, None, &resolve).expect("tools");
        Self { tools: ready.tools }
    }

    pub(crate) fn tool(&self, name: &str) -> &dyn Tool {
        let found = self.tools.iter().find(|tool| tool.definition().name == name);
        found.expect("a tool of this name")
    }

    pub(crate) async fn call(&self, name: &str, arguments: Value) -> Result<Value, Refusal> {
        let call = Call::detached(Roots::none());
        let arguments = arguments.as_object().cloned().expect("an object");
        let tool = self.tool(name);
        let answer = tool.call(arguments, &call).await?;
        let promised = Value::Object((*tool.definition().output).clone());
        let promised = Schema::compile(&promised).expect("an output schema");
        assert_eq!(promised.validate(&answer.structured), Ok(()), "{}", answer.structured);
        Ok(answer.structured)
    }

    /// A text of the caller's own.
    pub(crate) async fn ask(&self, sql: &str) -> Result<Value, Refusal> {
        self.call("query_shop", json!({ "sql": sql })).await
    }

    /// What the caller reads when it is refused.
    pub(crate) async fn refused(&self, sql: &str) -> String {
        match self.ask(sql).await {
            Ok(answer) => panic!("{sql} was run: {answer}"),
            Err(refusal) => refusal.public().to_owned(),
        }
    }

    pub(crate) async fn rows(&self, sql: &str) -> Value {
        self.ask(sql).await.unwrap_or_else(|refusal| panic!("{sql}: {refusal:?}"))["rows"].take()
    }

    /// The orders, as they were at the beginning.
    pub(crate) async fn is_untouched(&self) {
        let rows = self.rows("select id, customer, total from orders order by id").await;
        assert_eq!(rows, json!([[1, "ada", 10], [2, "bob", 20], [3, "ada", 30]]));
    }
}

/// What holds for every database alike.
pub(crate) async fn named_queries_do_what_they_say(shop: &Shop) {
    let answer = shop.call("orders_of", json!({"customer": "ada"})).await.unwrap();
    assert_eq!(
        answer,
        json!({"columns": ["id", "total"], "rows": [[1, 10], [3, 30]], "truncated": false})
    );
    let none = shop.call("orders_of", json!({"customer": "nobody"})).await.unwrap();
    assert_eq!(none, json!({"columns": ["id", "total"], "rows": [], "truncated": false}));

    let added = shop.call("add_order", json!({"id": 4, "customer": "eve"})).await.unwrap();
    assert_eq!(added["changed"], 1);
    assert_eq!(shop.rows("select total from orders where id = 4").await, json!([[null]]));

    // The second row cannot be kept, so the first is not.
    let refusal = shop.call("two_orders", json!({"id": 5})).await.unwrap_err();
    assert!(refusal.public().contains("constraint"), "{refusal:?}");
    assert_eq!(shop.rows("select id from orders where id = 5").await, json!([]));

    let gone = shop.call("forget", json!({"customer": "eve"})).await.unwrap();
    assert_eq!(gone["changed"], 1);
    shop.is_untouched().await;

    for (name, hints) in [
        ("orders_of", portcullis_kit::Hints::reads()),
        ("add_order", portcullis_kit::Hints::adds()),
        ("forget", portcullis_kit::Hints::destroys()),
        ("query_shop", portcullis_kit::Hints::reads()),
    ] {
        assert_eq!(shop.tool(name).definition().hints, hints, "{name}");
    }
}

/// Values that are SQL, quotes and other scripts are values.
pub(crate) async fn a_value_is_never_a_text(shop: &Shop) {
    for value in [
        "' or '1'='1",
        "'; drop table orders; --",
        "\\' or 1=1 -- ",
        "\" or \"\"=\"",
        "ada' union select id, total from orders --",
        "%",
        "_",
        "\\",
        "``",
        "/*",
        "$1",
        ":customer",
        "?",
        "NULL",
        "ünï \u{1f980} \u{202e}",
    ] {
        let rows = shop.call("orders_of", json!({ "customer": value })).await.unwrap();
        assert_eq!(rows["rows"], json!([]), "{value}");
        shop.call("add_order", json!({"id": 9, "customer": value})).await.unwrap();
        let kept = shop.rows("select customer from orders where id = 9").await;
        assert_eq!(kept, json!([[value]]), "it comes back as it went in");
        let gone = shop.call("forget", json!({ "customer": value })).await.unwrap();
        assert_eq!(gone["changed"], 1, "{value}");
    }
    let refusal = shop.call("orders_of", json!({"customer": "ada\0"})).await.unwrap_err();
    assert_eq!(refusal.public(), "`customer` has a zero character");
    let refusal = shop.call("orders_of", json!({"customer": {"$ne": ""}})).await.unwrap_err();
    assert_eq!(refusal.public(), "`customer` is a string");
    shop.is_untouched().await;
}

/// What is refused everywhere, before a database reads it.
pub(crate) async fn stacked_and_hidden_statements_do_nothing(shop: &Shop) {
    for sql in [
        "select 1; drop table orders",
        "select 1;delete from orders",
        "select 1; commit; delete from orders",
        "select 1 /*! ; delete from orders */",
        "select 1 /* /* */ ; delete from orders -- */",
        "select 1 -- \n; delete from orders",
        "with x as (select 1) delete from orders",
        "insert into orders values (7, 'eve', 1)",
        "update orders set total = 0",
        "commit",
        "begin",
        "",
    ] {
        let said = shop.refused(sql).await;
        assert!(said.starts_with("not run: "), "{sql}: {said}");
    }
    shop.is_untouched().await;
}
