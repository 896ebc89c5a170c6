//! Holds a text to a shape, in one pass and without a tree.
//!
//! The text passed the strict scan, so its syntax is not checked again: what
//! cannot be read here ends as a misfit, never as a guess.

use std::borrow::Cow;

use super::{Member, Shape, Variant};
use crate::parse::fold;
use crate::revision::Revision;
use crate::scan::unescape;
use crate::view::Misfit;

/// Holds `text`, one strict JSON value, to `shape`.
pub(super) fn walk(
    text: &str,
    shape: &'static Shape,
    name: &'static str,
    revision: Revision,
) -> Result<(), Misfit> {
    let mut walker = Walker { text, at: 0, revision };
    walker.space();
    walker.hold(shape, name)
}

/// A known member in other letters.
const WRONG_CASE: &str = "has a member in the wrong case";

/// Members of one object that were seen, by their place in its groups.
type Seen = u64;

struct Walker<'a> {
    text: &'a str,
    at: usize,
    revision: Revision,
}

impl<'a> Walker<'a> {
    /// Holds the value that begins here, and stands behind it afterwards.
    fn hold(&mut self, shape: &'static Shape, name: &'static str) -> Result<(), Misfit> {
        match shape {
            Shape::Any => self.skip(),
            Shape::Text => self.string(name).map(drop),
            Shape::Word(words) => {
                let word = self.string(name)?;
                let known = words.contains(&word.as_ref());
                known.then_some(()).ok_or(Misfit::new(name, "is not one of the known words"))
            }
            Shape::Integer | Shape::Natural | Shape::Number | Shape::Share => {
                self.number(shape, name)
            }
            Shape::Flag => self.literal(&["true", "false"], name, "must be a boolean"),
            Shape::Null => self.literal(&["null"], name, "must be null"),
            Shape::Id => self.id(name),
            Shape::List(each) => self.list(each, name),
            Shape::Map(each) => self.map(each, name),
            Shape::Object(groups) => self.object(groups, name),
            Shape::Either(shapes) => self.either(shapes, name),
            Shape::Tagged(tag, variants) => self.tagged(tag, variants, name),
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn space(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.at += 1;
        }
    }

    fn take(&mut self, byte: u8) -> bool {
        self.space();
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    /// The inside of the string that begins here, as it is written.
    fn written(&mut self) -> Option<&'a str> {
        if self.peek() != Some(b'"') {
            return None;
        }
        let start = self.at + 1;
        let mut at = start;
        loop {
            let bytes = self.text.as_bytes().get(at..)?;
            let found = memchr::memchr2(b'"', b'\\', bytes)?;
            if bytes.get(found) == Some(&b'"') {
                self.at = at + found + 1;
                return self.text.get(start..at + found);
            }
            at += found + 2;
        }
    }

    fn string(&mut self, name: &'static str) -> Result<Cow<'a, str>, Misfit> {
        let written = self.written().ok_or(Misfit::new(name, "must be a string"))?;
        Ok(if written.contains('\\') { unescape(written).into() } else { written.into() })
    }

    fn literal(
        &mut self,
        words: &[&str],
        name: &'static str,
        problem: &'static str,
    ) -> Result<(), Misfit> {
        let found = words.iter().find(|word| self.rest().starts_with(**word));
        self.at += found.ok_or(Misfit::new(name, problem))?.len();
        Ok(())
    }

    /// The number that begins here, as it is written.
    fn digits(&mut self) -> Option<&'a str> {
        let rest = self.rest();
        let is_part = |c: char| matches!(c, '0'..='9' | '-' | '+' | '.' | 'e' | 'E');
        let written = rest.get(..rest.find(|c| !is_part(c)).unwrap_or(rest.len()))?;
        self.at += written.len();
        (!written.is_empty()).then_some(written)
    }

    fn number(&mut self, shape: &Shape, name: &'static str) -> Result<(), Misfit> {
        let written = self.digits().ok_or(Misfit::new(name, "must be a number"))?;
        let whole = written.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'-'));
        let value: f64 = written.parse().map_err(|_| Misfit::new(name, "must be a number"))?;
        let whole = whole || value.fract() == 0.0;
        let problem = match shape {
            Shape::Integer if !whole => "must be an integer",
            Shape::Natural if !whole || value < 0.0 => "must be an integer from 0",
            Shape::Share if !(0.0..=1.0).contains(&value) => "must lie between 0 and 1",
            _ => return Ok(()),
        };
        Err(Misfit::new(name, problem))
    }

    fn id(&mut self, name: &'static str) -> Result<(), Misfit> {
        let fits = match self.peek() {
            Some(b'"') => self.written().is_some(),
            _ => self.digits().is_some_and(|written| written.parse::<i64>().is_ok()),
        };
        fits.then_some(()).ok_or(Misfit::new(name, "must be a string or an integer"))
    }

    fn list(&mut self, each: &'static Shape, name: &'static str) -> Result<(), Misfit> {
        if !self.take(b'[') {
            return Err(Misfit::new(name, "must be an array"));
        }
        if self.take(b']') {
            return Ok(());
        }
        loop {
            self.space();
            self.hold(each, name)?;
            if !self.take(b',') {
                return self.end(b']', name);
            }
        }
    }

    fn map(&mut self, each: &'static Shape, name: &'static str) -> Result<(), Misfit> {
        self.members(name, |walker, _| walker.hold(each, name))
    }

    /// Walks over an object; `member` must walk over the value.
    fn members(
        &mut self,
        name: &'static str,
        mut member: impl FnMut(&mut Self, &str) -> Result<(), Misfit>,
    ) -> Result<(), Misfit> {
        if !self.take(b'{') {
            return Err(Misfit::new(name, "must be an object"));
        }
        if self.take(b'}') {
            return Ok(());
        }
        loop {
            self.space();
            let key = self.string(name)?;
            self.end(b':', name)?;
            self.space();
            member(self, &key)?;
            if !self.take(b',') {
                return self.end(b'}', name);
            }
        }
    }

    fn end(&mut self, byte: u8, name: &'static str) -> Result<(), Misfit> {
        if self.take(byte) { Ok(()) } else { Err(Misfit::new(name, "cannot be read")) }
    }

    fn object(
        &mut self,
        groups: &'static [&'static [Member]],
        name: &'static str,
    ) -> Result<(), Misfit> {
        let revision = self.revision;
        let known = || {
            let members = groups.iter().flat_map(|group| group.iter()).enumerate();
            members.filter(move |(_, member)| member.span.holds(revision))
        };
        let mut seen: Seen = 0;
        self.members(name, |walker, key| match known().find(|(_, member)| member.name == key) {
            Some((place, member)) => {
                seen |= bit(place);
                walker.hold(member.shape, member.name)
            }
            None if known().any(|(_, member)| same_letters(member.name, key)) => {
                Err(Misfit::new(name, WRONG_CASE))
            }
            None => walker.skip(),
        })?;
        let missing = known().find(|(place, member)| member.required && seen & bit(*place) == 0);
        missing.map_or(Ok(()), |(_, member)| Err(Misfit::new(member.name, "is required")))
    }

    fn either(
        &mut self,
        shapes: &'static [&'static Shape],
        name: &'static str,
    ) -> Result<(), Misfit> {
        let start = self.at;
        let mut misfit = Misfit::new(name, "has no known shape");
        for shape in shapes {
            self.at = start;
            match self.hold(shape, name) {
                Ok(()) => return Ok(()),
                // Whatever else it might be, this stays wrong.
                Err(found) if found.problem == WRONG_CASE || found.member == "_meta" => {
                    misfit = found;
                }
                Err(_) => {}
            }
        }
        Err(misfit)
    }

    fn tagged(
        &mut self,
        tag: &'static str,
        variants: &'static [Variant],
        name: &'static str,
    ) -> Result<(), Misfit> {
        let start = self.at;
        let written = self.tag(tag, name)?;
        self.at = start;
        let written = written.unwrap_or_default();
        let known = variants
            .iter()
            .find(|variant| variant.tag == written && variant.span.holds(self.revision));
        let problem = if written.is_empty() { "is required" } else { "is not known" };
        self.hold(known.ok_or(Misfit::new(tag, problem))?.shape, name)
    }

    /// Looks for the tag of the object that begins here.
    fn tag(
        &mut self,
        tag: &'static str,
        name: &'static str,
    ) -> Result<Option<Cow<'a, str>>, Misfit> {
        let mut found = None;
        self.members(name, |walker, key| {
            if key != tag {
                return walker.skip();
            }
            let written = walker.string(tag)?;
            // An empty tag is not the same as none.
            let given = if written.is_empty() { Cow::Borrowed("\"\"") } else { written };
            found = Some(given);
            Ok(())
        })?;
        Ok(found)
    }

    /// Walks over one value without looking at it.
    fn skip(&mut self) -> Result<(), Misfit> {
        const UNREADABLE: Misfit = Misfit::new("params", "cannot be read");
        let mut depth = 0_usize;
        loop {
            self.space();
            match self.peek().ok_or(UNREADABLE)? {
                b'"' => drop(self.written().ok_or(UNREADABLE)?),
                b'{' | b'[' => {
                    depth += 1;
                    self.at += 1;
                }
                b'}' | b']' => {
                    depth = depth.saturating_sub(1);
                    self.at += 1;
                }
                b',' | b':' => self.at += 1,
                _ => {
                    let rest = self.rest();
                    let ends = |c: char| matches!(c, ',' | ']' | '}' | ' ' | '\t' | '\n' | '\r');
                    self.at += rest.find(ends).unwrap_or(rest.len()).max(1);
                }
            }
            if depth == 0 {
                return Ok(());
            }
        }
    }
}

/// One bit for each member; no object of the specification has 64.
fn bit(place: usize) -> Seen {
    u32::try_from(place).ok().and_then(|place| 1_u64.checked_shl(place)).unwrap_or_default()
}

/// Whether a reader that ignores case would take one name for the other.
fn same_letters(known: &str, key: &str) -> bool {
    // Names of the specification are ASCII; two other letters fold into it.
    if key.is_ascii() { known.eq_ignore_ascii_case(key) } else { fold(known) == fold(key) }
}

#[cfg(test)]
mod tests {
    use super::super::{may, must, when};
    use super::*;
    use crate::json::Json;
    use crate::revision::Revision::{V2025_06_18, V2025_11_25};

    static LEAF: Shape = Shape::Object(&[&[
        must("type", &Shape::Text),
        must("n", &Shape::Integer),
        may("share", &Shape::Share).since(V2025_11_25),
        may("word", &Shape::Word(&["a", "b"])),
        may("id", &Shape::Id),
        may("flag", &Shape::Flag),
    ]]);
    static TREE: Shape = Shape::Tagged("type", &[when("leaf", &LEAF), when("twig", &TWIG)]);
    static TWIG: Shape = Shape::Object(&[&[must("of", &Shape::List(&TREE))]]);
    static TOP: Shape = Shape::Either(&[&Shape::Null, &Shape::Map(&TREE)]);
    static PAIR: Shape = Shape::Either(&[&Shape::List(&TREE), &TREE]);

    fn judged(text: &str) -> String {
        let json = Json::parse(text, 64).expect("strict JSON");
        match TOP.holds(&json, "top", V2025_06_18) {
            Ok(()) => "fits".to_owned(),
            Err(misfit) => misfit.to_string(),
        }
    }

    #[test]
    fn a_value_fits_or_says_what_does_not() {
        for (text, expect) in [
            ("null", "fits"),
            ("{}", "fits"),
            (r#" { "x" : { "n" : 1 , "type" : "leaf" } } "#, "fits"),
            (r#"{"x":{"type":"leaf","n":1.0,"more":[{"a":"]}\""},1e3,null,true]}}"#, "fits"),
            (r#"{"x":{"t\u0079pe":"le\u0061f","n":-3}}"#, "fits"),
            (
                r#"{"x":{"type":"twig","of":[{"type":"leaf","n":1},{"type":"twig","of":[]}]}}"#,
                "fits",
            ),
            // Not in this revision, so not looked at.
            (r#"{"x":{"type":"leaf","n":1,"share":7}}"#, "fits"),
        ] {
            assert_eq!(judged(text), expect, "{text}");
        }
        for (text, expect) in [
            ("[]", "`top` must be an object"),
            (r#"{"n":1}"#, "`type` is required"),
            (r#"{"type":"","n":1}"#, "`type` is not known"),
            (r#"{"type":"root","n":1}"#, "`type` is not known"),
            (r#"{"type":["leaf"],"n":1}"#, "`type` must be a string"),
            (r#"{"type":"leaf"}"#, "`n` is required"),
            (r#"{"type":"leaf","n":1.5}"#, "`n` must be an integer"),
            (r#"{"type":"leaf","n":"1"}"#, "`n` must be a number"),
            (r#"{"type":"leaf","n":1,"N":2}"#, "`top` has a member in the wrong case"),
            (r#"{"type":"leaf","n":1,"fla\u0067":1}"#, "`flag` must be a boolean"),
            (r#"{"type":"leaf","n":1,"share":1.01}"#, "`share` must lie between 0 and 1"),
            (r#"{"type":"leaf","n":1,"word":"c"}"#, "`word` is not one of the known words"),
            (r#"{"type":"leaf","n":1,"id":1.0}"#, "`id` must be a string or an integer"),
            (r#"{"type":"leaf","n":1,"id":null}"#, "`id` must be a string or an integer"),
            (r#"{"type":"twig","of":[{"type":"leaf","n":1},3]}"#, "`of` must be an object"),
        ] {
            let json = Json::parse(text, 64).expect("strict JSON");
            let misfit = TREE.holds(&json, "top", V2025_11_25).expect_err(text);
            assert_eq!(misfit.to_string(), expect, "{text}");
        }
        for (text, expect) in [
            (r#"[{"type":"leaf"}]"#, "`pair` has no known shape"),
            (r#"[{"type":"leaf","n":1,"N":1}]"#, "`pair` has a member in the wrong case"),
        ] {
            let json = Json::parse(text, 64).expect("strict JSON");
            let misfit = PAIR.holds(&json, "pair", V2025_11_25).expect_err(text);
            assert_eq!(misfit.to_string(), expect, "{text}");
        }
    }
}
