//! What one server of an aggregate can be to the others, and what bounds it.

use super::*;

/// A server that ends as soon as it begins, or cannot begin.
#[test]
fn who_ends_at_once_is_begun_a_few_times_and_nobody_is_told() {
    let mut table = Table::of(&["one", "two"], Era::Modern);
    table.asks(1, "subscriptions/listen", json!({"notifications": {"toolsListChanged": true}}));
    table.later(11);
    let notices = table.notices().len();
    for id in 0..20 {
        table.asks(100 + id, "tools/list", json!({}));
        let request = table.asked(0, "tools/list");
        if table.all.stands(0) == Standing::Here {
            let error = Outcome::Error(failed(code::INTERNAL_ERROR, "it could not be started"));
            table.server(0, Message::Response(Response { id: Some(request.id), outcome: error }));
            table.all.gone(0, table.now);
            table.does();
        }
        table.answers(1, "tools/list", tools(&["a"]));
        assert_eq!(table.result(100 + id)["tools"][0]["name"], "two__a");
    }
    assert_eq!(table.begun.iter().filter(|at| **at == 0).count(), BEGUN);
    assert_eq!(table.notices().len(), notices, "nobody saw anything of it");
    table.later(60);
    table.asks(200, "tools/list", json!({}));
    assert_eq!(table.begun.iter().filter(|at| **at == 0).count(), BEGUN + 1);
}

#[test]
fn what_a_server_does_not_take_is_answered_in_its_place() {
    let mut table = Table::greeted(&["one", "two"]);
    let long = "x".repeat(2000);
    let refused = |table: &Table| table.refused.iter().filter(|why| **why == TOO_LONG).count();
    table.asks(2, "tools/call", json!({"name": "one__a", "arguments": {"x": long}}));
    assert_eq!(table.error(2), code::INVALID_REQUEST);
    table.asks(3, "tools/list", json!({"_meta": {"x": long}}));
    assert_eq!(table.error(3), code::INVALID_REQUEST);
    table.tells("notifications/roots/list_changed", json!({"x": long}));
    assert!(table.told.is_empty(), "{:?}", table.told);
    assert_eq!(refused(&table), 5);
    let (method, params) = ("roots/list".to_owned(), None);
    table.server(0, Message::Request(Request { id: 7.into(), method, params }));
    let Some(Message::Request(asked)) = table.said.last().cloned() else { panic!("not asked") };
    let answer = Response::result(asked.id, Json::from_value(&json!({"roots": [long]})));
    table.all.client(Message::Response(answer), table.now);
    table.does();
    let Some((0, Message::Response(answer))) = table.told.last() else { panic!("not answered") };
    assert_eq!(answer.id, Some(7.into()));
    assert!(matches!(&answer.outcome, Outcome::Error(error) if error.message == TOO_LONG));
    assert_eq!(refused(&table), 6);
}

#[test]
fn what_waits_for_a_slow_server_is_bounded_and_taken_back() {
    let mut table = Table::greeted(&["slow", "big"]);
    let big = json!({"tools": [{"name": "a", "description": "x".repeat(3 << 20)}]});
    for id in 10..20 {
        table.asks(id, "tools/list", json!({}));
        table.answers(1, "tools/list", big.clone());
    }
    let waits = |table: &Table| (10..20).filter(|id| table.outcome(*id).is_none()).count();
    assert_eq!(waits(&table), 5, "sixteen MiB are five answers of three");
    assert_eq!(table.result(10)["tools"][0]["name"], "big__a", "the first went on without it");
    let cancelled = |table: &Table| {
        let is_it = |(at, message): &&(usize, Message)| {
            *at == 0
                && matches!(message, Message::Notification(it) if it.method == "notifications/cancelled")
        };
        table.told.iter().filter(is_it).count()
    };
    assert_eq!(cancelled(&table), 5);
    table.later(31);
    assert_eq!((waits(&table), cancelled(&table)), (0, 10));
}

#[test]
fn each_server_has_its_share_of_questions_and_a_stream_its_number_of_resources() {
    let mut table = Table::greeted(&["one", "two"]);
    for id in 0..200 {
        let (method, params) = ("roots/list".to_owned(), None);
        table.server(0, Message::Request(Request { id: id.into(), method, params }));
    }
    let asked =
        |table: &Table| table.said.iter().filter(|it| matches!(it, Message::Request(_))).count();
    assert_eq!((asked(&table), table.refused.len()), (128, 72));
    let (method, params) = ("roots/list".to_owned(), None);
    table.server(1, Message::Request(Request { id: 1.into(), method, params }));
    assert_eq!(asked(&table), 129, "the other may ask");

    let mut table = Table::of(&["one"], Era::Modern);
    let many: Vec<String> = (0..=1024).map(|at| format!("portcullis:one/a:{at}")).collect();
    let wanted = |many: &[String]| json!({"notifications": {"resourceSubscriptions": many}});
    table.asks(1, "subscriptions/listen", wanted(&many));
    assert_eq!(table.error(1), INVALID_PARAMS);
    table.asks(2, "subscriptions/listen", wanted(&many[..2]));
    assert!(table.outcome(2).is_none());
}

#[test]
fn a_resource_is_shown_with_its_server() {
    let mut table = Table::greeted(&["one", "two"]);
    table.asks(2, "resources/list", json!({}));
    table.answers(
        0,
        "resources/list",
        json!({"resources": [{"uri": "a:b", "name": "two: sheet"}]}),
    );
    table.answers(1, "resources/list", json!({"resources": []}));
    let shown = &table.result(2)["resources"][0];
    assert_eq!(
        (&shown["name"], &shown["title"]),
        (&json!("two: sheet"), &json!("one: two: sheet"))
    );
}
