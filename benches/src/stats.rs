//! Medians, and numbers as a table shows them.

/// The median; not a number when there is nothing.
pub(crate) fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match (values.get(middle), values.len() % 2) {
        (None, _) => f64::NAN,
        (Some(high), 0) => f64::midpoint(values[middle - 1], *high),
        (Some(only), _) => *only,
    }
}

/// Three digits that mean something, thousands apart; a dash for what is not a number.
pub(crate) fn shown(value: f64) -> String {
    let size = value.abs();
    match () {
        () if !value.is_finite() => "–".to_owned(),
        () if size < 10.0 => format!("{value:.2}"),
        () if size < 100.0 => format!("{value:.1}"),
        () if size < 10_000.0 => format!("{value:.0}"),
        () => {
            let whole = format!("{value:.0}");
            let (head, tail) = whole.split_at(whole.len() - 3);
            format!("{head},{tail}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_is_the_middle() {
        assert_eq!(median([3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median([4.0, 1.0, 2.0, 3.0]), 2.5);
        assert!(median([]).is_nan());
    }

    #[test]
    fn numbers_are_short() {
        let all = [f64::NAN, 0.5, 12.34, 123.4, 12_345.6].map(shown);
        assert_eq!(all, ["–", "0.50", "12.3", "123", "12,346"]);
    }
}
