//! Until when a certificate is good (RFC 5280, section 4.1.2.5).
//!
//! Whoever verified it has read it whole, and says nothing of this one date. Here nothing is
//! verified: what cannot be read is good until no time at all.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The tags of DER that are met on the way.
const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// Elements of a list that are left to read.
struct Elements<'a>(&'a [u8]);

impl<'a> Elements<'a> {
    /// The next one: its tag and what is in it.
    fn next(&mut self) -> Option<(u8, &'a [u8])> {
        let (&[tag, first], rest) = self.0.split_first_chunk::<2>()?;
        let (length, rest) = if first < 0x80 {
            (usize::from(first), rest)
        } else {
            // The long form: how many bytes the length has.
            let (bytes, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            let padding = 8_usize.checked_sub(bytes.len())?;
            let mut number = [0; 8];
            number.get_mut(padding..)?.copy_from_slice(bytes);
            (usize::try_from(u64::from_be_bytes(number)).ok()?, rest)
        };
        let (content, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some((tag, content))
    }

    fn list(&mut self) -> Option<Self> {
        self.next().filter(|(tag, _)| *tag == SEQUENCE).map(|(_, content)| Self(content))
    }
}

/// The last moment at which this certificate is good.
pub(super) fn ends(certificate: &[u8]) -> Option<SystemTime> {
    let mut body = Elements(certificate).list()?.list()?;
    let (tag, _) = body.next()?;
    // The version stands before the number, unless it is the first one.
    if tag == VERSION {
        body.next()?;
    }
    let (_algorithm, _issuer) = (body.next()?, body.next()?);
    let mut validity = body.list()?;
    validity.next()?;
    let (tag, text) = validity.next()?;
    let text = std::str::from_utf8(text).ok()?.strip_suffix('Z')?;
    let (year, rest) = match tag {
        UTC_TIME => {
            let (year, rest) = text.split_at_checked(2)?;
            let year: i64 = year.parse().ok()?;
            (if year < 50 { 2000 + year } else { 1900 + year }, rest)
        }
        GENERALIZED_TIME => {
            let (year, rest) = text.split_at_checked(4)?;
            (year.parse().ok()?, rest)
        }
        _ => return None,
    };
    let two = |at: usize| rest.get(at..at + 2)?.parse::<u64>().ok();
    let is_whole = rest.len() == 10;
    let days = days(year, two(0)?, two(2)?).filter(|_| is_whole)?;
    let seconds = ((days * 24 + two(4)?) * 60 + two(6)?) * 60 + two(8)?;
    UNIX_EPOCH.checked_add(Duration::from_secs(seconds))
}

/// Days since 1970.
fn days(year: i64, month: u64, day: u64) -> Option<u64> {
    let leap = |year: i64| year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let of_year = |year: i64| if leap(year) { 366 } else { 365 };
    let months = [31, if leap(year) { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let before = usize::try_from(month.checked_sub(1)?).ok()?;
    let fits = (1970..=9999).contains(&year) && (1..=*months.get(before)?).contains(&day);
    let years: u64 = (1970..year).map(of_year).sum();
    fits.then(|| years + months.iter().take(before).sum::<u64>() + day - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_date_is_read_in_both_of_its_forms() {
        for seconds in [
            1,
            951_782_400,
            951_868_800,
            1_798_761_599,
            2_524_607_999,
            2_524_608_000,
            253_370_764_800,
        ] {
            let mut params = rcgen::CertificateParams::new(vec!["a".to_owned()]).unwrap();
            params.not_before = rcgen::date_time_ymd(1970, 1, 1);
            params.not_after = rcgen::date_time_ymd(1970, 1, 1) + Duration::from_secs(seconds);
            let own = params.self_signed(&rcgen::KeyPair::generate().unwrap()).unwrap();
            let expect = UNIX_EPOCH + Duration::from_secs(seconds);
            assert_eq!(ends(own.der()), Some(expect), "{seconds}");
            for length in 0..own.der().len() {
                assert_eq!(ends(&own.der()[..length]), None, "{length} bytes of it");
            }
        }
        for (year, month, day) in
            [(1969, 1, 1), (2023, 2, 29), (2024, 0, 1), (2024, 13, 1), (2024, 4, 31)]
        {
            assert_eq!(days(year, month, day), None);
        }
    }
}
