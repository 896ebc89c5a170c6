//! Keys, the time and the news, told by hand.

use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn asked(id: &str, kind: &str, arguments: &str) -> Asked {
    let text = |text: &str| text.to_owned();
    Asked {
        id: text(id),
        state: text("pending"),
        waits: true,
        kind: text(kind),
        server: text("files"),
        tool: text("delete_file"),
        arguments: text(arguments),
        risk: text("destructive"),
        reasons: vec![text("it deletes")],
        caller: text("uid:1000"),
        asked: text("now"),
        until: text("soon"),
        left: Duration::from_secs(60),
        definition: text("sha256:0"),
        digest: text("sha256:1"),
        covers: Vec::new(),
        edited: None,
        decided_by: None,
    }
}

/// A question on a screen of so many rows, at a moment.
fn opened(asked: Asked, rows: usize) -> (View, Instant) {
    let now = Instant::now();
    let mut view = View::new(vec![asked.clone()]);
    view.fit((rows, 80));
    assert_eq!(view.key(Key::Enter, now), Act::Open(asked.id.clone()));
    view.open(asked, now);
    view.fit((rows, 80));
    (view, now)
}

fn types(view: &mut View, text: &str, now: Instant) -> Act {
    let mut last = Act::Nothing;
    for letter in text.chars() {
        let key = if letter == '\n' { Key::Enter } else { Key::Letter(letter) };
        assert_eq!(last, Act::Nothing, "before {letter:?}");
        last = view.key(key, now);
    }
    last
}

fn text(view: &View) -> String {
    view.frame().into_iter().map(|(_, line)| line + "\n").collect()
}

#[test]
fn enter_opens_and_never_approves() {
    let (mut view, now) = opened(asked("apr_1", "tool", "{}"), 40);
    for _ in 0..5 {
        assert_eq!(view.key(Key::Enter, now + SECOND), Act::Nothing);
    }
    assert_eq!(view.shown(), Some("apr_1"));
    assert_eq!(types(&mut view, "y\n", now + SECOND), Act::Nothing, "enter alone is no word");
    assert!(text(&view).contains("not approved"), "{}", text(&view));
}

#[test]
fn a_yes_takes_a_moment_and_a_word() {
    let question = asked("apr_1", "tool", r#"{"path":"notes.txt"}"#);
    let (mut view, now) = opened(question.clone(), 40);
    let early = now + SECOND - Duration::from_millis(1);
    assert_eq!(types(&mut view, "yyes\n", early), Act::Nothing);
    assert!(text(&view).contains("so soon"), "{}", text(&view));
    assert_eq!(types(&mut view, "yno", now + SECOND), Act::Nothing);
    assert_eq!(view.key(Key::Escape, now + SECOND), Act::Nothing);
    let yes = types(&mut view, "yyes\n", now + SECOND);
    assert_eq!(yes, Act::Decide(Box::new(question), Said::Once));
}

#[test]
fn what_is_longer_than_the_screen_is_seen_to_its_end_first() {
    let long = serde_json::json!({"rows": (0..100).collect::<Vec<_>>()}).to_string();
    let (mut view, now) = opened(asked("apr_1", "tool", &long), 12);
    let later = now + SECOND;
    assert_eq!(types(&mut view, "yyes\n", later), Act::Nothing);
    assert!(text(&view).contains("go to the end"), "{}", text(&view));
    let mut seen = String::new();
    for _ in 0..20 {
        seen.push_str(&text(&view));
        view.key(Key::PageDown, later);
        view.fit((12, 80));
    }
    for number in 0..100 {
        assert!(seen.contains(&format!(" {number}")), "{number} was on the screen");
    }
    assert!(matches!(types(&mut view, "yyes\n", later), Act::Decide(_, Said::Once)));
}

#[test]
fn what_was_jumped_over_was_not_seen() {
    let long = serde_json::json!({"rows": (0..100).collect::<Vec<_>>()}).to_string();
    let (mut view, now) = opened(asked("apr_1", "tool", &long), 12);
    // Keys that come together: nothing is painted between them.
    for _ in 0..20 {
        view.key(Key::PageDown, now + SECOND);
        view.clamp();
    }
    view.fit((12, 80));
    assert_eq!(types(&mut view, "yyes\n", now + SECOND), Act::Nothing);
    assert!(text(&view).contains("go to the end"), "{}", text(&view));
}

#[test]
fn in_another_window_it_is_read_anew() {
    let long = serde_json::json!({"rows": (0..100).collect::<Vec<_>>()}).to_string();
    let (mut view, now) = opened(asked("apr_1", "tool", &long), 300);
    view.fit((12, 80));
    assert_eq!(types(&mut view, "yyes\n", now + SECOND), Act::Nothing);
}

#[test]
fn a_window_that_is_too_small_shows_nothing_to_say_yes_to() {
    let (mut view, now) = opened(asked("apr_1", "tool", "{}"), 5);
    assert_eq!(types(&mut view, "yyes\n", now + SECOND), Act::Nothing);
    assert!(text(&view).contains("too small"), "{}", text(&view));
    view.fit((40, 80));
    assert!(matches!(types(&mut view, "yyes\n", now + SECOND), Act::Decide(_, Said::Once)));
}

#[test]
fn a_number_and_a_time_make_a_yes_that_stands() {
    let covers = vec!["these arguments".to_owned(), "a directory".to_owned()];
    let question = Asked { covers, ..asked("apr_1", "tool", "{}") };
    let (mut view, now) = opened(question.clone(), 40);
    let later = now + SECOND;
    assert!(text(&view).contains("2 a directory"), "{}", text(&view));
    assert_eq!(types(&mut view, "3", later), Act::Nothing, "there is no third");
    let yes = types(&mut view, "2myes\n", later);
    let lasts = Lasts::Minutes(10);
    assert_eq!(yes, Act::Decide(Box::new(question), Said::Stands { cover: 2, lasts }));
    let (mut view, now) = opened(asked("apr_1", "tool", "{}"), 40);
    assert_eq!(types(&mut view, "1syes\n", now + SECOND), Act::Nothing, "none is offered");
}

#[test]
fn an_edit_is_read_again_before_it_is_approved() {
    let request = r#"{"maxTokens":100,"messages":[]}"#;
    let question = asked("apr_1", "sampling", request);
    let (mut view, now) = opened(question.clone(), 60);
    let edit = view.key(Key::Letter('e'), now + SECOND);
    assert_eq!(edit, Act::Edit("apr_1".to_owned(), request.to_owned()));
    view.edited(r#"{"maxTokens":200,"messages":[]}"#, now + SECOND);
    assert!(text(&view).contains("not edited"), "{}", text(&view));
    let less = r#"{"maxTokens":5,"messages":[]}"#;
    view.edited(less, now + SECOND);
    view.fit((60, 80));
    assert!(
        text(&view).contains("-   \"maxTokens\": 100,\n+   \"maxTokens\": 5,"),
        "{}",
        text(&view)
    );
    assert_eq!(types(&mut view, "y", now + SECOND), Act::Nothing);
    assert!(text(&view).contains("so soon"), "{}", text(&view));
    let yes = types(&mut view, "yyes\n", now + 2 * SECOND);
    assert_eq!(yes, Act::Approve(Box::new(question), less.to_owned()));
    let (mut call, now) = opened(asked("apr_2", "tool", "{}"), 60);
    assert_eq!(call.key(Key::Letter('e'), now + SECOND), Act::Nothing, "a call is not edited");
}

#[test]
fn news_close_what_is_over_and_start_what_changed_anew() {
    let question = asked("apr_1", "tool", "{}");
    let (mut view, now) = opened(question.clone(), 40);
    let changed = Asked { arguments: r#"{"more":1}"#.to_owned(), ..question.clone() };
    view.news(vec![changed.clone()], Some(changed.clone()), now + SECOND);
    view.fit((40, 80));
    assert_eq!(types(&mut view, "yyes\n", now + SECOND), Act::Nothing, "it is another one");
    let yes = types(&mut view, "yyes\n", now + 2 * SECOND);
    assert_eq!(yes, Act::Decide(Box::new(changed), Said::Once));
    let (mut view, now) = opened(question.clone(), 40);
    assert_eq!(types(&mut view, "yye", now + SECOND), Act::Nothing);
    let by = Some("console".to_owned());
    let over = Asked { waits: false, state: "denied".to_owned(), decided_by: by, ..question };
    view.news(Vec::new(), Some(over), now + SECOND);
    assert_eq!(types(&mut view, "s\n", now + SECOND), Act::Nothing);
    assert!(text(&view).contains("apr_1 is denied now, by console"), "{}", text(&view));
}

#[test]
fn the_list_keeps_to_the_question_that_was_chosen() {
    let all = |ids: &[&str]| ids.iter().map(|id| asked(id, "tool", "{}")).collect::<Vec<_>>();
    let now = Instant::now();
    let mut view = View::new(all(&["apr_1", "apr_2", "apr_3"]));
    view.fit((10, 80));
    view.key(Key::Down, now);
    view.news(all(&["apr_0", "apr_1", "apr_2", "apr_3"]), None, now);
    assert_eq!(view.key(Key::Enter, now), Act::Open("apr_2".to_owned()));
    view.news(all(&["apr_0"]), None, now);
    assert_eq!(view.key(Key::Enter, now), Act::Open("apr_0".to_owned()));
    view.news(Vec::new(), None, now);
    assert_eq!(view.key(Key::Enter, now), Act::Nothing);
    assert!(text(&view).contains("no question waits"));
    assert_eq!(view.key(Key::Letter('q'), now), Act::Leave);
}

#[test]
fn nothing_hides_and_no_row_is_wider_than_the_screen() {
    let question = asked("apr_1", "tool", "{\"a\":\"x\u{202e}y\u{1b}[2J 漢字漢字漢字漢字漢字\"}");
    let (mut view, _) = opened(question, 40);
    for columns in [20, 21, 40, 200] {
        view.fit((40, columns));
        let frame = view.frame();
        assert_eq!(frame.len(), 40);
        for (_, line) in frame {
            let wide: usize = line.chars().map(|c| if c.is_ascii() { 1 } else { 2 }).sum();
            assert!(wide <= columns, "{columns}: {line}");
            assert!(!line.contains('\u{202e}') && !line.contains('\u{1b}'), "{line}");
        }
    }
    view.fit((60, 200));
    assert!(text(&view).contains("\\u{202e}") && text(&view).contains("\\u{1b}[2J"));
}
