//! A page in light, in dark and on a phone: what axe says of it, what axe does not look at, and
//! its picture for the guide.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::drive::Browser;

/// The page of the person.
pub const ME: &str = "person";

/// How it is looked at: the name of the look, whether it is dark, its width and height.
const LOOKS: [(&str, bool, u32, u32); 3] =
    [("light", false, 900, 640), ("dark", true, 900, 640), ("phone", false, 390, 700)];

/// What the guide shows of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pictures {
    /// Each look, as far as a window goes.
    EachLook,
    /// All of the page, in light alone.
    Whole,
    Nothing,
}

/// The page that is open shows this text, and everybody can read it.
pub fn is_read_by_everybody(browser: &mut Browser, name: &str, expect: &str, shown: Pictures) {
    for (look, dark, width, height) in LOOKS {
        let scheme =
            json!({"do": "scheme", "page": ME, "dark": dark, "width": width, "height": height});
        browser.does(&scheme);
        browser.shows(ME, expect);
        let settled = "document.readyState === 'complete' \
             && ![...document.querySelectorAll('button')].some((it) => it.disabled)";
        browser.until(ME, settled);
        is_accessible(browser, name, look);
        let wide = browser.eval(ME, "document.documentElement.scrollWidth - innerWidth");
        assert!(wide.as_i64().unwrap() <= 0, "{name} is wider than the window: {look}");
        picture(browser, name, look, shown);
    }
}

/// What axe finds, and what it does not look at: headings in order, every region named.
fn is_accessible(browser: &mut Browser, name: &str, look: &str) {
    let found = browser.does(&json!({"do": "axe", "page": ME}));
    assert_eq!(found["violations"], json!([]), "{name}, {look}: {found:#}");
    assert!(found["passes"].as_u64().unwrap() > 10, "{name}: nothing was looked at");
    let headings = browser.eval(
        ME,
        "[...document.querySelectorAll('h1,h2,h3,h4,h5,h6')].map((it) => Number(it.tagName[1]))",
    );
    let levels: Vec<u64> = headings.as_array().unwrap().iter().filter_map(Value::as_u64).collect();
    assert_eq!(levels.first(), Some(&1), "{name}: {levels:?}");
    assert!(levels.windows(2).all(|pair| pair[1] <= pair[0] + 1), "{name}: {levels:?}");
    let landmarks =
        "['header','nav','main','[role=status]'].every((it) => document.querySelector(it))";
    assert_eq!(browser.eval(ME, landmarks), true, "{name}");
}

/// Only when that is asked for: `PORTCULLIS_SCREENSHOTS=docs/guide/console`.
fn picture(browser: &mut Browser, name: &str, look: &str, shown: Pictures) {
    let Some(folder) = std::env::var_os("PORTCULLIS_SCREENSHOTS") else { return };
    let whole = match shown {
        Pictures::EachLook => false,
        Pictures::Whole if look == "light" => true,
        Pictures::Whole | Pictures::Nothing => return,
    };
    let file = PathBuf::from(folder).join(format!("{name}-{look}.png"));
    browser.does(&json!({"do": "shot", "page": ME, "file": file, "whole": whole}));
}
