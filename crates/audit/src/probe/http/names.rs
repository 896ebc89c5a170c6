//! What names for sessions are like: how much chance is in them, and whether the next can be told from the last.

use crate::evidence::http::Names;

/// Fewer names tell nothing about chance.
const LEAST: usize = 3;
/// A number that grows by no more than this is counted, whatever else counts it up.
const STEP: u128 = 1_000;

/// What can be said of names that were given one after the other.
pub(super) fn of(names: &[String]) -> Option<Names> {
    if names.len() < LEAST {
        return None;
    }
    let mut sorted: Vec<&String> = names.iter().collect();
    sorted.sort();
    let repeated = sorted.windows(2).any(|pair| pair.first() == pair.last());
    let shortest = names.iter().map(|name| name.chars().count()).min().unwrap_or(0);
    Some(Names {
        seen: u32::try_from(names.len()).unwrap_or(u32::MAX),
        shortest: u32::try_from(shortest).unwrap_or(u32::MAX),
        bits: bits(names),
        repeated,
        counted: is_counted(names),
        of_the_clock: names.iter().all(|name| is_of_the_clock(name)),
    })
}

/// Bits of chance at the very most: each place at which not all names are the same, by the alphabet of all of them.
fn bits(names: &[String]) -> u32 {
    let all: Vec<Vec<char>> = names.iter().map(|name| name.chars().collect()).collect();
    let longest = all.iter().map(Vec::len).max().unwrap_or(0);
    let differs = |at: &usize| {
        let first = all.first().and_then(|name| name.get(*at));
        all.iter().any(|name| name.get(*at) != first)
    };
    let differing: Vec<usize> = (0..longest).filter(differs).collect();
    let letters: Vec<char> = differing
        .iter()
        .flat_map(|at| all.iter().filter_map(|name| name.get(*at)))
        .copied()
        .collect();
    let only = |kind: fn(&char) -> bool| letters.iter().all(kind);
    // Hundredths of a bit for each place.
    let each = if only(char::is_ascii_digit) {
        332
    } else if only(char::is_ascii_hexdigit) {
        400
    } else if only(|letter| letter.is_ascii_digit() || letter.is_ascii_lowercase()) {
        517
    } else {
        600
    };
    u32::try_from(differing.len() * each / 100).unwrap_or(u32::MAX)
}

/// Whether what differs is a number that grows a little each time, in decimal or hexadecimal.
fn is_counted(names: &[String]) -> bool {
    let (before, after) = (common(names, false), common(names, true));
    let middle = |name: &String| {
        let letters: Vec<char> = name.chars().collect();
        let end = letters.len().saturating_sub(after).max(before);
        letters.get(before..end).map(|part| part.iter().collect::<String>())
    };
    let middles: Vec<String> = names.iter().filter_map(middle).collect();
    [10, 16].into_iter().any(|base| {
        let number = |text: &String| u128::from_str_radix(text, base).ok();
        let numbers: Option<Vec<u128>> = middles.iter().map(number).collect();
        numbers.is_some_and(|numbers| {
            numbers.len() >= LEAST
                && numbers.windows(2).all(|pair| match pair {
                    [one, next] => next > one && next - one <= STEP,
                    _ => false,
                })
        })
    })
}

/// How many letters all names begin with, or end with. Digits stay together: `09` and `10` have nothing in common.
fn common(names: &[String], at_the_end: bool) -> usize {
    let turned = |name: &String| -> Vec<char> {
        if at_the_end { name.chars().rev().collect() } else { name.chars().collect() }
    };
    let all: Vec<Vec<char>> = names.iter().map(turned).collect();
    let Some(first) = all.first() else { return 0 };
    let same = |at: &usize| all.iter().all(|name| name.get(*at) == first.get(*at));
    let mut length = (0..first.len()).take_while(same).count();
    while length > 0 && first.get(length - 1).is_some_and(char::is_ascii_hexdigit) {
        length -= 1;
    }
    length
}

/// A UUID of version 1 or 6.
fn is_of_the_clock(name: &str) -> bool {
    let dashed = [8, 13, 18, 23].iter().all(|at| name.as_bytes().get(*at) == Some(&b'-'));
    name.len() == 36 && dashed && matches!(name.as_bytes().get(14), Some(b'1' | b'6'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(names: &[&str]) -> Names {
        of(&names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()).unwrap()
    }

    #[test]
    fn chance_is_known_from_counting() {
        let random = told(&[
            "0c3d9f12-1aaa-4bbb-8ccc-dd45dd1dddd9",
            "1f00aa34-9b2c-4d1e-a0f1-0123456789ab",
            "e7c1b2a9-77d0-4f3a-9e21-fedcba987654",
        ]);
        assert!(
            random.bits > 100 && !random.counted && !random.repeated && !random.of_the_clock,
            "{random:?}"
        );
        let counted = told(&["session-8", "session-9", "session-10"]);
        assert!(counted.counted && counted.bits < 10, "{counted:?}");
        let counted = told(&["00ff-a", "0100-a", "0101-a"]);
        assert!(counted.counted, "{counted:?}");
        let short = told(&["k3x9", "p0qa", "zz17"]);
        assert!(!short.counted && short.bits < 32, "{short:?}");
        assert!(told(&["same", "same", "same"]).repeated);
        let clock = "c232ab00-9414-11ec-b3c8-9f6bdeced846";
        assert!(
            told(&[clock, &clock.replace("ab00", "ab01"), &clock.replace("ab00", "ab02")])
                .of_the_clock
        );
        assert_eq!(of(&["one".to_owned()]), None);
    }
}
