//! How long a call may take, in the form of the header `grpc-timeout`.

use std::time::Duration;

use http::HeaderValue;

/// The value of the header: at most eight digits and a unit.
pub(crate) fn parse(value: &HeaderValue) -> Option<Duration> {
    let text = value.to_str().ok()?;
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let count: u64 = digits.parse().ok().filter(|_| digits.len() <= 8)?;
    match unit {
        "H" => Some(Duration::from_secs(count * 3600)),
        "M" => Some(Duration::from_secs(count * 60)),
        "S" => Some(Duration::from_secs(count)),
        "m" => Some(Duration::from_millis(count)),
        "u" => Some(Duration::from_micros(count)),
        "n" => Some(Duration::from_nanos(count)),
        _ => None,
    }
}

/// The header for this time, in milliseconds rounded up; more than a day is a day.
pub(crate) fn header(left: Duration) -> HeaderValue {
    let millis = u32::try_from(left.as_millis() + 1).unwrap_or(u32::MAX).min(86_400_000);
    // Digits and a letter are always a valid value; an empty header would mean the same as none.
    HeaderValue::from_str(&format!("{millis}m")).unwrap_or(HeaderValue::from_static(""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_unit_is_read() {
        let read = |text: &'static str| parse(&HeaderValue::from_static(text));
        assert_eq!(read("2H"), Some(Duration::from_secs(7200)));
        assert_eq!(read("3M"), Some(Duration::from_secs(180)));
        assert_eq!(read("4S"), Some(Duration::from_secs(4)));
        assert_eq!(read("5m"), Some(Duration::from_millis(5)));
        assert_eq!(read("6u"), Some(Duration::from_micros(6)));
        assert_eq!(read("7n"), Some(Duration::from_nanos(7)));
        for wrong in ["", "S", "5", "5x", "123456789S", "-1S"] {
            assert_eq!(read(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn what_is_written_is_not_less() {
        assert_eq!(header(Duration::from_micros(1500)), "2m");
        assert_eq!(header(Duration::from_secs(1_000_000_000)), "86400000m");
    }
}
