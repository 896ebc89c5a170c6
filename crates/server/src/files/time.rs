//! Moments as RFC 3339 writes them, in UTC and whole seconds.

use std::time::SystemTime;

use crate::dates;

/// `2026-12-01T03:30:00Z`; nothing for what lies before 1970.
pub(super) fn written(moment: SystemTime) -> Option<String> {
    let seconds = moment.duration_since(SystemTime::UNIX_EPOCH).ok()?.as_secs();
    let micros = i64::try_from(seconds).ok()?.checked_mul(1_000_000)?;
    Some(format!("{}Z", dates::moment(micros)))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn days_and_leap_years() {
        for (seconds, expect) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (951_868_800, "2000-03-01T00:00:00Z"),
            (1_709_164_800, "2024-02-29T00:00:00Z"),
            (1_796_094_000, "2026-12-01T03:00:00Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
        ] {
            let moment = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
            assert_eq!(written(moment).as_deref(), Some(expect));
        }
    }
}
