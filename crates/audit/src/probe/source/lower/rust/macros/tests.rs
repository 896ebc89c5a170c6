//! What macros become, and that whatever is given ends.

use super::as_calls;

#[test]
fn macros_become_what_they_are_like() {
    for (macros, calls) in [
        (r#"format!("{a} {}", b)"#, r#"format_("{a} {}", b)"#),
        ("std::vec![a, b]", "         [a, b]"),
        ("vec![x; 3]", "    [x; 3]"),
        (
            r#"json!({"a": x, "b": {"c": [1, {"d": y::Z}]}})"#,
            r#"json_(("a"= x, "b"= ("c"= [1, ("d"= y::Z)])))"#,
        ),
        (r#"info!(target: "t", path = %p, ?q, "x")"#, r#"info_(target= "t", path =  p,  q, "x")"#),
        ("matches!(c, A | B(_))", "matches_(c, A | B(x))"),
        ("matches!(c, A if x)", ""),
        ("println ! (\"{a}\")", "println_  (\"{a}\")"),
        (r#"params! {"a" => x, "b" => y}"#, r#"params_ ("a" =  x, "b" =  y)"#),
        (r#"info!(log, "x"; "k" => v)"#, r#"info_(log, "x", "k" =  v)"#),
        (
            "macro_rules! m /* { */ { () => { vec![1] } } vec![2]",
            "macro_rules! m /* { */ { () => { vec![1] } }     [2]",
        ),
        ("a != b", ""),
        (r##"x(r#"vec![a]"#) // vec![b]"##, ""),
        ("'{' vec!['\"', '}']", "'{'     ['\"', '}']"),
        ("fn f<'a>(x: &'a str) { vec![x] }", "fn f<'a>(x: &'a str) {     [x] }"),
        ("macro_rules! m { ($x:expr) => { vec![$x] }; }", ""),
        ("lazy_static! { static ref A: B = C; }", "               static ref A: B = C;  "),
        ("mine!(a, b)", ""),
        ("select! { a = b, if !c => d }", "        { a = b        ;  d }"),
        (
            "tokio::select! { a = b() => { c(); } _ = d => e(f), g = h => return }",
            "               { a = b() ;  { c(); } x = d ;  e(f); g = h ;  return }",
        ),
    ] {
        assert_eq!(as_calls(macros).map_or(String::new(), |it| it.text), calls, "{macros}");
    }
}

#[test]
fn what_is_nested_without_end_ends() {
    for one in [
        "json!([",
        "vec![",
        "json!({\"a\":{\"b\":",
        "matches!(a, ",
        "info!(",
        "select! { a = ",
        "format!(\"\", ",
    ] {
        let text = one.repeat(60_000);
        assert_eq!(as_calls(&text).map_or(text.len(), |it| it.text.len()), text.len(), "{one}");
        let closed = format!("{text}{}", ")".repeat(60_000));
        assert_eq!(
            as_calls(&closed).map_or(closed.len(), |it| it.text.len()),
            closed.len(),
            "{one}"
        );
    }
}

#[test]
fn a_macro_gets_its_own_text_back() {
    let own = "fn f() { info!(a, vec![b]); vec![c]; json!({}) }";
    let mut read = as_calls(own).unwrap();
    let at = |what: &str| own.find(what).unwrap();
    // Inside of the inner one: that alone. In none: the one before.
    assert!(read.undo(own, &[(at("b]"), at("b]") + 1)]));
    assert_eq!(read.text, "fn f() { info_(a, vec![b]);     [c]; json_(()) }");
    assert!(read.undo(own, &[(at("; json"), at("; json"))]));
    assert_eq!(read.text, "fn f() { info_(a, vec![b]); vec![c]; json_(()) }");
    assert!(read.undo(own, &[(0, own.len())]));
    assert!(read.undo(own, &[(0, own.len())]));
    assert_eq!(read.text, own);
    assert!(!read.undo(own, &[(0, own.len())]));
}

#[test]
fn what_is_broken_off_ends() {
    for text in
        ["vec![", "format!(\"", "r#\"", "'", "/* /*", "json!({\"a\":", "'\\", "b'", "matches!("]
    {
        let read = as_calls(text).map_or(text.len(), |it| it.text.len());
        assert_eq!(read, text.len(), "{text}");
    }
}

#[test]
fn lines_stay_where_they_are() {
    for own in
        ["vec\n![a,\n b]", "println\n!\n(\"x\")", "json! {\n\"a\": {\n} }\nvec ! /* \n */ [x]"]
    {
        let read = as_calls(own).unwrap();
        assert_eq!(read.text.matches('\n').count(), own.matches('\n').count(), "{own}");
    }
}
