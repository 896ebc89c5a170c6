//! Days and microseconds as a person writes them (ISO 8601).

/// Microseconds of a day.
const DAY: i64 = 86_400_000_000;

/// `2026-12-01`, from days since 1970-01-01; years beyond 9999 and before 0 too.
///
/// The calendar is counted from 1 March of year 0, in eras of 400 years: then a leap
/// day is the last of its year.
pub(crate) fn date(days: i64) -> String {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let moon = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * moon + 2) / 5 + 1;
    let month = if moon < 10 { moon + 3 } else { moon - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

/// `08:30:00` or `08:30:00.25`, from microseconds of a day.
pub(crate) fn time(micros: i64) -> String {
    let (seconds, micros) = (micros / 1_000_000, micros % 1_000_000);
    let (hours, minutes, seconds) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    let mut text = format!("{hours:02}:{minutes:02}:{seconds:02}");
    if micros != 0 {
        text.push_str(format!(".{micros:06}").trim_end_matches('0'));
    }
    text
}

/// `2026-12-01T08:30:00`, from microseconds since 1970.
pub(crate) fn moment(micros: i64) -> String {
    format!("{}T{}", date(micros.div_euclid(DAY)), time(micros.rem_euclid(DAY)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_counted_as_the_calendar_does() {
        for (days, expect) in [
            (0, "1970-01-01"),
            (-1, "1969-12-31"),
            (11_016, "2000-02-29"),
            (11_017, "2000-03-01"),
            (19_782, "2024-02-29"),
            (20_788, "2026-12-01"),
            (-719_528, "0000-01-01"),
            (2_932_896, "9999-12-31"),
        ] {
            assert_eq!(date(days), expect);
        }
        assert_eq!(moment(-1), "1969-12-31T23:59:59.999999");
        assert_eq!(moment(30_600_250_000), "1970-01-01T08:30:00.25");
    }
}
